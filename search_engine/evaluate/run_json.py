"""A run as JSON, for programs: flat measures first, then structured ones."""

from dataclasses import asdict
from typing import Any

from search_engine.evaluate import classification
from search_engine.evaluate.bootstrap import Interval
from search_engine.evaluate.comparison import Comparison
from search_engine.evaluate.confusions import Confusion
from search_engine.evaluate.evaluation import Evaluation, rounded, rounded_row
from search_engine.evaluate.reranking import RerankRow, verdict_on
from search_engine.evaluate.results import to_columns
from search_engine.evaluate.run import Run
from search_engine.evaluate.stress.run import Stress
from search_engine.evaluate.unknown import UnknownClasses


def run_json(run: Run, per_query: bool = False) -> dict[str, Any]:
    """Return every figure of the report; with `per_query` also the results by query, in columns."""
    body: dict[str, Any] = {
        **run.measures,
        **asdict(run.setup),
        "intervals": {name: _bounds(one) for name, one in run.intervals.items()},
        **_class_details(run.found),
        "worst_confusions": [_confusion(one, run.found) for one in run.confusions],
        "labels_not_in_catalog": [asdict(one) for one in run.unknown_labels],
    }
    if run.unknown is not None:
        body["unknown"] = _unknown(run.unknown)
    if run.stress is not None:
        body["stress"] = _stress(run.stress)
    if run.classifiers:
        body["classifiers"] = [rounded_row(row) for row in run.classifiers]
    if run.rerankings:
        body["rerankings"] = [_reranking(row) for row in run.rerankings]
    if run.comparison is not None:
        body["comparison"] = comparison_json(run.comparison)
    if per_query:
        body["per_query"] = to_columns(run.found.results)
    return body


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return the differences to an earlier run."""
    return {
        "with": comparison.name,
        "common_queries": comparison.common,
        "settings": {name: list(both) for name, both in comparison.settings.items()},
        "differences": [
            {
                "measure": one.measure,
                "before": rounded(one.before),
                "now": rounded(one.now),
                "difference": rounded(one.difference),
                "interval": _bounds(one.interval),
                "p_value": None if one.p_value is None else float(f"{one.p_value:.3g}"),
                "test": one.test,
                "verdict": one.verdict,
            }
            for one in comparison.differences
        ],
    }


def _class_details(found: Evaluation) -> dict[str, Any]:
    if found.answers is None:
        return {}
    labels, counts = classification.confusion_counts(found.answers)
    reliability = classification.reliability_of(found.answers)
    curve = classification.coverage_of(found.answers)
    return {
        "per_class": [rounded_row(one) for one in classification.per_class(found.answers)],
        "confusion": [
            {"truth": labels[row], "predicted": labels[column], "count": int(counts[row, column])}
            for row, column in zip(*counts.nonzero(), strict=True)
        ],
        "reliability": [
            {"confidence": rounded(float(mean)), "accuracy": rounded(float(right)), "count": int(n)}
            for n, mean, right in zip(
                reliability.count, reliability.confidence, reliability.accuracy, strict=True
            )
            if n
        ],
        "coverage_curve": [
            {
                "threshold": rounded(float(t)),
                "coverage": rounded(float(c)),
                "accuracy": rounded(float(a)),
            }
            for t, c, a in zip(curve.threshold, curve.coverage, curve.accuracy, strict=True)
        ],
    }


def _bounds(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [rounded(interval.low), rounded(interval.high)]


def _confusion(one: Confusion, found: Evaluation) -> dict[str, Any]:
    names = found.gallery.names
    return {
        "truth": one.truth,
        "predicted": one.predicted,
        "count": one.count,
        "share": rounded(one.share),
        "examples": [
            {
                "query": found.results.names[example.query],
                "confidence": rounded(example.confidence),
                "item": names[example.item] if names and example.item is not None else None,
            }
            for example in one.examples
        ],
    }


def _unknown(unknown: UnknownClasses) -> dict[str, Any]:
    return {
        "classes": list(unknown.classes),
        "known_queries": unknown.known,
        "unknown_queries": unknown.unknown,
        "auroc": rounded(unknown.auroc),
        "auroc_confidence": rounded(unknown.auroc_confidence),
        "auroc_familiarity": rounded(unknown.auroc_familiarity),
        "fpr@95": rounded(unknown.false_positive_rate),
        "answered_unknown": rounded(unknown.answered_unknown),
    }


def _reranking(row: RerankRow) -> dict[str, Any]:
    if row.skipped is not None:
        return {"rerank": row.name, "skipped": row.skipped}
    return {
        "rerank": row.name,
        "verdict": row.verdict,
        "queries": row.queries,
        "added_ms": None if row.added_ms is None else round(row.added_ms, 3),
        "measures": {
            name: {
                "before": rounded(change.before),
                "after": rounded(change.after),
                "difference": _bounds(change.difference),
                "verdict": verdict_on(change),
            }
            for name, change in row.changes.items()
        },
    }


def _stress(found: Stress) -> dict[str, Any]:
    return {
        "queries": found.queries,
        "accuracy": rounded(found.accuracy),
        "hit_rate@1": rounded(found.hit_rate),
        "rows": [
            {
                "difficulty": row.name,
                "family": row.family,
                "strength": row.strength + 1,
                "amount": row.amount,
                "accuracy": rounded(row.accuracy),
                "drop": rounded(row.drop),
                "interval": _bounds(row.interval),
                "hit_rate@1": rounded(row.hit_rate),
                "cosine": rounded(row.cosine),
            }
            for row in found.rows
        ],
        "skipped": [{"difficulty": name, "reason": reason} for name, reason in found.skipped],
    }
