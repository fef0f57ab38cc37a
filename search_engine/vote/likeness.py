"""How alike neighbors are, as a probability; a least one; and photos that nothing looks like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from search_engine.catalog.collection_rows import Collection
from search_engine.commands import calibrate_command
from search_engine.errors import ParameterError
from search_engine.records import SearchResult
from search_engine.search.options import SearchOptions
from search_engine.search.regions import AUTO
from search_engine.search.subject import Subject
from search_engine.vote.calibration.alike import Alike
from search_engine.vote.calibration.familiar import Familiar
from search_engine.vote.calibration.known import UNLIKELY, Known
from search_engine.vote.calibration.record import LABELS_RIGHT, SAME_PICTURE
from search_engine.vote.calibration.store import CalibrationCache

ALIKE_UNKNOWN: Mapping[str, str] = MappingProxyType(
    {
        "not_calibrated": "neither labels nor products were calibrated",
        "weights": "weights make another likeness than the one that was calibrated",
        "mix": "it was calibrated for single pictures, not for mixes of examples",
        "foreign": "it was calibrated for photos that something in the collection looks like",
        "regions": "it was calibrated for whole photos, not for parts of them",
    }
)
"""Reasons why it is not known how alike neighbors are, by code."""
FOREIGN = "foreign: nothing in the collection looks like this photo"
UNKNOWN_CLASS = (
    "unknown_class: the catalog may lack the class of this photo: of its own items, held out, "
    f"{UNLIKELY:.0%} look so little like its classes"
)
TARGETS = ("label", "product_id")
"""Whose calibration tells it, the first that there is."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a collection knows of how alike pictures are; None where it knows nothing.

    `least_score` is the cosine below which photos of unknown classes lie mostly. `command`
    calibrates all of it.
    """

    alike: Alike | None
    familiar: Familiar | None
    known: Known | None
    least_score: float
    command: str

    def limited(self, options: SearchOptions) -> SearchOptions:
        """The options with the cosine that `min_alike` stands for as their least score.

        Raises:
            ParameterError: It is not known how alike neighbors are.
        """
        if options.min_alike is None:
            return options
        because = self._unknown_because(options)
        if because is not None or self.alike is None:
            raise unknown(because or "not_calibrated", self.command)
        asked = -1.0 if options.min_score is None else options.min_score
        least = self.alike.least_score(options.min_alike)
        if options.min_alike > LABELS_RIGHT:
            return replace(options, min_score=max(least, asked))
        least = min(least, SAME_PICTURE)  # the same picture is that alike, whatever its cosine
        return replace(options, min_score=max(least, asked), min_copy_score=asked)

    def told(
        self,
        results: Sequence[SearchResult],
        options: SearchOptions,
        subjects: Sequence[Subject],
    ) -> list[SearchResult]:
        """The results with how alike their neighbors are, or why that is not known.

        A photo that nothing looks like has a warning.

        Args:
            results: What was found.
            options: How it was asked for.
            subjects: What each was asked for with; an item is never foreign.
        """
        because = self._unknown_because(options)
        return [
            _foreign(result, options)
            if subject.item_key is None and self._is_foreign(result)
            else self._told(result, because or (None if subject.mix is None else "mix"))
            for result, subject in zip(results, subjects, strict=True)
        ]

    def told_of_labels(
        self,
        results: Sequence[SearchResult],
        options: SearchOptions,
        subjects: Sequence[Subject],
    ) -> list[SearchResult]:
        """As `told`, of predicted labels, with how much these look like the catalog's."""
        told = self.told(results, options, subjects)
        known = self.known
        if known is None:
            return told
        plains = [one.vector if known.is_apart else one.plain for one in told]
        return [
            one
            if plain is None or one.alike_unknown_because == "foreign"
            else _known(one, float(known.shares(one.vector, plain)[0]))
            for one, plain in zip(told, plains, strict=True)
        ]

    def _is_foreign(self, result: SearchResult) -> bool:
        """Whether a photo is unlike the collection as a whole, and has no near neighbor.

        Behind a learned projection the first alone says it: there everything is near something.
        """
        if self.familiar is None:
            return False
        if self.familiar.fingerprint != result.encoder:
            return result.plain is not None and bool(self.familiar.is_far(result.plain)[0])
        nearest = max((each.score for each in result.neighbors), default=-1.0)
        near = self.least_score if self.familiar.nearest is None else self.familiar.nearest
        return nearest < near and bool(self.familiar.is_far(result.vector)[0])

    def _told(self, result: SearchResult, because: str | None) -> SearchResult:
        if because is not None or self.alike is None:
            return replace(result, alike_unknown_because=because)
        scores = np.array([each.score for each in result.neighbors])
        chances = self.alike(scores)
        same = np.array([each.same_picture for each in result.neighbors], dtype=bool)
        same |= scores >= SAME_PICTURE
        chances = np.where(same, np.maximum(chances, LABELS_RIGHT), chances)
        neighbors = zip(result.neighbors, chances.tolist(), strict=True)
        return replace(
            result,
            neighbors=tuple(
                each if each.patch else replace(each, alike=chance) for each, chance in neighbors
            ),
        )

    def _unknown_because(self, options: SearchOptions) -> str | None:
        if self.alike is None:
            return "not_calibrated"
        if options.weights is not None:
            return "weights"
        return "regions" if options.regions == AUTO else None


def _known(result: SearchResult, share: float) -> SearchResult:
    """The result with how much the class looks as if it were one of the catalog's."""
    assert result.prediction is not None
    warnings = (UNKNOWN_CLASS, *result.warnings) if share < UNLIKELY else result.warnings
    prediction = replace(result.prediction, known=share)
    return replace(result, prediction=prediction, warnings=warnings)


def _foreign(result: SearchResult, options: SearchOptions) -> SearchResult:
    """The result for a photo unlike all of the collection: a class of it stays, as phones and
    studios differ as much as other worlds do."""
    told = replace(result, warnings=(FOREIGN, *result.warnings), alike_unknown_because="foreign")
    if options.min_alike is None:
        return told
    left_out = (result.left_out or 0) + len(result.neighbors)
    return replace(told, neighbors=(), left_out=left_out, next_cursor=None)


def unknown(because: str, command: str) -> ParameterError:
    """The error of a least probability where none is known."""
    return ParameterError(
        ALIKE_UNKNOWN[because],
        where="min_alike",
        fix=f"calibrate it: {command}"
        if because == "not_calibrated"
        else "give `min_score`, or leave it out",
    )


def likeness_of(calibrations: CalibrationCache, record: Collection) -> Likeness:
    """Look up what a collection knows of how alike pictures are."""
    found = (calibrations.found(record, target) for target in TARGETS)
    known = next((each for each in found if each is not None and each.alike), None)
    command = calibrate_command(record.name, TARGETS[0])
    if known is None:
        return Likeness(None, None, None, -1.0, command)
    return Likeness(known.alike, known.familiar, known.known, known.least_score, command)
