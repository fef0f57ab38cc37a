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
from search_engine.vote.calibration.alike import Alike
from search_engine.vote.calibration.store import CalibrationCache

ALIKE_UNKNOWN: Mapping[str, str] = MappingProxyType(
    {
        "not_calibrated": "neither labels nor products were calibrated",
        "weights": "weights make another likeness than the one that was calibrated",
        "mix": "it was calibrated for single pictures, not for mixes of examples",
        "regions": "it was calibrated for whole photos, not for parts of them",
    }
)
"""Reasons why it is not known how alike neighbors are, by code."""
TARGETS = ("label", "product_id")
"""Whose calibration tells it, the first that there is."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a collection knows of how alike pictures are; `alike` is None where it knows nothing.

    `command` calibrates it.
    """

    alike: Alike | None
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
        least = self.alike.least_score(options.min_alike)
        return replace(options, min_score=max(least, options.min_score or -1.0))

    def told(
        self, results: Sequence[SearchResult], options: SearchOptions, mixed: Sequence[bool]
    ) -> list[SearchResult]:
        """The results with how alike their neighbors are, or why that is not known.

        Args:
            results: What was found.
            options: How it was asked for.
            mixed: Of each whether it was asked for with a mix.
        """
        because = self._unknown_because(options)
        return [
            self._told(result, because or ("mix" if is_mix else None))
            for result, is_mix in zip(results, mixed, strict=True)
        ]

    def _told(self, result: SearchResult, because: str | None) -> SearchResult:
        if because is not None or self.alike is None:
            return replace(result, alike_unknown_because=because)
        scores = np.array([each.score for each in result.neighbors])
        chances = self.alike(scores).tolist()
        neighbors = zip(result.neighbors, chances, strict=True)
        return replace(
            result, neighbors=tuple(replace(each, alike=chance) for each, chance in neighbors)
        )

    def _unknown_because(self, options: SearchOptions) -> str | None:
        if self.alike is None:
            return "not_calibrated"
        if options.weights is not None:
            return "weights"
        return "regions" if options.regions == AUTO else None


def unknown(because: str, command: str) -> ParameterError:
    """The error of a least probability where none is known."""
    return ParameterError(
        ALIKE_UNKNOWN[because],
        where="min_alike",
        fix=f"calibrate it: {command}"
        if because == "not_calibrated"
        else "give min_score, or leave it out",
    )


def likeness_of(calibrations: CalibrationCache, record: Collection) -> Likeness:
    """Look up what a collection knows of how alike pictures are."""
    found = (calibrations.get(record, target)[0] for target in TARGETS)
    alike = next((each.alike for each in found if each is not None and each.alike), None)
    return Likeness(alike, calibrate_command(record.name, TARGETS[0]))
