"""`KeptIndex`: an index of what a collection has, kept up to date with what is committed."""

import logging
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

from search_engine.allocator import give_freed_memory_back
from search_engine.catalog.changes import Changes
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.collections.publishing import publish_rows
from search_engine.config import Settings
from search_engine.errors import CorruptDataError, StorageError
from search_engine.indexes import generations as generation
from search_engine.indexes.live import LiveIndex, Snapshot

log = logging.getLogger(__name__)

ADOPTION_WAIT_S = 0.05
"""How long a query waits for a generation published by another process; after that it uses the
loaded one, and a later query gets the new one."""


class KeptIndex(ABC):
    """Open the newest sound generation, and add what was committed since.

    `drifted` names a generation that was not used because its keys differ from the catalog's. Every
    search takes a `snapshot`, which is cheap when nothing changed, so the next query finds what any
    process committed.
    """

    def __init__(self, catalog: Catalog, collection: Collection, settings: Settings) -> None:
        self.record = collection
        self._catalog = catalog
        self._settings = settings
        self._refreshing = threading.Lock()
        self._index: LiveIndex | None = None
        self._tried: str | None = None
        self.drifted: str | None = None
        self._trying = threading.Lock()

    @property
    @abstractmethod
    def folder(self) -> Path:
        """The folder of the generations."""

    @abstractmethod
    def _changes(self, seq: int) -> Changes:
        """What an index of a change lacks."""

    @abstractmethod
    def _is_empty(self) -> bool:
        """Whether there is nothing to be indexed."""

    @abstractmethod
    def _drifted(self, snapshot: Snapshot) -> bool:
        """Whether index and catalog differ in their keys.

        Only true if nothing was committed meanwhile.
        """

    def snapshot(self) -> Snapshot | None:
        """Return the index as of the last commit; None if nothing was ever indexed."""
        seq = self._catalog.seq()
        if self._index is None or self._index.snapshot.seq < seq:
            with self._refreshing:
                self._refresh(seq)
        if self._index is not None and self._index.snapshot.needs_compaction():
            self._adopt_published()
        return None if self._index is None else self._index.snapshot

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

    def remove_damaged(self) -> list[str]:
        """Delete damaged generations, which nobody can use, and return their names.

        `compact` first makes a sound one where there is none.

        Raises:
            LockHeldError: Another process is indexing this collection.
        """
        with self._catalog.indexing(self.record.name):
            return generation.remove_damaged(self.folder)

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
        return untouched and not self._is_empty()

    def _publish(self, before: Snapshot | None, strict: bool = False) -> str | None:
        """Publish a generation of everything, and use it; see `_is_former`."""
        if self._is_former():
            return None
        self.record = self._catalog.collection(self.record.name)
        changes = self._changes(-1)
        name = publish_rows(
            self._catalog, self._settings, self.record, self.folder, changes, before, strict=strict
        )
        del changes
        self._tried, self.drifted = name, None
        self._adopt()
        give_freed_memory_back()
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

    def _take_over(self, index: LiveIndex) -> None:
        changes = self._changes(index.snapshot.seq)
        index.apply(changes.seq, changes.keys, changes.vectors, changes.removed)
