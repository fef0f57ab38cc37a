"""The verb that searches."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.options import CollectionOption, DataOption, JsonOption, open_engine
from api.cli.query.asking import given, with_options
from api.cli.terminal.output import Notes, print_facets, print_json, print_neighbors
from api.cli.terminal.streams import shown
from api.schemas.items import facets_json
from api.schemas.results import result_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search_engine.records import Neighbor

PHOTO_ONLY = ("box", "regions", "turns")
ONLY_IN_JSON = {"include": "embeddings and palettes", "explain": "explanations"}


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
    """The catalog items that look most like a photo, or are described by words and colours."""
    described = any(options.get(name) is not None for name in ("q", "color"))
    parts = {name: options.get(name) for name in PHOTO_ONLY}
    _check_question(image, item, bool(like) or (described and not unlike), parts)
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
    _say_same(result.neighbors)
    if result.rerank is not None:
        print(f"note: in the order of {result.rerank}; scores are cosines", file=sys.stderr)
    if result.left_out:
        print(f"note: {result.left_out} of the nearest were left out", file=sys.stderr)
    Notes().print(result.warnings)


def _check_question(
    image: Path | None, item: str | None, others: bool, parts: dict[str, str | None]
) -> None:
    from search_engine.errors import ParameterError

    given = (image is not None) + (item is not None)
    if given > 1 or not (given or others):
        raise ParameterError(
            "give a photo or --item, one of them, or --like, -q or --color",
            where="eyedex search",
        )
    for name, value in parts.items():
        if image is None and value is not None:
            raise ParameterError(
                "it is about a photo, and there is none", where=f"--{name}", fix="leave it out"
            )


def _say_same(neighbors: "Sequence[Neighbor]") -> None:
    same = [shown(each.item.item_id) for each in neighbors if each.same_picture]
    if same:
        print(f"note: the same picture as the photo: {', '.join(same)}", file=sys.stderr)


def _only_in_json(name: str, what: str) -> Exception:
    from search_engine.errors import ParameterError

    return ParameterError(f"{what} are in JSON only", where=f"--{name}", fix="add --json")
