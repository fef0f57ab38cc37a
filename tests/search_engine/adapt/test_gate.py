"""What is learned from labels, and the gate that judges it."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from sklearn.covariance import shrunk_covariance

from search_engine.adapt.gate import Adapt, HeldPart, Verdict, judge, judge_held_out
from search_engine.collections.labelled import Labelled
from search_engine.encoders.base import unit_rows
from search_engine.encoders.projection import project
from search_engine.encoders.projection_learning import (
    LIKENESS_DIRECTIONS,
    LIKENESS_SHARE,
    Learner,
    learn,
    within_classes,
)
from search_engine.evaluate.bootstrap import Interval
from search_engine.evaluate.paired import Change
from search_engine.records import Codes, Vectors

DIMENSION = 40
CLASSES = 6


def gallery(count: int, seed: int = 0, signal: float = 0.8) -> tuple[Vectors, Codes]:
    """Classes differ in a few directions in which items of a class hardly do; noise is louder."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, CLASSES, count)
    middles = np.random.default_rng(99).normal(size=(CLASSES, 4)) * signal
    vectors = random.normal(size=(count, DIMENSION))
    vectors[:, :4] *= 0.1
    vectors[:, :4] += middles[codes]
    return unit_rows(vectors.astype(np.float32)), codes


def nearest_is_right(queries: Vectors, asked: Codes, known: Vectors, codes: Codes) -> float:
    return float((codes[(queries @ known.T).argmax(axis=1)] == asked).mean())


def discriminant(vectors: Vectors, codes: Codes) -> Adapt:
    def adapt(rows: Codes) -> Iterator[Vectors]:
        for mean, matrix in learn(vectors[rows], codes[rows], (0.1, 0.3)):
            yield project(vectors, mean, matrix)

    return adapt


def labelled(vectors: Vectors, codes: Codes) -> Labelled:
    return Labelled(vectors, [f"c{code}" for code in codes], np.arange(len(codes)))


def test_what_tells_classes_apart_is_found_under_louder_noise() -> None:
    vectors, codes = gallery(600)
    asked, truth = gallery(200, seed=1)
    ((mean, matrix),) = learn(vectors, codes, (0.1,))
    before = nearest_is_right(asked, truth, vectors, codes)
    known = project(vectors, mean, matrix)
    after = nearest_is_right(project(asked, mean, matrix), truth, known, codes)
    assert before < 0.45
    assert after > 0.85


def test_two_classes_are_parted_as_fisher_does() -> None:
    random = np.random.default_rng(3)
    spread = random.normal(size=(DIMENSION, DIMENSION)) / 6 + np.eye(DIMENSION)
    codes = np.repeat([0, 1], 2_000)
    vectors = random.normal(size=(4_000, DIMENSION)) @ spread
    vectors[codes == 1] += random.normal(size=DIMENSION)
    ((_, matrix),) = learn(vectors.astype(np.float32), codes, (0.01,))
    within = shrunk_covariance(within_classes(vectors, codes), 0.01)
    apart = vectors[codes == 1].mean(axis=0) - vectors[codes == 0].mean(axis=0)
    fisher = np.linalg.solve(within, apart)
    first = matrix[:, 0]
    cosine = abs(first @ fisher) / np.linalg.norm(first) / np.linalg.norm(fisher)
    assert cosine > 0.98


def test_within_classes_is_the_pooled_covariance() -> None:
    vectors, codes = gallery(300)
    pooled = sum(
        np.cov(vectors[codes == code], rowvar=False) * (np.sum(codes == code) - 1)
        for code in range(CLASSES)
    )
    found = within_classes(vectors.astype(np.float64), codes)
    assert np.allclose(found, pooled / (300 - CLASSES), atol=1e-8)


@pytest.mark.parametrize(
    "codes",
    [
        pytest.param(np.arange(30), id="every class has one item"),
        pytest.param(np.r_[np.zeros(28), 1, 2], id="most classes have one"),
        pytest.param(np.r_[np.full(20, -1), np.repeat([0, 1], 5)], id="most have no class"),
    ],
)
def test_classes_of_one_item_and_items_without_a_class_are_coped_with(codes: Codes) -> None:
    vectors = gallery(30)[0]
    for mean, matrix in learn(vectors, codes.astype(np.int64), (0.03, 0.3)):
        assert matrix.shape == (DIMENSION, min(DIMENSION, int((codes >= 0).sum()) - 1))
        assert np.isfinite(project(vectors, mean, matrix)).all()


