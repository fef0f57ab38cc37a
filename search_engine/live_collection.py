"""One collection made ready to be searched: its index kept up to date, its encoder at hand."""

import logging
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search_engine.catalog.store import Catalog, Changes, Collection
from search_engine.config import DataPaths, Settings
from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.errors import CorruptDataError, ModelMismatchError
from search_engine.indexes import generation
from search_engine.indexes.faiss_index import FaissIndex, IndexSpec
from search_engine.indexes.live import LiveIndex, Snapshot
from search_engine.locks import exclusive

log = logging.getLogger(__name__)


class LiveCollection:
    """Opens the newest sound generation and adds what the catalog committed since.

    `snapshot` is cheap when nothing changed and is asked for by every search, so what any process
    committed is found by the next query.
    """

    def __init__(self, catalog: Catalog, collection: Collection, settings: Settings) -> None:
        self.record = collection
        self._catalog = catalog
        self._settings = settings
        self._refreshing = threading.Lock()
        self._making_encoder = threading.Lock()
        self._encoder: Encoder | None = None
        self._index: LiveIndex | None = None
        self._tried: str | None = None

    @property
    def folder(self) -> Path:
        """Where the generations are."""
        return self._catalog.paths.index(self.record.name)

    def snapshot(self) -> Snapshot | None:
        """The index as of the last commit; None as long as nothing was ever indexed."""
        seq = self._catalog.seq()
        if self._index is None or self._index.snapshot.seq < seq:
            with self._refreshing:
                self._refresh(seq)
        if self._index is not None and self._index.snapshot.needs_compaction():
            with self._refreshing:
                self._adopt_published()
        return None if self._index is None else self._index.snapshot

    def encoder(self) -> Encoder | None:
        """The collection's encoder, made on first use; None as long as nothing was ever indexed.

        Raises:
            ModelMismatchError: What can be made now is not what made the stored embeddings.
        """
        with self._making_encoder:
            if self._encoder is None and self.record.encoder is not None:
                self._encoder = open_encoder(self.record, self._settings)
            return self._encoder

    def compact(self, force: bool = False) -> str | None:
        """Publish a new generation if it is worth it, and take it over.

        Returns:
            Its name, or None when nothing was done.

        Raises:
            LockHeldError: Another process is indexing this collection.
            StorageError: It could not be written; the old one stays.
        """
        with exclusive(
            self._catalog.paths.index_run_lock(self.record.name), 0.0, "indexing this collection"
        ):
            return self.compact_locked(force)

    def compact_locked(self, force: bool = False) -> str | None:
        """As `compact`, for a caller that holds the collection's run lock already."""
        snapshot = self.snapshot()
        if snapshot is None or not (snapshot.needs_compaction() or (force and snapshot.pending)):
            if snapshot is not None and snapshot.generation is not None:
                generation.settle(self.folder, snapshot.generation)
            return None
        changes = self._catalog.changes_since(self.record, -1)
        generation.discard_newer(self.folder, changes.seq)
        index = _build(changes)
        name = generation.publish(self.folder, self._manifest(changes), index)
        with self._refreshing:
            self._tried = name
            self._index = LiveIndex(index.dimension, index, name, changes.seq)
        return name

    def roll_back(self) -> str:
        """Make the sound generation before the current one the base again.

        What the catalog committed since then is added to it as always, so answers stay the same;
        it is the way out when a generation itself is in doubt.

        Returns:
            The generation's name.

        Raises:
            LockHeldError: Another process is indexing this collection.
            NotFoundError: There is no earlier generation.
        """
        lock = self._catalog.paths.index_run_lock(self.record.name)
        with exclusive(lock, 0.0, "indexing this collection"):
            name = generation.roll_back(self.folder)
            with self._refreshing:
                self._index = None
        self.snapshot()
        return name

    def _refresh(self, seq: int) -> None:
        if self._index is None:
            self._open()
        elif self._index.snapshot.seq < seq:
            self._take_over(self._index)

    def _adopt_published(self) -> None:
        """Take over a generation that another process published; each is tried once."""
        try:
            published = generation.current(self.folder)
        except CorruptDataError:
            return
        if published is not None and published != self._tried:
            self._open()

    def _open(self) -> None:
        self.record = self._catalog.collection(self.record.name)
        if self.record.fingerprint is None or self.record.dimension is None:
            return
        with suppress(CorruptDataError):
            self._tried = generation.current(self.folder)
        found = generation.load(self.folder, self.record.uid, self.record.fingerprint)
        for finding in found.findings if found else ():
            log.warning("index passed over: %s", finding)
        if found is not None and found.manifest.seq > self._catalog.seq():
            log.warning("index %s is newer than the catalog: not used", found.name)
            found = None
        index = LiveIndex(self.record.dimension, seq=-1)
        if found is not None:
            index = LiveIndex(self.record.dimension, found.index, found.name, found.manifest.seq)
        self._take_over(index)
        if found is not None and self._drifted(index.snapshot):
            log.warning("index %s holds other keys than the catalog: rebuilt", found.name)
            index = LiveIndex(self.record.dimension, seq=-1)
            self._take_over(index)
        self._index = index

    def _drifted(self, snapshot: Snapshot) -> bool:
        """Whether index and catalog differ in keys, by their number and sum.

        Only said when nothing was committed meanwhile.
        """
        wanted = self._catalog.key_sums(self.record)
        return snapshot.key_sums() != wanted and self._catalog.seq() == snapshot.seq

    def _take_over(self, index: LiveIndex) -> None:
        changes = self._catalog.changes_since(self.record, index.snapshot.seq)
        index.apply(changes.seq, changes.keys, changes.vectors, changes.removed)

    def _manifest(self, changes: Changes) -> generation.Manifest:
        return generation.Manifest(
            collection_uid=self.record.uid,
            fingerprint=self.record.fingerprint or "",
            seq=changes.seq,
            count=len(changes.keys),
            dimension=int(changes.vectors.shape[1]),
            spec=IndexSpec(),
        )


def open_encoder(collection: Collection, settings: Settings) -> Encoder:
    """The encoder that a collection is bound to.

    Raises:
        ModelMismatchError: Weights or preprocessing are not what they were.
    """
    weights = collection.encoder_options.get("weights")
    encoder = create_encoder(
        EncoderRequest(
            name=collection.encoder or "",
            weights=Path(weights) if weights else None,
            runtime=settings.runtime,
            cache=DataPaths(settings.data).encoders,
        )
    )
    if encoder.spec.fingerprint != collection.fingerprint:
        raise ModelMismatchError(
            f"the collection was indexed with encoder {collection.fingerprint}, but "
            f"{collection.encoder} is {encoder.spec.fingerprint} now",
            where=f"collection {collection.name}",
            fix="bring back the former weights, or index again into a new collection",
        )
    return encoder


def _build(changes: Changes) -> FaissIndex:
    vectors: NDArray[np.float16] = changes.vectors
    return FaissIndex.build(IndexSpec(), changes.keys, vectors)
