"""Many pictures classified: into a file, or a line each; by the vote or a trained classifier."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.terminal.output import Notes, print_json, print_prediction
from api.cli.terminal.progress import progress
from api.schemas.results import result_json

if TYPE_CHECKING:
    from indexer.classify.batches import BatchRow
    from indexer.sources import Rows
    from search_engine.engine import SearchEngine
    from search_engine.vote.question import Question


def classify_to_file(
    engine: "SearchEngine",
    source: "Rows",
    output: Path,
    question: "Question | None" = None,
    *,
    collection: str = "default",
    overwrite: bool = False,
    as_json: bool = False,
) -> int:
    """Classify a source into a file; rejected rows are named on stderr.

    Returns:
        The number of rejected rows.

    Raises:
        ParameterError, MissingExtraError: The file cannot be written; before any work is done.
        StorageError: It could not be written to its end; what there is has `.part` at its name.
    """
    from indexer.classify.answers import answer_file, record_of
    from indexer.classify.batches import ClassifiedRow, classify_source

    started = time.perf_counter()
    rows = rejected = abstained = 0
    answers = classify_source(engine, source, question, collection=collection)
    with answer_file(output, overwrite) as file, progress("classifying", len(source)) as advance:
        for row in answers:
            file.write(record_of(row))
            rows += 1
            if isinstance(row, ClassifiedRow):
                abstained += row.prediction.abstained
            else:
                rejected += 1
                print(f"rejected: {row.code}: {row.item_id}: {row.reason}", file=sys.stderr)
            advance(1)
    seconds = time.perf_counter() - started
    _print_summary(output, Counts(rows, abstained, rejected), seconds, as_json)
    return rejected


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows in all, and those of them without a class."""

    rows: int
    abstained: int
    rejected: int


def _print_summary(output: Path, counts: Counts, seconds: float, as_json: bool) -> None:
    answered = counts.rows - counts.rejected - counts.abstained
    if as_json:
        print_json(
            {
                "file": str(output),
                "rows": counts.rows,
                "answered": answered,
                "abstained": counts.abstained,
                "rejected": counts.rejected,
                "seconds": round(seconds, 3),
                "images_per_second": round(counts.rows / seconds, 1),
            }
        )
        return
    print(
        f"{output}: {answered:,} answered, {counts.abstained:,} abstained, {counts.rejected:,} "
        f"rejected, {seconds:.1f} s, {counts.rows / seconds:.1f} images/s"
    )


def classify_to_lines(
    engine: "SearchEngine",
    source: "Rows",
    question: "Question",
    *,
    collection: str = "default",
    as_json: bool = False,
) -> int:
    """Classify a source and print each answer as it comes.

    Returns:
        The number of rejected rows.
    """
    from indexer.classify.batches import RejectedRow, classify_source

    rejected, notes = 0, Notes()
    answers = classify_source(engine, source, question, collection=collection)
    for row in answers:
        if isinstance(row, RejectedRow):
            rejected += 1
        else:
            notes.print(row.result.warnings)
        _print_row(row, as_json)
    return rejected


def _print_row(row: "BatchRow", as_json: bool) -> None:
    """As `eyedex classify` prints a picture."""
    from indexer.classify.batches import ClassifiedRow, shown

    path = row.item_id if row.path is None else shown(row.path)
    if isinstance(row, ClassifiedRow):
        if as_json:
            print_json({"path": path, **result_json(row.result)})
        else:
            print(f"{path}: ", end="")
            print_prediction(row.prediction)
        return
    if as_json:
        print_json({"path": path, "error": {"code": row.code, "reason": row.reason}})
    print(f"error: {row.code}: {row.reason} ({path})", file=sys.stderr)
