"""Classes taken out of the gallery: are their photos told from the others?"""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from search_engine.errors import ParameterError
from search_engine.evaluate.predictors import PlainVote
from search_engine.evaluate.splits import folds_by_thing
from search_engine.evaluate.unknown import false_positive_rate, hold_out
from search_engine.metrics import auroc
from tests.search_engine.evaluate.test_evaluation import labelled
from tests.search_engine.evaluate.test_splits import shop

FAR_APART = labelled([0, 3, 90, 93, 180, 183], ["a", "a", "b", "b", "c", "c"])


@pytest.mark.parametrize("seed", range(4))
def test_photos_of_a_class_that_is_gone_are_far_from_everything(seed: int) -> None:
    found = hold_out(FAR_APART, FAR_APART, PlainVote(1), count=1, seed=seed)
    assert (found.known, found.unknown) == (4, 2)
    assert found.auroc == 1.0
    assert found.false_positive_rate == 0.0
    assert found.answered_unknown == 1.0
    wanted = [label not in found.classes for label in FAR_APART.labels]
    assert found.is_known.tolist() == wanted


def test_known_photos_do_not_find_themselves() -> None:
    found = hold_out(FAR_APART, FAR_APART, PlainVote(1), count=1, seed=0)
    assert found.best_score.max() < 0.9999


def test_the_same_seed_takes_the_same_classes() -> None:
    first, same = (hold_out(FAR_APART, FAR_APART, PlainVote(1), 2, seed=5) for _ in range(2))
    assert first.classes == same.classes
    assert len(first.classes) == 2


def test_folds_stay_hidden() -> None:
    gallery = shop(products=12, pictures=3)
    hiding = folds_by_thing(gallery, 3, seed=0)
    found = hold_out(gallery, gallery, PlainVote(3), 1, 0, hiding)
    assert found.known + found.unknown == len(gallery.keys)
    assert np.isfinite(found.best_score).all()


def test_too_many_classes_are_refused() -> None:
    with pytest.raises(ParameterError, match="cannot be held out of 3"):
        hold_out(FAR_APART, FAR_APART, PlainVote(1), count=3, seed=0)


def test_measures_agree_with_scikit_learn_and_by_hand() -> None:
    is_known = np.array([True, True, True, False, False])
    evidence = np.array([0.9, 0.5, 0.4, 0.6, 0.1])
    tied = np.round(evidence)
    assert auroc(is_known, tied) == pytest.approx(roc_auc_score(is_known, tied))
    assert auroc(is_known, evidence) == pytest.approx(roc_auc_score(is_known, evidence))
    assert false_positive_rate(is_known, evidence) == 0.5  # the bar is 0.4, which 0.6 passes
    assert auroc(np.ones(3, dtype=bool), np.zeros(3)) == 0.5
    assert false_positive_rate(np.ones(3, dtype=bool), np.zeros(3)) == 1.0
