"""From the neighbors of a photo to its class: calibrated where the question allows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search_engine.calibration.record import Calibration
from search_engine.errors import ParameterError
from search_engine.records import Neighbor, Prediction
from search_engine.tally import VoteRule
from search_engine.value_votes import predict_values, value_table
from search_engine.voting import predict, value_of, values_of

NEIGHBORS = 10
"""That vote where nothing is calibrated and nobody says how many."""
CHANGES_THE_VOTE = ("filter", "group_by", "min_score")
"""Options of a search that let others vote than those that were calibrated."""


@dataclass(frozen=True, slots=True)
class Question:
    """How a class is asked for: options of the search, and the vote on what it finds.

    `fitted` is None where the vote is not the one that was calibrated.
    """

    target: str
    options: Mapping[str, Any]
    rule: VoteRule
    fitted: Calibration | None
    min_confidence: float | None

    def answer(self, neighbors: Sequence[Neighbor]) -> Prediction:
        """The prediction that neighbors, best first, give."""
        products = [one.item.product_id for one in neighbors]
        lists = [_values(one, self.target) for one in neighbors]
        if any(is_list for _, is_list in lists) or (self.fitted and self.fitted.values):
            valued = [
                (values, one.score) for (values, _), one in zip(lists, neighbors, strict=True)
            ]
            if self.fitted is not None and self.fitted.values is not None:
                return self.fitted.vote_values(
                    valued, products=products, min_confidence=self.min_confidence
                )
            return predict_values(value_table(valued, products), self.rule)
        if self.fitted is None or not self.fitted.levels:
            return predict(neighbors, self.target, self.rule)
        labelled = [(value_of(one.item, self.target), one.score) for one in neighbors]
        return self.fitted.vote(
            labelled, products=products, min_confidence=self.min_confidence or 0.0
        )


def ask(
    target: str,
    fitted: Calibration | None,
    k: int | None,
    rule: VoteRule | None,
    accept_accuracy: float | None,
    options: Mapping[str, Any],
) -> Question:
    """The question that was asked, by the calibration if it is the one that was calibrated.

    Args:
        target: What is voted on.
        fitted: The calibration of the target, if there is one.
        k: Neighbors that vote; None for those that were found best, or 10.
        rule: Another vote than the calibrated one.
        accept_accuracy: Answer only where so many answers are right.
        options: Of the search.

    Raises:
        ParameterError: An accuracy is asked for where nothing can promise it.
    """
    usual = rule is None and not any(options.get(name) is not None for name in CHANGES_THE_VOTE)
    if fitted is not None and usual and k in (None, fitted.rule.k):
        bar = None if accept_accuracy is None else _confidence(fitted, accept_accuracy)
        group = {"group_by": "product_id"} if fitted.rule.per_product else {}
        found = {**options, **group, "k": fitted.rule.k}
        return Question(target, found, fitted.rule, fitted, bar)
    if accept_accuracy is not None:
        raise ParameterError(
            "nothing is known of the accuracy of this vote",
            where="accept_accuracy",
            fix="leave out k, filter, group_by and min_score"
            if fitted
            else f"calibrate {target} first: `eyedex calibrate`",
        )
    return Question(
        target, {**options, "k": NEIGHBORS if k is None else k}, rule or VoteRule(), None, None
    )


def _confidence(fitted: Calibration, accuracy: float) -> float:
    if not 0.0 < accuracy < 1.0:
        raise ParameterError(
            "not an accuracy", where="accept_accuracy", fix="give a share between 0 and 1"
        )
    return fitted.threshold(accuracy).confidence


def _values(neighbor: Neighbor, target: str) -> tuple[tuple[str, ...] | None, bool]:
    """The values of an item, a single one as a list of one; and whether it is a list."""
    values = values_of(neighbor.item, target)
    if values is not None:
        return values, True
    single = value_of(neighbor.item, target)
    return (None if single is None else (single,)), False
