"""Find the `Calibration` of a target with several values a picture, by pure, seeded functions.

Like `fit`, but for each value: every value that got a vote is one case, right or wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.metrics import expected_calibration_error
from search_engine.neighbors import Advance
from search_engine.records import Codes, Floats
from search_engine.vote.calibration.fit import (
    LEAST_PROBABILITY,
    LEAST_TO_FIT,
    QUERIES,
    Fit,
    check_enough,
    folds_of,
    least_loss,
    least_score,
)
from search_engine.vote.calibration.held_out import HeldOut, LeaveOut, Voters, hold_out
from search_engine.vote.calibration.logistic import fit_logistic
from search_engine.vote.calibration.record import CurvePoint, Figures
from search_engine.vote.calibration.reliability import CURVE_POINTS, expected_ece, wilson_lower
from search_engine.vote.tally import VoteRule
from search_engine.vote.values import (
    MAJORITY,
    ValueModel,
    ValueShares,
    ValueTable,
    log_odds,
    value_shares,
)


@dataclass(frozen=True, slots=True)
class ItemValues:
    """The values of N items in one list: item n has codes[starts[n]:starts[n + 1]].

    `names` ascend; `known` is False for items without the attribute.
    """

    names: tuple[str, ...]
    codes: Codes
    starts: Codes
    known: NDArray[np.bool_]

    @property
    def has(self) -> set[tuple[int, int]]:
        """All pairs of an item and one of its values."""
        items = np.repeat(np.arange(len(self.known)), np.diff(self.starts))
        return set(zip(items.tolist(), self.codes.tolist(), strict=True))


def item_values(values: Sequence[Sequence[str] | None]) -> ItemValues:
    """Convert the values of items, None for items without the attribute."""
    names = tuple(sorted({value for each in values for value in each or ()}))
    number = {value: code for code, value in enumerate(names)}
    codes = np.array([number[one] for each in values for one in each or ()], dtype=np.int64)
    starts = np.cumsum([0, *(len(each or ()) for each in values)], dtype=np.int64)
    known = np.array([each is not None for each in values], dtype=np.bool_)
    return ItemValues(names, codes, starts, known)


def fit_values(
    voters: Voters,
    values: ItemValues,
    *,
    per_product: bool = False,
    queries: int = QUERIES,
    seed: int = 0,
    held: HeldOut | None = None,
    advance: Advance = lambda count: None,
) -> tuple[Fit, ValueModel]:
    """Fit a target with several values an item.

    Args:
        voters: The whole gallery; codes are 0 for items with values, and labels are ignored.
        values: The values of each item.
        per_product: Count a product once, however many photos it has.
        queries: Held-out items, at most.
        seed: Selects the items.
        held: Held-out items with known neighbors; None finds them in the gallery.
        advance: Called with the number of items done since the last call.

    Raises:
        ParameterError: There are too few items with values.
    """
    check_enough(voters, len(values.names))
    leave_out: LeaveOut = "one" if voters.leave_out == "scene" else voters.leave_out
    held = held or hold_out(voters, queries, leave_out, seed, advance)
    table = held_table(held, values)
    has = values.has

    def losses(tried: VoteRule) -> Floats:
        cases = _cases(held, table, tried, has)
        return _losses(held, cases, _fit_model(cases), has, values)

    rule = least_loss(VoteRule(per_product=per_product), losses)
    cases = _cases(held, table, rule, has)
    model = _with_thresholds(_fit_model(cases), cases, values)
    honest = _cross_fitted(held, cases, seed)
    hard = held.hard
    judged = hard[cases.found.rows]
    cases, honest, asked = cases.at(judged), honest[judged], int(np.count_nonzero(hard))
    figures = _figures(held, cases, honest, model, values, seed)
    curve = _curve(cases, honest, asked)
    fit = Fit(rule, held.twin_score, least_score(held), (), curve, None, figures)
    return fit, model


@dataclass(frozen=True, slots=True)
class _Cases:
    """Values that got votes: the query, the value, its share, and whether the query has it."""

    found: ValueShares
    right: NDArray[np.bool_]

    def at(self, chosen: NDArray[np.bool_]) -> "_Cases":
        """Select cases."""
        found = self.found
        shares = ValueShares(found.rows[chosen], found.codes[chosen], found.shares[chosen])
        return _Cases(shares, self.right[chosen])


def held_table(held: HeldOut, values: ItemValues) -> ValueTable:
    """Collect the values of the neighbors of held-out items."""
    here = np.isfinite(held.ballots.scores) & values.known[held.places]
    rows, columns = np.nonzero(here)
    places = held.places[rows, columns]
    counts = values.starts[places + 1] - values.starts[places]
    first = np.repeat(values.starts[places], counts)
    inside = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return ValueTable(
        held.ballots,
        np.repeat(rows, counts),
        np.repeat(columns, counts),
        values.codes[first + inside],
        values.names,
    )


def _cases(held: HeldOut, table: ValueTable, rule: VoteRule, has: set[tuple[int, int]]) -> _Cases:
    found = value_shares(table, rule)
    pairs = zip(held.rows[found.rows].tolist(), found.codes.tolist(), strict=True)
    return _Cases(found, np.fromiter((pair in has for pair in pairs), np.bool_, len(found.rows)))


def _fit_model(cases: _Cases) -> ValueModel:
    features = np.stack([log_odds(cases.found.shares), np.zeros(len(cases.right))], axis=1)
    fitted = fit_logistic(features, cases.right)
    return ValueModel(bias=fitted.bias, share=fitted.share, threshold=MAJORITY, thresholds={})


def _losses(
    held: HeldOut,
    cases: _Cases,
    model: ValueModel,
    has: set[tuple[int, int]],
    values: ItemValues,
) -> Floats:
    """Compute the log loss of each query, over its values and those that got a vote, (Q,)."""
    sure = model.probabilities(cases.found.shares)
    given = np.clip(np.where(cases.right, sure, 1.0 - sure), LEAST_PROBABILITY, 1.0)
    count = len(held.rows)
    loss = np.bincount(cases.found.rows, -np.log(given), minlength=count)
    own = (values.starts[held.rows + 1] - values.starts[held.rows]).astype(np.float64)
    missed = own - np.bincount(cases.found.rows, cases.right, minlength=count)
    return np.asarray(loss - missed * np.log(LEAST_PROBABILITY))


def _with_thresholds(model: ValueModel, cases: _Cases, values: ItemValues) -> ValueModel:
    """Find thresholds with the best F1, for all values together and for each with enough cases."""
    sure = model.probabilities(cases.found.shares)
    each = {}
    for code in np.unique(cases.found.codes):
        mine = cases.found.codes == code
        right = cases.right[mine]
        if min(right.sum(), (~right).sum()) >= LEAST_TO_FIT:
            each[values.names[code]] = best_threshold(sure[mine], right)
    return model.model_copy(
        update={"threshold": best_threshold(sure, cases.right), "thresholds": each}
    )


def best_threshold(sure: Floats, right: NDArray[np.bool_]) -> float:
    """Find the probability threshold with the best F1; among equals, the highest."""
    if not right.any():
        return 1.0
    order = np.argsort(-sure, kind="stable")
    hits = np.cumsum(right[order])
    scores = 2.0 * hits / (np.arange(1, len(hits) + 1) + right.sum())
    last = np.r_[np.diff(sure[order]) != 0, True]
    return float(sure[order][np.where(last, scores, -1.0).argmax()])


def _cross_fitted(held: HeldOut, cases: _Cases, seed: int) -> Floats:
    sure = np.zeros(len(cases.right))
    for away in folds_of(held.things, seed):
        mine = away[cases.found.rows]
        model = _fit_model(cases.at(~mine))
        sure[mine] = model.probabilities(cases.found.shares[mine])
    return sure


def _curve(cases: _Cases, sure: Floats, queries: int) -> tuple[CurvePoint, ...]:
    """Compute precision of answered values, and share of pictures with any, by probability."""
    points = []
    if len(sure) == 0:
        return ()
    bars = np.quantile(sure, np.linspace(0, 1, CURVE_POINTS), method="nearest")
    for bar in np.unique(bars):
        passed = sure >= bar
        answered = len(np.unique(cases.found.rows[passed]))
        points.append(
            CurvePoint(
                confidence=float(bar),
                accuracy=wilson_lower(int(cases.right[passed].sum()), int(passed.sum())),
                coverage=answered / queries,
            )
        )
    return tuple(points)


def _figures(
    held: HeldOut,
    cases: _Cases,
    honest: Floats,
    model: ValueModel,
    values: ItemValues,
    seed: int,
) -> Figures:
    """Compute figures; accuracy is the precision of the values above the thresholds."""
    bars = np.array([model.thresholds.get(name, model.threshold) for name in values.names])
    said = honest >= bars[cases.found.codes] if len(honest) else np.zeros(0, np.bool_)
    return Figures(
        queries=int(np.count_nonzero(held.hard)),
        near_share=float(held.near.mean()),
        left_out=held.left_out,
        accuracy=float(cases.right[said].mean()) if said.any() else 0.0,
        ece_before=expected_calibration_error(cases.found.shares, cases.right),
        ece_after=expected_calibration_error(honest, cases.right),
        ece_expected=expected_ece(honest, seed),
    )
