"""Calibrations of made-up galleries, checked on photos drawn from the same and other sources."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from search_engine.collections.labelled import Labelled
from search_engine.errors import ParameterError
from search_engine.metrics import expected_calibration_error
from search_engine.neighbors import nearest
from search_engine.records import Vectors
from search_engine.things import fold_of
from search_engine.vote.calibration.fit import (
    Fit,
    balanced_weights,
    fit_labels,
    known_labels,
    least_score,
)
from search_engine.vote.calibration.held_out import (
    NEIGHBORS,
    HeldOut,
    Voters,
    ballots_at,
    hold_out,
    joined,
)
from search_engine.vote.calibration.record import LABELS_RIGHT, Calibration
from search_engine.vote.calibration.reliability import expected_ece
from search_engine.vote.calibration.tuned import hold_out_tuned
from search_engine.vote.calibration.unknown import unknown_auroc
from search_engine.vote.tally import Ballots, VoteRule

LABELS = ("Drink/Juice", "Drink/Milk", "Fruit/Apple/Fuji", "Fruit/Apple/Gala", "Fruit/Pear")


def photos(
    count: int, seed: int, *, spread: float = 0.3, shots: int = 1
) -> tuple[Vectors, list[str]]:
    """Photos of five labels that overlap; `shots` of each scene are nearly the same."""
    centres = np.random.default_rng(1).normal(size=(len(LABELS), 16))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    centres[3] = centres[2] + 0.5 * (centres[3] - centres[2])  # Gala looks much like Fuji
    random = np.random.default_rng(seed)
    codes = random.integers(0, len(LABELS), math.ceil(count / shots))
    scenes = centres[codes] + random.normal(scale=spread, size=(len(codes), 16))
    vectors = np.repeat(scenes, shots, axis=0)[:count]
    vectors = vectors + random.normal(scale=0.02, size=vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), [LABELS[code] for code in np.repeat(codes, shots)[:count]]


def voters(
    vectors: Vectors, labels: Sequence[str | None], products: Sequence[str | None] | None = None
) -> Voters:
    names, codes = known_labels(labels)
    return Voters(vectors, codes, names, known_labels(products or [None] * len(labels))[1])


def calibration(fit: Fit, items: int = 1) -> Calibration:
    return Calibration(
        target="label", collection_uid="u", fingerprint="f", seq=1, items=items, rule=fit.rule,
        twin_score=fit.twin_score, least_score=fit.least_score, levels=fit.levels, curve=fit.curve,
        class_weights=fit.class_weights, score_tenths=fit.score_tenths, figures=fit.figures,
    )  # fmt: skip


@pytest.fixture(scope="module")
def gallery() -> Voters:
    return voters(*photos(900, seed=2))


@pytest.fixture(scope="module")
def fitted(gallery: Voters) -> Fit:
    return fit_labels(gallery)


def asked(gallery: Voters, seed: int, count: int = 1500) -> tuple[Vectors, NDArray[np.int64]]:
    vectors, labels = photos(count, seed)
    return vectors, np.searchsorted(np.array(gallery.labels), labels)


def test_confidence_is_the_probability_of_being_right(gallery: Voters, fitted: Fit) -> None:
    """On new photos the error is what chance alone explains, at every level and for the label."""
    vectors, truth = asked(gallery, seed=3)
    found = calibration(fitted).predict(
        ballots_at(gallery, *nearest(vectors, gallery.vectors, NEIGHBORS))
    )
    sure = np.array([one.levels[-1].confidence if one.levels else 0.0 for one in found])
    right = np.array(
        [one.label == gallery.labels[code] for one, code in zip(found, truth, strict=True)]
    )
    assert right.mean() > 0.75
    assert expected_calibration_error(sure, right) <= expected_ece(sure) + 0.025
    for depth in range(2):
        level = np.array([one.levels[depth].confidence for one in found if len(one.levels) > depth])
        so_far = np.array(
            [
                f"{gallery.labels[code]}/".startswith(f"{one.levels[depth].label}/")
                for one, code in zip(found, truth, strict=True)
                if len(one.levels) > depth
            ]
        )
        assert expected_calibration_error(level, so_far) <= expected_ece(level) + 0.025


def test_what_the_fit_says_of_itself_holds_on_new_photos(gallery: Voters, fitted: Fit) -> None:
    figures = fitted.figures
    vectors, truth = asked(gallery, seed=4)
    found = calibration(fitted).predict(
        ballots_at(gallery, *nearest(vectors, gallery.vectors, NEIGHBORS))
    )
    right = [one.label == gallery.labels[code] for one, code in zip(found, truth, strict=True)]
    assert figures.accuracy == pytest.approx(np.mean(right), abs=0.04)
    assert figures.ece_after < figures.ece_before
    assert figures.ece_after <= figures.ece_expected + 0.02
    assert [each.level for each in figures.levels] == [1, 2, 3]
    assert figures.levels[0].accuracy > figures.levels[2].accuracy


@pytest.mark.parametrize("wanted", [0.85, 0.95])
def test_accepted_answers_are_as_right_as_promised(
    gallery: Voters, fitted: Fit, wanted: float
) -> None:
    made = calibration(fitted)
    point = made.threshold(wanted)
    vectors, truth = asked(gallery, seed=5)
    ballots = ballots_at(gallery, *nearest(vectors, gallery.vectors, NEIGHBORS))
    answers = [
        (one.label, gallery.labels[code])
        for one, code in zip(made.predict(ballots, point.confidence), truth, strict=True)
        if one.label is not None
    ]
    right = np.mean([f"{wanted}/".startswith(f"{label}/") for label, wanted in answers])
    assert right >= wanted - 0.01
    assert len(answers) / len(truth) == pytest.approx(point.coverage, abs=0.06)


def test_the_same_gallery_gives_the_same_fit(gallery: Voters, fitted: Fit) -> None:
    assert fit_labels(gallery) == fitted
    some = fit_labels(gallery, queries=300)
    assert some.figures.queries <= 600
    assert some == fit_labels(gallery, queries=300)
    assert some != fit_labels(gallery, queries=300, seed=1)


def test_rounding_does_not_decide_how_many_vote() -> None:
    """Where every rule is right their losses differ by nothing that matters."""
    vectors, labels = photos(300, seed=2, spread=0.05)
    rules = set()
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(scale=2e-3, size=vectors.shape)
        strayed = (vectors + noise).astype(np.float32)
        strayed /= np.linalg.norm(strayed, axis=1, keepdims=True)
        rules.add(fit_labels(voters(strayed, labels)).rule)
    assert rules == {VoteRule(k=5)}


def far_items(scores: NDArray[np.float64], is_sample: bool = False) -> HeldOut:
    nobody = np.zeros(len(scores), dtype=np.int64)
    ballots = Ballots(scores[:, None], nobody[:, None], ("a",), nobody[:, None])
    far = np.zeros(len(scores), dtype=np.bool_)
    return HeldOut(ballots, nobody[:, None], nobody, nobody, nobody, far, 1.0, "scene", is_sample)


@pytest.mark.parametrize(("count", "care"), [(7, 0.05), (30, 0.02), (200, 0.01)])
def test_few_far_items_do_not_set_the_bar_for_many(count: int, care: float) -> None:
    """One in 500 of a normal distribution is 2.9 deviations from its median.

    The fewer there are, the lower the bar, and the more it varies.
    """
    bars = [
        least_score(far_items(np.random.default_rng(seed).normal(0.6, 0.05, count)))
        for seed in range(40)
    ]
    normal = 0.6 - 2.88 * 0.05
    assert normal - care < np.mean(bars) < normal + 0.01


def test_a_thousand_far_items_set_it_themselves() -> None:
    scores = np.random.default_rng(0).normal(0.6, 0.05, 2_000)
    assert least_score(far_items(scores)) == pytest.approx(np.quantile(scores, 0.002))
    assert least_score(far_items(scores[:0])) == -1.0
    few = np.array([0.5, 0.6, 0.7])
    assert least_score(far_items(few, is_sample=True)) == pytest.approx(0.4, abs=1e-3)


def test_items_of_two_networks_have_twins_by_the_bar_that_answers_use() -> None:
    one = replace(far_items(np.array([0.6, 0.78, 0.9])), twin_score=0.8)
    other = replace(far_items(np.array([0.6, 0.72, 0.9])), twin_score=0.7)
    assert one.near.tolist() == [False, False, True]
    assert other.near.tolist() == [False, True, True]
    both = joined([one, other])
    assert both.twin_score == pytest.approx(0.75)
    assert both.near.tolist() == [False, True, True, False, False, True]


def test_a_calibration_is_read_as_it_was_written(fitted: Fit) -> None:
    made = calibration(fitted)
    assert Calibration.model_validate_json(made.model_dump_json()) == made


def test_one_vote_is_answered_as_many_are(gallery: Voters, fitted: Fit) -> None:
    made = calibration(fitted)
    scores, places = nearest(photos(5, seed=6)[0], gallery.vectors, NEIGHBORS)
    many = made.predict(ballots_at(gallery, scores, places), 0.6)
    for row, wanted in enumerate(many):
        labelled = [
            (gallery.labels[gallery.codes[place]], float(score))
            for place, score in zip(places[row], scores[row], strict=True)
        ]
        found = made.vote(labelled, min_confidence=0.6)
        assert (found.label, found.reason) == (wanted.label, wanted.reason)
        assert found.confidence == pytest.approx(wanted.confidence)


def test_a_picture_of_the_catalog_is_as_sure_as_its_label(gallery: Voters, fitted: Fit) -> None:
    calibrated, rows = calibration(fitted), np.arange(len(gallery.codes))
    scores, places = nearest(gallery.vectors, gallery.vectors, NEIGHBORS)
    assert (places[:, 0] == rows).all()
    own = calibrated.predict(ballots_at(gallery, scores, places))
    for one, code in zip(own, gallery.codes, strict=True):
        if one.votes[0].label == gallery.labels[code]:
            assert all(level.confidence >= LABELS_RIGHT for level in one.levels)
    without = calibrated.predict(ballots_at(gallery, scores[:, 1:], places[:, 1:]))
    assert sum(each.confidence < 0.9 for each in without) > len(rows) / 10


def test_copies_with_different_labels_make_nothing_sure(fitted: Fit) -> None:
    calibrated = calibration(fitted)
    labels = ("Drink/Juice", "Drink/Milk", "Fruit/Pear")
    scores = np.array([[1.0, 1.0, 0.5], [1.0, 0.9, 0.9]])
    codes = np.array([[0, 1, 1], [-1, 0, 1]])
    drinks, unlabelled = calibrated.predict(Ballots(scores, codes, labels))
    assert [level.confidence >= LABELS_RIGHT for level in drinks.levels] == [True, False]
    assert unlabelled.levels[1].confidence < LABELS_RIGHT


def test_photos_of_one_scene_do_not_vouch_for_each_other() -> None:
    """Each scene was shot four times, so an item has its label for the asking; a new photo not."""
    gallery = voters(*photos(600, seed=7, shots=4, spread=0.35))
    trusting = fit_labels(gallery, leave_out="one")
    careful = fit_labels(gallery)
    assert careful.figures.left_out == "scene"
    assert trusting.figures.accuracy > 0.95
    vectors, labels = photos(1200, seed=8, spread=0.35)
    truth = np.searchsorted(np.array(gallery.labels), labels)
    ballots = ballots_at(gallery, *nearest(vectors, gallery.vectors, NEIGHBORS))

    def too_sure(fit: Fit) -> float:
        found = calibration(fit).predict(ballots)
        right = [gallery.labels[code] == one.label for one, code in zip(found, truth, strict=True)]
        return float(np.mean([one.confidence for one in found]) - np.mean(right))

    assert too_sure(trusting) > 0.1
    assert abs(too_sure(careful)) < 0.06
    assert trusting.figures.easy_accuracy is None
    easy = careful.figures.easy_accuracy
    assert easy is not None
    assert easy > 0.95 > careful.figures.accuracy + 0.05


def test_products_are_left_out_where_they_are_known() -> None:
    vectors, labels = photos(400, seed=9, shots=4)
    products = [f"p{place // 4}" for place in range(400)]
    gallery = voters(vectors, labels, products)
    held = hold_out(gallery, 1000, "product")
    own = gallery.products[held.rows][:, None]
    same = (gallery.products[held.places] == own) & np.isfinite(held.ballots.scores)
    grouped = ~same.any(axis=1)
    assert set(held.rows[grouped].tolist()) == set(range(400))
    assert held.near[~grouped].all()
    assert fit_labels(gallery).figures.left_out == "product"


def test_items_that_could_not_be_right_are_not_asked() -> None:
    vectors, labels = photos(100, seed=10)
    lonely: list[str | None] = [*labels[:98], "alone", None]
    held = hold_out(voters(vectors, lonely), 1000, "one")
    assert set(held.rows.tolist()) == set(range(98))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_holding_out_of_a_gallery_that_has_hardly_any(count: int) -> None:
    vectors, _ = photos(2, seed=11)
    held = hold_out(voters(vectors[:count], ["a", "a"][:count]), 10, "scene")
    assert len(held.rows) == (2 if count == 2 else 0)


def test_too_little_to_learn_from_is_said() -> None:
    vectors, labels = photos(60, seed=12)
    with pytest.raises(ParameterError, match="49 labelled items are too few"):
        fit_labels(voters(vectors, [*labels[:49], *[None] * 11]))
    with pytest.raises(ParameterError, match="the same value"):
        fit_labels(voters(vectors, ["a"] * 60))
    with pytest.raises(ParameterError, match="0 items whose value others share"):
        fit_labels(voters(vectors, [str(number) for number in range(60)]))


def test_balanced_votes_help_the_rare_label() -> None:
    vectors, labels = photos(900, seed=13, spread=0.4)
    rare = [row for row, label in enumerate(labels) if label != "Fruit/Apple/Gala" or row % 8 == 0]
    gallery = voters(vectors[rare], [labels[row] for row in rare])
    assert balanced_weights(gallery)[3] == max(balanced_weights(gallery))
    queries, wanted = photos(1000, seed=14, spread=0.4)
    ballots = ballots_at(gallery, *nearest(queries, gallery.vectors, NEIGHBORS))

    def recall(fit: Fit) -> float:
        found = calibration(fit).predict(ballots)
        return float(
            np.mean([p.label == w for p, w in zip(found, wanted, strict=True) if w == LABELS[3]])
        )

    plain, balanced = fit_labels(gallery), fit_labels(gallery, balanced=True)
    assert plain.class_weights is None
    assert set(balanced.class_weights or ()) == set(LABELS)
    assert recall(balanced) > recall(plain) + 0.1


def test_one_by_one_means_every_item() -> None:
    """Items without a twin are asked one by one, too: that leaves them what is of their thing."""
    gallery = voters(*photos(600, seed=7, shots=4, spread=0.35))
    held = hold_out(gallery, 1_000, "scene")
    assert held.one_by_one is not None
    assert np.array_equal(held.one_by_one[1], gallery.codes)
    assert hold_out(gallery, 1_000, "one").one_by_one is None


def test_unknown_classes_look_unfamiliar() -> None:
    vectors, labels = photos(600, seed=15, spread=0.15)
    gallery = Labelled(vectors, labels, np.arange(600))
    found = unknown_auroc(gallery, classes=1, repeats=3)
    assert found.best_score > 0.8
    assert found.familiarity > 0.8
    assert found == unknown_auroc(gallery, classes=1, repeats=3)
    with pytest.raises(ParameterError, match="fewer than there are"):
        unknown_auroc(gallery, classes=5)


@pytest.mark.parametrize(("count", "folds"), [(300, 5), (2_400, 3)])
def test_a_tuned_gallery_asks_whole_folds_until_there_are_enough(count: int, folds: int) -> None:
    vectors, labels = photos(count, seed=11, shots=2)
    gallery = voters(vectors, labels)
    things = np.arange(count) // 2
    held = hold_out_tuned(gallery, gallery.codes, 0.1, things, 5_000)
    fold = fold_of(gallery.codes, things)
    assert set(held.rows.tolist()) == set(np.flatnonzero((fold >= 0) & (fold < folds)).tolist())
    assert held.things.tolist() == things[held.rows].tolist()
    assert held.hard.all()
    own = things[held.rows][:, None]
    assert not (things[held.places] == own)[np.isfinite(held.ballots.scores)].any()
