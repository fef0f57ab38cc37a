"""From a photo to its class: by the vote of its neighbors, or by a trained classifier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from search_engine.calibration.record import Calibration
from search_engine.classifiers import base
from search_engine.classifiers.base import Model
from search_engine.errors import ParameterError
from search_engine.records import Neighbor, Prediction, Vectors
from search_engine.tally import VoteRule
from search_engine.value_votes import predict_values, value_table
from search_engine.voting import predict, value_of, values_of

NEIGHBORS = 10
"""That vote where nothing is calibrated and nobody says how many."""
CHANGES_THE_VOTE = ("filter", "group_by", "min_score", "rerank", "weights")
"""Options of a search that let others vote than those that were calibrated."""

Warnings = Mapping[str, str]
"""What to know of the answers, by code, in words."""


class Question(Protocol):
    """How a class is asked for: options of the search, and the answer to what it finds."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Of the search for the neighbors."""
        ...

    @property
    def warnings(self) -> Warnings:
        """What to know of the answers."""
        ...

    def answers(
        self, vectors: Vectors, neighbors: Sequence[Sequence[Neighbor]]
    ) -> list[Prediction]:
        """The predictions for embeddings (Q, D) and the neighbors of each, best first."""
        ...


@dataclass(frozen=True, slots=True)
class ModelQuestion:
    """A trained classifier answers; the neighbors are evidence only."""

    model: Model
    options: Mapping[str, Any]
    warnings: Warnings = field(default_factory=dict)

    def answers(
        self, vectors: Vectors, neighbors: Sequence[Sequence[Neighbor]]
    ) -> list[Prediction]:
        """See Question."""
        return base.predict(self.model, vectors)


@dataclass(frozen=True, slots=True)
class VoteQuestion:
    """The neighbors vote; `fitted` is None where that is not the vote that was calibrated."""

    target: str
    options: Mapping[str, Any]
    rule: VoteRule
    fitted: Calibration | None
    min_confidence: float | None
    warnings: Warnings = field(default_factory=dict)

    def answers(
        self, vectors: Vectors, neighbors: Sequence[Sequence[Neighbor]]
    ) -> list[Prediction]:
        """See Question."""
        return [self._answer(each) for each in neighbors]

    def _answer(self, neighbors: Sequence[Neighbor]) -> Prediction:
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


def ask_model(
    model: Model,
    outdated: str | None,
    k: int | None,
    rule: VoteRule | None,
    accept_accuracy: float | None,
    options: Mapping[str, Any],
) -> ModelQuestion:
    """The question to a trained classifier.

    Args:
        model: Who answers.
        outdated: What to say where the collection changed since it was trained.
        k: Neighbors that are shown as evidence; None for 10.
        rule: There is no vote, so it must be None.
        accept_accuracy: Nothing is known of it, so it must be None.
        options: Of the search.

    Raises:
        ParameterError: A vote or an accuracy is asked for.
    """
    if rule is not None:
        raise ParameterError("a trained classifier has no vote", where="rule", fix="leave it out")
    if accept_accuracy is not None:
        raise ParameterError(
            "nothing is known of the accuracy of a trained classifier's answers",
            where="accept_accuracy",
            fix="leave it out, or the classifier",
        )
    warnings = {} if outdated is None else {"classifier_outdated": outdated}
    return ModelQuestion(model, {**options, "k": NEIGHBORS if k is None else k}, warnings)


def ask_vote(
    target: str,
    fitted: Calibration | None,
    outdated: str | None,
    k: int | None,
    rule: VoteRule | None,
    accept_accuracy: float | None,
    options: Mapping[str, Any],
) -> VoteQuestion:
    """The question that was asked, by the calibration if it is the one that was calibrated.

    Args:
        target: What is voted on.
        fitted: The calibration of the target, if there is one.
        outdated: What to say where too much changed since it was calibrated.
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
        warnings = {} if outdated is None else {"calibration_outdated": outdated}
        return VoteQuestion(target, found, fitted.rule, fitted, bar, warnings)
    if accept_accuracy is not None:
        raise ParameterError(
            "nothing is known of the accuracy of this vote",
            where="accept_accuracy",
            fix="leave out k, filter, group_by and min_score"
            if fitted
            else f"calibrate {target} first: `eyedex calibrate`",
        )
    return VoteQuestion(
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
