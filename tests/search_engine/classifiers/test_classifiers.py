"""Classifiers on made-up embeddings, held against scikit-learn used directly."""

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from api.cli.encoders.train import NAMES
from search_engine.classifiers import estimators
from search_engine.classifiers.base import VOTES_KEPT, Classifier, TrainedModel, predict, softmax
from search_engine.classifiers.heads import HEADS, LinearHead
from search_engine.classifiers.registry import KINDS, create_classifier
from search_engine.classifiers.training import HeadClassifier, fit_temperature
from search_engine.collections.labelled import Labelled
from search_engine.errors import DimensionMismatchError, ParameterError
from search_engine.evaluate.classifiers import NEIGHBORS, compare_classifiers
from search_engine.evaluate.evaluation import rounded_row
from search_engine.evaluate.predictors import PlainVote
from search_engine.records import Vectors
from search_engine.things import fold_of, things_of

DIMENSION = 16
ALL = [kind.name for kind in KINDS]


def blobs(
    classes: int, each: int, seed: int = 0, spread: float = 0.35
) -> tuple[Vectors, list[str]]:
    """Unit vectors around a direction for each class, which overlap a little; labels c0, c1, ..."""
    centres = np.random.default_rng(7).normal(size=(classes, DIMENSION))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    random = np.random.default_rng(seed)
    rows = centres.repeat(each, axis=0)
    rows = rows + spread * random.normal(size=rows.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), [f"c{n // each}" for n in range(classes * each)]


def codes_of(labels: list[str]) -> NDArray[np.int64]:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def gallery(classes: int = 3, each: int = 20, seed: int = 0) -> Labelled:
    vectors, labels = blobs(classes, each, seed)
    return Labelled(vectors, labels, np.arange(len(labels), dtype=np.int64))


FEW_TREES = 12


