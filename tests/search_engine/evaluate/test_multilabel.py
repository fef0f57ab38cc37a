"""Several values a picture: measures against scikit-learn, and an evaluation by hand."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from search_engine.evaluate.evaluation import ValueSets, examine, measures
from search_engine.evaluate.multilabel import (
    has_lists,
    joined,
    multilabel_measures,
    value_set,
)
from search_engine.evaluate.predictors import PlainVote
from search_engine.records import Prediction, ValueChance
from tests.search_engine.evaluate.test_evaluation import labelled


def believes(**chances: float) -> Prediction:
    """Values with their probabilities; those above a half are answered."""
    named = tuple(value for value, chance in chances.items() if chance > 0.5)
    found = tuple(ValueChance(*one) for one in chances.items())
    return Prediction(None, 0.0, not named, None, (), values=named, chances=found)


def test_scores_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    names = ("red", "blue", "round", "soft")
    truth = [frozenset(name for name in names if rng.random() < 0.5) or {"red"} for _ in range(60)]
    predictions = [
        believes(**{name: float(rng.random()) for name in names if rng.random() < 0.8})
        for _ in range(60)
    ]
    found = multilabel_measures([frozenset(one) for one in truth], predictions)
    binarizer = MultiLabelBinarizer(classes=sorted(names))
    has = binarizer.fit_transform(truth)
    said = binarizer.transform([one.values or () for one in predictions])
    assert found["micro_f1"] == pytest.approx(f1_score(has, said, average="micro"))
    assert found["macro_f1"] == pytest.approx(f1_score(has, said, average="macro"))
    assert found["accuracy"] == pytest.approx((has == said).all(axis=1).mean())
    chance = np.array(
        [
            [{one.value: one.probability for one in row.chances}.get(name, 0.0)
             for name in sorted(names)]
            for row in predictions
        ]
    )  # fmt: skip
    wanted = np.mean(
        [average_precision_score(has[:, one], chance[:, one]) for one in range(len(names))]
    )
    assert found["label_map"] == pytest.approx(wanted)


def test_mean_average_precision_needs_pictures_with_and_without_a_value() -> None:
    found = multilabel_measures([frozenset({"red"})], [believes(red=0.9)])
    assert found["label_map"] is None
    assert found["micro_f1"] == 1.0


def test_a_single_value_is_not_taken_for_two_classes() -> None:
    """Red is there in two of three pictures, and named in one of them: recall 1/2, precision 1."""
    truth = [frozenset({"red"}), frozenset({"red"}), frozenset[str]()]
    found = multilabel_measures(truth, [believes(red=0.9), believes(red=0.1), believes(red=0.2)])
    assert found["micro_precision"] == 1.0
    assert found["label_map"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["micro_recall"] == 0.5
    assert found["macro_f1"] == found["micro_f1"] == pytest.approx(2 / 3)
    assert found["accuracy"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("value", "separator", "wanted"),
    [
        (["red", "blue", "red"], None, {"red", "blue"}),
        ("red; blue", ";", {"red", "blue"}),
        ("red; blue", None, {"red; blue"}),
        ([3.0, None, "x"], None, {"3", "x"}),
        (";;", ";", None),
        ([], None, None),
        (None, ";", None),
    ],
)
def test_values_of_a_cell(value: object, separator: str | None, wanted: set[str] | None) -> None:
    assert value_set(value, separator) == (None if wanted is None else frozenset(wanted))


def test_values_as_one_text_and_whether_there_are_lists() -> None:
    assert joined(frozenset({"b", "a"})) == "a; b"
    assert has_lists(["a", ["b"]])
    assert not has_lists(["a", None])


def test_an_evaluation_by_hand() -> None:
    """The query at 0 is red and round; its neighbors at 5 and 10 are red, the one at 90 is blue.

    Red has both votes and is named; round has none. So red is right, round is missed: precision
    1, recall 1/2, exact in no case. What shares a value stands at ranks 1 and 2: mAP 1.
    """
    gallery = labelled([5, 10, 90], ["red", "red; soft", "blue"])
    queries = labelled([0], ["red; round"], keys=[-1])
    values = ValueSets(
        [frozenset({"red", "round"})],
        [frozenset({"red"}), frozenset({"red", "soft"}), frozenset({"blue"})],
    )
    found = measures(examine(queries, gallery, PlainVote(2), values=values))
    assert found["micro_precision"] == 1.0
    assert found["micro_recall"] == 0.5
    assert found["accuracy"] == 0.0
    assert found["coverage"] == 1.0
    assert found["map"] == 1.0
    assert found["ece"] is None
