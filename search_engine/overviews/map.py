"""The map of a collection, read page by page; items that it does not have yet are placed on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.cursors import read_cursor, write_cursor
from search_engine.errors import OverviewNotFoundError
from search_engine.indexes.live import Snapshot
from search_engine.indexes.selection import KeySet
from search_engine.overviews.layout import PLACED_BY, Places, place_among
from search_engine.overviews.storage import Origin, Overview
from search_engine.records import CatalogItem, Codes, Keys

BLOCK = 256
PLACED_A_PAGE = 2_000
"""A page ends early rather than have more items to be placed."""


@dataclass(frozen=True, slots=True)
class Points:
    """Places (N, 2) and clusters (N,) of items, by key, ascending."""

    keys: Keys
    places: Places
    clusters: Codes

    def take(self, rows: Codes | NDArray[np.bool_]) -> "Points":
        """Select rows, in the given order."""
        return Points(self.keys[rows], self.places[rows], self.clusters[rows])


@dataclass(frozen=True, slots=True)
class MapCluster:
    """A cluster of the map: its name, the labels that has it from, as far as they are known, how
    many items it had, and its medoid if that is there."""

    name: str
    named_after: tuple[str, ...]
    items: int
    medoid: CatalogItem | None
    place: tuple[float, float]


@dataclass(frozen=True, slots=True)
class MapPage:
    """Some of the points of a map, `total` in all; None for `next_cursor` ends them.

    The collection has `size` items, of which a sample may have been asked for. `items` are those of
    the points, None for one that was just removed. `outdated` says that the catalog changed since
    the map was made.
    """

    points: Points
    items: Sequence[CatalogItem | None]
    clusters: Sequence[MapCluster]
    total: int
    size: int
    next_cursor: str | None
    origin: Origin
    outdated: bool


def map_page(
    catalog: Catalog,
    live: LiveCollection,
    overview: Overview,
    limit: int,
    cursor: str | None = None,
    sample: int | None = None,
) -> MapPage:
    """The points of the first items by key, or of those behind the page that a cursor ends.

    Items that came since the map was made, or have another picture, are placed by the nearest ones
    that it has; those that were removed are left out.

    Args:
        catalog: Has the items.
        live: The collection.
        overview: Its map, as `load_overview` reads it.
        limit: Points of a page.
        cursor: `next_cursor` of the page before.
        sample: Show so many items, evenly spread over all of them; None for all.

    Raises:
        OverviewNotFoundError: No item is left of the map.
        ParameterError: The cursor is none, or of another map.
    """
    question = _question(live, overview, sample)
    after = -1 if cursor is None else read_cursor(cursor, question, (int,))[0]
    snapshot = live.snapshot()
    keys = np.empty(0, dtype=np.int64) if snapshot is None else snapshot.keys()
    known = _known(catalog, live, overview, keys)
    shown = _sampled(keys, sample)
    left = shown[shown > after]
    page = _page(left[:limit], known.keys)
    items = catalog.by_keys(page.tolist())
    return MapPage(
        _points_of_page(snapshot, known, page),
        [items.get(key) for key in page.tolist()],
        _clusters(catalog, overview),
        len(shown),
        len(keys),
        write_cursor((int(page[-1]),), question) if len(page) < len(left) else None,
        overview.origin,
        catalog.is_changed(live.record, overview.origin.seq),
    )


def points_of(overview: Overview) -> Points:
    """The points that a stored map has."""
    arrays = overview.arrays
    return Points(arrays["keys"], arrays["places"], arrays["clusters"])


def place_further(snapshot: Snapshot, known: Points, keys: Keys) -> Points:
    """Place items among those of a map; they join the cluster of the nearest.

    Args:
        snapshot: Has the embeddings of all.
        known: At least one item of the index.
        keys: Of the others, (M,), ascending.
    """
    within = KeySet(known.keys)
    width = min(PLACED_BY, len(known.keys))
    found = np.empty((len(keys), width), dtype=np.int64)
    for start in range(0, len(keys), BLOCK):
        block = slice(start, start + BLOCK)
        hits = snapshot.search(snapshot.vectors(keys[block]), width, within)
        there = np.arange(hits.keys.shape[1]) < hits.counts[:, None]
        found[block] = np.searchsorted(known.keys, np.where(there, hits.keys, hits.keys[:, :1]))
    return Points(keys, place_among(known.places, found), known.clusters[found[:, 0]])


def merged(one: Points, other: Points) -> Points:
    """Points of both, by key."""
    keys = np.concatenate([one.keys, other.keys])
    places = np.concatenate([one.places, other.places])
    return Points(keys, places, np.concatenate([one.clusters, other.clusters])).take(
        np.argsort(keys)
    )


def _question(live: LiveCollection, overview: Overview, sample: int | None) -> dict[str, Any]:
    """What a cursor is bound to."""
    return {
        "collection": live.record.uid,
        "map": (overview.origin.seq, overview.origin.made_at),
        "sample": sample,
    }


def _known(catalog: Catalog, live: LiveCollection, overview: Overview, keys: Keys) -> Points:
    """The points of items that are there as they were when the map was made."""
    points = points_of(overview)
    newer = catalog.newer(live.record, overview.origin.seq)
    return points.take(np.isin(points.keys, keys) & ~np.isin(points.keys, newer))


def _sampled(keys: Keys, sample: int | None) -> Keys:
    if sample is None or sample >= len(keys):
        return keys
    return keys[np.linspace(0, len(keys) - 1, sample).astype(np.int64)]


def _page(keys: Keys, known: Keys) -> Keys:
    """The keys of a page, cut before there are too many to be placed."""
    further = np.cumsum(~np.isin(keys, known))
    return keys[further <= PLACED_A_PAGE]


def _points_of_page(snapshot: Snapshot | None, known: Points, page: Keys) -> Points:
    """The points of a page: those that are known, and the others placed among these.

    Raises:
        OverviewNotFoundError: None is known.
    """
    points = known.take(np.isin(known.keys, page))
    if snapshot is None or len(points.keys) == len(page):
        return points
    if not len(known.keys):
        raise OverviewNotFoundError("no item is left of it", where="map", fix="make it anew")
    return merged(points, place_further(snapshot, known, np.setdiff1d(page, known.keys)))


def _clusters(catalog: Catalog, overview: Overview) -> list[MapCluster]:
    points, medoids = points_of(overview), overview.arrays["medoids"]
    items = catalog.by_keys(medoids.tolist())
    counts = np.bincount(points.clusters, minlength=len(medoids)).tolist()
    places = points.places[np.searchsorted(points.keys, medoids)].tolist()
    names = overview.origin.names
    named_after = overview.origin.named_after or [()] * len(names)
    return [
        MapCluster(name, after, count, items.get(key), (place[0], place[1]))
        for name, after, count, key, place in zip(
            names, named_after, counts, medoids.tolist(), places, strict=True
        )
    ]
