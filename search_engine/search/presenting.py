"""`Presenter`: keys and scores that were found become neighbors, as they are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from search_engine.catalog.damaged import damage_of
from search_engine.catalog.groups import Group
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.encoders.patches import COST, LATTICES
from search_engine.indexes.live import Snapshot
from search_engine.records import Neighbor, Region, Vectors
from search_engine.search.copies import Copies
from search_engine.search.declared import PALETTE
from search_engine.search.folding import Folding
from search_engine.search.options import SearchOptions
from search_engine.search.regions import matched
from search_engine.search.scope import Scope
from search_engine.search.subject import Subject
from search_engine.search.views import group_views

Hits = Sequence[tuple[int, float]]
"""Keys with their scores, best first."""
Neighbors = tuple[Neighbor, ...]


class Presenter:
    """Reads from a catalog what is shown of the items that were found."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def neighbors(
        self,
        live: LiveCollection,
        rows: Sequence[Hits],
        options: SearchOptions,
        clip: float = 1.0,
    ) -> list[Neighbors]:
        """Keys and scores with their items; one removed since the snapshot is left out.

        Scores above `clip` are shown as that: rounding to float16 may exceed 1.
        """
        keys = list(dict.fromkeys(key for row in rows for key, _ in row))
        items = self._catalog.by_keys(keys)
        vectors: Mapping[int, NDArray[np.float32]] = {}
        palettes: Mapping[int, bytes] = {}
        if options.include == PALETTE:
            palettes = self._catalog.palettes(keys)
        elif options.include is not None:
            vectors = self._catalog.vectors(live.record, keys)
        return [
            tuple(
                Neighbor(items[key], min(clip, score), vectors.get(key), palette=palettes.get(key))
                for key, score in row
                if key in items
            )
            for row in rows
        ]

    def firsts(self, hits: Hits, by: str) -> list[tuple[int, float]]:
        """The first hit of each group."""
        groups = self._catalog.groups_of([key for key, _ in hits], by)
        firsts: dict[Group, tuple[int, float]] = {}
        for key, score in hits:
            if key in groups:
                firsts.setdefault(groups[key], (key, score))
        return list(firsts.values())

    def with_views(
        self,
        live: LiveCollection,
        scope: Scope,
        folding: Folding | None,
        neighbors: Neighbors,
        by: str | None,
    ) -> Neighbors:
        """Neighbors with the views of their groups `by` a field, or of what was folded; as they
        are where there is neither."""
        keys = [each.item.key for each in neighbors]
        if folding is not None:
            views = folding.views(keys)
        elif by is not None:
            views = group_views(self._catalog, live.record, scope, keys, by)
        else:
            return neighbors
        return tuple(replace(each, views=views.get(each.item.key)) for each in neighbors)


def marked(neighbors: Neighbors, copies: Copies) -> Neighbors:
    """Neighbors that say which of them are copies of the photo, if any are."""
    if not copies:
        return neighbors
    keys = {key for key, _ in copies}
    return tuple(replace(each, same_picture=each.item.key in keys) for each in neighbors)


def with_patches(scope: Scope, query: Vectors, subject: Subject, neighbors: Neighbors) -> Neighbors:
    """Neighbors that say which crop of their picture matches, where one does better than all."""
    patches = scope.patches
    if patches is None:
        return neighbors
    asked, costs = query, np.zeros(1, dtype=np.float32)
    if subject.windows is not None:
        asked = np.concatenate([query, subject.windows])
        costs = np.append(costs, np.full(len(subject.windows), subject.cost, dtype=np.float32))
    boxes = LATTICES[patches.count]
    keys = np.array([each.item.key for each in neighbors], dtype=np.int64)
    found = []
    for one, whole in zip(neighbors, scope.vectors(keys), strict=True):
        numbers, rows = patches.of(one.item.key)
        scores = (rows @ asked.T - costs).max(axis=1) - COST
        is_best = len(scores) > 0 and scores.max() > (whole @ asked.T - costs).max()
        box = boxes[numbers[scores.argmax()]] if is_best else None
        found.append(replace(one, patch=None if one.same_picture else box))
    return tuple(found)


def with_regions(
    snapshot: Snapshot | None, subject: Subject, neighbors: Neighbors
) -> tuple[Neighbors, tuple[Region, ...] | None]:
    """Neighbors and the regions of their photo: all that were proposed, or those that neighbors
    match, each of which then says which."""
    if subject.windows is None or subject.regions is None or snapshot is None:
        return neighbors, subject.regions
    keys = np.array([each.item.key for each in neighbors], dtype=np.int64)
    stored = snapshot.vectors(keys)
    windows = matched(neighbors, stored, subject.vector, subject.windows)
    used = [each for each in dict.fromkeys(windows) if each is not None]
    shown = tuple(
        one if window is None or one.patch else replace(one, region=used.index(window))
        for one, window in zip(neighbors, windows, strict=True)
    )
    return shown, tuple(subject.regions[window] for window in used)


def damages(neighbors: Neighbors) -> tuple[str, ...]:
    """Warnings of neighbors whose rows in the catalog are damaged."""
    found = filter(None, (damage_of(one.item) for one in neighbors))
    return tuple(f"damaged_item: {each}" for each in found)
