"""The encoder that a collection had before: gone back to in one transaction, or forgotten.

Its embeddings, its index and what was calibrated for it are kept until the next change.
"""

import time
from dataclasses import dataclass

from indexer.change.adapted import Stage, in_silence
from indexer.change.embedding import Switch
from indexer.change.swap import fingerprints, switch_locked
from search_engine.catalog.collection_rows import Collection
from search_engine.collections.encoders import open_encoder
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.indexes import generations as generation
from search_engine.indexes.live import COMPACT_FRACTION
from search_engine.vote.calibration.store import forget_calibrations

DOING = "changing its encoder"


@dataclass(frozen=True, slots=True)
class Side:
    """One of two encoders; the speed is that of encoding alone, None if it is not known."""

    name: str
    fingerprint: str
    dimension: int
    images_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """The encoders before and after going back, and what that took.

    `lost` are the items without an embedding now, with the code of the reason, by item id.
    """

    before: Side
    after: Side
    switch: Switch
    lost: dict[str, str]
    seconds: float


def go_back(engine: SearchEngine, collection: str, stage: Stage = in_silence) -> Undone:
    """Give a collection back the encoder that it had before the last change of any kind.

    Its embeddings and its index are still there; only items that came or changed since have to be
    encoded. The encoder that it had until now is the one to go back to next.

    Args:
        engine: On the data directory.
        collection: Which.
        stage: Tells how far encoding is.

    Raises:
        ParameterError: Nothing is kept of an encoder before.
        EncoderError: There are items to encode, but the encoder's weights are not here.
        LockHeldError, StorageError: As for `switch.change_encoder`.
    """
    started = time.perf_counter()
    with engine.catalog.indexing(collection, DOING):
        record = indexed(engine, collection)
        former = _former(engine, record)
        lacking = engine.catalog.keys_without(former, former.fingerprint or "")
        with stage("encoding", len(lacking)) as advance:
            switch = switch_locked(
                engine,
                former,
                lambda: open_encoder(former, engine.settings, engine.catalog),
                Switch(),
                advance,
                most_changed=1.0,
                lazy=True,
            )
        seconds = time.perf_counter() - started
        if len(lacking) > COMPACT_FRACTION * engine.catalog.count(record):
            engine.live(collection).compact_locked()
    items = engine.catalog.by_keys(sorted(switch.refused))
    lost = {item.item_id: switch.refused[key] for key, item in sorted(items.items())}
    return Undone(side_of(record), side_of(former), switch, lost, seconds)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The encoder that there is no going back to any more, and how many embeddings were deleted."""

    former: Side | None
    embeddings: int


def forget_former(engine: SearchEngine, collection: str) -> Forgotten:
    """Delete what is kept of the encoder before, and of one that was tried and not taken.

    Raises:
        LockHeldError, StorageError: As for `switch.change_encoder`.
    """
    paths = engine.catalog.paths
    with engine.catalog.indexing(collection, DOING):
        record = indexed(engine, collection)
        former = engine.catalog.former(record)
        with engine.catalog.write() as writer:
            writer.forget_former(record.id)
            count = writer.keep_vectors_of(record.id, fingerprints(engine.catalog, record))
        generation.collect(paths.index(collection), record.fingerprint or "")
        forget_calibrations(paths, record, [record.fingerprint or ""])
    return Forgotten(side_of(former) if former else None, count)


def side_of(record: Collection) -> Side:
    """The encoder that a collection is bound to."""
    return Side(record.encoder or "", record.fingerprint or "", record.dimension or 0)


def indexed(engine: SearchEngine, collection: str) -> Collection:
    """A collection that has an encoder.

    Raises:
        ParameterError: Nothing was indexed yet.
    """
    record = engine.catalog.collection(collection)
    if record.fingerprint is None:
        raise ParameterError(
            "nothing is indexed yet", fix="`eyedex index --encoder` chooses the encoder"
        )
    return record


def _former(engine: SearchEngine, record: Collection) -> Collection:
    former = engine.catalog.former(record)
    if former is None:
        raise ParameterError(
            f"nothing is kept of an encoder that {record.name!r} had before",
            where="--undo",
            fix="name the encoder: `eyedex switch ENCODER`",
        )
    return former
