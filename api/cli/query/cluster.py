"""The verb that groups the items of a collection, and proposes labels for those without."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli.options import CollectionOption, DataOption, JsonOption, TargetOption, open_engine
from api.cli.recording import recorded, told
from api.cli.terminal.output import print_json, print_table

if TYPE_CHECKING:
    from indexer.clusters import Clustered


def cluster(
    data: DataOption = None,
    collection: CollectionOption = "default",
    method: Annotated[
        Literal["kmeans", "hdbscan"],
        typer.Option(help="kmeans: all items, K clusters. hdbscan: dense regions only."),
    ] = "kmeans",
    clusters: Annotated[
        int | None,
        typer.Option(
            min=2, help="Clusters of kmeans [default: root of half the items].", show_default=False
        ),
    ] = None,
    target: TargetOption = "label",
    propose_labels: Annotated[
        bool,
        typer.Option("--propose-labels", help="A label for items without, where clusters tell."),
    ] = False,
    min_support: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of a cluster's labelled items that must agree."),
    ] = 0.8,
    output: Annotated[
        Path | None, typer.Option(help="Write the items here; `eyedex index` reads it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Group the items of a collection by looks. Nothing in the catalog changes.

    The file names the cluster of every item. With --propose-labels its label column is filled in
    for items that have none: read it, change what is wrong, and `eyedex index` it.
    """
    from indexer.clusters import ClusterRequest, check_table, cluster_collection, write_table

    request = ClusterRequest(method, clusters, target, propose_labels, min_support)
    request.check()
    if output is not None:
        check_table(output)
    with (
        open_engine(data) as engine,
        recorded(
            engine.settings,
            collection,
            "cluster",
            method=method,
            clusters=clusters,
            target=target,
            propose_labels=propose_labels,
        ) as running,
        told(running)("clustering", 1) as advance,
    ):
        found = cluster_collection(engine, collection, request)
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
