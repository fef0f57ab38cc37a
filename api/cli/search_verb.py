"""The verb that searches."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import (
    CollectionOption,
    DataOption,
    FilterOption,
    JsonOption,
    NeighborsOption,
    open_engine,
    parsed_filter,
)
from api.cli.output import print_facets, print_json, print_neighbors
from api.schemas import facets_json, result_json


def search(
    image: Annotated[Path, typer.Argument(help="The photo to search with.")],
    data: DataOption = None,
    collection: CollectionOption = "default",
    k: NeighborsOption = 10,
    filter: FilterOption = None,
    box: Annotated[
        str | None,
        typer.Option(help="Region of the photo, as fractions of its sides.", metavar="X,Y,W,H"),
    ] = None,
    group_by: Annotated[
        str | None, typer.Option(help="One neighbor for each value of this field.", metavar="FIELD")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(help="Leave out neighbors below this cosine.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="How much parts of the embedding count (encoder color+shape+texture).",
            metavar="color=2,shape=1",
        ),
    ] = None,
    facets: Annotated[
        str | None,
        typer.Option(
            help="Count the items that fulfil the filter by their values of these fields.",
            metavar="FIELD,FIELD",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The catalog items that look most like a photo."""
    names = [name.strip() for name in facets.split(",")] if facets else []
    parsed = parsed_filter(filter)
    with open_engine(data) as engine:
        counted = engine.facets(names, filter=parsed, collection=collection) if names else {}
        result = engine.search(
            image,
            k=k,
            filter=parsed,
            box=box,
            group_by=group_by,
            min_score=min_score,
            weights=weights,
            collection=collection,
        )
    if as_json:
        extra = {"facets": facets_json(counted)} if counted else {}
        print_json({**result_json(result), **extra})
        return
    print_neighbors(result.neighbors)
    print_facets(counted)
    for warning in result.warnings:
        print(f"note: {warning}", file=sys.stderr)
