"""Find the duplicates of a collection, in three tiers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from indexer.change.request import Stage
from indexer.duplicates.hashing import hash_missing, known_spectra
from indexer.duplicates.pairs import Compared, Pairs, compared
from search_engine.catalog.collection_rows import Collection
from search_engine.collections.encoders import unlearned
from search_engine.encoders.base import unit_rows
from search_engine.encoders.poolings import MULTI
from search_engine.engine import SearchEngine
from search_engine.images.spectrum import FREQUENCIES, Spectra
from search_engine.indexes.live import Snapshot
from search_engine.records import CatalogItem, Codes, Keys, Vectors

LEAST_LENGTH = 1e-6
Tier = Literal["exact", "near", "alike"]
TIERS: tuple[Tier, ...] = get_args(Tier)
HASH_CHARS = 64
MIN_SCORE, MIN_SCORE_OF_LAYERS = 0.9, 0.95
"""From this cosine on, two pictures look alike unless something else is asked for: of what a
network ends with, and of features of several layers, whose early ones are less apart."""


@dataclass(frozen=True, slots=True)
class Group:
    """Ids of items that belong together, oldest first, two at least."""

    tier: Tier
    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Groups by tier, the largest of each first.

    An item is in one group of a tier at most. The groups of a tier are made of those of the tier
    before: one that has no further item is not named again. `unread` counts items whose picture
    could not be looked at, `later` those that came after what the encoder learned, for which there
    is no embedding from before.
    """

    items: int
    unread: int
    min_score: float
    groups: Sequence[Group]
    later: int = 0

    def summary(self) -> dict[str, Any]:
        """For programs."""
        found = {tier: [each for each in self.groups if each.tier == tier] for tier in TIERS}
        return {
            "items": self.items,
            "unread": self.unread,
            "later": self.later,
            "min_score": self.min_score,
            "groups": {tier: len(groups) for tier, groups in found.items()},
            "duplicates": {
                tier: sum(len(each.items) - 1 for each in groups) for tier, groups in found.items()
            },
        }


def find_duplicates(
    engine: SearchEngine, collection: str, min_score: float | None, stage: Stage
) -> Duplicates:
    """Find the items of a collection that show the same; no item changes.

    Pictures from before there were hashes are hashed first (`hashing.hash_missing`).

    exact: the files are the same byte for byte. near: it is the same picture, resized, coded anew,
    cropped, framed, marked, recoloured, mirrored or turned by quarters. alike: the cosine of the
    embeddings says so; where the encoder learned from labels, of those before, as learning draws
    all items of a class together. Groups are chains: the first of one need not be like the last.

    Args:
        engine: On its data.
        collection: Which.
        min_score: A cosine, above 0 and at most 1, from which items are alike; None for the usual.
        stage: Told of progress.

    Raises:
        CollectionNotFoundError: There is no such collection.
        StorageError: The perceptual hashes cannot be kept.
    """
    live = engine.live(collection)
    record = unlearned(live.record, engine.catalog)
    min_score = min_score or usual_min_score(record)
    hash_missing(engine, live.record, stage)
    snapshot = live.snapshot()
    keys = np.empty(0, dtype=np.int64) if snapshot is None else snapshot.keys()
    found = engine.catalog.by_keys(keys.tolist())
    items = [found[key] for key in keys.tolist() if key in found]
    if snapshot is None or not items:
        return Duplicates(0, 0, min_score, ())
    first, member = _by_content(items)
    kept = [items[row] for row in first]
    spectra = _spectra(engine, kept, stage)
    with stage("comparing", 2 * len(kept)) as advance:
        own = np.array([each.key for each in kept], dtype=np.int64)
        read = partial(_vectors, engine, None if record is live.record else record, snapshot)
        pairs = compared(snapshot, read, own, spectra, advance)
    seen = np.asarray(spectra.any(axis=(1, 2)))[member]
    unread, groups = int((~seen).sum()), _groups(items, member, pairs, min_score)
    return Duplicates(len(items), unread, min_score, groups, _later(engine, record, keys))


def usual_min_score(record: Collection) -> float:
    """From which cosine on items are alike by the embeddings of a record, unless it is said."""
    has_layers = record.encoder_options.get("pooling", "").startswith(MULTI)
    return MIN_SCORE_OF_LAYERS if has_layers else MIN_SCORE


def _later(engine: SearchEngine, record: Collection, keys: Keys) -> int:
    """How many of the items in the index have no embedding by the encoder of a record."""
    return int(np.isin(keys, engine.catalog.keys_without(record, record.fingerprint or "")).sum())


def _vectors(
    engine: SearchEngine, stored_by: Collection | None, snapshot: Snapshot, keys: Keys
) -> Vectors:
    """Unit embeddings (N, D) of the index, or those stored by another encoder, where zeros are in
    place of one that is missing."""
    if stored_by is None:
        return unit_rows(snapshot.vectors(keys))
    found = engine.catalog.vectors(stored_by, keys.tolist())
    nothing = np.zeros(stored_by.dimension or 0, dtype=np.float32)
    rows = np.stack([found.get(key, nothing) for key in keys.tolist()])
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), LEAST_LENGTH))


def _by_content(items: Sequence[CatalogItem]) -> tuple[Codes, Codes]:
    """The first item of each content, ascending, and for each item the number of its content."""
    known: dict[str, int] = {}
    member = np.array([known.setdefault(each.content_hash, len(known)) for each in items])
    return np.unique(member, return_index=True)[1], member


def _spectra(engine: SearchEngine, items: Sequence[CatalogItem], stage: Stage) -> Spectra:
    """Spectra of items, (N, F, F); zeros where there is none."""
    wanted = {each.content_hash: each.key for each in items if len(each.content_hash) == HASH_CHARS}
    known = known_spectra(engine, wanted, stage)
    spectra = np.zeros((len(items), FREQUENCIES, FREQUENCIES), dtype=np.float32)
    rows = [row for row, each in enumerate(items) if each.content_hash in known]
    spectra[rows] = known.of([items[row].content_hash for row in rows])
    return spectra


def _groups(
    items: Sequence[CatalogItem], member: Codes, found: Compared, min_score: float
) -> list[Group]:
    count = int(member.max()) + 1
    near = chains(count, found.pairs[found.same])
    alike = chains(count, found.pairs[found.same | (found.cosines >= min_score)])
    groups: list[Group] = []
    before: set[tuple[str, ...]] = set()
    for tier, numbers in zip(TIERS, (member, near[member], alike[member]), strict=True):
        new = _members(items, numbers) - before
        before |= new
        groups += [
            Group(tier, each) for each in sorted(new, key=lambda group: (-len(group), group))
        ]
    return groups


def _members(items: Sequence[CatalogItem], numbers: Codes) -> set[tuple[str, ...]]:
    """The ids of those that have the same number, where these are two at least."""
    groups: dict[int, list[str]] = {}
    for item, number in zip(items, numbers.tolist(), strict=True):
        groups.setdefault(number, []).append(item.item_id)
    return {tuple(group) for group in groups.values() if len(group) > 1}


def chains(count: int, pairs: Pairs) -> NDArray[np.int64]:
    """Number the chains that pairs of `count` things make, (N,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (count, count))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)
