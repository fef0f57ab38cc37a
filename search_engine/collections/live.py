"""Keep one collection ready for searching: its index up to date, its encoder loaded."""

import logging
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np

from search_engine.catalog.changes import Changes
from search_engine.catalog.checksum import key_checksum, signed_64
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.filter_fit import Fitted
from search_engine.catalog.filters import Filter
from search_engine.catalog.store import Catalog
from search_engine.collections.encoders import open_encoder
from search_engine.collections.kept_index import KeptIndex
from search_engine.collections.live_patches import LivePatches
from search_engine.collections.palettes import KnownPalettes, KnownShapes, Palettes
from search_engine.collections.selections import Selections
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.encoders.patches import LATTICES
from search_engine.errors import LockHeldError, ParameterError
from search_engine.indexes.hashes import RECENT, HashTable
from search_engine.indexes.live import Snapshot
from search_engine.indexes.registry import limit_threads
from search_engine.indexes.selection import KeySet
from search_engine.processes import run_apart, spare_cores

log = logging.getLogger(__name__)

QUICK_ELEMENTS = 1_000_000
"""Up to so many numbers, building an index takes less time than starting a process."""


class LiveCollection(KeptIndex):
    """A collection with its encoder, and the index of its embeddings; see `KeptIndex`.

    `retired` is set when the collection is about to be deleted, and stops builds for it.
    """

    def __init__(self, catalog: Catalog, collection: Collection, settings: Settings) -> None:
        super().__init__(catalog, collection, settings)
        self._making_encoder = threading.Lock()
        self._encoder: Encoder | None = None
        self._compacting = threading.Lock()
        self.retired = threading.Event()
        self._selections = Selections(catalog)
        self._palettes = Palettes(catalog)
        self._hashing = threading.Lock()
        self._hashes = HashTable()
        self._most_hashes = RECENT
        self._patches: LivePatches | None = None

    @property
    def folder(self) -> Path:
        """The folder of the generations."""
        return self._catalog.paths.index(self.record.name)

    @property
    def patches(self) -> LivePatches | None:
        """The index of crops of the pictures; None if the collection has none."""
        known = self._patches
        if self.record.patches not in LATTICES or self.record.fingerprint is None:
            return None
        if known is None or known.count != self.record.patches:
            known = self._patches = LivePatches(self._catalog, self.record, self._settings)
        return known

    @property
    def is_open(self) -> bool:
        """Whether the collection has been used yet."""
        return self._encoder is not None or self._index is not None

    def hashes(self, seq: int) -> HashTable:
        """Return the hashes of the pictures, as of a change or a later one."""
        if self._hashes.seq < seq:
            with self._hashing:
                if self._hashes.seq < seq:
                    self._hashes = self._hashes_as_of(seq)
        return self._hashes

    def _hashes_as_of(self, seq: int) -> HashTable:
        """The hashes with what changed; read anew when most may be of items that are gone."""
        table = self._hashes
        if table.seq < 0 or len(table) > self._most_hashes:
            table = HashTable()
        is_whole = table.seq < 0
        table = table.with_changes(seq, *self._catalog.hashes_since(self.record, table.seq))
        if is_whole:
            self._most_hashes = 2 * len(table) + RECENT
        return table

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

    def share_encoder(self, other: "LiveCollection") -> None:
        """Use the network that another has loaded, if it is the same."""
        if other.record.fingerprint == self.record.fingerprint:
            with self._making_encoder:
                self._encoder = self._encoder or other._encoder

    def compact_locked(self, force: bool = False) -> str | None:
        """See KeptIndex; patches too, of which it does not tell."""
        made = super().compact_locked(force)
        if self.patches is not None:
            self.patches.compact_locked(force)
        return made

    def remove_damaged(self) -> list[str]:
        """See KeptIndex; of patches too."""
        removed = super().remove_damaged()
        if self.patches is not None:
            below = self.patches.folder.name
            removed += [f"{below}/{each}" for each in self.patches.remove_damaged()]
        return removed

    def compact_aside(self) -> None:
        """Do the same as `compact`, without delaying the queries that this process answers.

        A large index is built by a separate process at low priority. Nothing is done while another
        process indexes the collection, or if this is running already.
        """
        if self._catalog.read_only:
            return
        kept = [self, *filter(None, [self.patches])]
        snapshots = [*filter(None, (each.snapshot() for each in kept))]
        if not any(each.needs_compaction() for each in snapshots):
            return
        if not self._compacting.acquire(blocking=False):
            return
        try:
            if sum(len(each) * each.dimension for each in snapshots) <= QUICK_ELEMENTS:
                with suppress(LockHeldError):
                    self.compact()
            else:
                code = run_apart(
                    compact_collection, self._settings, self.record.name, unless=self.retired
                )
                if code and not self.retired.is_set():
                    log.error("compacting %s ended with %d", self.record.name, code)
                for each in kept:
                    each._adopt_published()
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
                made = None if self.snapshot() is None else self._publish(None, strict=True)
            except ParameterError:
                self._keep_factory(before)
                raise
            if made is not None and self.patches is not None:
                self.patches._publish(None)
            return made

    def _keep_factory(self, factory: str | None) -> None:
        with self._catalog.write() as writer:
            writer.set_index_factory(self.record.id, factory)

    def _changes(self, seq: int) -> Changes:
        return self._catalog.changes_since(self.record, seq)

    def _is_empty(self) -> bool:
        return self._catalog.count(self.record) == 0

    def _drifted(self, snapshot: Snapshot) -> bool:
        """See KeptIndex; by number and checksum first.

        Items with a damaged embedding are in no index: `eyedex check` reports them, and a rebuild
        would not help.
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


def compact_collection(settings: Settings, name: str) -> None:
    """Compact a collection in a separate background process.

    Nothing is done while another process is indexing it.
    """
    limit_threads(spare_cores())
    with Catalog(settings.paths, settings.lock_wait_s) as catalog:
        live = LiveCollection(catalog, catalog.collection(name), settings)
        with suppress(LockHeldError):
            live.compact()
