"""Measures of classes: by hand, and against scikit-learn called in other ways."""

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from search_engine.evaluate import classification as measured
from search_engine.evaluate.hierarchy import hierarchical_scores, holds, level_accuracy
from search_engine.evaluate.results import answers_of
from search_engine.records import Prediction, Vote


def says(*votes: tuple[str, float]) -> Prediction:
    """An answer with these votes, best first."""
    return Prediction(votes[0][0], votes[0][1], False, None, tuple(Vote(*one) for one in votes))


ABSTAINS = Prediction(None, 0.0, True, "too_few", ())


def random_predictions(
    count: int, classes: Sequence[str], seed: int
) -> tuple[list[str], list[Prediction], np.ndarray]:
    """Truth, predictions whose votes are on all classes, and the votes as a table."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(classes, count).tolist()
    shares = rng.dirichlet(np.ones(len(classes)), count)
    predictions = [
        says(*sorted(zip(classes, row.tolist(), strict=True), key=lambda one: -one[1]))
        for row in shares
    ]
    return truth, predictions, shares


CLASSES = ("a", "b", "c", "d", "e", "f", "g")


@pytest.mark.parametrize("seed", range(5))
def test_averages_agree_with_scikit_learn(seed: int) -> None:
    truth, predictions, shares = random_predictions(300, CLASSES, seed)
    found = answers_of(truth, predictions)
    said = [one.label for one in predictions]
    macro, weighted = measured.averages(found, "macro"), measured.averages(found, "weighted")
    assert found.correct.mean() == accuracy_score(truth, said)
    assert macro.recall == pytest.approx(balanced_accuracy_score(truth, said))
    assert macro.f1 == pytest.approx(f1_score(truth, said, average="macro"))
    assert weighted.f1 == pytest.approx(f1_score(truth, said, average="weighted"))
    assert weighted.recall == pytest.approx(accuracy_score(truth, said))
    areas = measured.areas(truth, predictions)
    assert areas.roc_auc == pytest.approx(
        roc_auc_score(truth, shares, multi_class="ovr", average="macro", labels=CLASSES)
    )
    assert measured.top_accuracy(truth, predictions) == pytest.approx(
        top_k_accuracy_score(truth, shares, k=5, labels=CLASSES)
    )
    assert measured.brier_score(found) == pytest.approx(
        brier_score_loss(found.correct, found.confidence)
    )


def test_each_class_by_hand() -> None:
    """a is found once of twice and named once; b is found once and named twice."""
    found = answers_of(["a", "a", "b"], [says(("a", 1)), says(("b", 1)), says(("b", 1))])
    first, second = measured.per_class(found)
    assert (first.label, first.precision, first.recall) == ("a", 1.0, 0.5)
    assert (first.support, first.predicted) == (2, 1)
    assert (second.precision, second.recall, second.predicted) == (0.5, 1.0, 2)


def test_an_abstention_is_wrong_but_no_class() -> None:
    found = answers_of(["a", "b"], [says(("a", 0.9)), ABSTAINS])
    assert measured.averages(found, "macro").recall == 0.5
    labels, counts = measured.confusion_counts(found)
    assert labels == ["a", "b", None]
    assert counts.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert measured.answered_accuracy(found) == 1.0
    assert measured.coverage_of(found).coverage.tolist() == [0.5]
    assert measured.reliability_of(found).count.sum() == 1


def test_without_any_answer_nothing_is_known_of_the_answers() -> None:
    found = answers_of(["a"], [ABSTAINS])
    assert measured.brier_score(found) is None
    assert measured.answered_accuracy(found) is None
    assert measured.reliability_of(found).expected_calibration_error == 0.0


def test_labels_that_are_only_predicted_stand_behind_the_true_ones() -> None:
    found = answers_of(["b", "c"], [says(("a", 1)), says(("c", 1))])
    labels, counts = measured.confusion_counts(found)
    assert labels == ["b", "c", "a"]
    assert counts.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_areas_need_a_class_and_another() -> None:
    areas = measured.areas(["a", "a"], [says(("a", 1)), says(("b", 1))])
    assert areas.roc_auc is None
    assert areas.pr_auc is None


def test_top_accuracy_takes_nobody_that_has_no_vote() -> None:
    """scikit-learn would fill up with classes of no votes, the right one perhaps among them."""
    assert measured.top_accuracy(["z", "b"], [says(("a", 1)), says(("a", 0.6), ("b", 0.4))]) == 0.5
    assert measured.top_accuracy(["b"], [says(("a", 0.6), ("b", 0.4))], top=1) == 0.0


def test_the_bar_to_beat_is_the_most_frequent_class() -> None:
    assert measured.most_frequent_share(["a", "b", "a", "c"]) == 0.5


class TestPaths:
    def test_level_accuracy_compares_as_deep_as_the_truth_goes(self) -> None:
        truth = ["Fruit/Apple/Gala", "Fruit/Pear", "Milk", "Fruit/Apple"]
        predicted = ["Fruit/Apple/Fuji", "Fruit", None, "Fruit/Apple/Gala"]
        # level 1: Fruit, Fruit and Fruit are right, nothing is not Milk
        # level 2, without Milk: Apple, no answer, Apple; level 3, Gala only: Fuji
        assert level_accuracy(truth, predicted) == {1: 3 / 4, 2: 2 / 3, 3: 0.0}

    def test_level_accuracy_is_not_fooled_by_a_common_beginning(self) -> None:
        assert level_accuracy(["Home/Kitchen"], ["Home/Kitchenware"]) == {1: 1.0, 2: 0.0}

    @pytest.mark.parametrize(
        ("predicted", "truth", "wanted"),
        [
            ("Fruit/Apple", "Fruit/Apple", True),
            ("Fruit", "Fruit/Apple", True),
            ("Fruit/Apple/Gala", "Fruit/Apple", False),
            ("Fruit/App", "Fruit/Apple", False),
            (None, "Fruit", False),
        ],
    )
    def test_an_answer_above_the_truth_holds(
        self, predicted: str | None, truth: str, wanted: bool
    ) -> None:
        assert holds(predicted, truth) is wanted

    def test_an_answer_above_the_truth_is_not_correct_but_its_confidence_is_kept(self) -> None:
        found = answers_of(["Fruit/Apple"], [says(("Fruit", 1.0))])
        assert found.correct.tolist() == [False]
        assert measured.answered_accuracy(found) == 1.0
        assert measured.reliability_of(found).expected_calibration_error == 0.0

    def test_hierarchical_scores_by_hand(self) -> None:
        """{F, F/A, F/A/G} and {F, F/A, F/A/U} share two; {M} and {} none; {P, P/T} and {P} one.

        Common 3; predicted 3 + 0 + 1 = 4; true 3 + 1 + 2 = 6.
        """
        found = hierarchical_scores(["F/A/G", "M", "P/T"], ["F/A/U", None, "P"])
        assert found.precision == pytest.approx(3 / 4)
        assert found.recall == pytest.approx(3 / 6)
        assert found.f1 == pytest.approx(2 * 0.75 * 0.5 / 1.25)

    def test_hierarchical_scores_of_flat_labels_are_accuracy(self) -> None:
        found = hierarchical_scores(["a", "b", "b"], ["a", "b", "a"])
        assert found.precision == found.recall == found.f1 == pytest.approx(2 / 3)

    def test_hierarchical_scores_without_any_answer(self) -> None:
        assert hierarchical_scores(["a"], [None]).f1 == 0.0
