"""Which items of a collection: conditions that an index answers each, joined as sets of keys.

SQLite answers a condition on one field from that field's index alone, without looking at a row. For
two fields it would take one of the indexes and read every row found there for the other condition,
which costs ten times as much an item. So each condition is a search of its own, and sets of keys
are joined outside; only when few items are left, those are looked at.
"""

import json
from dataclasses import dataclass
from functools import reduce

import numpy as np
from sqlalchemy import ColumnElement, Connection, and_, func, select

from search_engine.catalog.dialects.statements import listed_keys
from search_engine.catalog.tables import LIVE, collections, items
from search_engine.records import Keys


@dataclass(frozen=True, slots=True)
class Rows:
    """The items that fulfil a condition on the items table."""

    condition: ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Every:
    """The items that are in every part."""

    parts: "tuple[KeyQuery, ...]"


@dataclass(frozen=True, slots=True)
class Either:
    """The items that are in at least one part."""

    parts: "tuple[KeyQuery, ...]"


@dataclass(frozen=True, slots=True)
class Without:
    """The items that are not in the part."""

    part: "KeyQuery"


KeyQuery = Rows | Every | Either | Without

FEW = 2_000
"""So many items are looked at one by one, rather than reading all of an index that holds more."""

FEW_SHARE = 0.02
"""The same as a share of the items, for a question that an index could be read along for."""


def select_keys(
    connection: Connection, collection_id: int, query: KeyQuery, among: Keys | None = None
) -> Keys:
    """Keys of the live items that the query asks for, shape (N,), int64, ascending, each once.

    Args:
        connection: To read from.
        collection_id: Of the collection.
        query: What is asked.
        among: Only those of these keys: live ones of the collection, ascending.
    """
    return _Search(connection, collection_id).narrowed(among, query)


def is_among(keys: Keys) -> ColumnElement[bool]:
    """The condition that an item has one of the keys: each is looked up, so let them be few."""
    return items.c.key.in_(listed_keys(None, json.dumps(keys.tolist())))


def among_live(
    connection: Connection, collection_id: int, within: Keys | None
) -> ColumnElement[bool]:
    """The condition that an item is live and has one of the keys, or any if they are None.

    How it is put decides how SQLite goes about it: few are looked up each, for many an index is
    read along and each item held against its mark.
    """
    every = and_(items.c.collection_id == collection_id, LIVE)
    if within is None:
        return every
    size = select(collections.c.key_count).where(collections.c.id == collection_id)
    if len(within) <= FEW_SHARE * connection.execute(size).scalar_one():
        return is_among(within)
    marks = np.zeros(within[-1] + 1, dtype=np.bool_)
    marks[within] = True
    return and_(every, func.substr(marks.tobytes(), items.c.key + 1, 1) == b"\x01")


class _Search:
    """The evaluation of queries on one collection in one state of the database."""

    def __init__(self, connection: Connection, collection_id: int) -> None:
        self._connection = connection
        self._live = and_(items.c.collection_id == collection_id, LIVE)

    def keys(self, query: KeyQuery, among: Keys | None = None) -> Keys:
        """The keys asked for; only those among the few that are given, if they are."""
        if isinstance(query, Rows):
            return self._read(
                and_(self._live if among is None else is_among(among), query.condition)
            )
        if isinstance(query, Either):
            return reduce(_joined, (self.keys(part, among) for part in query.parts))
        parts = query.parts if isinstance(query, Every) else (query,)
        inside: list[KeyQuery] = [part for part in parts if not isinstance(part, Without)]
        outside = [part.part for part in parts if isinstance(part, Without)]
        if among is None and len(inside) > 1:
            inside.sort(key=self._size)
        for one in inside:
            among = self.narrowed(among, one)
        found = self._read(self._live) if among is None else among
        for one in outside:
            gone = self.narrowed(found, one)
            found = found[np.isin(found, gone, assume_unique=True, invert=True)]
        return found

    def narrowed(self, found: Keys | None, query: KeyQuery) -> Keys:
        """Those of the keys that are asked for; None stands for all keys."""
        if found is None or 0 < len(found) <= FEW:
            return self.keys(query, found)
        if len(found) == 0:
            return found
        return found[np.isin(found, self.keys(query), assume_unique=True)]

    def _size(self, query: KeyQuery) -> int:
        """How many keys are asked for at most, as far as that is quickly said."""
        if isinstance(query, Rows):
            some = select(items.c.key).where(self._live, query.condition).limit(FEW + 1)
            counted = select(func.count()).select_from(some.subquery())
            return int(self._connection.execute(counted).scalar_one())
        if isinstance(query, Either):
            return min(FEW + 1, sum(self._size(part) for part in query.parts))
        return FEW + 1

    def _read(self, condition: ColumnElement[bool]) -> Keys:
        """The keys as one text: making a Python number of each would take three times as long.

        Other threads go on meanwhile, too: SQLite works without Python's lock.
        """
        joined = select(func.group_concat(items.c.key)).where(condition)
        text = self._connection.execute(joined).scalar()
        return np.sort(np.fromstring(text or "", dtype=np.int64, sep=","))


def _joined(one: Keys, other: Keys) -> Keys:
    """The keys in either, ascending."""
    new = other[np.isin(other, one, assume_unique=True, invert=True)]
    return np.sort(np.concatenate([one, new])) if len(new) else one
