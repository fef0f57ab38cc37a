"""The verb that groups the items of a collection, and proposes labels for those without."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.flags import with_flags
from api.cli.options import CollectionOption, DataOption, JsonOption, open_engine
from api.cli.recording import recorded, told
from api.cli.terminal.output import print_json, print_table
from indexer.declared import Clustering

if TYPE_CHECKING:
    from indexer.clusters import Clustered


@with_flags(wanted=Clustering)
def cluster(
    data: DataOption = None,
    collection: CollectionOption = "default",
    *,
    wanted: Clustering,
    output: Annotated[
        Path | None, typer.Option(help="Write the items here; `eyedex index` reads it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Group the items of a collection by looks. Nothing in the catalog changes.

    The file names the cluster of every item. With --propose-labels its label column is filled in
    for items that have none: read it, change what is wrong, and `eyedex index` it.
    """
    from indexer.clusters import check_grouping, check_table, cluster_collection, write_table

    check_grouping(wanted)
    if output is not None:
        check_table(output)
    with (
        open_engine(data) as engine,
        recorded(engine.settings, collection, "cluster", **vars(wanted)) as running,
        told(running)("clustering", 1) as advance,
    ):
        found = cluster_collection(engine, collection, wanted)
        running.result = found.summary()
        advance(1)
    if output is not None:
        for note in write_table(output, found):
            print(f"note: {note}", file=sys.stderr)
    _print(found, as_json)


def _print(found: "Clustered", as_json: bool) -> None:
    if as_json:
        print_json(found.summary())
        return
    print_table(
        ("cluster", "items", "labelled", "most frequent", "share", "medoid"),
        (tuple(row.values()) for row in found.rows()),
    )
    print()
    print_table(("measure", "value"), found.measures().items())
