"""A run on the terminal: tables for people, JSON for programs."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from api.cli.terminal.output import print_json, print_table

if TYPE_CHECKING:
    from search_engine.evaluate.classifiers import ClassifierRow
    from search_engine.evaluate.comparison import Comparison
    from search_engine.evaluate.reranking import RerankRow
    from search_engine.evaluate.run import Run
    from search_engine.evaluate.stress.run import Stress

SHOWN_CONFUSIONS = 5
STRENGTHS = ("slight", "medium", "severe")


def print_run(run: "Run", as_json: bool, per_query: bool) -> None:
    """JSON, or a table for each thing that was measured."""
    from search_engine.evaluate.run_json import run_json

    if as_json:
        print_json(run_json(run, per_query))
        return
    print_table(("measure", "value", "95 % interval"), _rows(run))
    if run.confusions:
        print()
        print_table(
            ("worst confusions", "taken for", "photos", "share"),
            [
                (one.truth, one.predicted, one.count, f"{one.share:.0%}")
                for one in run.confusions[:SHOWN_CONFUSIONS]
            ],
        )
    if run.stress is not None:
        print()
        print_table(("difficulty", *STRENGTHS), _stress_rows(run.stress))
    if run.classifiers:
        print()
        _print_classifiers(run.classifiers)
    if run.rerankings:
        print()
        _print_rerankings(run.rerankings)
    if run.comparison is not None:
        print()
        _print_comparison(run.comparison)


def _print_classifiers(rows: "Sequence[ClassifierRow]") -> None:
    """A table that fits a terminal of 80 columns; `--json` has more decimals."""
    tried = [row for row in rows if row.skipped is None]
    shown = ("accuracy", "balanced", "macro F1", "top 5", "ECE", "fit, s", "query, us")
    print_table(
        (f"{tried[0].queries:,} queries", *shown),
        [
            (
                row.name, row.accuracy, row.balanced_accuracy, row.macro_f1, row.top5_accuracy,
                row.ece, f"{row.fit_seconds:.2f}", f"{row.predict_us:.0f}",
            )
            for row in tried
        ],
    )  # fmt: skip
    for row in rows:
        if row.skipped is not None:
            print(f"{row.name}: not tried: {row.skipped}")


def _print_rerankings(rows: "Sequence[RerankRow]") -> None:
    print_table(
        ("re-ranking", "measure", "before", "after", "difference, 95 %", "added ms", "verdict"),
        [cells for row in rows if row.skipped is None for cells in _reranking_rows(row)],
    )
    for row in rows:
        if row.skipped is not None:
            print(f"{row.name}: not tried: {row.skipped}")
    better = [row.name for row in rows if row.skipped is None and row.verdict == "better"]
    print(f"better on the whole: {', '.join(better) or 'none'} (a search uses --rerank NAME)")


def _reranking_rows(row: "RerankRow") -> Iterator[tuple[str, ...]]:
    """A line for each measure; what is said of the method as a whole stands beside."""
    from search_engine.evaluate.reranking import verdict_on

    added = "" if row.added_ms is None else f"{row.added_ms:.1f}"
    whole = [(row.name, added), (f"{row.queries:,} queries", ""), ("", "")]
    for (name, change), (title, ms) in zip(row.changes.items(), whole, strict=True):
        span = f"{change.difference.low:+.3f} to {change.difference.high:+.3f}"
        before, after = f"{change.before:.3f}", f"{change.after:.3f}"
        yield title, name, before, after, span, ms, verdict_on(change)


def _rows(run: "Run") -> Iterator[tuple[str, object, str]]:
    for name, value in run.measures.items():
        if name == "latency_ms":
            continue
        if isinstance(value, dict):
            yield from ((f"{name} {level}", one, "") for level, one in value.items())
            continue
        span = run.intervals.get(name)
        yield name, value, f"{span.low:.4f} - {span.high:.4f}" if span else ""


def _stress_rows(found: "Stress") -> Iterator[tuple[object, ...]]:
    yield "(as they are)", found.accuracy, "", ""
    for name in dict.fromkeys(row.name for row in found.rows):
        yield name, *(row.accuracy for row in found.rows if row.name == name)
    for name, reason in found.skipped:
        yield f"{name}: {reason}", "", "", ""


def _print_comparison(comparison: "Comparison") -> None:
    print_table(
        (f"against {comparison.name}", "before", "now", "difference", "p", "verdict"),
        [
            (
                one.measure,
                one.before,
                one.now,
                f"{one.difference:+.4f}",
                "" if one.p_value is None else f"{max(one.p_value, 0.001):.3f}",
                one.verdict,
            )
            for one in comparison.differences
        ],
    )
    for name, (before, now) in comparison.settings.items():
        print(f"note: {name} differs: {before} before, {now} now", file=sys.stderr)
