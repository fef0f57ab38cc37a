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
from search_engine.metrics import expected_calibration_error
from search_engine.neighbors import Advance
from search_engine.records import Codes, Floats
from search_engine.things import FOLDS
from search_engine.vote.calibration.alike import SHOWN, Alike, fit_alike
from search_engine.vote.calibration.held_out import HeldOut, LeaveOut, Voters, hold_out
from search_engine.vote.calibration.logistic import fit_logistic
from search_engine.vote.calibration.record import (
    CurvePoint,
    Figures,
    LevelFigures,
    LevelModels,
    agreement,
    chances,
    closeness,
    level_features,
    score_tenths,
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
CURVE_POINTS = 200
SURE_Z = 1.28
"""One-sided 90 %: what is promised holds in nine of ten catalogs."""
EXPECTED_DRAWS = 20

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
        raise _too_few(len(held.rows), "items whose label others share")
    factors = balanced_weights(voters) if balanced else None
    rule = _choose(held, VoteRule(per_product=per_product), factors)
    table = path_table(voters.labels)
    found = _count(held.ballots, held.truth, table, rule, factors)
    models = _fit_models(found, held.near)
    honest = _cross_fitted(found, held, seed)
    least = least_score(held)
    return Fit(
        rule,
        held.twin_score,
        least,
        models,
        accuracy_curve(honest, found.right),
        None if factors is None else dict(zip(voters.labels, factors.tolist(), strict=True)),
        _figures(held, found, honest, least, seed),
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
    table = path_table(held.ballots.labels)

    def losses(tried: VoteRule) -> Floats:
        found = _count(held.ballots, held.truth, table, tried, factors)
        sure = chances(found.shares, _fit_models(found, held.near), held.near, found.close)
        return log_losses(found.counted, _leaf(sure), held.truth)

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


def _fit_models(found: _Counted, near: NDArray[np.bool_]) -> Models:
    """Fit, at each level, a regression for near and one for far photos that are right above it."""
    models = []
    above = np.ones(len(near), dtype=np.bool_)
    for depth in range(found.deep.shape[1]):
        here = above & found.deep[:, depth]
        features = level_features(found.shares, depth, found.close)
        right = found.right[:, depth]
        kinds = []
        for kind in (near, ~near):
            enough = np.count_nonzero(here & kind) >= LEAST_TO_FIT
            chosen = here & kind if enough else here
            kinds.append(fit_logistic(features[chosen], right[chosen]))
        models.append(LevelModels(near=kinds[0], far=kinds[1]))
        above = here & right
    return tuple(models)


def _cross_fitted(found: _Counted, held: HeldOut, seed: int) -> Floats:
    """Predict each level by models that did not see the item, (Q, D)."""
    sure = np.full(found.deep.shape, np.nan)
    for away in folds_of(held.rows, seed):
        kept = _rows_of(found, ~away)
        models = _fit_models(kept, held.near[~away])
        asked = _rows_of(found, away)
        sure[away] = chances(asked.shares, models, held.near[away], asked.close)
    return sure


def folds_of(rows: Codes, seed: int) -> list[NDArray[np.bool_]]:
    """Make held-out folds; an item that is asked twice is in one of them."""
    items, place = np.unique(rows, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(items)) % FOLDS
    return [fold[place] == number for number in range(FOLDS)]


def accuracy_curve(sure: Floats, right: NDArray[np.bool_]) -> tuple[CurvePoint, ...]:
    """Compute accuracy and coverage of answering from a confidence on, by ascending confidence.

    The answer is the deepest level that is confident enough. The accuracy is the lower end of
    Wilson's interval, a guarantee rather than an estimate. Geifman and El-Yaniv, "Selective
    classification for deep neural networks", NeurIPS 2017.

    Args:
        sure: Probabilities by level, (Q, D), NaN below the label.
        right: Whether the path is right so far, (Q, D).
    """
    known = np.where(np.isfinite(sure), sure, -1.0)
    points = []
    bars = np.quantile(known[known >= 0], np.linspace(0, 1, CURVE_POINTS), method="nearest")
    for bar in np.unique(bars):
        passed = known >= bar
        answered = passed.any(axis=1)
        deepest = sure.shape[1] - 1 - passed[:, ::-1].argmax(axis=1)
        hits = int(right[np.arange(len(right)), deepest][answered].sum())
        count = int(answered.sum())
        points.append(
            CurvePoint(
                confidence=float(bar),
                accuracy=wilson_lower(hits, count),
                coverage=count / len(sure),
            )
        )
    return tuple(points)


def wilson_lower(hits: int, count: int) -> float:
    """Return the lower end of Wilson's one-sided interval of a share."""
    if count == 0:
        return 0.0
    share, z2 = hits / count, SURE_Z**2
    spread = SURE_Z * np.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return float((share + z2 / (2 * count) - spread) / (1 + z2 / count))


def expected_ece(confidence: Floats, seed: int = 0) -> float:
    """Return the calibration error that exactly right confidences would show.

    The measure is never 0 for finitely many queries; this is the mean over outcomes drawn with
    these confidences (Roelofs et al., "Mitigating bias in calibration error estimation", AISTATS
    2022, on this bias).
    """
    random = np.random.default_rng(seed)
    drawn = [
        expected_calibration_error(confidence, random.random(len(confidence)) < confidence)
        for _ in range(EXPECTED_DRAWS)
    ]
    return float(np.mean(drawn))


def _figures(held: HeldOut, found: _Counted, honest: Floats, least: float, seed: int) -> Figures:
    sure = _leaf(honest)
    right = found.counted.codes[:, 0] == held.truth
    return Figures(
        queries=len(held.rows),
        near_share=float(held.near.mean()),
        left_out=held.left_out,
        accuracy=float(right.mean()),
        ece_before=expected_calibration_error(found.counted.shares[:, 0], right),
        ece_after=expected_calibration_error(sure, right),
        ece_expected=expected_ece(sure, seed),
        levels=_level_figures(honest, found),
        unknown_turned_away=_turned_away(held, least),
    )


def _level_figures(honest: Floats, found: _Counted) -> tuple[LevelFigures, ...]:
    figures = []
    for depth in range(honest.shape[1]):
        here = np.isfinite(honest[:, depth])
        right = found.right[here, depth]
        error = expected_calibration_error(honest[here, depth], right)
        figures.append(LevelFigures(level=depth + 1, accuracy=float(right.mean()), ece=error))
    return tuple(figures)


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


def _turned_away(held: HeldOut, least: float) -> float | None:
    """Return the share of items that would be too far if the catalog lacked their label."""
    other = (held.ballots.codes >= 0) & (held.ballots.codes != held.truth[:, None])
    best = np.where(other, held.ballots.scores, -np.inf).max(axis=1, initial=-np.inf)
    known = np.isfinite(best)
    return float((best[known] < least).mean()) if known.any() else None


def _leaf(sure: Floats) -> Floats:
    """Return the probability of the whole label, (Q,)."""
    deepest = np.maximum(np.isfinite(sure).sum(axis=1) - 1, 0)
    return np.asarray(np.nan_to_num(sure[np.arange(len(sure)), deepest]))


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
