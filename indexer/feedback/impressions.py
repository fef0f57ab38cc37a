"""Impressions: what one visit saw for one query, and what it chose, put together from events."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.feedback_rows import ListedEvent
from search_engine.catalog.vectors import is_sound, unpack
from search_engine.collections.live import LiveCollection
from search_engine.engine import SearchEngine
from search_engine.indexes.live import Snapshot
from search_engine.records import CatalogItem, Floats, Keys, Vectors
from search_engine.search.rerank.base import CANDIDATES
from search_engine.search.rerank.features import Asked, Seen, Voters
from search_engine.search.scope import Scope

GRADES = {"disliked": -1.0, "shown": 0.0, "clicked": 1.0, "liked": 2.0, "bought": 3.0}
"""What an item is worth that somebody did this with; what is worth more belongs before it."""
AT_ONCE = 256
MOST = 5_000
"""So many impressions are learned from, the last ones; more hardly change anything."""

Query = tuple[str, str | None]
"""The digest of a query, and a session."""


@dataclass(frozen=True)
class Impression:
    """What was shown for a query: `seen` with grades (C,) and positions (C,), NaN if unknown.

    `group` names the product or the query that it is about: what is judged together.
    """

    asked: Asked
    seen: Seen
    voters: Voters
    grades: Floats
    positions: Floats
    group: str


@dataclass(slots=True)
class _Raw:
    query: ListedEvent
    best: dict[int, ListedEvent]


def impressions(engine: SearchEngine, live: LiveCollection) -> list[Impression]:
    """The last impressions in which something was preferred to something else.

    Their items are still there, and their queries are items or embeddings by the collection's
    encoder.
    """
    snapshot, record = live.snapshot(), live.record
    if snapshot is None:
        return []
    raw = _gathered(engine.feedback.events(collection=record.name), record)
    found: list[Impression] = []
    each = iter(raw)
    while part := list(islice(each, AT_ONCE)):
        found += _known(engine, record, snapshot, part)
    return found


def _gathered(events: Iterable[ListedEvent], record: Collection) -> list[_Raw]:
    """Events by query and session; of those of one item the one that is worth most or least."""
    found: dict[Query, _Raw] = {}
    for event in events:
        query = event.query
        if event.item_id is None or event.event not in GRADES:
            continue
        is_item = event.query_item_id is not None
        by_encoder = query.fingerprint is not None and query.fingerprint == record.fingerprint
        if not is_item and not (by_encoder and query.item_key is None):
            continue
        if not is_item and not is_sound(query.vector, query.crc32, record.dimension or 0):
            continue
        raw = found.setdefault((query.digest, event.session), _Raw(event, {}))
        known = raw.best.get(event.item_key, event)
        best = event if _weighs_more(event, known) else known
        place = known.position or event.position
        raw.best[event.item_key] = replace(best, position=place)
    telling = [
        raw for raw in found.values() if len({GRADES[e.event] for e in raw.best.values()}) > 1
    ]
    return telling[-MOST:]


def _weighs_more(event: ListedEvent, known: ListedEvent) -> bool:
    """Dislikes decide; else what is worth more."""
    if "disliked" in (event.event, known.event):
        return event.event == "disliked"
    return GRADES[event.event] > GRADES[known.event]


def _known(
    engine: SearchEngine, record: Collection, snapshot: Snapshot, raw: Sequence[_Raw]
) -> Iterator[Impression]:
    """Impressions with what is known of their queries and items."""
    keys = {key for each in raw for key in each.best}
    keys |= {each.query.query.item_key for each in raw if each.query.query.item_key is not None}
    vectors = engine.catalog.vectors(record, sorted(keys))
    asked: list[tuple[_Raw, Vectors]] = []
    for each in raw:
        vector = _vector(each.query, vectors, record)
        if vector is not None:
            asked.append((each, vector))
    if not asked:
        return
    scope = Scope(snapshot)
    hits = scope.nearest(np.concatenate([vector for _, vector in asked]), CANDIDATES + 1)
    near = {key for found, _ in hits for key in found.tolist()}
    items = engine.catalog.by_keys(sorted(keys | near))
    palettes = engine.catalog.palettes(sorted(keys))
    for (each, vector), (found, scores) in zip(asked, hits, strict=True):
        own = each.query.query.item_key
        others = found != (-1 if own is None else own)
        shown = [key for key in each.best if key in vectors and key in items and key != own]
        chosen = [each.best[key] for key in shown]
        grades = np.array([GRADES[one.event] for one in chosen])
        if len(np.unique(grades)) < 2:
            continue
        stored = np.concatenate([vectors[key][None] for key in shown]).astype(np.float32)
        item = None if own is None else items.get(own)
        yield Impression(
            asked=Asked(vector, item, palettes.get(own, b"") if own is not None else b""),
            seen=Seen(_keys(shown), stored @ vector[0], stored, items, palettes),
            voters=Voters.of(found[others], scores[others], items),
            grades=grades,
            positions=np.array([one.position or np.nan for one in chosen], dtype=np.float64),
            group=_group(each.query, item),
        )


def _keys(keys: Sequence[int]) -> Keys:
    return np.array(keys, dtype=np.int64)


def _vector(
    event: ListedEvent, vectors: Mapping[int, NDArray[np.float32]], record: Collection
) -> Vectors | None:
    """The embedding (1, D) that was asked with; None for an item that has none."""
    query = event.query
    if query.item_key is None:
        found = unpack([query.vector], record.dimension or 0).astype(np.float32)
        return np.asarray(found / np.linalg.norm(found), dtype=np.float32)
    known = vectors.get(query.item_key)
    return None if known is None else np.asarray(known, dtype=np.float32)[None]


def _group(event: ListedEvent, item: CatalogItem | None) -> str:
    if item is not None and item.product_id is not None:
        return f"product {item.product_id}"
    return event.query.digest
