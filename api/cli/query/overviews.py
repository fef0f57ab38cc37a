"""The verbs that look at a collection as a whole: what seems wrong in it, and its map."""

import json
import sys
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.options import CollectionOption, DataOption, JsonOption, TargetOption, open_engine
from api.cli.recording import recorded, told
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from indexer.change.request import Stage
    from search_engine.engine import SearchEngine
    from search_engine.overviews.lists import Suspect
    from search_engine.overviews.map import MapPage
    from search_engine.overviews.storage import Overview

LimitOption = Annotated[int, typer.Option(min=1, help="Show so many, the most suspicious.")]
TableOption = Annotated[
    Path | None, typer.Option("--output", help="Write the whole list to this CSV.")
]


def mislabelled(
    data: DataOption = None,
    collection: CollectionOption = "default",
    target: TargetOption = "label",
    limit: LimitOption = 20,
    output: TableOption = None,
    as_json: JsonOption = False,
) -> None:
    """List items whose labels look wrong, by their neighbors. Nothing in the catalog changes.

    The most suspicious come first: those whose label has the least probability by the vote of the
    items that look most alike. A server answers with the list at /v1/collections/NAME/mislabelled.
    """
    from api.schemas.overviews import mislabelled_item
    from indexer.overviews.making import make_mislabelled
    from indexer.overviews.output import write_mislabelled

    def make(engine: "SearchEngine", stage: "Stage") -> "Overview":
        return make_mislabelled(engine, collection, target, stage)

    with _made(data, collection, "mislabelled", make, output, target=target) as (made, found):
        suspects = list(found if output else islice(found, limit))
    if output is not None:
        write_mislabelled(output, suspects)
    if as_json:
        _print_lines([mislabelled_item(collection, each) for each in suspects[:limit]])
        return
    if suspects:
        print_table(
            ("item_id", "label", "probability", "suggested", "support", "error", "such as"),
            (_mislabelled_row(each) for each in suspects[:limit]),
        )
    print(
        f"{counted(made.origin.errors, 'label')} of {made.origin.judged:,} probably wrong; "
        f"{made.origin.items - made.origin.judged:,} of {counted(made.origin.items, 'item')} could "
        "not be judged"
    )


def outliers(
    data: DataOption = None,
    collection: CollectionOption = "default",
    limit: LimitOption = 20,
    output: TableOption = None,
    as_json: JsonOption = False,
) -> None:
    """List items that are unlike all others. Nothing in the catalog changes.

    The loneliest come first: those with the least mean cosine with the 50 nearest. A server answers
    with the list at /v1/collections/NAME/outliers.
    """
    from api.schemas.overviews import outlier
    from indexer.overviews.making import make_outliers
    from indexer.overviews.output import write_outliers

    def make(engine: "SearchEngine", stage: "Stage") -> "Overview":
        return make_outliers(engine, collection, stage)

    with _made(data, collection, "outliers", make, output) as (_, found):
        suspects = list(found if output else islice(found, limit))
    if output is not None:
        write_outliers(output, suspects)
    if as_json:
        _print_lines([outlier(collection, each) for each in suspects[:limit]])
        return
    print_table(
        ("item_id", "label", "similarity", "nearest"),
        ((each.item.item_id, each.label, each.score, _nearest(each)) for each in suspects[:limit]),
    )


def map_(
    data: DataOption = None,
    collection: CollectionOption = "default",
    clusters: Annotated[
        int | None,
        typer.Option(min=2, help="Clusters [default: root of half the items].", show_default=False),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write all points to this .json or .csv.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Lay the items out in a plane, alike ones together. Nothing in the catalog changes.

    A server answers with the map at /v1/collections/NAME/map, with later items placed on it. Needs
    the extra `map`.
    """
    from indexer.overviews.mapping import make_map
    from indexer.overviews.output import check_map_file
    from search_engine.overviews.map import map_page

    if output is not None:
        check_map_file(output)
    with (
        open_engine(data) as engine,
        recorded(engine.settings, collection, "map", clusters=clusters) as running,
    ):
        made = make_map(engine, collection, told(running), clusters)
        running.result = made.summary()
        page = map_page(engine.catalog, engine.live(collection), made, made.origin.items)
    if output is not None:
        _write_map(output, collection, page)
    if as_json:
        print_json(made.summary())
        return
    print_table(
        ("cluster", "items", "medoid"),
        ((each.name, each.items, each.medoid and each.medoid.item_id) for each in page.clusters),
    )
    print(f"{counted(made.origin.items, 'item')} laid out", file=sys.stderr)


@contextmanager
def _made(
    data: Path | None,
    collection: str,
    kind: str,
    make: "Callable[[SearchEngine, Stage], Overview]",
    output: Path | None,
    **params: Any,
) -> "Iterator[tuple[Overview, Iterator[Suspect]]]":
    """Make a list as a job that others see; give it, and what is on it."""
    from indexer.clusters import check_table
    from search_engine.overviews.lists import suspects_of

    if output is not None:
        check_table(output)
    with (
        open_engine(data) as engine,
        recorded(engine.settings, collection, kind, **params) as running,
    ):
        made = make(engine, told(running))
        running.result = made.summary()
        found = suspects_of(engine.catalog, engine.live(collection), made)
        yield made, (suspect for _, suspect in found)


def _mislabelled_row(found: "Suspect") -> tuple[object, ...]:
    suggestion = found.suggestion
    return (
        found.item.item_id,
        found.label,
        found.score,
        suggestion and suggestion.label,
        suggestion and suggestion.support,
        suggestion is not None and suggestion.is_error,
        _nearest(found),
    )


def _nearest(found: "Suspect") -> str | None:
    return found.neighbors[0].item.item_id if found.neighbors else None


def _print_lines(values: "Sequence[Any]") -> None:
    for each in values:
        print_json(each)


def _write_map(output: Path, collection: str, page: "MapPage") -> None:
    from api.schemas.overviews import map_json
    from indexer.overviews.output import write_map_table, write_text

    if output.suffix.lower() == ".csv":
        write_map_table(output, page)
    else:
        write_text(output, json.dumps(map_json(collection, page), ensure_ascii=False) + "\n")
