"""Calibration and limits that apply to votes on a target of a collection."""

from dataclasses import dataclass

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.commands import calibrate_command
from search_engine.encoders.background import unrelated_score
from search_engine.vote.calibration.record import Calibration
from search_engine.vote.calibration.store import STALE_SHARE, CalibrationCache

NOTHING_IS_FAR = -1.0
"""The least score if calibration found no item without a twin."""


@dataclass(frozen=True, slots=True)
class VoteKnowledge:
    """The calibration of a target, and what is known without one.

    `outdated` tells that too much changed since the calibration. A photo whose nearest item is
    below `least_score` resembles nothing in the catalog; None if unknown. `has_values` tells
    whether any item has a value to vote with, `command` calibrates the target. `drifted` tells that
    the photos asked about lately are unlike those that it was calibrated on.
    """

    target: str
    fitted: Calibration | None
    outdated: str | None
    least_score: float | None
    has_values: bool
    command: str
    drifted: str | None = None


def knowledge_of(
    catalog: Catalog, calibrations: CalibrationCache, record: Collection, target: str
) -> VoteKnowledge:
    """Look up calibration and limits of a target of a collection."""
    fitted, moved = calibrations.get(record, target)
    command = calibrate_command(record.name, target)
    outdated = None
    if moved > STALE_SHARE:
        outdated = (
            f"{moved:.0%} of the items changed since the vote was calibrated; "
            f"{command} does it again"
        )
    least = _least_score(calibrations, record, fitted)
    has_values = fitted is not None or catalog.has_value(record, target)
    return VoteKnowledge(target, fitted, outdated, least, has_values, command)


def _least_score(
    calibrations: CalibrationCache, record: Collection, fitted: Calibration | None
) -> float | None:
    """Return the least score known of the target, else of the label, else of the encoder.

    How far a photo may be depends on the pictures, and hardly on the target.
    """
    for known in (fitted, calibrations.get(record, "label")[0]):
        if known is not None and known.least_score > NOTHING_IS_FAR:
            return known.least_score
    return unrelated_score(record.encoder, record.encoder_options)
