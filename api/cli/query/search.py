"""The verb that searches."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.options import (
    CollectionOption,
    DataOption,
    FilterOption,
    JsonOption,
    NeighborsOption,
    RerankOption,
    open_engine,
    parsed_filter,
)
from api.cli.terminal.output import Notes, print_facets, print_json, print_neighbors
from api.schemas import facets_json, result_json


def search(
    image: Annotated[
        Path | None, typer.Argument(help="The photo to search with.", show_default=False)
    ] = None,
    item: Annotated[
        str | None,
        typer.Option(help="An item of the collection instead of a photo.", metavar="ITEM_ID"),
    ] = None,
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
    rerank: RerankOption = None,
    facets: Annotated[
        str | None,
        typer.Option(
            help="Count the items that fulfil the filter by their values of these fields.",
            metavar="FIELD,FIELD",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The catalog items that look most like a photo, or like one of them."""
    _check_question(image, item, box)
    names = [name.strip() for name in facets.split(",")] if facets else []
    parsed = parsed_filter(filter)
    with open_engine(data) as engine:
        counted = engine.facets(names, filter=parsed, collection=collection) if names else {}
        options: dict[str, Any] = {
            "k": k,
            "filter": parsed,
            "group_by": group_by,
            "min_score": min_score,
            "weights": weights,
            "rerank": rerank,
            "collection": collection,
        }
        if item is not None:
            result = engine.similar(item, **options)
        else:
            assert image is not None
            result = engine.search(image, box=box, **options)
    if as_json:
        extra = {"facets": facets_json(counted)} if counted else {}
        print_json({**result_json(result), **extra})
        return
    print_neighbors(result.neighbors)
    print_facets(counted)
    if result.rerank is not None:
        print(f"note: in the order of {result.rerank}; scores are cosines", file=sys.stderr)
    Notes().print(result.warnings)


def _check_question(image: Path | None, item: str | None, box: str | None) -> None:
    from search_engine.errors import ParameterError

    if (image is None) == (item is None):
        raise ParameterError("give a photo or --item, one of them", where="eyedex search")
    if item is not None and box is not None:
        raise ParameterError("an item has no region", where="--box", fix="leave it out")
