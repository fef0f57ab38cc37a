"""Items that a search may find: as keys in general, as rows and bits for one index state."""

import weakref
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from search_engine.indexes.scoring import Positions
from search_engine.records import Keys


class Selection:
    """Some rows of an index: `positions` ascending, int64, of `size` rows in total."""

    def __init__(self, positions: Positions, size: int) -> None:
        self.positions = positions
        self.size = size

    def __len__(self) -> int:
        return len(self.positions)

    @cached_property
    def bits(self) -> NDArray[np.uint8]:
        """One bit for each row, lowest first, as FAISS's IDSelectorBitmap reads them."""
        chosen = np.zeros(self.size, dtype=np.bool_)
        chosen[self.positions] = True
        return np.packbits(chosen, bitorder="little")


class KeySet:
    """A set of ascending keys; caches their positions in the index state searched last."""

    def __init__(self, keys: Keys) -> None:
        self.keys: Keys = np.unique(keys)
        self._last: tuple[weakref.ref[object], Selection] | None = None
        self._rows: KeySet | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def contains(self, keys: Keys) -> NDArray[np.bool_]:
        """Return which of the keys are in the set."""
        if len(self.keys) == 0:
            return np.zeros(len(keys), dtype=np.bool_)
        found = np.searchsorted(self.keys, keys)
        found[found == len(self.keys)] = 0
        return np.asarray(self.keys[found] == keys)

    def rows(self, rows_of: Callable[[Keys], Keys]) -> "KeySet":
        """The set of the rows of these keys, where a key has several; made once."""
        if self._rows is None:
            self._rows = KeySet(rows_of(self.keys))
        return self._rows

    def remembered(self, state: object) -> Selection | None:
        """Return the cached positions of the keys in an index state, if they are for that state."""
        last = self._last
        return last[1] if last is not None and last[0]() is state else None

    def remember(self, state: object, selection: Selection) -> None:
        """Cache the positions of the keys in an index state, as long as that exists."""
        self._last = (weakref.ref(state), selection)
