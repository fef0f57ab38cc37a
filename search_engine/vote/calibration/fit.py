"""Find the `Calibration` of a gallery from its own items, by pure, seeded functions.

k and temperature minimise the log loss over held-out items: the mean negative logarithm of the
probability of the true label, a proper scoring rule. The regressions are fitted with them; their
reported quality is cross-fitted, by scikit-learn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from search_engine.errors import ParameterError
from search_engine.neighbors import Advance
from search_engine.records import Codes, Floats
from search_engine.things import FOLDS
from search_engine.vote.calibration.alike import SHOWN, Alike, fit_alike
from search_engine.vote.calibration.held_out import HeldOut, LeaveOut, Voters, hold_out
from search_engine.vote.calibration.logistic import fit_logistic
from search_engine.vote.calibration.record import (
    CurvePoint,
    Figures,
    LevelModels,
    agreement,
    chances,
    closeness,
    level_features,
    score_tenths,
)
from search_engine.vote.calibration.reliability import (
    Outcomes,
    accuracy_curve,
    figures_of,
    label_chances,
)
from search_engine.vote.label_paths import LevelShares, PathTable, level_shares, path_table
from search_engine.vote.tally import Ballots, Tally, VoteRule, tally

QUERIES = 5_000
"""Held-out items, at most; they are always compared with the whole gallery."""
NEIGHBORS_TRIED = (5, 10, 20, 30, 50)
TEMPERATURES_TRIED = (0.03, 0.05, 0.07, 0.1)
LEAST_ITEMS = 50
LEAST_TO_FIT = 20
LEAST_PROBABILITY = 1e-3
TOO_FAR_QUANTILE = 0.002
"""Half of that rejects 0.949 of vegetables in a catalog of clothes, this value 0.965. Of new photos
of clothes both wrongly reject 0.003, of groceries half of it 0.003 and this value 0.010."""
INDIFFERENT = 0.002
"""Log losses that differ by less are equal, as rounding or another processor may swap them."""

Models = tuple[LevelModels, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """The result of a fit; see `Calibration`."""

    rule: VoteRule
    twin_score: float
    least_score: float
    levels: Models
    curve: tuple[CurvePoint, ...]
    class_weights: dict[str, float] | None
    figures: Figures
    alike: Alike | None = None
    score_tenths: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class _Counted:
    """Votes of the held-out items under one rule: shares by level, and whether each was right."""

    counted: Tally
    shares: LevelShares
    right: NDArray[np.bool_]
    deep: NDArray[np.bool_]
    close: Floats


def fit_labels(
    voters: Voters,
    *,
    leave_out: LeaveOut | None = None,
    per_product: bool = False,
    balanced: bool = False,
    queries: int = QUERIES,
    seed: int = 0,
    held: HeldOut | None = None,
    advance: Advance = lambda count: None,
) -> Fit:
    """Fit a target with one label an item.

    What is promised, accuracy by confidence and all figures, is that of items that were asked
    without all that they are left out with: photos to come are no easier.

    Args:
        voters: The whole gallery.
        leave_out: See `held_out`; None for products if they are known, else scenes.
        per_product: Count a product once, however many photos it has.
        balanced: Give the votes of rare labels more weight: N / (labels * items of the label).
        queries: Held-out items, at most.
        seed: Selects items and folds.
        held: Held-out items with known neighbors; None finds them in the gallery.
        advance: Called with the number of items done since the last call.

    Raises:
        ParameterError: There are too few labelled items, or fewer than two labels.
    """
    check_enough(voters, len(voters.labels))
    leave_out = leave_out or voters.leave_out
    held = held or hold_out(voters, queries, leave_out, seed, advance)
    if len(held.rows) < LEAST_ITEMS:
        raise _too_few(len(held.rows), "items whose value others share")
    factors = balanced_weights(voters) if balanced else None
    rule = _choose(held, VoteRule(per_product=per_product), factors)
    return _fitted(voters, held, rule, factors, seed)


def _fitted(
    voters: Voters, held: HeldOut, rule: VoteRule, factors: Floats | None, seed: int
) -> Fit:
    """Fit regressions and figures by a rule; `factors` weigh the votes of labels, (labels,)."""
    found = _count(held.ballots, held.truth, path_table(voters.labels), rule, factors)
    models = _fit_models(found, held.near, held.hard)
    honest = _outcomes(found, held, seed).at(held.hard)
    least = least_score(held)
    return Fit(
        rule,
        held.twin_score,
        least,
        models,
        accuracy_curve(honest),
        None if factors is None else dict(zip(voters.labels, factors.tolist(), strict=True)),
        figures_of(
            honest,
            seed,
            near_share=float(held.near.mean()),
            left_out=held.left_out,
            easy_accuracy=_easy_accuracy(held, rule, factors),
            unknown_turned_away=_turned_away(held, least),
        ),
        _alike(held, voters),
        score_tenths(held.ballots.scores),
    )


def _alike(held: HeldOut, voters: Voters) -> Alike | None:
    """Fit how probably neighbors of held-out items share their label or product."""
    scores = held.ballots.scores[:, :SHOWN]
    labels = held.ballots.codes[:, :SHOWN]
    products = voters.products[held.places[:, :SHOWN]]
    same_product = (products >= 0) & (products == voters.products[held.rows][:, None])
    pairs = np.isfinite(scores) & ((labels >= 0) | same_product)
    if not pairs.any():
        return None
    same = (labels == held.truth[:, None]) | same_product
    return fit_alike(scores[pairs], same[pairs])


def balanced_weights(voters: Voters) -> Floats:
    """Return N / (labels * items of the label), as scikit-learn's "balanced"; shape (labels,)."""
    known = voters.codes[voters.codes >= 0]
    counts = np.bincount(known, minlength=len(voters.labels))
    return np.asarray(len(known) / (len(voters.labels) * np.maximum(counts, 1)))


