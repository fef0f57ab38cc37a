"""What becomes of the columns of a table, told before anything is encoded."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from api.cli.terminal.output import print_table
from indexer.opened_source import sentences

if TYPE_CHECKING:
    from indexer.sources import ColumnReport, Source

EXAMPLES, EXAMPLE_CHARS = 2, 24
"""So that a row of the table mostly fits a line."""
HEADERS = ("column", "becomes", "type", "filled", "examples")


def print_columns(source: "Source", whole: bool = True) -> None:
    """A table of the columns, and sentences about how the source was understood.

    Args:
        source: Which; one without columns has sentences only.
        whole: False leaves out the table, for a source that was told of before.
    """
    if source.columns and whole:
        print_table(HEADERS, [_row(report) for report in source.columns])
    for sentence in sentences(source):
        print(f"note: {sentence}", file=sys.stderr)


def _row(report: "ColumnReport") -> Sequence[str]:
    filled = "-" if report.filled is None else _percent(report.filled)
    return (
        report.column,
        report.becomes or "(left out)",
        report.kind,
        filled,
        ", ".join(map(_short, report.examples[:EXAMPLES])),
    )


def _short(example: str) -> str:
    return example if len(example) <= EXAMPLE_CHARS else f"{example[: EXAMPLE_CHARS - 1]}…"


def _percent(share: float) -> str:
    """Whole percent; a column that is not quite full, or not quite empty, is not called so."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"