def test_the_same_labels_teach_the_same() -> None:
    vectors, codes = gallery(200)
    (one,), (two,) = learn(vectors, codes, (0.1,)), learn(vectors, codes, (0.1,))
    assert np.array_equal(one[0], two[0])
    assert np.array_equal(one[1], two[1])


def test_few_items_teach_the_same_in_more_dimensions() -> None:
    """With fewer items than dimensions only the directions that they span are looked at."""
    random = np.random.default_rng(0)
    codes = random.integers(0, 3, 60)
    narrow = random.normal(size=(60, 50))
    turn = np.linalg.qr(random.normal(size=(100, 50)))[0].T
    ((mean, matrix),) = learn(narrow.astype(np.float32), codes, (0.2,))
    ((far, turned),) = learn((narrow @ turn).astype(np.float32), codes, (1 / 3,))  # half is empty
    cosines = project(narrow.astype(np.float32), mean, matrix)
    others = project((narrow @ turn).astype(np.float32), far, turned)
    assert np.corrcoef((cosines @ cosines.T).ravel(), (others @ others.T).ravel())[0, 1] > 0.99


def test_what_differs_within_classes_keeps_a_share_of_what_lies_between() -> None:
    vectors, codes = gallery(600)
    ((mean, matrix),) = learn(vectors, codes, (0.1,))
    assert matrix.shape == (
        DIMENSION,
        DIMENSION,
    )  # all there are: 5 between classes, the rest within
    rows = (vectors - mean) @ matrix
    middles = np.array([rows[codes == code].mean(axis=0) for code in range(CLASSES)])[codes]
    between = middles[:, : CLASSES - 1].var(axis=0).sum()
    within = (rows - middles)[:, CLASSES - 1 :].var(axis=0).sum()
    assert within == pytest.approx(LIKENESS_SHARE * between, rel=0.02)


def test_finer_classes_than_those_learned_from_stay_together() -> None:
    """Pictures of two kinds, which are learned from, in eight colours each, which are not."""
    random = np.random.default_rng(5)
    kinds, colours = random.integers(0, 2, 600), random.integers(0, 8, 600)
    made = random.normal(size=(600, 200)) * 0.5
    made[:, :20] += (random.normal(size=(2, 20)) * 2)[kinds]
    made[:, 20:40] += random.normal(size=(8, 20))[colours]
    vectors = unit_rows(made.astype(np.float32))
    ((mean, matrix),) = learn(vectors[:500], kinds[:500], (0.1,))
    assert matrix.shape == (200, 1 + LIKENESS_DIRECTIONS)
    rows = project(vectors, mean, matrix)
    for each in (vectors, rows):
        assert nearest_is_right(each[500:], colours[500:], each[:500], colours[:500]) > 0.9
    assert nearest_is_right(rows[500:], kinds[500:], rows[:500], kinds[:500]) > 0.99


def test_the_gate_lets_pass_what_helps() -> None:
    vectors, codes = gallery(400)
    verdict = judge(labelled(vectors, codes), discriminant(vectors, codes))
    assert verdict.accepted
    assert verdict.queries == 400
    change = verdict.changes["accuracy"]
    assert change.after > change.before + 0.2
    assert change.difference.low < change.after - change.before < change.difference.high


def test_the_gate_refuses_what_labels_by_chance_teach() -> None:
    """What was learned fits the labels that it saw, and no others."""
    vectors, _ = gallery(300)
    codes = np.random.default_rng(5).integers(0, CLASSES, 300)
    verdict = judge(labelled(vectors, codes), discriminant(vectors, codes))
    assert not verdict.accepted
    assert verdict.changes["accuracy"].after < 0.35


def test_the_gate_refuses_what_harms() -> None:
    vectors, codes = gallery(300, signal=3.0)

    def forget(rows: Codes) -> list[Vectors]:
        return [unit_rows(vectors[:, 20:])]

    verdict = judge(labelled(vectors, codes), forget)
    assert not verdict.accepted
    assert verdict.changes["accuracy"].is_worse


def test_the_best_candidate_is_chosen() -> None:
    vectors, codes = gallery(300)

    def some(rows: Codes) -> list[Vectors]:
        return [unit_rows(vectors[:, 20:]), *discriminant(vectors, codes)(rows)]

    assert judge(labelled(vectors, codes), some).chosen > 0


