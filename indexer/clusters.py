"""The items of a collection grouped by looks, with labels proposed; and as a table to index."""

import csv
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexer.csv_cells import CLUSTER_COLUMNS, safe_cell
from indexer.declared import Clustering
from search_engine import clustering
from search_engine.catalog.fields import check_field
from search_engine.clustering import Agreement, Clusters, Proposal, most_frequent, names_of
from search_engine.collections.labelled import Labelled, read_gallery, take
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.records import CatalogItem
from search_engine.storage.durable import storage_error

KNOWN = ("item_id", "image", "label", "product_id")


def check_grouping(wanted: Clustering) -> None:
    """Refuse what does not fit together.

    Raises:
        ParameterError: It does not.
    """
    if wanted.method != "kmeans" and wanted.clusters is not None:
        raise ParameterError(
            f"{wanted.method} finds out by itself how many clusters there are", where="clusters"
        )
    if wanted.propose_labels and wanted.target != "label":
        raise ParameterError("only labels are proposed", where="target", fix="leave it out")


@dataclass(frozen=True, slots=True)
class Clustered:
    """A collection's items with the clusters they are in; `items` are in the gallery's order."""

    request: Clustering
    gallery: Labelled
    items: Sequence[CatalogItem]
    clusters: Clusters
    agreement: Agreement | None
    proposals: Sequence[Proposal | None]
    seconds: float

    def measures(self) -> dict[str, Any]:
        """What is to be said of all clusters together."""
        labels, proposals = self.gallery.labels, self.proposals
        return {
            "method": self.request.method,
            "items": len(labels),
            "clusters": len(self.clusters),
            "in_none": self.clusters.noise,
            "target": self.request.target,
            "labelled": sum(label is not None for label in labels),
            "purity": None if self.agreement is None else round(self.agreement.purity, 5),
            "nmi": None if self.agreement is None else round(self.agreement.nmi, 5),
            "proposed": sum(one is not None and one.support > 0 for one in proposals),
            "named": sum(one is not None and one.support == 0 for one in proposals),
            "seconds": round(self.seconds, 3),
        }

    def summary(self) -> dict[str, Any]:
        """For programs."""
        return {
            **self.measures(),
            "medoids": [row["medoid"] for row in self.rows()],
            "names": names_of(self.clusters, self.gallery.labels),
        }

    def rows(self) -> Iterator[dict[str, Any]]:
        """What is to be said of each cluster."""
        for number in range(len(self.clusters)):
            rows = np.flatnonzero(self.clusters.members == number).tolist()
            known = [label for row in rows if (label := self.gallery.labels[row]) is not None]
            label, count = most_frequent(known) if known else (None, 0)
            yield {
                "cluster": self.clusters.name(number),
                "items": len(rows),
                "labelled": len(known),
                "label": label,
                "share": round(count / len(known), 4) if known else None,
                "medoid": self.gallery.names[int(self.clusters.medoids[number])],
            }


def cluster_collection(engine: SearchEngine, collection: str, request: Clustering) -> Clustered:
    """Group the items of a collection; nothing in the catalog changes.

    Raises:
        CollectionNotFoundError: There is no such collection.
        ParameterError: There is no such field, or there are too few items.
    """
    started = time.perf_counter()
    check_field(engine.catalog, engine.catalog.collection(collection), request.target, "target")
    gallery = read_gallery(engine.catalog, collection, request.target, single=True)
    known = engine.catalog.by_keys(gallery.keys.tolist())
    still_here = np.flatnonzero([key in known for key in gallery.keys.tolist()])
    gallery = take(gallery, still_here)
    if request.method == "kmeans":
        found = clustering.kmeans(gallery.vectors, request.clusters)
    else:
        found = clustering.hdbscan(gallery.vectors)
    proposals: Sequence[Proposal | None] = [None] * len(gallery.keys)
    if request.propose_labels:
        proposals = clustering.propose_labels(found, gallery.labels, request.min_support)
    return Clustered(
        request,
        gallery,
        [known[key] for key in gallery.keys.tolist()],
        found,
        clustering.agreement(found, gallery.labels),
        proposals,
        time.perf_counter() - started,
    )


def check_table(output: Path) -> None:
    """Refuse a file that the clusters cannot be written to.

    Raises:
        ParameterError: It is no CSV, or its folder does not exist.
    """
    if output.suffix.lower() != ".csv":
        raise ParameterError("the file is a CSV", where=str(output), fix="name it .csv")
    if not output.parent.is_dir():
        raise ParameterError("there is no such folder", where=str(output.parent))


def write_table(output: Path, found: Clustered) -> list[str]:
    """Write a catalog table: what is known of each item, and its cluster; whole, or not at all.

    Returns:
        Sentences on what `eyedex index` could not take from it.

    Raises:
        StorageError: It cannot be written.
    """
    folder = output.parent.resolve()
    records = [_record(found, row, folder) for row in range(len(found.items))]
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
        raise storage_error(error, "writing the clusters", output) from error
    return _notes(found, records, folder)


def _record(found: Clustered, row: int, folder: Path) -> dict[str, Any]:
    item, proposal = found.items[row], found.proposals[row]
    number = int(found.clusters.members[row])
    label = item.label
    if found.request.propose_labels and label is None and proposal is not None:
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


def _kept(item: CatalogItem) -> Mapping[str, Any]:
    """The attributes that a table gives back as they are; not those of an earlier table."""
    return {
        name: value
        for name, value in item.attributes.items()
        if _fits_table(value) and name not in (*KNOWN, *CLUSTER_COLUMNS)
    }


def _fits_table(value: Any) -> bool:
    """Texts and numbers do."""
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def _image(item: CatalogItem, folder: Path) -> str:
    """The picture's path relative to the table; empty when it does not lie below."""
    if item.picture is None or not Path(item.picture).is_relative_to(folder):
        return ""
    return Path(item.picture).relative_to(folder).as_posix()


def _notes(found: Clustered, records: Sequence[Mapping[str, Any]], folder: Path) -> list[str]:
    """What `eyedex index` could not take from the table."""
    notes = []
    without = sum(not record["image"] for record in records)
    if without:
        notes.append(
            f"{without:,} of the pictures are not below {folder}; to index this table, write "
            "it to a folder above them"
        )
    lossy = sum(not all(map(_fits_table, item.attributes.values())) for item in found.items)
    if lossy:
        notes.append(
            "a table cannot hold lists, true, false and null; indexing it would drop such "
            f"attributes of {lossy:,} of the items"
        )
    return notes
