"""The verb that classifies."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.exits import Exit
from api.cli.options import (
    CollectionOption,
    DataOption,
    FilterOption,
    JsonOption,
    RerankOption,
    TargetOption,
    open_engine,
    parsed_filter,
)
from api.cli.output import print_json, print_prediction
from api.schemas import result_json

if TYPE_CHECKING:
    from search_engine.engine import SearchEngine
    from search_engine.filters import Filter


def classify(
    paths: Annotated[list[Path], typer.Argument(help="Photos, or folders of them.")],
    data: DataOption = None,
    collection: CollectionOption = "default",
    k: Annotated[
        int | None,
        typer.Option(
            "-k", min=1, max=200, help="Neighbors that vote [default: as calibrated, else 10]."
        ),
    ] = None,
    target: TargetOption = "label",
    filter: FilterOption = None,
    accept_accuracy: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Abstain unless so many of such answers are right: 0.95, say."
        ),
    ] = None,
    classifier: Annotated[
        str | None,
        typer.Option(
            "--with", help="A classifier of `eyedex train` instead of the vote.", metavar="NAME"
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Write a .csv, .jsonl or .parquet file, with the neighbors as evidence.",
            metavar="FILE",
        ),
    ] = None,
    rerank: RerankOption = None,
    as_json: JsonOption = False,
) -> None:
    """A class for each photo, by the vote of its nearest neighbors.

    With --output or --with the photos may also be a CSV, as `eyedex index` takes it.

    Its confidence is a probability where `eyedex calibrate` or `eyedex index` has calibrated the
    collection, and no other -k and no filter makes it another vote.
    """
    from search_engine.errors import ImageError, MissingPictureError, ParameterError

    rejected = 0
    parsed = parsed_filter(filter)
    if classifier is not None or output is not None:
        if rerank is not None:
            raise ParameterError(
                "photos are re-ranked one at a time, by the vote only",
                where="--rerank",
                fix="leave out --output and --with",
            )
        many = _Many(paths, classifier, output, target, k, parsed, accept_accuracy, as_json)
        with open_engine(data) as engine:
            rejected = many.classify(engine, collection)
        if rejected:
            raise typer.Exit(Exit.SOME_REJECTED)
        return
    with open_engine(data) as engine:
        for path in _files(paths):
            try:
                result = engine.classify(
                    path,
                    k=k,
                    target=target,
                    filter=parsed,
                    accept_accuracy=accept_accuracy,
                    rerank=rerank,
                    collection=collection,
                )
            except ImageError as error:
                if isinstance(error, MissingPictureError) and len(paths) == 1:
                    raise
                rejected += 1
                line = {"path": str(path), "error": {"code": error.code, "reason": error.what}}
                if as_json:
                    print_json(line)
                print(f"error: {error.code}: {error.what} ({path})", file=sys.stderr)
                continue
            if as_json:
                print_json({"path": str(path), **result_json(result)})
            elif result.prediction is not None:
                print(f"{path}: ", end="")
                print_prediction(result.prediction)
    if rejected:
        raise typer.Exit(Exit.SOME_REJECTED)


@dataclass(frozen=True, slots=True)
class _Many:
    """Photos that are classified in batches."""

    paths: list[Path]
    classifier: str | None
    output: Path | None
    target: str
    k: int | None
    filter: "Filter | None"
    accept_accuracy: float | None
    as_json: bool

    def classify(self, engine: "SearchEngine", collection: str) -> int:
        """The number of rejected photos."""
        from api.cli.batch_answers import classify_to_file, classify_to_lines
        from indexer.answer_files import check_output
        from indexer.batch_classify import open_pictures

        source = open_pictures(self.paths)
        if self.output is not None:
            check_output(self.output, self.paths[0])
        question = engine.question(
            self.target, self.k, None, self.accept_accuracy, collection, self.classifier,
            filter=self.filter,
        )  # fmt: skip
        for note in question.warnings.values():
            print(f"note: {note}", file=sys.stderr)
        common = {**question.options, "collection": collection, "as_json": self.as_json}
        if self.output is not None:
            return classify_to_file(engine, source, self.output, question.answers, **common)
        return classify_to_lines(engine, source, question.answers, **common)


def _files(paths: list[Path]) -> Iterator[Path]:
    from indexer.sources import FolderSource, SourceRow

    for path in paths:
        if path.is_dir():
            yield from (
                row.image for row in FolderSource(path).rows() if isinstance(row, SourceRow)
            )
        else:
            yield path
