"""What calibrating a vote found, as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search_engine.vote.calibration.record import Calibration

ACCURACIES = (0.9, 0.95, 0.99)
"""For which a calibration tells the coverage."""


def calibration_json(found: Calibration) -> dict[str, Any]:
    """What was found by calibrating; `coverage` has null where no confidence is so sure."""
    return {
        "target": found.target,
        "items": found.items,
        "k": found.rule.k,
        "temperature": found.rule.temperature,
        "per_product": found.rule.per_product,
        "balanced": found.class_weights is not None,
        "twin_score": round(found.twin_score, 6),
        "least_score": round(found.least_score, 6),
        **{
            name: round(value, 6) if isinstance(value, float) else value
            for name, value in found.figures.model_dump().items()
        },
        "coverage": {f"{wanted:g}": _coverage(found, wanted) for wanted in ACCURACIES},
    }


def _coverage(found: Calibration, wanted: float) -> dict[str, float] | None:
    point = found.point(wanted)
    if point is None:
        return None
    return {"confidence": round(point.confidence, 6), "coverage": round(point.coverage, 6)}
