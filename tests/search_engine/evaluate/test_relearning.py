"""Items that an encoder learned from are judged by what is learned without them."""

from dataclasses import replace

import numpy as np

from search_engine.collections.labelled import Labelled
from search_engine.encoders.projection import project
from search_engine.encoders.projection_learning import learn
from search_engine.evaluate.classifiers import NEIGHBORS, compare_classifiers
from search_engine.evaluate.ranking import Hiding
from search_engine.evaluate.relearning import Lesson


def test_learned_items_are_predicted_by_what_has_not_seen_them() -> None:
    """Labels by lot teach nothing, but whoever learned them finds them again."""
    random = np.random.default_rng(1)
    vectors = random.normal(size=(120, 60)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    codes = random.integers(0, 2, size=120)
    plain = Labelled(vectors, [f"c{code}" for code in codes], np.arange(120, dtype=np.int64))
    lesson = Lesson(plain, codes, [vectors], (), 0.02, plain)
    ((mean, matrix),) = learn(vectors, codes, (0.02,))
    learned = replace(plain, vectors=project(vectors, mean, matrix))
    spaces = lesson.spaces(None, lambda count: None)
    names = [NEIGHBORS, "class-mean", "logistic"]
    for row in compare_classifiers(learned, learned, spaces=spaces, names=names):
        assert row.queries == 120
        assert row.accuracy is not None
        assert 0.3 < row.accuracy < 0.6
    fifths = Hiding(np.arange(120) % 5, np.arange(120) % 5)
    for row in compare_classifiers(learned, learned, hiding=fifths, names=names):
        assert row.accuracy is not None
        assert row.accuracy > 0.7
