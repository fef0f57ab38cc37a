"""Keep the patches of one collection ready for searching."""

from pathlib import Path

import numpy as np

from search_engine.catalog.changes import Changes
from search_engine.catalog.patch_keys import row_keys
from search_engine.catalog.patch_rows import count_patched, keys_with_patches, patch_changes
from search_engine.collections.kept_index import KeptIndex
from search_engine.indexes.live import Snapshot
from search_engine.indexes.patches import Patches


class LivePatches(KeptIndex):
    """The index of the patches of a collection that has some; see `KeptIndex`."""

    @property
    def count(self) -> int:
        """How many there are to a picture."""
        return self.record.patches or 0

    @property
    def folder(self) -> Path:
        """The folder of the generations."""
        return self._catalog.paths.patches(self.record.name)

    def state(self) -> Patches | None:
        """The patches as of the last commit; None if nothing was ever indexed."""
        snapshot = self.snapshot()
        return None if snapshot is None else Patches(snapshot, self.count)

    def _changes(self, seq: int) -> Changes:
        with self._catalog.read() as connection:
            return patch_changes(connection, self.record, seq)

    def _is_empty(self) -> bool:
        return self._catalog.ask(lambda connection: count_patched(connection, self.record)) == 0

    def _drifted(self, snapshot: Snapshot) -> bool:
        keys = self._catalog.ask(lambda connection: keys_with_patches(connection, self.record))
        if np.array_equal(snapshot.keys(), row_keys(keys, self.count)):
            return False
        if self._catalog.seq() != snapshot.seq:
            return False
        return not np.array_equal(snapshot.keys(), self._changes(-1).keys)
