"""Giving a collection another encoder while it is being searched.

The embeddings by the new encoder are made beside those that are there (`embedding`), and so are the
index and what was calibrated. Then one transaction lets the collection have the new encoder: a
query is answered wholly by the one or wholly by the other. What was made stays when this is
interrupted, and is used the next time. The encoder before is kept with its embeddings and its
index, until the next change.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np

from indexer.change.embedding import Advance, pictures
from indexer.change.embedding import Switch as Switch
from indexer.change.embedding import embed as embed
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import LEARNED
from search_engine.collections.encoders import projection_of
from search_engine.collections.publishing import publish_index
from search_engine.encoders.base import Encoder
from search_engine.engine import SearchEngine
from search_engine.errors import CorruptDataError
from search_engine.indexes import generations as generation
from search_engine.indexes.live import COMPACT_FRACTION
from search_engine.storage.faults import fault_point
from search_engine.vote.calibration.collection import calibrate_ahead
from search_engine.vote.calibration.store import forget_calibrations

MakeEncoder = Callable[[], Encoder]


def switch_encoder(
    engine: SearchEngine,
    collection: str,
    encoder: Encoder,
    options: Mapping[str, str],
    advance: Advance = lambda count: None,
) -> Switch:
    """Let a collection have another encoder.

    Args:
        engine: On the data directory; its catalog has the encoder's projection, if there is one.
        collection: Which.
        encoder: The new one.
        options: What is needed beside its name to make it again.
        advance: Called with the number of items that have their embedding.

    Raises:
        LockHeldError: Another process is indexing the collection.
        StorageError: Something could not be written; the collection is as it was.
    """
    with engine.catalog.indexing(collection, "changing its encoder"):
        wanted = with_encoder(engine.catalog.collection(collection), encoder, options)
        return switch_locked(engine, wanted, lambda: encoder, Switch(), advance)


def with_encoder(record: Collection, encoder: Encoder, options: Mapping[str, str]) -> Collection:
    """A collection as it is when it has another encoder."""
    spec = encoder.spec
    return replace(
        record,
        encoder=spec.name,
        encoder_options=dict(options),
        fingerprint=spec.fingerprint,
        dimension=spec.dimension,
    )


def switch_locked(
    engine: SearchEngine,
    wanted: Collection,
    make: MakeEncoder,
    done: Switch,
    advance: Advance = lambda count: None,
    most_changed: float = COMPACT_FRACTION,
    lazy: bool = False,
) -> Switch:
    """As `switch_encoder`, for a caller that holds the collection's run lock.

    Args:
        engine: On the data directory.
        wanted: The collection with its new encoder.
        make: Makes the encoder, if there is something to encode.
        done: What was done before, and where to count.
        advance: Called with the number of items that have their embedding.
        most_changed: An index of the same encoder is used again if no more of it is out of date.
        lazy: The encoder starts from pictures, and is not made where none can be read.
    """
    record = engine.catalog.collection(wanted.name)
    done.fingerprint = wanted.fingerprint or ""

    def complete(since: int | None) -> None:
        keys = engine.catalog.keys_without(wanted, done.fingerprint, since).tolist()
        if lazy and not any(True for _ in pictures(engine, keys, done)):
            return
        if keys:
            embed(engine, record, make(), done, advance, since)

    seq = engine.catalog.seq()
    complete(None)
    started = time.perf_counter()
    name = _index(engine, wanted, done, seq, most_changed)
    if wanted.fingerprint != record.fingerprint:
        done.uncalibrated = calibrate_ahead(engine.catalog, wanted)
    prepared_s = time.perf_counter() - started
    while not _exchange(engine, record, wanted, done, seq):
        since, seq = seq, engine.catalog.seq()
        complete(since)
    engine.reopen(wanted.name)
    _clear_up(engine, wanted, name)
    done.seconds = time.perf_counter() - started - prepared_s
    found = engine.catalog.by_keys(sorted(done.refused))
    done.without_embedding = sorted(item.item_id for item in found.values())
    return done


def fingerprints(catalog: Catalog, record: Collection | None) -> list[str]:
    """Of a collection's encoder and, where it has a projection, of the one before that."""
    if record is None or record.fingerprint is None:
        return []
    with suppress(CorruptDataError):
        projection = projection_of(catalog, record.encoder_options)
        if projection is not None:
            return [record.fingerprint, projection.origin.fingerprint]
    return [record.fingerprint]


def _index(
    engine: SearchEngine, wanted: Collection, done: Switch, seq: int, most_changed: float
) -> str:
    """A generation for the new encoder: one that is there, if it will do, or a new one."""
    folder = engine.catalog.paths.index(wanted.name)
    found = generation.find(folder, wanted.uid, wanted.fingerprint or "")
    if found is not None and found[1].seq <= engine.catalog.seq():
        name, manifest = found
        held = generation.read_keys(folder / name)
        keys = engine.catalog.keys(wanted, until=manifest.seq)
        keys = keys[~np.isin(keys, np.array([*done.refused], dtype=np.int64))]
        newer = engine.catalog.count(wanted) - len(done.refused) - len(keys)
        changed = newer + len(held) - len(keys)
        if np.isin(keys, held).all() and changed <= most_changed * len(held):
            return name
    return publish_index(engine.catalog, engine.settings, wanted, until=seq)


def _exchange(
    engine: SearchEngine, record: Collection, wanted: Collection, done: Switch, seq: int
) -> bool:
    """Let the collection be as wanted; not when items came after `seq` that lack their embedding.

    Of what is kept for other encoders, only that of the one before stays.
    """
    catalog, fingerprint = engine.catalog, wanted.fingerprint or ""
    former = catalog.former(record)
    is_back = former is not None and former.fingerprint == fingerprint
    learned = [] if is_back else [str(wanted.encoder_options[each]) for each in _learned(wanted)]
    data = {sha256: catalog.learned(sha256) for sha256 in learned}
    kept = fingerprints(catalog, wanted)
    kept += fingerprints(catalog, former if record.fingerprint == fingerprint else record)
    with catalog.write() as writer:  # nobody else adds items from here on
        if len(catalog.keys_without(wanted, fingerprint, seq)):
            return False
        for sha256 in learned:
            writer.keep_learned(sha256, data[sha256])  # others delete what nobody has
        writer.change_encoder(
            wanted.id,
            wanted.encoder or "",
            wanted.encoder_options,
            fingerprint,
            wanted.dimension or 0,
        )
        writer.note_unsearchable(wanted.id, fingerprint, done.refused)
        if not is_back:
            writer.keep_vectors_of(wanted.id, kept)
        fault_point("encoder_before_change")
    fault_point("encoder_changed")
    return True


def _learned(record: Collection) -> list[str]:
    """Options of a collection's encoder that name what it learned from the catalog."""
    return [option for option in LEARNED if option in record.encoder_options]


def _clear_up(engine: SearchEngine, wanted: Collection, name: str) -> None:
    """Let the index in use be the current one, and delete what neither encoder needs."""
    former = engine.catalog.former(wanted)
    folder = engine.catalog.paths.index(wanted.name)
    generation.settle(folder, name)
    spared = [former.fingerprint or ""] if former else []
    generation.collect(folder, wanted.fingerprint or "", spared)
    forget_calibrations(engine.catalog.paths, wanted, [wanted.fingerprint or "", *spared])
