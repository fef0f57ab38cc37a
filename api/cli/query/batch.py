"""Many queries searched or classified: into a file, or a line each."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.options import settings_from
from api.cli.terminal.output import Notes, print_json, print_neighbors, print_prediction
from api.cli.terminal.progress import progress
from api.schemas.results import result_json

if TYPE_CHECKING:
    from indexer.answers.batches import Answer, Ask
    from indexer.answers.layouts import Layout
    from indexer.answers.queries import Queries
    from indexer.sources import Rows, SourceOptions
    from search_engine.engine import SearchEngine

INLINE_PICTURES = 8
"""Up to this many pictures are decoded here, as starting processes would take longer."""

OutputOption = Annotated[
    Path | None,
    typer.Option(
        help="Write the answers to a .csv, .xlsx, .jsonl or .parquet file.", metavar="FILE"
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Let --output replace a file that is there.")
]
AllowUrlsOption = Annotated[
    bool,
    typer.Option(
        "--allow-urls",
        help="Fetch pictures from the addresses in a table, from public hosts only.",
    ),
]


@contextmanager
def opened(
    data: Path | None, paths: Sequence[Path], reading: "SourceOptions | None", allow_urls: bool
) -> "Iterator[tuple[SearchEngine, Rows]]":
    """The engine and the pictures of a source; many are decoded in processes."""
    from indexer.answers.queries import opened_pictures
    from indexer.sources import AS_FOUND
    from search_engine.engine import SearchEngine
    from search_engine.images.decode_pool import DecodePool

    settings = settings_from(data, allow_urls="*" if allow_urls else None)
    with opened_pictures(paths, settings, reading or AS_FOUND) as source, ExitStack() as stack:
        decoder = None
        if len(source) > INLINE_PICTURES:
            decoder = stack.enter_context(DecodePool(settings.catalog_limits(), settings.workers))
            decoder.warm_up()
        engine = SearchEngine(settings=settings, decoder=decoder, create=False)
        yield stack.enter_context(engine), source


@dataclass(slots=True)
class Batch:
    """Answers many queries, and counts the outcomes.

    `what` names the work in the progress bar.
    """

    engine: "SearchEngine"
    queries: "Queries"
    ask: "Ask"
    layout: "Layout"
    what: str
    answered: int = 0
    abstained: int = 0
    rejected: int = 0

    def run(self, output: Path | None, overwrite: bool, as_json: bool) -> int:
        """Answer all, into a file or as lines; returns the number of rejected queries."""
        if not len(self.queries):
            print("note: there is nothing to ask with", file=sys.stderr)
        if output is None:
            return self.to_lines(as_json)
        return self.to_file(output, overwrite, as_json)

    def to_file(self, output: Path, overwrite: bool, as_json: bool) -> int:
        """Write the answers to a file; rejected queries are named on stderr.

        Returns:
            The number of rejected queries.

        Raises:
            ParameterError, MissingExtraError: The file cannot be written; before any work is done.
            StorageError: It could not be written to its end; what there is has `.part` at its name.
        """
        from indexer.answers.files import answer_file

        started = time.perf_counter()
        with (
            answer_file(output, self.layout, overwrite) as file,
            progress(self.what, len(self.queries)) as advance,
        ):
            for answer in self._answers():
                for record in self.layout.records(answer):
                    file.write(record)
                advance(1)
        self._print_summary(output, time.perf_counter() - started, as_json)
        return self.rejected

    def to_lines(self, as_json: bool) -> int:
        """Print each answer as it comes; returns the number of rejected queries."""
        notes = Notes()
        for answer in self._answers(tells=False):
            _print_answer(answer, as_json, notes)
        return self.rejected

    def _answers(self, tells: bool = True) -> "Iterator[Answer]":
        from indexer.answers.batches import answers
        from indexer.answers.queries import RejectedQuery

        for each in answers(self.queries, self.ask, self.engine.settings.batch_size):
            if isinstance(each, RejectedQuery):
                self.rejected += 1
                if tells:
                    print(f"rejected: {each.code}: {each.query_id}: {each.reason}", file=sys.stderr)
            elif each.result.prediction is not None and each.result.prediction.abstained:
                self.abstained += 1
            else:
                self.answered += 1
            yield each

    def _print_summary(self, output: Path, seconds: float, as_json: bool) -> None:
        rows = self.answered + self.abstained + self.rejected
        rate = round(rows / seconds, 1)
        classes = self.what == "classifying"
        if as_json:
            print_json(
                {
                    "file": str(output),
                    "rows": rows,
                    "answered": self.answered,
                    **({"abstained": self.abstained} if classes else {}),
                    "rejected": self.rejected,
                    "seconds": round(seconds, 3),
                    "images_per_second": rate,
                }
            )
            return
        abstained = f"{self.abstained:,} abstained, " if classes else ""
        print(
            f"{output}: {self.answered:,} answered, {abstained}{self.rejected:,} rejected, "
            f"{seconds:.1f} s, {rate} images/s"
        )


def _print_answer(answer: "Answer", as_json: bool, notes: Notes) -> None:
    """Print an answer as the verbs do for one picture, with its name."""
    from indexer.answers.batches import AnsweredQuery
    from indexer.answers.queries import shown

    path = answer.query_id if answer.path is None else shown(answer.path)
    if not isinstance(answer, AnsweredQuery):
        if as_json:
            print_json({"path": path, "error": {"code": answer.code, "reason": answer.reason}})
        print(f"error: {answer.code}: {answer.reason} ({path})", file=sys.stderr)
        return
    result = answer.result
    notes.print(result.warnings)
    if as_json:
        print_json({"path": path, **result_json(result)})
    elif result.prediction is not None:
        print(f"{path}: ", end="")
        print_prediction(result.prediction)
    else:
        print(f"{path}:")
        print_neighbors(result.neighbors)
