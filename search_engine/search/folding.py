"""Fold what shows the same: of items with the same picture only the first one found is shown."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from search_engine.catalog.store import Catalog
from search_engine.indexes.hashes import HashTable
from search_engine.records import GroupViews, Keys
from search_engine.search.copies import Copies
from search_engine.search.scope import Scope
from search_engine.search.views import MAX_VIEWS


@dataclass(slots=True)
class Folding:
    """The items of a scope whose pictures are copies of those that were shown, by key.

    Pictures without a hash, which have no details or were indexed before there were hashes, are the
    same where their files are; such files are looked for among what is found only.
    """

    catalog: Catalog
    hashes: HashTable
    scope: Scope
    unhashed: int = 0
    _shown: dict[int, Keys] = field(default_factory=dict)
    _by_file: dict[str, int] = field(default_factory=dict)
    _folded: dict[int, int] = field(default_factory=dict)

    def fold(self, found: Copies) -> Copies:
        """Those that are no copies of any before them, or of what was shown before."""
        new = [key for key, _ in found if key not in self._folded]
        there, hashes = self.hashes.of(np.array(new, dtype=np.int64))
        blobs = dict(zip(np.array(new)[there].tolist(), hashes, strict=True)) if new else {}
        files = self.catalog.files_of([key for key in new if key not in blobs])
        self.unhashed += sum(not each.is_hashed for each in files.values())
        for key in new:
            if key in self._folded:
                continue
            if key in blobs:
                self._show(key, self._live(self.hashes.copies_of(blobs[key].tobytes())))
            else:
                self._show_file(key, files[key].content_hash if key in files else str(key))
        return [each for each in found if self._folded[each[0]] == each[0]]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know of what was folded."""
        if not self.unhashed:
            return ()
        return (
            f"not_hashed: {self.unhashed:,} of the pictures that were looked at are from before "
            "copies were recognised, and are folded only where the file is the same; "
            "`eyedex index` or `eyedex duplicates` hashes them",
        )

    def views(self, keys: Sequence[int]) -> dict[int, GroupViews]:
        """How many items show the same as each key that is shown, itself counted, and which."""
        listed = {key: self._shown[key] for key in keys}
        every = {one for each in listed.values() for one in each[:MAX_VIEWS].tolist()}
        ids = self.catalog.item_ids_of(sorted(every))
        return {
            key: GroupViews(
                len(each), tuple(ids[one] for one in each[:MAX_VIEWS].tolist() if one in ids)
            )
            for key, each in listed.items()
        }

    def _show(self, key: int, members: Keys) -> None:
        """Show an item, and fold those of its copies that no other one before it has folded."""
        own = [one for one in members.tolist() if one not in self._folded and one != key]
        self._folded.update(dict.fromkeys([key, *own], key))
        self._shown[key] = np.array(sorted([key, *own]), dtype=np.int64)

    def _show_file(self, key: int, content: str) -> None:
        first = self._by_file.setdefault(content, key)
        self._folded[key] = first
        self._shown[first] = np.append(self._shown.get(first, _NONE), key)

    def _live(self, keys: Keys) -> Keys:
        return keys[self.scope.snapshot.holds(keys) & self.scope.holds(keys)]


_NONE: Keys = np.empty(0, dtype=np.int64)
