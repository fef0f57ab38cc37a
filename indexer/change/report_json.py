"""A change of encoder, or its undoing, as JSON for programs."""

import math
from typing import Any

from indexer.change.report import EncoderFigures, Learning, Report
from search_engine.adapt.gate import Verdict
from search_engine.things import ALONE


def figures_json(one: EncoderFigures) -> dict[str, Any]:
    """An encoder by its names and measures."""
    return {
        "encoder": one.name,
        "fingerprint": one.fingerprint,
        "dimension": one.dimension,
        "tuned": one.tuned,
        "images_per_second": one.images_per_second and round(one.images_per_second, 1),
    }


def report_json(report: Report) -> dict[str, Any]:
    """What was measured and done."""
    verdict, learning, promise = report.verdict, report.learning, report.promise
    unsearchable = [
        {"item_id": item_id, "reason": reason} for item_id, reason in report.unsearchable.items()
    ]
    return {
        "before": figures_json(report.before),
        "after": figures_json(report.after),
        "gate": _gate_json(verdict) if verdict else None if learning is None else {},
        "held_by": verdict.held_by if verdict else None,
        "promised_accuracy": promise and _number(promise.accuracy),
        "expected_accuracy": promise and [_number(promise.low), _number(promise.high)],
        "easy_accuracy": _easy_json(verdict, ALONE),
        "accuracy_by_order": _easy_json(verdict, "order"),
        "queries": verdict.queries if verdict else 0,
        "folds": verdict.folds if verdict else 0,
        "accepted": not report.refusals,
        "refusals": [str(each) for each in report.refusals],
        "refused_because": [{"code": each.code, **each.values} for each in report.refusals],
        "used": report.changed or report.is_same,
        "changed": report.changed,
        "fingerprint": report.after.fingerprint,
        "items": report.items,
        "encoded": report.encoded,
        "already_encoded": report.already_encoded,
        "unsearchable": unsearchable,
        "without_embedding": sorted(report.unsearchable),
        "outdated_classifiers": list(report.outdated),
        "uncalibrated": list(report.uncalibrated),
        "seconds": round(report.seconds, 3),
        **(_learning_json(report, learning) if learning else {}),
    }


def _gate_json(verdict: Verdict) -> dict[str, Any]:
    return {
        name: {
            "before": _number(change.before),
            "after": _number(change.after),
            "difference": [_number(change.difference.low), _number(change.difference.high)],
        }
        for name, change in verdict.changes.items()
    }


def _easy_json(verdict: Verdict | None, way: str) -> dict[str, float | None] | None:
    if verdict is None or way not in verdict.easier:
        return None
    before, after = verdict.easier[way]
    return {"before": _number(before), "after": _number(after)}


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _learning_json(report: Report, learning: Learning) -> dict[str, Any]:
    return {
        "items": learning.items,
        "classes": learning.classes,
        "dimension_before": learning.dimension_before,
        "dimension": report.after.dimension,
        "pooling": learning.pooling,
        "shrinkage": learning.shrinkage,
    }
