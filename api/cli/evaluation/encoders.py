"""`eyedex evaluate --encoders`: the table that sets encoders side by side."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from api.cli.evaluation.queries import tell_reject
from api.cli.exits import Exit
from api.cli.options import open_engine
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.progress import progress
from api.cli.terminal.wording import counted
from search_engine.errors import ParameterError

if TYPE_CHECKING:
    from indexer.asked import Queries
    from indexer.encoder_comparison.table import EncoderRow
    from search_engine.evaluate.task import Options, Task
    from search_engine.evaluate.unknown_labels import UnknownLabel

SHOWN_LABELS = 10
LEARNED_FROM = (
    "note: the encoder learned from the labels of these items, so photos that it has not seen get "
    "fewer right; evaluate labelled photos of their own"
)
RELEARNED = (
    "note: the encoder learned from the labels of these items, so each was asked by what is "
    "learned without it"
)


def compare_encoders(
    data: Path | None, queries: "Queries | None", options: "Options", names: str, as_json: bool
) -> None:
    """Print a row for each encoder; names that nobody knows are refused before any work.

    Raises:
        UnknownEncoderError: There is no encoder of such a name.
        ParameterError: There is nothing to evaluate.
    """
    from indexer.encoder_comparison.candidates import candidates
    from indexer.encoder_comparison.table import encoder_rows

    tasks: list[Task] = []
    with open_engine(data) as engine:
        engine.live(options.collection)
        others = candidates(names, engine.settings)
        asked = None
        if queries is not None:
            asked = queries.ask(engine, options.collection, options.target, progress, tell_reject)
        rows = list(encoder_rows(engine, asked, options, others, progress, tasks.append))
    (task,) = tasks
    if as_json:
        print_json(
            {
                "encoders": [row.as_json() for row in rows],
                "labels_not_in_catalog": [asdict(one) for one in task.unknown],
                "relearned": len(task.spaces),
                "later": task.later,
            }
        )
    else:
        _print(rows)
    print_unknown_labels(task.unknown)
    print_learning(task.learned, len(task.spaces), task.later)
    if asked is not None and asked.rejected:
        raise typer.Exit(Exit.SOME_REJECTED)


def refuse_others(used: dict[str, Any]) -> None:
    """Refuse options that say what else to measure: the table has its own columns.

    Raises:
        ParameterError: One of them is used.
    """
    named = [name for name, value in used.items() if value]
    if named:
        raise ParameterError(
            f"a table of encoders has no {', '.join(named)}",
            where="--encoders",
            fix=f"leave out {', '.join(named)}",
        )


def print_learning(learned: bool, relearned: int, later: int) -> None:
    """Say what to know of figures by items that the encoder learned from.

    Args:
        learned: Whether it did.
        relearned: How often it learned again without some of them.
        later: How many items came after what it learned.
    """
    if learned:
        print(RELEARNED if relearned else LEARNED_FROM, file=sys.stderr)
    if later:
        print(f"note: left out as it came later: {counted(later, 'item')}", file=sys.stderr)


def print_unknown_labels(labels: "Sequence[UnknownLabel]") -> None:
    """Name the labels of queries that the catalog does not have."""
    for label in labels[:SHOWN_LABELS]:
        photos = "1 photo" if label.photos == 1 else f"{label.photos:,} photos"
        print(f"note: {label} ({photos}, left out of the measures)", file=sys.stderr)
    if len(labels) > SHOWN_LABELS:
        more = len(labels) - SHOWN_LABELS
        print(f"note: {more:,} more labels are not in the catalog; see --json", file=sys.stderr)


def _print(rows: "Sequence[EncoderRow]") -> None:
    """A table that fits a terminal of 80 columns; `--json` has more decimals."""
    print_table(
        ("encoder", "accuracy", "mAP", "hit_rate@1", "images/s", "dimension", "bytes"),
        [_cells(row) for row in rows if row.skipped is None],
    )
    for row in rows:
        if row.skipped is not None:
            print(f"{row.name}: not tried: {row.skipped}")
        elif row.not_encoded:
            print(
                f"note: {row.name} has no embedding of {row.not_encoded:,} pictures: never found, "
                "and wrong where they ask",
                file=sys.stderr,
            )
    print("* the collection's own; bytes: an item's, as stored; images/s: encoding alone")


def _cells(row: "EncoderRow") -> tuple[object, ...]:
    speed = None if row.images_per_second is None else f"{row.images_per_second:,.0f}"
    return (
        f"{row.name} *" if row.own else row.name, row.accuracy, row.map, row.hit_rate_at_1,
        speed, row.dimension, row.bytes_an_item,
    )  # fmt: skip
