"""Classify with a trained classifier; neighbors are shown as evidence only."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from search_engine.classifiers.base import Model, predict
from search_engine.errors import ParameterError
from search_engine.records import Neighbor, Prediction, Vectors
from search_engine.search.options import SearchOptions
from search_engine.vote.question import NEIGHBORS, Wanted, Warnings


@dataclass(frozen=True, slots=True)
class ModelQuestion:
    """Predict by a classifier; the neighbors are evidence only.

    `uncalibrated_because` replaces what a trained classifier would say.
    """

    model: Model
    shown: SearchOptions
    warnings: Warnings = field(default_factory=dict)
    uncalibrated_because: str | None = None

    @property
    def voting(self) -> SearchOptions:
        """See Question."""
        return self.shown

    def answers(
        self, vectors: Vectors, neighbors: Sequence[Sequence[Neighbor]]
    ) -> list[Prediction]:
        """See Question."""
        found = predict(self.model, vectors)
        if self.uncalibrated_because is None:
            return found
        return [replace(each, uncalibrated_because=self.uncalibrated_because) for each in found]


def ask_model(model: Model, outdated: str | None, wanted: Wanted) -> ModelQuestion:
    """Make the question to a trained classifier.

    Args:
        model: The classifier.
        outdated: A warning if the collection changed since the training, or None.
        wanted: The options of the classification.

    Raises:
        ParameterError: The options concern the vote, or ask for an accuracy.
    """
    refuse_votes(wanted, "a trained classifier")
    warnings = {} if outdated is None else {"classifier_outdated": outdated}
    return ModelQuestion(model, wanted.shown(NEIGHBORS), warnings)


def refuse_votes(wanted: Wanted, what: str) -> None:
    """Refuse options that concern the vote, or ask for an accuracy.

    Raises:
        ParameterError: One is given; `what` answers instead.
    """
    for name in ("rule", "vote_k"):
        if getattr(wanted, name) is not None:
            raise ParameterError(f"{what} has no vote", where=name, fix="leave it out")
    if wanted.accept_accuracy is not None:
        raise ParameterError(
            f"nothing is known of the accuracy of {what}",
            where="accept_accuracy",
            fix="leave it out",
        )
