"""A change of encoder, or its undoing, told: one JSON object, or lines for people."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from api.cli.exits import Exit
from api.cli.recording import recorded, told
from api.cli.terminal.output import print_json, print_table

if TYPE_CHECKING:
    from indexer.change.report import EncoderFigures, Learning, Report
    from indexer.change.request import ChangeRequest, Stage
    from search_engine.adapt.gate import Verdict
    from search_engine.config import Settings

COLUMN = "difference, 95 %"
UNSEARCHABLE_SHOWN = 5
EASIER = {
    "things": "with all that is of their product, or looks like them",
    "order": "with their neighbors in the order of ids",
    "one": "one by one, beside others that look like them",
}


def changed(
    settings: "Settings",
    collection: str,
    kind: str,
    params: Mapping[str, Any],
    change: "Callable[[Stage], Report]",
    as_json: bool,
) -> None:
    """Change an encoder as a job that others see, and print what was done.

    Work that is interrupted goes on where it stopped, when it is started again.
    """
    from indexer.change.report_json import report_json

    with recorded(settings, collection, kind, **params) as running, _interruptible():
        report = change(told(running))
        running.result = report_json(report)
    tell(report, as_json)


def tell(report: "Report", as_json: bool) -> None:
    """Print a report; end with `Exit.BELOW_BAR` where a candidate was wanted and refused."""
    if as_json:
        from indexer.change.report_json import report_json

        print_json(report_json(report))
    else:
        _print(report)
    request = report.request
    if request is not None and not (report.changed or report.is_same or request.dry_run):
        raise typer.Exit(Exit.BELOW_BAR)


def say(line: str) -> None:
    """Tell people something on the way."""
    print(line, file=sys.stderr)


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except SystemExit:
        say("interrupted: what was done is kept; run again to go on")
        raise


def _print(report: "Report") -> None:
    if report.request is None:
        _print_undone(report)
    elif report.is_same:
        print(f"the collection has this encoder already: {report.after.name}")
        return
    elif report.learning is not None:
        _print_learned(report, report.learning)
    else:
        _print_compared(report, report.request)
    if report.changed:
        _print_consequences(report)
    _warn_of_unsearchable(report.unsearchable)


def _print_learned(report: "Report", learning: "Learning") -> None:
    verdict = report.verdict
    if verdict is None:
        print(f"learned from {learning.items:,} items without labels: nothing to measure it by")
    else:
        how = f"in {verdict.folds} folds" if verdict.folds > 1 else "kept away from the training"
        print(
            f"learned from {learning.items:,} items of {learning.classes:,} classes; "
            f"measured on {verdict.queries:,} held-out items {how}"
        )
        print_table(("measure", "before", "after", COLUMN), _gate_rows(verdict))
        for way, (before, after) in verdict.easier.items():
            print(f"held out {EASIER[way]}: accuracy {before:.3f} -> {after:.3f}")
        if report.promise is not None:
            expected = "{:.2f} ({:.2f} to {:.2f})".format(*report.promise)
            print(f"of new photos expect {expected} right; easy figures flatter")
    if report.changed:
        print(
            f"{_used(report)}: {report.after.dimension} dimensions instead of "
            f"{learning.dimension_before}, pooling {learning.pooling}, {_ended(report)}"
        )
        return
    why = " and ".join(map(str, report.refusals)) or "better"
    hint = "; --force uses it all the same" if report.refusals else ""
    print(f"{why}: the encoder stays as it is{hint}")


def _print_compared(report: "Report", request: "ChangeRequest") -> None:
    before, after, verdict = report.before, report.after, report.verdict
    rows = [
        ("dimension", f"{before.dimension:,}", f"{after.dimension:,}", ""),
        ("images/s", _rate(before), _rate(after), ""),
        *(_gate_rows(verdict) if verdict else ()),
    ]
    print_table(("", before.name, after.name, COLUMN), rows)
    if verdict is None:
        print(f"too few items, products or scenes with a value of {request.target!r} to compare by")
    else:
        print(f"asked {verdict.queries:,} items with a value of {request.target!r}")
    if report.changed:
        print(f"{_used(report)}: {after.name}, {_ended(report)}")
        return
    why = " and ".join(map(str, report.refusals))
    judged = f"{after.name} would be refused: {why}" if why else f"{after.name} would be used"
    if not request.dry_run:
        judged = f"refused: {why}; --force uses {after.name} all the same"
    print(f"{judged}; {before.name} stays")
    kept_mb = (report.items - len(report.unsearchable)) * after.dimension * 2 / 1e6
    print(
        f"the embeddings by {after.name} are kept ({kept_mb:,.1f} MB), so that using it takes no "
        "time; --forget deletes them"
    )


def _print_undone(report: "Report") -> None:
    after = report.after
    now, before = (f"{one.name}{' (tuned)' * one.tuned}" for one in (after, report.before))
    print(
        f"{now} is used again ({after.dimension:,}-d, {after.fingerprint[:12]}) instead of "
        f"{before}, {report.seconds:.2f} s; --undo once more goes forward"
    )
    if report.encoded:
        print(f"{report.encoded:,} items that came or changed since were encoded first")


def _used(report: "Report") -> str:
    return "used by force" if report.refusals else "used from now on"


def _ended(report: "Report") -> str:
    return (
        f"encoder {report.after.fingerprint[:12]}, {report.seconds:.1f} s; "
        f"`eyedex {'tune' if report.learning else 'switch'} --undo` goes back"
    )


def _print_consequences(report: "Report") -> None:
    before = report.before.name
    if report.before.tuned and report.request is not None and report.learning is None:
        print(f"what `eyedex tune` learned belongs to {before}: --undo brings it back too")
    if report.outdated:
        names = ", ".join(f"{each['name']} of {each['target']}" for each in report.outdated)
        print(f"trained for {before} and not usable now: {names}; `eyedex train` makes new")
    if report.uncalibrated:
        targets = ", ".join(report.uncalibrated)
        print(f"not calibrated any more: {targets}; `eyedex calibrate` does it, in minutes")


def _warn_of_unsearchable(unsearchable: Mapping[str, str]) -> None:
    if not unsearchable:
        return
    shown = [f"{item_id} ({reason})" for item_id, reason in unsearchable.items()]
    more = " ... (all with --json)" if len(shown) > UNSEARCHABLE_SHOWN else ""
    say(
        "items that stay in the catalog but cannot be found by it, as no embedding can be made of "
        f"them: {len(shown):,}: {', '.join(shown[:UNSEARCHABLE_SHOWN])}{more}"
    )


def _gate_rows(verdict: "Verdict") -> list[tuple[str, str, str, str]]:
    """A row for each measure: its name, before, after and the difference."""
    return [
        (
            name,
            f"{change.before:.3f}",
            f"{change.after:.3f}",
            f"{change.difference.low:+.3f} to {change.difference.high:+.3f}",
        )
        for name, change in verdict.changes.items()
    ]


def _rate(one: "EncoderFigures") -> str:
    return "-" if one.images_per_second is None else f"{one.images_per_second:,.0f}"
