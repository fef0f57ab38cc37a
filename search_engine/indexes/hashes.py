"""The hashes of a collection's pictures in memory, where copies of a picture are looked up."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from search_engine.images.picture_hash import (
    STORED,
    Hashes,
    Signs,
    are_copies,
    poses,
    unpack_hashes,
)
from search_engine.records import Keys

FIRST_WORD = 14
"""Copies differ in so many of the 64 signs of their first word at most; others are passed over."""
RECENT = 4_096
"""So many recent changes, or a 16th of all, are kept apart, so that most changes copy little."""

NO_KEYS: Keys = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class _Part:
    """Hashes by key, ascending."""

    keys: Keys = field(default_factory=NO_KEYS.copy)
    hashes: Hashes = field(default_factory=lambda: np.empty(0, dtype=STORED))

    @cached_property
    def first_words(self) -> Signs:
        """The first word of each, close together: the mere look at them takes the time."""
        return np.ascontiguousarray(self.hashes["signs"][:, 0])

    def with_changes(self, keys: Keys, hashes: Hashes) -> "_Part":
        old = ~np.isin(self.keys, keys)
        every = np.concatenate([self.keys[old], keys])
        order = np.argsort(every)
        return _Part(every[order], np.concatenate([self.hashes[old], hashes])[order])

    def rows_of(self, keys: Keys) -> NDArray[np.int64]:
        """The rows of keys, -1 where there is none."""
        rows = np.searchsorted(self.keys, keys)
        there = rows < len(self.keys)
        there[there] = self.keys[rows[there]] == keys[there]
        return np.where(there, rows, -1)

    def copies_of(self, one: np.void, first_words: Signs) -> Keys:
        away = (np.bitwise_count(self.first_words ^ word) for word in first_words)
        rows = np.flatnonzero(np.logical_or.reduce([each <= FIRST_WORD for each in away]))
        if len(rows) == 0:  # as for most photos
            return NO_KEYS
        return self.keys[rows[are_copies(one, self.hashes[rows])]]


@dataclass(frozen=True, slots=True)
class HashTable:
    """Hashes by key, complete up to the change `seq`. Never changes: `with_changes` makes another.

    Removed items stay in it; whoever looks something up knows which those are.
    """

    seq: int = -1
    _base: _Part = field(default_factory=_Part, repr=False)
    _recent: _Part = field(default_factory=_Part, repr=False)

    def __len__(self) -> int:
        return len(self._base.keys) + int((self._base.rows_of(self._recent.keys) < 0).sum())

    def with_changes(self, seq: int, keys: Keys, blobs: list[bytes]) -> "HashTable":
        """The table as of a change, with new or other hashes of some keys."""
        if len(keys) == 0:
            return HashTable(seq, self._base, self._recent)
        recent = self._recent.with_changes(keys, unpack_hashes(blobs))
        if len(recent.keys) <= max(RECENT, len(self._base.keys) // 16):
            return HashTable(seq, self._base, recent)
        return HashTable(seq, self._base.with_changes(recent.keys, recent.hashes), _Part())

    def copies_of(self, picture: bytes) -> Keys:
        """Keys of the pictures that are copies of one, by its hash; ascending."""
        one = unpack_hashes([picture])[0]
        first_words = poses(one["signs"])[::4, 0]  # in four poses each it is the same
        old, new = (part.copies_of(one, first_words) for part in (self._base, self._recent))
        if len(old):
            old = old[self._recent.rows_of(old) < 0]
        return np.sort(np.concatenate([old, new]))

    def of(self, keys: Keys) -> tuple[NDArray[np.bool_], Hashes]:
        """Which keys have a hash, (N,), and the hashes of these."""
        base, recent = self._base.rows_of(keys), self._recent.rows_of(keys)
        found = np.zeros(len(keys), dtype=STORED)
        found[base >= 0] = self._base.hashes[base[base >= 0]]
        found[recent >= 0] = self._recent.hashes[recent[recent >= 0]]
        there = (base >= 0) | (recent >= 0)
        return there, found[there]
