"""Build the index of a collection from the catalog, and publish it as a generation."""

import logging
from pathlib import Path

from search_engine.catalog.changes import Changes
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.config import Settings
from search_engine.errors import ParameterError
from search_engine.indexes import generations
from search_engine.indexes.base import Index
from search_engine.indexes.choice import choose_index
from search_engine.indexes.live import Snapshot
from search_engine.indexes.manifest import Manifest
from search_engine.indexes.registry import backend_of

log = logging.getLogger(__name__)


def publish_index(
    catalog: Catalog,
    settings: Settings,
    record: Collection,
    before: Snapshot | None = None,
    *,
    strict: bool = False,
    until: int | None = None,
) -> str:
    """Build an index and publish it, for callers that hold the collection's run lock.

    Args:
        catalog: Holds the vectors.
        settings: Memory limit and recall of the index.
        record: The collection, perhaps with its next encoder.
        before: The current snapshot, whose trained parameters may be reused.
        strict: Whether a kind that cannot be built from these vectors (usually too few) is an
            error; else the automatic choice replaces it until the next generation.
        until: The sequence number up to which embeddings are complete, if known.

    Returns:
        The generation's name.

    Raises:
        ParameterError: The requested kind cannot be built, if `strict`.
        StorageError: It could not be written.
    """
    folder, changes = catalog.paths.index(record.name), catalog.changes_since(record, -1)
    return publish_rows(
        catalog, settings, record, folder, changes, before, strict=strict, until=until
    )


def publish_rows(
    catalog: Catalog,
    settings: Settings,
    record: Collection,
    folder: Path,
    changes: Changes,
    before: Snapshot | None = None,
    *,
    strict: bool = False,
    until: int | None = None,
) -> str:
    """As `publish_index`, of the vectors of `changes` and into some folder."""
    generations.discard_newer(folder, changes.seq)
    index = _build(settings, record, changes, before, strict)
    manifest = Manifest(
        collection_uid=record.uid,
        fingerprint=record.fingerprint or "",
        seq=changes.seq if until is None else until,
        count=len(changes.keys),
        dimension=int(changes.vectors.shape[1]),
        spec=index.spec,
    )
    return generations.publish(folder, manifest, index, _spared(catalog, record))


def _build(
    settings: Settings,
    record: Collection,
    changes: Changes,
    before: Snapshot | None,
    strict: bool,
) -> Index:
    """Build an index of the requested kind, or of one that suits."""
    if record.index_factory is not None:
        try:
            return _build_kind(settings, record.index_factory, changes, before)
        except ParameterError as error:
            if strict:
                raise
            log.warning("%s; another kind takes its place for now", error.what)
    count, dimension = changes.vectors.shape
    memory = settings.index_memory_mb * 10**6
    factory = choose_index(count, dimension, memory, settings.index_recall).factory
    return _build_kind(settings, factory, changes, before)


def _build_kind(
    settings: Settings, factory: str, changes: Changes, before: Snapshot | None
) -> Index:
    base, pending = (None, 0) if before is None else (before.base, before.pending)
    return backend_of(factory).build(
        factory, changes.keys, changes.vectors, settings.index_recall, base, pending
    )


def _spared(catalog: Catalog, record: Collection) -> set[str]:
    """Return the encoders whose newest generation is needed: the current and the former one."""
    now = catalog.collection(record.name)
    former = catalog.former(now)
    kept = {now.fingerprint, former.fingerprint if former else None, record.fingerprint}
    return {each for each in kept if each} - {record.fingerprint or ""}
