"""The verb that classifies."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.exits import Exit
from api.cli.options import (
    CollectionOption,
    DataOption,
    FilterOption,
    JsonOption,
    RerankOption,
    TargetOption,
    VoteKOption,
    open_engine,
    parsed_filter,
)
from api.cli.terminal.output import Notes, print_json, print_prediction
from api.schemas import result_json

if TYPE_CHECKING:
    from search_engine.engine import SearchEngine


def classify(
    paths: Annotated[list[Path], typer.Argument(help="Photos, or folders of them.")],
    data: DataOption = None,
    collection: CollectionOption = "default",
    k: Annotated[
        int | None,
        typer.Option("-k", min=1, max=200, help="Neighbors shown [default: those that vote]."),
    ] = None,
    vote_k: VoteKOption = None,
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
    collection, and no filter, --vote-k or --rerank makes it another vote.
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
        wanted = {
            "target": target, "k": k, "vote_k": vote_k, "accept_accuracy": accept_accuracy,
            "classifier": classifier, "filter": parsed,
        }  # fmt: skip
        many = _Many(paths, output, wanted, as_json)
        with open_engine(data) as engine:
            rejected = many.classify(engine, collection)
        if rejected:
            raise typer.Exit(Exit.SOME_REJECTED)
        return
    with open_engine(data) as engine:
        notes = Notes()
        for path in _files(paths):
            try:
                result = engine.classify(
                    path,
                    k=k,
                    vote_k=vote_k,
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
            notes.print(result.warnings)
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
    output: Path | None
    wanted: dict[str, Any]
    as_json: bool

    def classify(self, engine: "SearchEngine", collection: str) -> int:
        """The number of rejected photos."""
        from api.cli.query.batch import classify_to_file, classify_to_lines
        from indexer.classify.answers import check_output
        from indexer.classify.batches import open_pictures
        from search_engine.vote.question import notes_of

        source = open_pictures(self.paths)
        if self.output is not None:
            check_output(self.output, self.paths[0])
        question = engine.question(collection=collection, **self.wanted)
        about_filter = engine.filter_warnings(self.wanted["filter"], collection=collection)
        Notes().print((*about_filter, *notes_of(question)))
        common: dict[str, Any] = {"collection": collection, "as_json": self.as_json}
        if self.output is not None:
            return classify_to_file(engine, source, self.output, question, **common)
        return classify_to_lines(engine, source, question, **common)


def _files(paths: list[Path]) -> Iterator[Path]:
    from indexer.sources import FolderSource, SourceRow

    for path in paths:
        if path.is_dir():
            yield from (
                row.image for row in FolderSource(path).rows() if isinstance(row, SourceRow)
            )
        else:
            yield path
