"""The verb that groups the items of a collection, and proposes labels for those without."""

import csv
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from api.cli.options import CollectionOption, DataOption, JsonOption, TargetOption, open_engine
from api.cli.terminal.output import print_json, print_table
from api.cli.terminal.progress import progress
from indexer.csv_cells import CLUSTER_COLUMNS, safe_cell

if TYPE_CHECKING:
    from search_engine.clustering import Agreement, Clusters, Proposal
    from search_engine.collections.labelled import Labelled
    from search_engine.engine import SearchEngine
    from search_engine.records import CatalogItem

KNOWN = ("item_id", "image", "label", "product_id")


@dataclass(frozen=True, slots=True)
class _Clustered:
    """A collection's items with the clusters they are in; `items` are in the gallery's order."""

    gallery: "Labelled"
    items: "Sequence[CatalogItem]"
    clusters: "Clusters"
    agreement: "Agreement | None"
    proposals: "Sequence[Proposal | None]"


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
    started = time.perf_counter()
    _check_options(method, clusters, propose_labels, target, output)
    with open_engine(data) as engine, progress("clustering", 1) as advance:
        found = _cluster(engine, collection, method, clusters, target, propose_labels, min_support)
        advance(1)
    if output is not None:
        _write(output, found, propose_labels)
    _print(found, _summary(found, method, target, time.perf_counter() - started), as_json)


def _print(found: _Clustered, summary: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json({**summary, "medoids": [row["medoid"] for row in _rows(found)]})
        return
    print_table(
        ("cluster", "items", "labelled", "most frequent", "share", "medoid"),
        (tuple(row.values()) for row in _rows(found)),
    )
    print()
    print_table(("measure", "value"), summary.items())


def _check_options(
    method: str, clusters: int | None, propose: bool, target: str, output: Path | None
) -> None:
    from search_engine.errors import ParameterError

    if method != "kmeans" and clusters is not None:
        raise ParameterError(
            f"{method} finds out by itself how many clusters there are", where="--clusters"
        )
    if propose and target != "label":
        raise ParameterError("only labels are proposed", where="--target", fix="leave it out")
    if output is not None and output.suffix.lower() != ".csv":
        raise ParameterError("the file is a CSV", where=str(output), fix="name it .csv")
    if output is not None and not output.parent.is_dir():
        raise ParameterError("there is no such folder", where=str(output.parent))


def _cluster(
    engine: "SearchEngine",
    collection: str,
    method: str,
    clusters: int | None,
    target: str,
    propose: bool,
    min_support: float,
) -> _Clustered:
    import numpy as np

    from search_engine import clustering
    from search_engine.collections.labelled import read_gallery
    from search_engine.evaluate.splits import take

    gallery = read_gallery(engine.catalog, collection, target)
    known = engine.catalog.by_keys(gallery.keys.tolist())
    still_here = np.flatnonzero([key in known for key in gallery.keys.tolist()])
    gallery = take(gallery, still_here)
    if method == "kmeans":
        found = clustering.kmeans(gallery.vectors, clusters)
    else:
        found = clustering.hdbscan(gallery.vectors)
    proposals: Sequence[Proposal | None] = [None] * len(gallery.keys)
    if propose:
        proposals = clustering.propose_labels(found, gallery.labels, min_support)
    return _Clustered(
        gallery,
        [known[key] for key in gallery.keys.tolist()],
        found,
        clustering.agreement(found, gallery.labels),
        proposals,
    )


def _summary(found: _Clustered, method: str, target: str, seconds: float) -> dict[str, Any]:
    labels, proposals = found.gallery.labels, found.proposals
    return {
        "method": method,
        "items": len(labels),
        "clusters": len(found.clusters),
        "in_none": found.clusters.noise,
        "target": target,
        "labelled": sum(label is not None for label in labels),
        "purity": None if found.agreement is None else round(found.agreement.purity, 5),
        "nmi": None if found.agreement is None else round(found.agreement.nmi, 5),
        "proposed": sum(one is not None and one.support > 0 for one in proposals),
        "named": sum(one is not None and one.support == 0 for one in proposals),
        "seconds": round(seconds, 3),
    }


def _rows(found: _Clustered) -> Iterator[dict[str, Any]]:
    """What is to be said of each cluster."""
    import numpy as np

    from search_engine.clustering import most_frequent

    for number in range(len(found.clusters)):
        rows = np.flatnonzero(found.clusters.members == number).tolist()
        known = [label for row in rows if (label := found.gallery.labels[row]) is not None]
        label, count = most_frequent(known) if known else (None, 0)
        yield {
            "cluster": found.clusters.name(number),
            "items": len(rows),
            "labelled": len(known),
            "label": label,
            "share": round(count / len(known), 4) if known else None,
            "medoid": found.gallery.names[int(found.clusters.medoids[number])],
        }


def _write(output: Path, found: _Clustered, propose: bool) -> None:
    """A catalog table: what is known of each item, and its cluster; whole, or not at all."""
    folder = output.parent.resolve()
    records = [_record(found, row, folder, propose) for row in range(len(found.items))]
    kept = sorted({name for item in found.items for name in _kept(item)})
    columns = (*KNOWN, *kept, *CLUSTER_COLUMNS)
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(map(safe_cell, columns))
            for record in records:
                rows.writerow(safe_cell(record.get(name, "")) for name in columns)
        os.replace(part, output)
    except OSError as error:
        from search_engine.storage.durable import storage_error

        raise storage_error(error, "writing the clusters", output) from error
    _warn(found, records, folder)


def _record(found: _Clustered, row: int, folder: Path, propose: bool) -> dict[str, Any]:
    item, proposal = found.items[row], found.proposals[row]
    number = int(found.clusters.members[row])
    label = item.label
    if propose and label is None and proposal is not None:
        label = proposal.label
    return {
        **_kept(item),
        "item_id": item.item_id,
        "image": _image(item, folder),
        "label": label,
        "product_id": item.product_id,
        "cluster": found.clusters.name(number) if number >= 0 else "",
        "proposed_label": proposal.label if proposal else "",
        "support": round(proposal.support, 4) if proposal else "",
        "is_medoid": "yes" if number >= 0 and found.clusters.medoids[number] == row else "no",
    }


def _kept(item: "CatalogItem") -> Mapping[str, Any]:
    """The attributes that a table gives back as they are; not those of an earlier table."""
    return {
        name: value
        for name, value in item.attributes.items()
        if _fits_table(value) and name not in (*KNOWN, *CLUSTER_COLUMNS)
    }


def _fits_table(value: Any) -> bool:
    """Texts and numbers do."""
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def _image(item: "CatalogItem", folder: Path) -> str:
    """The picture's path relative to the table; empty when it does not lie below."""
    if item.picture is None or not Path(item.picture).is_relative_to(folder):
        return ""
    return Path(item.picture).relative_to(folder).as_posix()


def _warn(found: _Clustered, records: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """What `eyedex index` could not take from the table."""
    without = sum(not record["image"] for record in records)
    if without:
        print(
            f"note: {without:,} of the pictures are not below {folder}; to index this table, write "
            "it to a folder above them",
            file=sys.stderr,
        )
    lossy = sum(not all(map(_fits_table, item.attributes.values())) for item in found.items)
    if lossy:
        print(
            "note: a table cannot hold lists, true, false and null; indexing it would drop such "
            f"attributes of {lossy:,} of the items",
            file=sys.stderr,
        )
