"""How far a vote can be trusted, and the states that a collection can go back to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from api.schemas.collections import EncoderIdentity
from api.schemas.shape import shape
from api.schemas.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from search_engine.vote.calibration.record import Calibration

DIGITS = 5


@shape
class CurvePoint(TypedDict):
    """What comes of answering from a confidence on."""

    confidence: float
    """Only answers at least so sure are given, 0 to 1."""
    accuracy: float
    """The share of them that is right, by items that were held out."""
    coverage: float
    """The share of photos that get an answer."""


@shape
class CalibrationAnswer(TypedDict):
    """How far the vote of a collection can be trusted."""

    target: str
    """What is classified by."""
    calibrated: bool
    """Whether it is known; otherwise the numbers are null and the curve is empty."""
    items: int | None
    """How many items were learned from."""
    accuracy: float | None
    """The share of all answers that is right."""
    calibration_error: float | None
    """How far confidence and accuracy are apart on average, 0 to 1."""
    outdated: bool
    """Whether more than a fifth of the items changed since."""
    curve: list[CurvePoint]
    """Ascending in confidence: fewer answers, more of them right."""


@shape
class Generation(TypedDict):
    """A published index; what is null is not known, as the files are damaged."""

    name: str
    current: bool
    """Whether it answers queries."""
    sound: bool
    """Whether its files are as they were written."""
    made_at: str
    """When it was published (RFC 3339)."""
    items: int | None
    dimension: int | None
    seq: int | None
    """Number of the last change of the catalog that is in it."""
    index: str | None
    """Its kind, as a FAISS factory string."""
    recall: float | None
    """The share of the 10 nearest items that it finds."""
    megabytes: float | None
    fingerprint: str | None
    """Of the encoder; a roll back leads to one of the same only."""


@shape
class GenerationList(TypedDict):
    """What a collection can go back to."""

    generations: list[Generation]
    """The newest first."""
    former_encoder: EncoderIdentity | None
    """The encoder before the last change, for `undo` of the jobs `tune` and `switch`; null where
    nothing is kept of one."""


def calibration_answer(target: str, found: Calibration | None, outdated: bool) -> CalibrationAnswer:
    """A calibration as answers have it; None where the target is not calibrated."""
    if found is None:
        return {
            "target": target,
            "calibrated": False,
            "items": None,
            "accuracy": None,
            "calibration_error": None,
            "outdated": False,
            "curve": [],
        }
    return {
        "target": target,
        "calibrated": True,
        "items": found.items,
        "accuracy": round(found.figures.accuracy, DIGITS),
        "calibration_error": round(found.figures.ece_after, DIGITS),
        "outdated": outdated,
        "curve": [
            {
                "confidence": round(each.confidence, DIGITS),
                "accuracy": round(each.accuracy, DIGITS),
                "coverage": round(each.coverage, DIGITS),
            }
            for each in found.curve
        ],
    }


def generation_list(
    described: Iterable[Mapping[str, Any]], former: EncoderIdentity | None
) -> GenerationList:
    """Generations as `describe_generations` has them, and the encoder before."""
    return {"generations": [_generation(each) for each in described], "former_encoder": former}


def _generation(facts: Mapping[str, Any]) -> Generation:
    return {
        "name": facts["name"],
        "current": facts["current"],
        "sound": facts["sound"],
        "made_at": rfc3339(facts["made"]),
        "items": facts["items"],
        "dimension": facts["dimension"],
        "seq": facts["seq"],
        "index": facts["index"],
        "recall": facts["recall"],
        "megabytes": facts["megabytes"],
        "fingerprint": facts["fingerprint"],
    }
