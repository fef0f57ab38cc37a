"""The verb that measures."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.evaluation.encoders import compare_encoders, print_unknown_labels, refuse_others
from api.cli.evaluation.queries import QuerySource, ask
from api.cli.exits import Exit
from api.cli.options import (
    CollectionOption,
    DataOption,
    JsonOption,
    TargetOption,
    VoteKOption,
    open_engine,
)
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.progress import progress

if TYPE_CHECKING:
    from search_engine.evaluate.classifiers import ClassifierRow
    from search_engine.evaluate.comparison import Comparison
    from search_engine.evaluate.reranking import RerankRow
    from search_engine.evaluate.run import Run
    from search_engine.evaluate.stress.run import Stress
    from search_engine.evaluate.task import Options
    from search_engine.search.rerank.registry import Method

SHOWN_CONFUSIONS = 5
STRENGTHS = ("slight", "medium", "severe")


def evaluate(
    queries: Annotated[
        Path | None,
        typer.Argument(help="Labelled folder or CSV; without it each item is held out in turn."),
    ] = None,
    data: DataOption = None,
    collection: CollectionOption = "default",
    k: Annotated[
        int | None,
        typer.Option(
            "-k", min=1, max=200, help="Ranks measured besides 1, 5, 10 [default: those that vote]."
        ),
    ] = None,
    vote_k: VoteKOption = None,
    target: TargetOption = "label",
    label_from: Annotated[
        str | None, typer.Option(help="parent (folders), or a CSV column.", metavar="parent|COLUMN")
    ] = None,
    id_col: Annotated[str, typer.Option(help="CSV column of the item's id.")] = "item_id",
    image_col: Annotated[str, typer.Option(help="CSV column of the picture's path.")] = "image",
    encoding: Annotated[str, typer.Option(help="Encoding of the CSV file.")] = "utf-8",
    separator: Annotated[
        str | None,
        typer.Option(help="Divides several values in one cell of the target.", metavar="TEXT"),
    ] = None,
    accept_accuracy: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Abstain as `classify --accept-accuracy` does."),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Cross-validate; pictures of a product (or scene) stay together."),
    ] = None,
    hold_out_classes: Annotated[
        int | None,
        typer.Option(min=1, help="Take so many classes out: are their photos seen as unknown?"),
    ] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Ask at most so many queries.")] = None,
    stress: Annotated[
        bool, typer.Option("--stress", help="Ask again with photos made harder, step by step.")
    ] = False,
    stress_queries: Annotated[
        int, typer.Option(min=1, max=500, help="Queries of the stress test.")
    ] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    html: Annotated[
        Path | None, typer.Option(help="Write a report that opens anywhere.", metavar="FILE")
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(help="Differences to an earlier --json --per-query.", metavar="RUN.json"),
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(help="Exit 8 when a measure is below, or an error is above.", metavar="M=X"),
    ] = None,
    per_query: Annotated[
        bool, typer.Option("--per-query", help="With --json: what each query gave, too.")
    ] = False,
    all_classifiers: Annotated[
        bool, typer.Option("--all", help="Measure every classifier of `eyedex train`, too.")
    ] = False,
    rerank: Annotated[
        str | None,
        typer.Option(
            help="Measure what re-ranking would bring: all, or of aqe, dba, k-reciprocal, "
            "geometric.",
            metavar="NAME,NAME",
        ),
    ] = None,
    encoders: Annotated[
        str | None,
        typer.Option(
            help="One table of these encoders beside the collection's own: hsv,lbp, with a pooling "
            "efficientnet_lite0/gem. Nothing is stored.",
            metavar="NAME,NAME",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """How good search and vote are, measured on labelled photos."""
    from search_engine.evaluate.bars import parse_bars, short_of
    from search_engine.evaluate.comparison import read_run
    from search_engine.evaluate.run import run_evaluation
    from search_engine.evaluate.task import Options

    options = Options(
        collection, target, k, vote_k, accept_accuracy, seed, sample=sample, folds=folds,
        separator=separator, hold_out_classes=hold_out_classes,
        stress_queries=stress_queries if stress else 0, classifiers=all_classifiers,
        rerankings=_rerankings(rerank),
    )  # fmt: skip
    bars = parse_bars(fail_under or [])
    earlier = read_run(compare) if compare is not None else None
    if html is not None:
        _check_report(html)
    source = None
    if queries is not None:
        source = QuerySource(queries, label_from, id_col, image_col, encoding).open()
    if encoders is not None:
        refuse_others(
            {
                "--accept-accuracy": accept_accuracy is not None, "--html": html,
                "--hold-out-classes": hold_out_classes, "--stress": stress, "--compare": compare,
                "--fail-under": bars, "--per-query": per_query, "--all": all_classifiers,
                "--rerank": rerank,
            }
        )  # fmt: skip
        with open_engine(data) as engine:
            name = queries.name if queries is not None else ""
            compare_encoders(engine, source, name, options, encoders, as_json)
        return
    with open_engine(data) as engine:
        asked = None
        if source is not None and queries is not None:
            asked = ask(engine, collection, source, target, queries.name)
        run = run_evaluation(engine, asked, options, progress)
        if earlier is not None and compare is not None:
            run = _compared(run, earlier, compare.name, options)
        missed = short_of(bars, run.measures)
        if html is not None:
            _write_report(html, run)
    _print(run, as_json, per_query)
    _finish(run, missed)


def _rerankings(names: str | None) -> "tuple[Method, ...]":
    """What to try; of those that are named themselves, none may lack its package."""
    if names is None:
        return ()
    from search_engine.search.rerank.registry import ALL, methods_named

    methods = methods_named(names)
    if names.strip() != ALL:
        for method in methods:
            method.check_extra()
    return methods


def _check_report(path: Path) -> None:
    """Say before the work, and not after it, that the report cannot be written."""
    from search_engine.errors import ParameterError
    from search_engine.evaluate.report.page import check_extra

    check_extra()
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else "its folder does not exist"
        raise ParameterError(f"the report cannot be written: {what}", where=str(path))


def _write_report(path: Path, run: "Run") -> None:
    from search_engine.errors import StorageError
    from search_engine.evaluate.report.page import report_html

    text = report_html(run)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot be written: {error.strerror}", where=str(path)) from error
    print(f"report: {path} ({len(text.encode()):,} bytes)", file=sys.stderr)


def _compared(run: "Run", earlier: dict[str, Any], name: str, options: "Options") -> "Run":
    from search_engine.evaluate.comparison import compare
    from search_engine.evaluate.run_json import run_json

    found = compare(
        earlier, run_json(run), run.found.results, name, options.resamples, options.seed
    )
    return replace(run, comparison=found)


def _print(run: "Run", as_json: bool, per_query: bool) -> None:
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


def _finish(run: "Run", missed: list[str]) -> None:
    print_unknown_labels(run.unknown_labels)
    for one in missed:
        print(f"below the bar: {one}", file=sys.stderr)
    if missed:
        raise typer.Exit(Exit.BELOW_BAR)
    if run.measures["rejected"]:
        raise typer.Exit(Exit.SOME_REJECTED)
