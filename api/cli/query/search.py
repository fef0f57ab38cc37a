"""The verb that searches."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.options import CollectionOption, DataOption, JsonOption, open_engine
from api.cli.query.asking import given, with_options
from api.cli.terminal.output import Notes, print_facets, print_json, print_neighbors
from api.schemas.items import facets_json
from api.schemas.results import result_json

ONLY_IN_JSON = {"include": "embeddings", "explain": "explanations"}


@with_options("search")
def search(
    image: Annotated[
        Path | None, typer.Argument(help="The photo to search with.", show_default=False)
    ] = None,
    item: Annotated[
        str | None,
        typer.Option(help="An item of the collection instead of a photo.", metavar="ITEM_ID"),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(
            help="An item that shows what is wanted, beside the photo or instead; repeatable.",
            metavar="ITEM_ID",
        ),
    ] = None,
    unlike: Annotated[
        list[str] | None,
        typer.Option(help="An item that shows what is not wanted; repeatable.", metavar="ITEM_ID"),
    ] = None,
    data: DataOption = None,
    collection: CollectionOption = "default",
    as_json: JsonOption = False,
    **options: Any,
) -> None:
    """The catalog items that look most like a photo, or like some of them."""
    _check_question(image, item, like, {name: options.get(name) for name in ("box", "regions")})
    for name, what in ONLY_IN_JSON.items():
        if options.get(name) is not None and not as_json:
            raise _only_in_json(name, what)
    asked = given(options)
    facets = asked.pop("facets", "")
    names = [name.strip() for name in facets.split(",")] if facets else []
    with open_engine(data) as engine:
        counted = (
            engine.facets(names, filter=asked.get("filter"), collection=collection) if names else {}
        )
        asked |= {"like": like or [], "unlike": unlike or [], "collection": collection}
        result = engine.search(image, **asked) if item is None else engine.similar(item, **asked)
    if as_json:
        extra = {"facets": facets_json(counted)} if counted else {}
        print_json({**result_json(result), **extra})
        return
    print_neighbors(result.neighbors)
    for number, region in enumerate(result.regions or ()):
        print(f"region {number}: --box {','.join(f'{side:.3f}' for side in region.box)}")
    print_facets(counted)
    if result.rerank is not None:
        print(f"note: in the order of {result.rerank}; scores are cosines", file=sys.stderr)
    if result.left_out:
        print(f"note: {result.left_out} of the nearest were left out", file=sys.stderr)
    Notes().print(result.warnings)


def _check_question(
    image: Path | None, item: str | None, like: list[str] | None, parts: dict[str, str | None]
) -> None:
    from search_engine.errors import ParameterError

    given = (image is not None) + (item is not None)
    if given > 1 or not (given or like):
        raise ParameterError(
            "give a photo or --item, one of them, or --like", where="eyedex search"
        )
    for name, value in parts.items():
        if image is None and value is not None:
            raise ParameterError("an item has no region", where=f"--{name}", fix="leave it out")


def _only_in_json(name: str, what: str) -> Exception:
    from search_engine.errors import ParameterError

    return ParameterError(f"{what} are in JSON only", where=f"--{name}", fix="add --json")