def _choose(held: HeldOut, rule: VoteRule, factors: Floats | None) -> VoteRule:
    table, near = path_table(held.ballots.labels), held.near

    def losses(tried: VoteRule) -> Floats:
        found = _count(held.ballots, held.truth, table, tried, factors)
        models = _fit_models(found, near, held.hard)
        sure = chances(found.shares, models, near, found.close)
        return log_losses(found.counted, label_chances(sure), held.truth)

    return least_loss(rule, losses)


def least_loss(rule: VoteRule, losses: Callable[[VoteRule], Floats]) -> VoteRule:
    """Return the rule with fewest neighbors whose loss is the least, or nearly so.

    Nearly means within one standard error of the paired difference (Breiman et al., "Classification
    and regression trees", 1984: the one-standard-error rule), or a negligible difference. Among
    equally good temperatures, the one closest to the default is taken.

    Args:
        rule: The settings that stay unchanged.
        losses: Returns the loss of each item under a rule, (Q,).
    """
    tried = [
        (one, losses(one))
        for k in NEIGHBORS_TRIED
        for temperature in TEMPERATURES_TRIED
        for one in (replace(rule, k=k, temperature=temperature),)
    ]
    _, least = min(tried, key=lambda each: float(each[1].mean()))
    floor, usual = float(least.mean()) + INDIFFERENT, VoteRule().temperature
    good = [
        (one.k, max(float(found.mean()), floor), abs(one.temperature - usual), one)
        for one, found in tried
        if (found - least).mean() <= max((found - least).std() / np.sqrt(len(least)), INDIFFERENT)
    ]
    return min(good, key=lambda each: each[:3])[3]


def log_losses(counted: Tally, sure: Floats, truth: Codes) -> Floats:
    """Compute -log(probability of the true label) of each item, (Q,).

    The probability that the winner does not get is distributed to the others by their votes.
    """
    if counted.codes.shape[1] == 0:
        return np.full(len(truth), -np.log(LEAST_PROBABILITY))
    voted = np.where(counted.codes == truth[:, None], counted.shares, 0.0).sum(axis=1)
    winner = counted.shares[:, 0]
    others = (1.0 - sure) * voted / np.maximum(1.0 - winner, LEAST_PROBABILITY)
    given = np.where(counted.codes[:, 0] == truth, sure, others)
    return np.asarray(-np.log(np.clip(np.nan_to_num(given), LEAST_PROBABILITY, 1.0)))


def _count(
    ballots: Ballots, truth: Codes, table: PathTable, rule: VoteRule, factors: Floats | None
) -> _Counted:
    counted = tally(ballots, rule, factors)
    shares = level_shares(counted, table)
    right = agreement(counted, table, truth)
    close = closeness(ballots, score_tenths(ballots.scores))
    return _Counted(counted, shares, right, np.isfinite(shares.share), close)


