"""Items of a collection that show the same: groups of pictures with nearly the same embedding."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search_engine.collections.labelled import read_gallery
from search_engine.engine import SearchEngine
from search_engine.storage.durable import replace_synced
from search_engine.things import scenes_of


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Groups of item ids, the largest first; each group has two items at least."""

    items: int
    min_score: float
    groups: Sequence[Sequence[str]]

    def summary(self) -> dict[str, Any]:
        """For programs."""
        return {
            "items": self.items,
            "min_score": self.min_score,
            "groups": len(self.groups),
            "duplicates": sum(len(group) - 1 for group in self.groups),
        }


def find_duplicates(engine: SearchEngine, collection: str, min_score: float) -> Duplicates:
    """Group the items of a collection that are at least so similar, directly or by a chain.

    Args:
        engine: On its data.
        collection: Which.
        min_score: A cosine, above 0 and at most 1.

    Raises:
        CollectionNotFoundError: There is no such collection.
    """
    gallery = read_gallery(engine.catalog, collection, "label")
    none = np.zeros(len(gallery.keys), dtype=np.int64)
    scenes = scenes_of(gallery.vectors, none, min_score)
    groups: dict[int, list[str]] = {}
    for scene, item_id in zip(scenes.tolist(), gallery.names, strict=True):
        groups.setdefault(scene, []).append(item_id)
    found = sorted((group for group in groups.values() if len(group) > 1), key=len, reverse=True)
    return Duplicates(len(gallery.keys), min_score, found)


def write_groups(file: Path, found: Duplicates) -> None:
    """Write a line of JSON for each group, whole, or not at all.

    Raises:
        OSError: It cannot be written.
    """
    lines = (json.dumps({"item_ids": group}, ensure_ascii=False) for group in found.groups)
    replace_synced(file, "".join(f"{line}\n" for line in lines).encode())
