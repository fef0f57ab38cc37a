"""Make the map of a collection: a place in the plane for every item, and clusters with names."""

import numpy as np

from indexer.change.request import Stage
from indexer.overviews.making import Subject, store, subject_of
from indexer.overviews.neighbors import Graph, neighbors_of
from search_engine.clustering import Clusters, kmeans, labels_of, names_of
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.overviews.layout import EARLY, LATE, import_tsne, lay_out
from search_engine.overviews.map import BLOCK, Points, merged, place_further
from search_engine.overviews.storage import Overview
from search_engine.records import Codes, Vectors
from search_engine.storage.arrays import Arrays

LAID_OUT = 100_000
"""Of more items, so many are laid out, evenly spread, and the others placed among them."""


def make_map(
    engine: SearchEngine, collection: str, stage: Stage, clusters: int | None = None
) -> Overview:
    """Lay out the items of a collection and store the map; the same items give the same map.

    Args:
        engine: On its data.
        collection: Which.
        stage: Told of progress.
        clusters: How many there are; None for the root of half the items.

    Raises:
        CollectionNotFoundError: There is no such collection.
        MissingExtraError: openTSNE is not installed.
        ParameterError: There are fewer items than clusters, or none.
        StorageError: The map cannot be written.
    """
    import_tsne()
    subject = subject_of(engine, collection)
    if subject.snapshot is None or not subject.items:
        raise ParameterError("the collection has no items", where="collection", fix="index some")
    rows = _spread(len(subject.items))
    graph = _graph(subject, rows, stage)
    vectors = subject.snapshot.vectors(graph.keys)
    with stage("laying out", EARLY + LATE) as advance:
        places = lay_out(vectors, graph.scores, graph.rows, advance)
    with stage("clustering", 1) as advance:
        found = _clustered(vectors, clusters)
        advance(1)
    points = _with_the_others(subject, rows, Points(graph.keys, places, found.members), stage)
    labels = [subject.items[row].label for row in rows.tolist()]
    arrays: Arrays = {
        "keys": points.keys,
        "places": points.places,
        "clusters": points.clusters,
        "medoids": graph.keys[found.medoids],
    }
    origin = subject.origin("map", len(points.keys), names=names_of(found, labels))
    origin = origin.model_copy(update={"named_after": tuple(labels_of(found, labels))})
    return store(engine, collection, Overview(origin, arrays))


def _spread(count: int) -> Codes:
    """Rows that are laid out, evenly spread."""
    return np.linspace(0, count - 1, min(count, LAID_OUT)).astype(np.int64)


def _graph(subject: Subject, rows: Codes, stage: Stage) -> Graph:
    """The neighbors of the rows among each other."""
    if len(rows) == len(subject.items):
        return subject.graph(stage)
    assert subject.snapshot is not None
    keys = np.array([subject.items[row].key for row in rows.tolist()], dtype=np.int64)
    with stage("comparing", len(keys)) as advance:
        return neighbors_of(subject.snapshot, keys, advance)


def _clustered(vectors: Vectors, clusters: int | None) -> Clusters:
    if len(vectors) < 2:
        return Clusters(np.zeros(len(vectors), np.int64), np.zeros(len(vectors), np.int64))
    return kmeans(vectors, clusters)


def _with_the_others(subject: Subject, rows: Codes, points: Points, stage: Stage) -> Points:
    """The points of all items, those that were not laid out placed among these."""
    if len(rows) == len(subject.items):
        return points
    assert subject.snapshot is not None
    keys = np.delete(np.array([each.key for each in subject.items], dtype=np.int64), rows)
    placed = Points(keys[:0], points.places[:0], points.clusters[:0])
    with stage("placing", len(keys)) as advance:
        for start in range(0, len(keys), BLOCK):
            some = keys[start : start + BLOCK]
            placed = merged(placed, place_further(subject.snapshot, points, some))
            advance(len(some))
    return merged(points, placed)
