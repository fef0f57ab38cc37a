"""The verb that classifies."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from api.cli.exits import Exit
from api.cli.options import (
    CollectionOption,
    DataOption,
    FilterOption,
    JsonOption,
    NeighborsOption,
    TargetOption,
    open_engine,
    parsed_filter,
)
from api.cli.output import print_json, print_prediction
from api.schemas import result_json


def classify(
    paths: Annotated[list[Path], typer.Argument(help="Photos, or folders of them.")],
    data: DataOption = None,
    collection: CollectionOption = "default",
    k: NeighborsOption = 10,
    target: TargetOption = "label",
    filter: FilterOption = None,
    as_json: JsonOption = False,
) -> None:
    """A class for each photo, by the vote of its nearest neighbors."""
    from search_engine.errors import ImageError

    rejected = 0
    parsed = parsed_filter(filter)
    with open_engine(data) as engine:
        for path in _files(paths):
            try:
                result = engine.classify(
                    path, k=k, target=target, filter=parsed, collection=collection
                )
            except ImageError as error:
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


def _files(paths: list[Path]) -> Iterator[Path]:
    from indexer.sources import FolderSource, SourceRow

    for path in paths:
        if path.is_dir():
            yield from (
                row.image for row in FolderSource(path).rows() if isinstance(row, SourceRow)
            )
        else:
            yield path
