"""Questions for a class: what to search, and how the neighbors that vote answer.

`k` is how many neighbors are shown; the calibrated rule determines who votes, whatever is shown.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol

import numpy as np

from search_engine.catalog.fields import value_of, values_of
from search_engine.errors import ParameterError
from search_engine.records import Neighbor, Prediction, SearchResult, Vectors
from search_engine.search.candidates import DECIMALS
from search_engine.search.declared import OPTIONS
from search_engine.search.given_labels import check_labels
from search_engine.search.options import ClassifyArguments, SearchOptions, check_k, search_options
from search_engine.vote.calibration.record import Calibration
from search_engine.vote.knowledge import VoteKnowledge
from search_engine.vote.labels import vote
from search_engine.vote.tally import VoteRule
from search_engine.vote.values import predict_values, value_table

NEIGHBORS = 10
"""Default number of voters without calibration."""

UNCALIBRATED: Mapping[str, str] = MappingProxyType(
    {
        **{
            each.name: f"`{each.name}` makes it another vote"
            for each in OPTIONS
            if each.changes_vote
        },
        "not_calibrated": "the vote was not calibrated yet",
        "nothing_held_out": "too few items had its label to hold any out when it was trained",
        "labels": "labels that are given are compared with the picture in words",
        "rule": "it goes by another rule than the one that was calibrated",
        "vote_k": "another number of neighbors votes than was calibrated",
        "filter": "a filter lets other items vote than those that were calibrated",
        "rerank": "re-ranking lets other items vote than those that were calibrated",
        "weights": "weights make another likeness than the one that was calibrated",
    }
)
"""Reasons why a confidence is not a calibrated probability, by code."""

Warnings = Mapping[str, str]
"""Warnings about answers, by code."""

Find = Callable[[SearchOptions], list[SearchResult]]
"""The results of a search for some subjects, under options."""


class Question(Protocol):
    """A way to classify: which neighbors to search for, and how they make a prediction."""

    @property
    def shown(self) -> SearchOptions:
        """Options of the search for the neighbors to show."""
        ...

    @property
    def voting(self) -> SearchOptions:
        """Options of the search for the neighbors that vote."""
        ...

    @property
    def warnings(self) -> Warnings:
        """Warnings about the answers."""
        ...

    def answers(
        self, vectors: Vectors, neighbors: Sequence[Sequence[Neighbor]]
    ) -> list[Prediction]:
        """The predictions for embeddings (Q, D) and the voting neighbors of each, best first."""
        ...


def ask(question: Question, find: Find) -> list[SearchResult]:
    """Return what a search finds for each subject, with the prediction.

    One search finds both the voters and the neighbors to show, if possible.

    Args:
        question: The question.
        find: Runs a search with some options.
    """
    shown, voting = question.shown, question.voting
    if replace(shown, k=0) == replace(voting, k=0):
        results = voters = find(replace(shown, k=max(shown.k, voting.k)))
    else:
        results, voters = find(shown), find(voting)
    if not results:
        return []
    predictions = question.answers(
        np.concatenate([each.vector for each in results]),
        [each.neighbors[: voting.k] for each in voters],
    )
    return [
        replace(
            result,
            neighbors=result.neighbors[: shown.k],
            next_cursor=None,
            prediction=prediction,
            warnings=tuple(dict.fromkeys((*voted.warnings, *result.warnings, *notes_of(question)))),
        )
        for result, voted, prediction in zip(results, voters, predictions, strict=True)
    ]


def notes_of(question: Question) -> tuple[str, ...]:
    """Format the warnings as answers have them: `code: sentence`."""
    return tuple(f"{code}: {text}" for code, text in question.warnings.items())


@dataclass(frozen=True, slots=True)
class VoteQuestion:
    """A vote of the neighbors; it is the calibrated vote if `uncalibrated_because` is None.

    `least_score` is the cosine below which a photo resembles nothing, -1 if unknown.
    """

    target: str
    shown: SearchOptions
    voting: SearchOptions
    rule: VoteRule
    fitted: Calibration | None
    uncalibrated_because: str | None
    least_score: float = -1.0
    min_confidence: float | None = None
    has_values: bool = True
    warnings: Warnings = field(default_factory=dict)

    @property
    def calibrated(self) -> Calibration | None:
        """The calibration, if this is the vote that was calibrated."""
        if self.fitted is None or self.uncalibrated_because is not None:
            return None
        least = max(self.fitted.least_score, self.least_score)
        return self.fitted.model_copy(update={"least_score": least})

    @property
    def class_weights(self) -> Mapping[str, float] | None:
        """The factor of each label's votes, if votes are balanced."""
        return None if self.fitted is None else self.fitted.class_weights

    def answers(
        self, vectors: Vectors, neighbors: Sequence[Sequence[Neighbor]]
    ) -> list[Prediction]:
        """See Question."""
        return [self._said(self._answer(each)) for each in neighbors]

    def _said(self, found: Prediction) -> Prediction:
        reason = found.reason if self.has_values or found.reason != "too_few" else "no_labels"
        because = None if found.calibrated else self.uncalibrated_because or "not_calibrated"
        return replace(found, reason=reason, uncalibrated_because=because)

    def _answer(self, neighbors: Sequence[Neighbor]) -> Prediction:
        fitted = self.calibrated
        products = [one.item.product_id for one in neighbors]
        lists = [_values(one, self.target) for one in neighbors]
        if any(is_list for _, is_list in lists) or (self.fitted and self.fitted.values):
            valued = [
                (values, one.score) for (values, _), one in zip(lists, neighbors, strict=True)
            ]
            if fitted is not None and fitted.values is not None:
                return fitted.vote_values(
                    valued, products=products, min_confidence=self.min_confidence
                )
            table = value_table(valued, products)
            return predict_values(table, self.rule, least_score=self.least_score)
        labelled = [(value_of(one.item, self.target), one.score) for one in neighbors]
        if fitted is None or not fitted.levels:
            return vote(
                labelled,
                self.rule,
                products=products,
                class_weights=self.class_weights,
                least_score=self.least_score,
            )
        return fitted.vote(labelled, products=products, min_confidence=self.min_confidence or 0.0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Options of a classification; see `SearchEngine.classify`. None means the default.

    `search` are the options of the search, except its `k`.
    """

    target: str = "label"
    k: int | None = None
    vote_k: int | None = None
    rule: VoteRule | None = None
    accept_accuracy: float | None = None
    classifier: str | None = None
    labels: tuple[str, ...] | None = None
    search: SearchOptions = field(default_factory=SearchOptions)

    @classmethod
    def of(
        cls, options: ClassifyArguments, rule: VoteRule | None = None, photo: bool = True
    ) -> "Wanted":
        """Make options from keyword arguments.

        Raises:
            TypeError: There is no such option.
            ParameterError, FilterError: A value is invalid.
        """
        own = {name: options.get(name) for name in ("k", "vote_k", "accept_accuracy", "classifier")}
        others = (*own, "target", "labels")
        rest = {name: value for name, value in options.items() if name not in others}
        labels = options.get("labels")
        own["labels"] = None if labels is None else check_labels(labels)
        named = options.get("target")
        target = "label" if named is None else named
        return cls(target=target, rule=rule, search=search_options(rest, photo), **own)  # type: ignore[arg-type]

    @property
    def least_score(self) -> float:
        """The score that the nearest item must reach, rounded as scores are shown."""
        least = self.search.min_score
        return -1.0 if least is None else round(least, DECIMALS) - 0.5 * 10**-DECIMALS

    def shown(self, usual: int) -> SearchOptions:
        """Return options of the search for what is shown: `usual` neighbors unless `k` is given."""
        return replace(self.search, k=usual if self.k is None else check_k(self.k))


def ask_vote(known: VoteKnowledge, wanted: Wanted) -> VoteQuestion:
    """Make the question to the neighbors, calibrated if it is the vote that was calibrated.

    Any other vote uses the same rule for the rest, and still rejects photos that resemble nothing.

    Args:
        known: What the collection knows of the vote on the target.
        wanted: The options of the classification.

    Raises:
        ParameterError: The requested accuracy cannot be guaranteed, or there are too many voters.
    """
    fitted = known.fitted
    rule = _rule(fitted, wanted)
    because = _in_the_way(fitted, wanted)
    bar = _bar(known, wanted, because)
    voters = rule.k or NEIGHBORS
    voting = replace(wanted.search.in_the_vote(), k=voters)
    if rule.per_product:
        voting = replace(voting, group_by="product_id")
    shown = wanted.shown(voters)
    if wanted.k is None and wanted.search.in_the_vote() == wanted.search:
        shown = voting
    least = None if wanted.search.weights is not None else known.least_score
    return VoteQuestion(
        wanted.target, shown, voting, rule, fitted, because,
        max(-1.0 if least is None else least, wanted.least_score), bar,
        known.has_values, _warnings(known, because, least),
    )  # fmt: skip


def _rule(fitted: Calibration | None, wanted: Wanted) -> VoteRule:
    """Return the given rule, else the calibrated one, with the given number of voters."""
    rule = wanted.rule or (VoteRule() if fitted is None else fitted.rule)
    voters = (rule.k or NEIGHBORS) if wanted.vote_k is None else wanted.vote_k
    return replace(rule, k=check_k(voters, "vote_k"))


def _in_the_way(fitted: Calibration | None, wanted: Wanted) -> str | None:
    """Return why this is not the vote that was calibrated; None if it is."""
    if fitted is None:
        return "not_calibrated"
    if wanted.rule is not None:
        return "rule"
    if wanted.vote_k not in (None, fitted.rule.k):
        return "vote_k"
    return wanted.search.changing_the_vote()


def _bar(known: VoteKnowledge, wanted: Wanted, because: str | None) -> float | None:
    """Return the confidence from which on this share of the answers is right."""
    accuracy = wanted.accept_accuracy
    if accuracy is None:
        return None
    if known.fitted is None or because is not None:
        raise ParameterError(
            f"nothing is known of the accuracy of this vote: {UNCALIBRATED[because or 'rule']}",
            where="accept_accuracy",
            fix=f"calibrate {wanted.target} first: {known.command}"
            if known.fitted is None
            else f"leave out `{because}`",
        )
    if not 0.0 < accuracy < 1.0:
        raise ParameterError(
            "not an accuracy", where="accept_accuracy", fix="give a share between 0 and 1"
        )
    return known.fitted.threshold(accuracy).confidence


def _warnings(known: VoteKnowledge, because: str | None, least: float | None) -> Warnings:
    found = {}
    if not known.has_values:
        return {"no_labels": f"no item has a value of {known.target}: nothing can be voted on"}
    if known.fitted is not None and because is not None:
        found["vote_not_calibrated"] = UNCALIBRATED[because]
    elif known.outdated is not None:
        found["calibration_outdated"] = known.outdated
    if known.drifted is not None and because is None:
        found["photos_drifted"] = known.drifted
    if least is None:
        found["distance_unknown"] = (
            "how alike pictures of unrelated things are is not known here, so a photo of anything "
            f"gets an answer; {known.command} learns it from 50 items with a value"
        )
    return found


def _values(neighbor: Neighbor, target: str) -> tuple[tuple[str, ...] | None, bool]:
    """Return the values of an item, single ones as a list, and whether it was a list."""
    values = values_of(neighbor.item, target)
    if values is not None:
        return values, True
    single = value_of(neighbor.item, target)
    return (None if single is None else (single,)), False
