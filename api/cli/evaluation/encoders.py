"""`eyedex evaluate --encoders`: the table that sets encoders side by side."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from api.cli.evaluation.notes import (
    print_alone,
    print_known_photos,
    print_learning,
    print_unknown_labels,
)
from api.cli.evaluation.queries import tell_reject
from api.cli.exits import Exit
from api.cli.options import open_engine
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.progress import progress
from search_engine.errors import ParameterError

if TYPE_CHECKING:
    from indexer.asked import Queries
    from indexer.encoder_comparison.table import EncoderRow
    from search_engine.evaluate.task import Options, Task


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
                "split": task.split,
                "held_out_alone": task.alone,
                "photos_in_catalog": task.known_photos,
                "relearned": len(task.spaces),
                "later": task.later,
            }
        )
    else:
        _print(rows)
    print_unknown_labels(task.unknown)
    print_alone(task.alone, task.split)
    print_known_photos(task.known_photos)
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