@pytest.mark.parametrize("parts", [1, 2])
def test_held_out_items_are_judged_as_folds_are(parts: int) -> None:
    vectors, codes = gallery(400)
    every, held_parts, right = np.arange(400), [], []
    for part in range(parts):
        held = np.flatnonzero(every % 5 == part)
        rest = np.setdiff1d(every, held)
        adapted = list(discriminant(vectors, codes)(rest))
        held_parts.append(HeldPart(labelled(vectors, codes), held, adapted))
        right.append(
            [nearest_is_right(a[held], codes[held], a[rest], codes[rest]) for a in adapted]
        )
    verdict = judge_held_out(held_parts)
    assert verdict.accepted
    assert (verdict.queries, verdict.folds) == (80 * parts, parts)
    found = np.mean(right, axis=0)[verdict.chosen]
    assert verdict.changes["hit_rate@1"].after == pytest.approx(found)


def test_of_what_few_held_out_items_do_not_tell_apart_the_most_cautious_is_chosen() -> None:
    vectors, codes = gallery(400)
    useful, *_ = discriminant(vectors, codes)(np.arange(80, 400))

    def spoilt(rows: slice) -> Vectors:
        found = useful.copy()
        found[rows] *= -1
        return found

    candidates = [spoilt(slice(0, 4)), spoilt(slice(4, 10)), spoilt(slice(0, 40))]
    pairs = replace(labelled(vectors, codes), groups=[f"pair {row // 2}" for row in range(400)])
    part = HeldPart(pairs, np.arange(80), candidates)
    assert judge_held_out([part]).chosen == 1
    assert judge_held_out([replace(part, candidates=candidates[::-1])]).chosen == 2


@pytest.mark.parametrize(
    ("accuracy", "mean_precision", "accepted"),
    [
        ((0.01, 0.03), (-0.01, 0.02), True),
        ((-0.02, 0.03), (0.05, 0.09), False),
        ((-0.02, 0.03), (-0.01, 0.02), False),
        ((0.01, 0.03), (-0.04, -0.01), False),
        ((0.001, 0.003), (-0.01, 0.02), False),
    ],
)
def test_better_by_chance_is_not_better(
    accuracy: tuple[float, float], mean_precision: tuple[float, float], accepted: bool
) -> None:
    def change(ends: tuple[float, float]) -> Change:
        return Change(0.5, 0.5 + sum(ends) / 2, Interval(*ends))

    changes = {
        "accuracy": change(accuracy),
        "map": change(mean_precision),
        "hit_rate@1": change((-0.1, 0.1)),
    }
    assert Verdict(0, changes, 100, 5, chance=0.0).accepted is accepted
    assert not Verdict(0, changes, 100, 5, chance=1.0).accepted


def drifting(count: int) -> Labelled:
    """Two classes whose pictures change in the course of their ids, not so that they cluster."""
    random = np.random.default_rng(0)
    angle = np.linspace(0.0, 1.5, count).repeat(2)
    codes = np.tile([0, 1], count)
    vectors = np.stack([np.cos(angle), np.sin(angle), np.where(codes, 0.1, -0.1)], axis=1)
    vectors = unit_rows((vectors + random.normal(0, 0.05, vectors.shape)).astype(np.float32))
    names = [f"item {row}" for row in range(len(codes))]
    return replace(labelled(vectors, codes), names=names)


def test_what_is_hardest_without_learning_is_held_out() -> None:
    found = drifting(100)
    codes = np.tile([0, 1], 100)
    verdict = judge(found, discriminant(found.vectors, codes), easy=True)
    assert {verdict.held_by, *verdict.easier} == {"things", "order", "one"}
    assert verdict.held_by != "one"
    assert verdict.expected is not None
    low, high = verdict.expected
    assert low < verdict.changes["accuracy"].after < high
    before = {name: pair[0] for name, pair in verdict.easier.items()}
    assert verdict.changes["accuracy"].before <= before["one"]


def test_groups_that_are_given_are_what_is_held_out() -> None:
    found = replace(drifting(100), groups=[str(row // 8) for row in range(200)])
    verdict = judge(found, discriminant(found.vectors, np.tile([0, 1], 100)), easy=True)
    assert {verdict.held_by, *verdict.easier} == {"things", "one"}


def test_relearning_in_the_span_is_projecting_by_what_was_learned() -> None:
    random = np.random.default_rng(0)
    vectors = unit_rows(random.normal(size=(400, 800)).astype(np.float32))
    rows, learner = np.arange(0, 400, 2), Learner(vectors)
    ((mean, matrix),) = learner.learn(rows, rows % 7, (0.1,))
    (relearned,) = learner.relearned(rows, rows % 7, (0.1,))
    np.testing.assert_allclose(relearned, project(vectors, mean, matrix), atol=1e-4)
