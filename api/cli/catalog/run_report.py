"""What an indexing run or an import says at its end."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.terminal.wording import counted, duration, rejected

if TYPE_CHECKING:
    from indexer.change.report import Report
    from indexer.exchange.importing import ImportReport
    from indexer.report import RunReport

LONG_S = 10.0
"""From so many seconds on a run tells what held it up; before, it is mostly starting."""


def print_indexed(report: "RunReport", rejects: Path) -> None:
    """Counts, speed, and what would make the next run faster."""
    would = "would be " if report.dry_run else ""
    moved = f"{report.moved:,} {would}moved, " if report.moved else ""
    print(
        f"{report.added:,} {would}added, {report.updated:,} {would}updated, {moved}"
        f"{report.unchanged:,} unchanged, {report.removed:,} {would}removed, "
        f"{rejected(report.rejected, report.reasons)}"
    )
    for sentence in _about_rows(report):
        print(f"note: {sentence}", file=sys.stderr)
    if report.encoded:
        rate = report.encoded / report.seconds
        print(f"{duration(report.seconds)}, {rate:.1f} images/s{_held_up(report)}")
    if report.learned is not None:
        print(_learned(report.learned))
    if report.patches is not None and report.patches.refused:
        lacking = sum(report.patches.refused.values())
        print(f"note: {counted(lacking, 'picture')} without patches", file=sys.stderr)
    _say_warnings(report)
    if report.dry_run and report.added + report.updated:
        print("no picture was decoded: some may turn out to be damaged", file=sys.stderr)
    _say_rejects(report, rejects)


def print_imported(report: "ImportReport", rejects: Path) -> None:
    """Counts, speed, and what a file named that is not there."""
    would = "would be " if report.dry_run else ""
    print(
        f"{report.added:,} {would}added, {report.updated:,} {would}updated, "
        f"{report.unchanged:,} unchanged, {rejected(report.rejected, report.reasons)}"
    )
    print(f"{duration(report.seconds)}, {report.summary()['rows_per_second']:,.0f} rows/s")
    if report.scaled:
        was = "was" if report.scaled == 1 else "were"
        print(f"{counted(report.scaled, 'embedding')} {was} not of length 1 and {was} scaled to it")
    if report.pictures_missing:
        verb = "is" if report.pictures_missing == 1 else "are"
        print(f"{counted(report.pictures_missing, 'picture')} {verb} not there: imported without")
    _say_rejects(report, rejects)


def _about_rows(report: "RunReport") -> Iterator[str]:
    """What is to be said of rows and items beside their numbers."""
    if report.gone:
        verb = "is" if report.gone == 1 else "are"
        gone = f"{counted(report.gone, 'item')} of this source {verb} no longer in it"
        yield f"{gone}; --prune removes what is gone"
    if report.others:
        stay = "stays" if report.others == 1 else "stay"
        others = f"{counted(report.others, 'item')} of other sources {stay}"
        yield f"{others}; if a file or folder only has another name now, --source NAME says so"
    if report.from_elsewhere:
        had = f"{counted(report.from_elsewhere, 'item')} had another picture, from another source"
        yield f"{had}; sources with the same ids take turns unless they have a --collection each"
    if report.same_picture:
        have = "row has" if report.same_picture == 1 else "rows have"
        yield f"{report.same_picture:,} {have} the picture of an earlier row with another id"
    if report.hashed:
        old = f"{counted(report.hashed, 'picture')} from before copies were recognised"
        yield f"{old}: copies of them are found now"
    if report.taken_over:
        made = f"{counted(report.taken_over, 'picture')} had been embedded on the cluster"
        yield f"{made} when an earlier run was interrupted"


def _learned(learned: "Report") -> str:
    """What the labels brought, or that they brought nothing."""
    verdict = learned.verdict
    assert verdict is not None
    change = verdict.changes["accuracy"]
    expected = "" if verdict.expected is None else " ({:.2f} to {:.2f})".format(*verdict.expected)
    figures = (
        f"{change.before:.2f} -> {change.after:.2f}{expected} on products or scenes it had not seen"
    )
    if learned.changed:
        return f"search learned from your labels: {figures}; `eyedex tune --undo` goes back"
    return f"learning from the labels brings nothing here ({figures}): search stays as it is"


def _say_warnings(report: "RunReport") -> None:
    for code, count in report.warnings.items():
        if code in _WARNINGS:
            print(f"note: {counted(count, 'picture')} {_WARNINGS[code]}", file=sys.stderr)


def _say_rejects(report: "RunReport", rejects: Path) -> None:
    for row in report.refused:
        print(f"  row {row.line}, item {row.item_id!r}: {row.reason}", file=sys.stderr)
    if len(report.refused) < report.rejected and report.dry_run:
        print("  and more", file=sys.stderr)
    if report.rejected and not report.dry_run:
        print(f"which were rejected, and why: {rejects}", file=sys.stderr)


def _held_up(report: "RunReport") -> str:
    """The stage that a long run waited for, if something can be done about it."""
    stage = report.bottleneck()
    advice = _ADVICE.get(stage)
    if advice is None or report.seconds < LONG_S:
        return ""
    if stage == "decode" and report.workers < (os.cpu_count() or 1):
        advice = "more --workers would help"
    busy = report.utilisation()
    shares = [f"{name} {busy[name]:.0%}" for name in _ADVICE if name in busy]
    return f"; limited by: {stage} ({advice}; busy: {', '.join(shares)})"


_WARNINGS = {
    "colour_profile_ignored": "with a colour profile that cannot be used: taken for sRGB",
    "end_mark_missing": "without an end mark, but with all pixels",
    "first_frame_used": "with several frames: only the first was looked at",
}
_ADVICE = {
    "read": "the pictures' disk",
    "decode": "more cores would help",
    "encode": "`eyedex encoders --bench` compares --runtime",
    "commit": "the data directory's disk",
}
"""Stages that work side by side, and what makes each faster."""
