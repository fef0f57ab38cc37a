"""Keep one collection ready for searching: its index up to date, its encoder loaded."""

import logging
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np

from search_engine.catalog.checksum import key_checksum, signed_64
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.filter_fit import Fitted
from search_engine.catalog.filters import Filter
from search_engine.catalog.store import Catalog
from search_engine.collections.encoders import open_encoder
from search_engine.collections.palettes import KnownPalettes, KnownShapes, Palettes
from search_engine.collections.publishing import publish_index
from search_engine.collections.selections import Selections
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.errors import (
    CorruptDataError,
    LockHeldError,
    ParameterError,
    StorageError,
)
from search_engine.indexes import generations as generation
from search_engine.indexes.hashes import HashTable
from search_engine.indexes.live import LiveIndex, Snapshot
from search_engine.indexes.registry import limit_threads
from search_engine.indexes.selection import KeySet
from search_engine.processes import run_apart, spare_cores

log = logging.getLogger(__name__)

ADOPTION_WAIT_S = 0.05
"""How long a query waits for a generation published by another process; after that it uses the
loaded one, and a later query gets the new one."""
QUICK_ELEMENTS = 1_000_000
"""Up to so many numbers, building an index takes less time than starting a process."""


class LiveCollection:
    """Open the newest sound generation, and add what was committed since.

    `drifted` names a generation that was not used because its keys differ from the catalog's.
    `retired` is set when the collection is about to be deleted, and stops builds for it. Every
    search takes a `snapshot`, which is cheap when nothing changed, so the next query finds what any
    process committed.
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
        self.drifted: str | None = None
        self._trying = threading.Lock()
        self._compacting = threading.Lock()
        self.retired = threading.Event()
        self._selections = Selections(catalog)
        self._palettes = Palettes(catalog)
        self._hashing = threading.Lock()
        self._hashes = HashTable()

    @property
    def folder(self) -> Path:
        """The folder of the generations."""
        return self._catalog.paths.index(self.record.name)

    @property
    def is_open(self) -> bool:
        """Whether the collection has been used yet."""
        return self._encoder is not None or self._index is not None

    def snapshot(self) -> Snapshot | None:
        """Return the index as of the last commit; None if nothing was ever indexed."""
        seq = self._catalog.seq()
        if self._index is None or self._index.snapshot.seq < seq:
            with self._refreshing:
                self._refresh(seq)
        if self._index is not None and self._index.snapshot.needs_compaction():
            self._adopt_published()
        return None if self._index is None else self._index.snapshot

    def hashes(self, seq: int) -> HashTable:
        """Return the hashes of the pictures, as of a change or a later one."""
        if self._hashes.seq < seq:
            with self._hashing:
                since = self._hashes.seq
                if since < seq:
                    changed = self._catalog.hashes_since(self.record, since)
                    self._hashes = self._hashes.with_changes(seq, *changed)
        return self._hashes

    def matching(self, parsed: Filter) -> KeySet:
        """Return the keys of the items that match a filter, cached until the next commit.

        Raises:
            FilterError: The filter does not fit the collection (`filter_fit`).
        """
        return self._selections.matching(self.record, parsed)[1]

    def containing(self, text: str, parsed: Filter | None = None) -> KeySet:
        """The keys of the items that have a text in them, and fulfil a filter; see `matching`."""
        return self._selections.containing(self.record, text, parsed)

    def fitted(self, parsed: Filter) -> Fitted:
        """Return the filter as this collection evaluates it, with warnings about the answer.

        Raises:
            FilterError: As for `matching`.
        """
        return self._selections.matching(self.record, parsed)[0]

    def palettes(self) -> KnownPalettes:
        """Return the colours of the items' pictures as of the last commit."""
        return self._palettes.of(self.record)

    def shapes(self) -> KnownShapes:
        """Return the shapes of the items' pictures as of the last commit."""
        return self._palettes.shapes(self.record)

    def encoder(self) -> Encoder | None:
        """Return the collection's encoder, loaded on first use; None if nothing was ever indexed.

        Raises:
            ModelMismatchError: The encoder that can be loaded did not make the stored embeddings.
        """
        with self._making_encoder:
            if self._encoder is None and self.record.encoder is not None:
                self._encoder = open_encoder(self.record, self._settings, self._catalog)
            return self._encoder

    def compact(self, force: bool = False) -> str | None:
        """Publish a new generation if it is worth it, and use it.

        Returns:
            Its name, or None if nothing was done.

        Raises:
            LockHeldError: Another process is indexing this collection.
            StorageError: It could not be written; the old one stays.
        """
        with self._catalog.indexing(self.record.name):
            return self.compact_locked(force)

    def compact_locked(self, force: bool = False) -> str | None:
        """Do the same as `compact`, for callers that already hold the collection's run lock."""
        if self._is_former():
            return None
        if self._is_first():
            return self._publish(None)
        snapshot = self.snapshot()
        if snapshot is None or not (snapshot.needs_compaction() or (force and snapshot.pending)):
            if snapshot is not None and snapshot.generation is not None:
                generation.settle(self.folder, snapshot.generation)
            return None
        return self._publish(snapshot)

    def _is_former(self) -> bool:
        """Return whether the collection has another encoder by now.

        This object then answers by the former encoder until it is no longer used.
        """
        now = self._catalog.collection(self.record.name)
        return self.record.fingerprint not in (None, now.fingerprint)

    def _is_first(self) -> bool:
        """Return whether there is no generation, and no query has opened the index yet.

        Then the changes need not be loaded, which would hold them in memory twice.
        """
        untouched = self._index is None and not any(self.folder.glob("gen-*"))
        return untouched and self._catalog.count(self.record) > 0

    def compact_aside(self) -> None:
        """Do the same as `compact`, without delaying the queries that this process answers.

        A large index is built by a separate process at low priority. Nothing is done while another
        process indexes the collection, or if this is running already.
        """
        if self._catalog.read_only:
            return
        snapshot = self.snapshot()
        if snapshot is None or not snapshot.needs_compaction():
            return
        if not self._compacting.acquire(blocking=False):
            return
        try:
            if len(snapshot) * snapshot.dimension <= QUICK_ELEMENTS:
                with suppress(LockHeldError):
                    self.compact()
            else:
                code = run_apart(
                    compact_collection, self._settings, self.record.name, unless=self.retired
                )
                if code and not self.retired.is_set():
                    log.error("compacting %s ended with %d", self.record.name, code)
                self._adopt_published()
        finally:
            self._compacting.release()

    def rebuild(self, factory: str | None) -> str | None:
        """Rebuild the index, perhaps as another kind, and keep that kind from now on.

        Args:
            factory: FAISS factory string, or None for Eyedex's choice.

        Returns:
            The generation's name; None if nothing is indexed.

        Raises:
            LockHeldError: Another process is indexing this collection.
            ParameterError: FAISS cannot build it from these vectors; nothing was changed.
        """
        with self._catalog.indexing(self.record.name):
            before = self._catalog.collection(self.record.name).index_factory
            self._keep_factory(factory)
            try:
                return None if self.snapshot() is None else self._publish(None, strict=True)
            except ParameterError:
                self._keep_factory(before)
                raise

    def _keep_factory(self, factory: str | None) -> None:
        with self._catalog.write() as writer:
            writer.set_index_factory(self.record.id, factory)

    def _publish(self, before: Snapshot | None, strict: bool = False) -> str | None:
        """Publish a generation of everything, and use it; see `_is_former`."""
        if self._is_former():
            return None
        self.record = self._catalog.collection(self.record.name)
        name = publish_index(self._catalog, self._settings, self.record, before, strict=strict)
        self._tried, self.drifted = name, None
        self._adopt()
        return name

    def roll_back(self) -> str:
        """Make the newest sound generation before the current one the base again.

        Later commits are added to it as always, so answers stay the same; use it if a generation
        itself is suspect.

        Returns:
            The generation's name.

        Raises:
            LockHeldError: Another process is indexing this collection.
            NotFoundError: There is no earlier generation that is sound.
        """
        with self._catalog.indexing(self.record.name):
            name = generation.roll_back(self.folder, self.record.uid, self.record.fingerprint or "")
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
        """Use a generation that another process published; each is tried once.

        Queries do not wait while a large one is read.
        """
        try:
            published = generation.current(self.folder)
        except CorruptDataError:
            return
        with self._trying:
            if published is None or published == self._tried:
                return
            self._tried = published
        adoption = threading.Thread(target=self._adopt, name=f"adopt {published}", daemon=True)
        adoption.start()
        adoption.join(ADOPTION_WAIT_S)

    def _adopt(self) -> None:
        with suppress(StorageError):  # the next caller gets the same error and reports it
            index = self._newest()
            if index is None:
                return
            with self._refreshing:
                if (
                    self._index is None
                    or self._index.snapshot.generation != index.snapshot.generation
                ):
                    self._take_over(index)
                    self._index = index

    def _open(self) -> None:
        if self.record.fingerprint is None:
            self.record = self._catalog.collection(self.record.name)
        if self.record.fingerprint is None or self.record.dimension is None:
            return
        with suppress(CorruptDataError):
            self._tried = generation.current(self.folder)
        index = self._newest()
        if index is None:
            index = LiveIndex(self.record.dimension, seq=-1)
        self._take_over(index)
        if index.snapshot.base is not None and self._drifted(index.snapshot):
            self.drifted = index.snapshot.generation
            log.warning(
                "index %s holds other keys than the catalog: not used, to be built again",
                self.drifted,
            )
            index = LiveIndex(self.record.dimension, seq=-1)
            self._take_over(index)
        self._index = index

    def _newest(self) -> LiveIndex | None:
        """Load the newest sound generation as published; None if there is none."""
        assert self.record.fingerprint is not None
        found = generation.load(self.folder, self.record.uid, self.record.fingerprint)
        for finding in found.findings if found else ():
            log.warning("index passed over: %s", finding)
        if found is None:
            return None
        if found.manifest.seq > self._catalog.seq():
            log.warning("index %s is newer than the catalog: not used", found.name)
            return None
        return LiveIndex(found.index.dimension, found.index, found.name, found.manifest.seq)

    def _drifted(self, snapshot: Snapshot) -> bool:
        """Return whether index and catalog differ in their keys, by number and checksum.

        Only true if nothing was committed meanwhile. Items with a damaged embedding are in no
        index: `eyedex check` reports them, and a rebuild would not help.
        """
        if snapshot.key_state() == self._wanted() or self._catalog.seq() != snapshot.seq:
            return False
        searchable = self._catalog.changes_since(self.record, -1).keys
        return not np.array_equal(snapshot.keys(), searchable)

    def _wanted(self) -> tuple[int, int]:
        """Return number and checksum of the keys that have an embedding."""
        count, checksum = self._catalog.key_state(self.record)
        lost = np.array([*self._catalog.unsearchable(self.record)], dtype=np.int64)
        return count - len(lost), signed_64(checksum - key_checksum(lost))

    def _take_over(self, index: LiveIndex) -> None:
        changes = self._catalog.changes_since(self.record, index.snapshot.seq)
        index.apply(changes.seq, changes.keys, changes.vectors, changes.removed)


def compact_collection(settings: Settings, name: str) -> None:
    """Compact a collection in a separate background process.

    Nothing is done while another process is indexing it.
    """
    limit_threads(spare_cores())
    with Catalog(settings.paths, settings.lock_wait_s) as catalog:
        live = LiveCollection(catalog, catalog.collection(name), settings)
        with suppress(LockHeldError):
            live.compact()
