"""The verb that finds items that show the same."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.options import CollectionOption, DataOption, JsonOption, open_engine
from api.cli.recording import recorded, told
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.wording import counted

if TYPE_CHECKING:
    from indexer.duplicates.finding import Duplicates

SHOWN = 5
"""Ids of a group that the table names."""


def duplicates(
    data: DataOption = None,
    collection: CollectionOption = "default",
    min_score: Annotated[
        float | None,
        typer.Option(
            min=0.5,
            max=1,
            help="Cosine from which items look alike; 0.9, of features of several layers 0.95.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write the groups to this CSV, a row for each item.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find items that show the same, in three tiers. No item changes.

    exact: the same file. near: the same picture resized, coded anew, cropped, framed, marked,
    recoloured, mirrored or turned. alike: it looks alike. With --json a line for each group.
    """
    from indexer.clusters import check_table
    from indexer.duplicates.finding import find_duplicates
    from indexer.duplicates.output import group_json, write_group_table

    if output is not None:
        check_table(output)
    with (
        open_engine(data) as engine,
        recorded(engine.settings, collection, "duplicates", min_score=min_score) as running,
    ):
        found = find_duplicates(engine, collection, min_score, told(running))
        running.result = found.summary()
    if output is not None:
        write_group_table(output, found)
    if as_json:
        for group in found.groups:
            print_json(group_json(group))
        return
    _print(found)


def _print(found: "Duplicates") -> None:
    if found.groups:
        print_table(
            ("tier", "items", "ids"),
            ((each.tier, len(each.items), _ids(each.items)) for each in found.groups),
        )
    told = found.summary()
    counts = ", ".join(f"{told['duplicates'][tier]:,} {tier}" for tier in told["duplicates"])
    print(f"{counts} among {counted(found.items, 'item')}; alike from {found.min_score:g} on")
    if found.unread:
        print(
            f"note: {counted(found.unread, 'picture')} could not be read; only files and "
            "embeddings were compared there",
            file=sys.stderr,
        )
    if found.later:
        print(
            f"note: {counted(found.later, 'item')} came after what the encoder learned; only files "
            "and pictures were compared there; `eyedex tune` learns again, from all",
            file=sys.stderr,
        )


def _ids(items: Sequence[str]) -> str:
    more = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")