def direct(name: str, vectors: Vectors, labels: list[str], trees: int = 200) -> Any:
    """The estimator as anybody would use it."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.neighbors import NearestCentroid
    from sklearn.svm import SVC, LinearSVC

    made = {
        "class-mean": NearestCentroid(),
        "logistic": LogisticRegression(C=30.0, max_iter=1_000),
        "linear-svm": LinearSVC(C=3.0, random_state=0),
        "svm": OneVsRestClassifier(SVC(C=3.0, gamma="scale")),
        "forest": RandomForestClassifier(trees, random_state=0),
    }
    return made[name].fit(vectors, labels)


def small(name: str) -> Classifier:
    """The classifier of that name; a forest of few trees, which are quicker."""
    if name == "forest":
        return HeadClassifier(name, partial(estimators.forest, trees=FEW_TREES))
    return create_classifier(name)


def test_the_command_line_names_all_classifiers() -> None:
    assert list(NAMES) == ALL


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("classes", [2, 5])
def test_answers_are_those_of_scikit_learn(name: str, classes: int) -> None:
    """At most one query in a hundred differs: where rounding decides."""
    vectors, labels = blobs(classes, 40)
    queries, _ = blobs(classes, 40, seed=1)
    model = small(name).fit(vectors, labels)
    wanted = direct(name, vectors, labels, FEW_TREES).predict(queries)
    got = np.array([one.label for one in predict(model, queries)])
    assert (got == wanted).mean() >= 0.99


@pytest.mark.parametrize("classes", [2, 5])
def test_scores_are_those_of_scikit_learn(classes: int) -> None:
    """Of two classes, scikit-learn gives the second against the first."""
    vectors, labels = blobs(classes, 30)
    queries, _ = blobs(classes, 10, seed=1)
    learned: dict[str, estimators.Learn] = {
        "logistic": estimators.logistic,
        "linear-svm": estimators.linear_svm,
        "svm": estimators.rbf_svm,
    }
    for name, learn in learned.items():
        scores = learn(vectors, codes_of(labels)).scores(queries)
        wanted = direct(name, vectors, labels).decision_function(queries)
        if classes == 2 and name == "svm":
            scores = scores[:, 1]
        elif classes == 2:
            scores = scores[:, 1] - scores[:, 0]
        np.testing.assert_allclose(scores, wanted, rtol=1e-3, atol=1e-3, err_msg=name)


def test_a_forest_votes_as_scikit_learns() -> None:
    """Of 200 trees, half a vote for each of three classes on top."""
    vectors, labels = blobs(3, 30)
    queries, _ = blobs(3, 100, seed=1)
    shares = np.exp(estimators.forest(vectors, codes_of(labels)).scores(queries))
    wanted = direct("forest", vectors, labels).predict_proba(queries)
    np.testing.assert_allclose(shares, (200 * wanted + 0.5) / 201.5, atol=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_probabilities_are_probabilities(name: str) -> None:
    vectors, labels = blobs(4, 15)
    before = vectors.copy()
    model = small(name).fit(vectors, labels)
    found = model.predict_proba(vectors)
    assert found.shape == (60, 4)
    assert found.dtype == np.float32
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-5)
    assert model.classes == ("c0", "c1", "c2", "c3")
    assert model.predict_proba(vectors[:0]).shape == (0, 4)
    assert model.calibrated
    np.testing.assert_array_equal(vectors, before)


@pytest.mark.parametrize("name", ALL)
def test_training_again_gives_the_same(name: str) -> None:
    vectors, labels = blobs(3, 12)
    first, second = (small(name).fit(vectors, labels) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(vectors), second.predict_proba(vectors))


@pytest.mark.parametrize("name", ALL)
def test_the_order_of_the_queries_and_their_batches_do_not_matter(name: str) -> None:
    vectors, labels = blobs(3, 100)
    model = small(name).fit(vectors, labels)
    whole = model.predict_proba(vectors)
    backwards = model.predict_proba(vectors[::-1])[::-1]
    parts = np.concatenate([model.predict_proba(part) for part in np.array_split(vectors, 7)])
    np.testing.assert_allclose(backwards, whole, atol=1e-5)
    np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_probabilities_are_calibrated_where_scores_are_not() -> None:
    """The mean confidence is near the accuracy on new pictures, though classes overlap much."""
    vectors, labels = blobs(4, 250, spread=0.6)
    queries, truth = blobs(4, 250, seed=1, spread=0.6)
    for name in ("class-mean", "logistic", "linear-svm", "svm"):
        found = predict(small(name).fit(vectors, labels), queries)
        accuracy = np.mean([one.label == label for one, label in zip(found, truth, strict=True)])
        assert 0.5 < accuracy < 0.95
        assert abs(np.mean([one.confidence for one in found]) - accuracy) < 0.05, name


def test_a_temperature_by_hand() -> None:
    """Three of four are right with a lead of 2: 1 / (1 + exp(-2 / T)) = 3/4, so T = 2 / ln 3."""
    scores = np.array([[2.0, 0.0]] * 4)
    codes = np.array([0, 0, 0, 1])
    assert fit_temperature(scores, codes) == pytest.approx(2 / math.log(3), rel=1e-3)
    assert fit_temperature(scores[:0], codes[:0]) == 1.0


def test_other_widths_are_refused() -> None:
    vectors, labels = blobs(2, 5)
    model = create_classifier("class-mean").fit(vectors, labels)
    for wrong in (vectors[:, :-1], vectors[0]):
        with pytest.raises(DimensionMismatchError):
            model.predict_proba(wrong)


def test_too_little_and_too_much_to_learn_from_is_refused() -> None:
    vectors, labels = blobs(2, 5)
    with pytest.raises(ParameterError, match="two labels or more, here are 1"):
        create_classifier("logistic").fit(vectors[:5], labels[:5])
    few = HeadClassifier("svm", estimators.rbf_svm, most_items=9)
    with pytest.raises(ParameterError, match="at most 9 items, here are 10"):
        few.fit(vectors, labels)


def test_an_unknown_classifier_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ParameterError, match=r"known: class-mean, logistic, linear-svm, svm, for"):
        create_classifier("oracle")


@pytest.mark.parametrize("name", ALL)
def test_classes_of_one_item_can_be_learned(name: str) -> None:
    """Nothing can be held out, so nothing is known of how sure to be."""
    vectors, _ = blobs(3, 1)
    model = small(name).fit(vectors, ["a", "b", "c"])
    assert isinstance(model, TrainedModel)
    assert (model.temperature, model.held_out_accuracy) == (1.0, None)
    assert not model.calibrated
    assert np.isfinite(model.predict_proba(vectors)).all()
    if name != "forest":
        assert [one.label for one in predict(model, vectors)] == ["a", "b", "c"]


def by_bias(bias: list[float], classes: tuple[str, ...]) -> TrainedModel:
    """A model that gives every picture the same scores."""
    weights = np.zeros((len(bias), DIMENSION), dtype=np.float32)
    return TrainedModel("x", classes, LinearHead(weights, np.array(bias, np.float32)), 1.0, 0.5)


def test_predictions_name_classes_by_probability() -> None:
    """exp(ln 3) : 1 : 1 is 3/5, 1/5, 1/5; equal ones in the order of the alphabet."""
    model = by_bias([0.0, math.log(3), 0.0], ("a/x", "b/y", "b/z"))
    (found,) = predict(model, blobs(1, 1)[0])
    assert (found.label, found.abstained, found.reason) == ("b/y", False, None)
    assert [vote.label for vote in found.votes] == ["b/y", "a/x", "b/z"]
    assert [vote.share for vote in found.votes] == pytest.approx([0.6, 0.2, 0.2])
    assert found.confidence == found.votes[0].share
    assert [(level.label, round(level.confidence, 5)) for level in found.levels] == [
        ("b", 0.8),
        ("b/y", 0.6),
    ]
    assert found.calibrated


def test_an_unsure_prediction_is_not_announced() -> None:
    model = by_bias([0.0, math.log(3), 0.0], ("a", "b", "c"))
    vectors = blobs(1, 1)[0]
    (found,) = predict(model, vectors, min_confidence=0.61)
    assert (found.label, found.abstained, found.reason) == (None, True, "disagree")
    assert found.confidence == pytest.approx(0.6)
    assert not predict(model, vectors, min_confidence=0.59)[0].abstained


def test_predictions_name_a_few_classes_only() -> None:
    many = tuple(f"{n:03d}" for n in range(100))
    (found,) = predict(by_bias([0.0] * 100, many), blobs(1, 1)[0])
    assert [vote.label for vote in found.votes] == list(many[:VOTES_KEPT])


def test_softmax_takes_any_number() -> None:
    found = softmax(np.array([[1e4, 1e4], [-1e4, 0.0]]))
    np.testing.assert_allclose(found, np.array([[0.5, 0.5], [0.0, 1.0]]))


@pytest.mark.parametrize("name", ALL)
def test_heads_come_back_from_their_arrays(name: str) -> None:
    vectors, labels = blobs(3, 10)
    model = small(name).fit(vectors, labels)
    assert isinstance(model, TrainedModel)
    again = HEADS[model.head.kind].from_arrays(model.head.arrays(), 3)
    np.testing.assert_array_equal(again.scores(vectors), model.head.scores(vectors))
    assert again.dimension == DIMENSION
    with pytest.raises(ValueError, match=r"shape|forest"):
        HEADS[model.head.kind].from_arrays(model.head.arrays(), 4)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=60),
    st.integers(2, 5),
)
def test_folds_leave_every_class_and_part_no_thing(
    items: list[tuple[int, int]], folds: int
) -> None:
    codes = np.array([code for code, _ in items])
    things = np.array([thing for _, thing in items])
    found = fold_of(codes, things, folds)
    for fold in range(folds):
        assert set(codes[found != fold]) == set(codes)
    for code, thing in set(items):
        assert len(set(found[(codes == code) & (things == thing)])) == 1
    for code in set(codes):
        held = found[codes == code] >= 0
        assert held.all() == (len(set(things[codes == code])) > 1) or not held.any()


def test_products_tell_what_belongs_together_as_soon_as_one_has_two_photos() -> None:
    vectors, labels = blobs(2, 3)
    products = ["p", "p", "q", None, None, "#3"]
    found = things_of(vectors, codes_of(labels), products)
    assert found[0] == found[1]
    assert len(set(found.tolist())) == 5


def test_without_products_photos_of_one_scene_belong_together() -> None:
    """c0 has ten takes of one thing; the two of c1 are as alike, but of another class."""
    random = np.random.default_rng(0)
    vectors, labels = blobs(3, 20)
    vectors[:10] = vectors[0] + 0.01 * random.normal(size=(10, DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = things_of(vectors, codes_of(labels))
    assert len(set(found[:10].tolist())) == 1
    assert len(set(found[10:].tolist())) > 15
    assert not set(found[:20].tolist()) & set(found[20:].tolist())


def test_photos_of_one_scene_do_not_make_a_classifier_look_good() -> None:
    """Labels are of pairs of photos and mean nothing; those who keep pairs together see that."""
    random = np.random.default_rng(3)
    singles = random.normal(size=(60, DIMENSION))
    vectors = singles.repeat(2, axis=0) + 0.01 * random.normal(size=(120, DIMENSION))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    labels = [f"c{n // 2 % 3}" for n in range(120)]
    pairs = [f"pair {n // 2}" for n in range(120)]
    model = create_classifier("svm").fit(vectors, labels, pairs)
    assert isinstance(model, TrainedModel)
    assert model.held_out_accuracy is not None
    assert model.held_out_accuracy < 0.6


def test_the_comparison_has_a_row_for_each() -> None:
    done: list[str] = []
    rows = compare_classifiers(gallery(), queries_of(seed=1), advance=done.append)
    assert [row.name for row in rows] == done == [NEIGHBORS, *ALL]
    for row in rows:
        assert row.skipped is None
        assert row.accuracy is not None
        assert row.accuracy > 0.8
        assert row.top5_accuracy == 1.0
        assert row.predict_us is not None
        assert row.predict_us > 0
        assert set(rounded_row(row)) >= {"balanced_accuracy", "macro_f1", "ece", "fit_seconds"}


def queries_of(seed: int, each: int = 10) -> Labelled:
    vectors, labels = blobs(3, each, seed)
    return Labelled(vectors, labels, np.full(len(labels), -1, dtype=np.int64))


def test_the_comparison_by_hand() -> None:
    """Two of three are right; b is never found: macro F1 is the mean of 2*2/(2*2+1) and 0."""
    known = Labelled(
        np.eye(2, DIMENSION, dtype=np.float32).repeat(2, axis=0),
        ["a", "a", "b", "b"],
        np.arange(4, dtype=np.int64),
    )
    asked = Labelled(known.vectors[:3] * 1.0, ["a", "a", "b"], np.full(3, -1, dtype=np.int64))
    asked.vectors[2] = asked.vectors[0]
    for row in compare_classifiers(
        known, asked, predictor=PlainVote(2), names=[NEIGHBORS, "class-mean"]
    ):
        assert row.accuracy == pytest.approx(2 / 3)
        assert row.balanced_accuracy == pytest.approx(0.5)
        assert row.macro_f1 == pytest.approx(0.4)


def test_nobody_learns_from_who_is_asked() -> None:
    """All items but two are asked, each with a label that nothing but itself could tell."""
    vectors, _ = blobs(2, 6)
    labels = ["a", "b", *(f"only {n}" for n in range(10))]
    keys = np.arange(12, dtype=np.int64)
    asked = Labelled(vectors[2:], labels[2:], keys[2:])
    for row in compare_classifiers(Labelled(vectors, labels, keys), asked, names=ALL[:2]):
        assert row.accuracy == 0.0


def test_without_queries_the_gallery_is_asked_in_folds() -> None:
    for row in compare_classifiers(gallery(each=40), names=[NEIGHBORS, "svm"]):
        assert row.accuracy is not None
        assert 0.7 < row.accuracy < 1.0


def test_what_cannot_learn_is_skipped_with_a_reason() -> None:
    vectors, labels = blobs(1, 5)
    one = Labelled(vectors, labels, np.arange(5, dtype=np.int64))
    rows = compare_classifiers(one, Labelled(vectors, labels, one.keys - 100), names=None)
    assert rows[0].accuracy == 1.0
    assert all("two labels or more" in (row.skipped or "") for row in rows[1:])


def test_unlabelled_items_and_queries_are_left_out() -> None:
    whole = gallery()
    labels = [None if n % 4 == 0 else label for n, label in enumerate(whole.labels)]
    asked = queries_of(seed=1)
    blank = Labelled(asked.vectors, [None, *asked.labels[1:]], asked.keys)
    (row,) = compare_classifiers(
        Labelled(whole.vectors, labels, whole.keys), blank, names=["logistic"]
    )
    assert row.accuracy is not None
    assert row.accuracy > 0.8
    nobody = Labelled(asked.vectors, [None] * len(asked.keys), asked.keys)
    with pytest.raises(ParameterError, match="no labelled query"):
        compare_classifiers(whole, nobody)
    with pytest.raises(ParameterError, match="no labelled query"):
        compare_classifiers(nobody)