def _fit_models(found: _Counted, near: NDArray[np.bool_], hard: NDArray[np.bool_]) -> Models:
    """Fit, at each level, a regression for near and one for far photos that are right above it.

    They are fitted to hard items if these are enough, else to all of the kind, or of both kinds.
    """
    models = []
    above = np.ones(len(near), dtype=np.bool_)
    for depth in range(found.deep.shape[1]):
        here = above & found.deep[:, depth]
        features = level_features(found.shares, depth, found.close)
        right = found.right[:, depth]
        kinds = []
        for kind in (near, ~near):
            tried = (here & kind & hard, here & kind)
            chosen = next((one for one in tried if np.count_nonzero(one) >= LEAST_TO_FIT), here)
            kinds.append(fit_logistic(features[chosen], right[chosen]))
        models.append(LevelModels(near=kinds[0], far=kinds[1]))
        above = here & right
    return tuple(models)


def _cross_fitted(found: _Counted, held: HeldOut, seed: int) -> Floats:
    """Predict each level by models that did not see the item, (Q, D)."""
    sure, near = np.full(found.deep.shape, np.nan), held.near
    for away in folds_of(held.things, seed):
        kept = _rows_of(found, ~away)
        models = _fit_models(kept, near[~away], held.hard[~away])
        asked = _rows_of(found, away)
        sure[away] = chances(asked.shares, models, near[away], asked.close)
    return sure


def _outcomes(found: _Counted, held: HeldOut, seed: int) -> Outcomes:
    right, sure = found.counted.codes[:, 0] == held.truth, _cross_fitted(found, held, seed)
    return Outcomes(sure, found.right, right, found.counted.shares[:, 0], held.things)


def folds_of(things: Codes, seed: int) -> list[NDArray[np.bool_]]:
    """Make held-out folds; all that was asked of a thing, (Q,), is in one of them."""
    several, place = np.unique(things, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(several)) % FOLDS
    return [fold[place] == number for number in range(FOLDS)]


def least_score(held: HeldOut) -> float:
    """Return the score that the nearest neighbors of all but one in 500 far items reach.

    With fewer than 500 items it is extrapolated from the farthest of N, about one in N, with the
    distances from the median in a normal distribution. New photos differ more from what a
    fine-tuned network has learned than held-out items do: of the groceries' validation photos 21 %
    were farther than the farthest of 264 items. For those it is twice as far from the median as the
    farthest item.
    """
    best = held.ballots.scores[~held.near].max(axis=1, initial=-1.0)
    if not len(best):
        return -1.0
    median, least = float(np.median(best)), float(np.quantile(best, TOO_FAR_QUANTILE))
    deviation = NormalDist().inv_cdf
    seen = max(TOO_FAR_QUANTILE, 1 / (len(best) + 2))
    reach = 2.0 if held.is_sample else deviation(TOO_FAR_QUANTILE) / deviation(seen)
    return median - reach * (median - least)


def _easy_accuracy(held: HeldOut, rule: VoteRule, factors: Floats | None) -> float | None:
    """Return the accuracy of items that were held out one by one; None where none were."""
    if held.one_by_one is None:
        return None
    ballots, truth = held.one_by_one
    return float((tally(ballots, rule, factors).codes[:, 0] == truth).mean())


def _turned_away(held: HeldOut, least: float) -> float | None:
    """Return the share of items that would be too far if the catalog lacked their label."""
    other = (held.ballots.codes >= 0) & (held.ballots.codes != held.truth[:, None])
    best = np.where(other, held.ballots.scores, -np.inf).max(axis=1, initial=-np.inf)
    known = np.isfinite(best)
    return float((best[known] < least).mean()) if known.any() else None


def _rows_of(found: _Counted, chosen: NDArray[np.bool_]) -> _Counted:
    return _Counted(
        Tally(found.counted.codes[chosen], found.counted.shares[chosen]),
        LevelShares(found.shares.share[chosen], found.shares.rival[chosen]),
        found.right[chosen],
        found.deep[chosen],
        found.close[chosen],
    )


def check_enough(voters: Voters, different: int) -> None:
    """Raise ParameterError unless there are enough items that vote, for at least two labels."""
    labelled = int(np.count_nonzero(voters.codes >= 0))
    if labelled < LEAST_ITEMS:
        raise _too_few(labelled, "labelled items")
    if different < 2:
        raise ParameterError("all items have the same value: there is nothing to calibrate")


def _too_few(count: int, what: str) -> ParameterError:
    return ParameterError(
        f"{count} {what} are too few to calibrate", fix=f"index at least {LEAST_ITEMS}"
    )


def known_labels(labels: Sequence[str | None]) -> tuple[tuple[str, ...], Codes]:
    """Return the distinct labels, ascending, and the position of each item's label; -1 for None."""
    names = tuple(sorted({label for label in labels if label is not None}))
    number = {label: code for code, label in enumerate(names)}
    codes = np.array([-1 if one is None else number[one] for one in labels], dtype=np.int64)
    return names, codes
