"""Which group items belong to by their value of a field, without reading whole items."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, literal, select

from search_engine.catalog.attributes import (
    KINDS,
    NUMBER_KINDS,
    attribute_kind,
    attribute_value,
)
from search_engine.catalog.dialects.statements import listed_keys
from search_engine.catalog.key_queries import Either, Rows, select_keys
from search_engine.catalog.tables import LIVE, items
from search_engine.records import Keys

COLUMNS = ("label", "product_id")

Group = tuple[str, Any]
"""A kind of value and the value: 3 and 3.0 are one group, the text "3" is another, and so is true.
An item without the field is a group of its own, of the kind `none`."""

_AMONG = items.c.key.in_(listed_keys("keys"))


def groups_of(connection: Connection, keys: Sequence[int], field: str) -> dict[int, Group]:
    """The group of each live item among these keys; removed ones are left out."""
    if field in COLUMNS:
        query = select(items.c.key, literal("text"), items.c[field])
    else:
        query = select(items.c.key, attribute_kind(field), attribute_value(field))
    rows = connection.execute(query.where(_AMONG, LIVE), {"keys": json.dumps(list(keys))})
    return {key: _group(key, kind, value) for key, kind, value in rows}


def item_ids_of(connection: Connection, keys: Sequence[int]) -> dict[int, str]:
    """The ids of the live items among these keys."""
    query = select(items.c.key, items.c.item_id).where(_AMONG, LIVE)
    rows = connection.execute(query, {"keys": json.dumps(list(keys))})
    return {row.key: row.item_id for row in rows}


def keys_in_groups(
    connection: Connection, collection_id: int, field: str, groups: Iterable[Group]
) -> Keys:
    """The keys of all live items of some groups, (N,), int64, ascending; those of `none` aside."""
    values: dict[str, list[Any]] = {}
    for kind, value in groups:
        values.setdefault(kind, []).append(value)
    if field in COLUMNS:
        parts = [Rows(items.c[field].in_(values.get("text", ())))]
    else:
        parts = [
            Rows(attribute_kind(field).in_(kinds) & attribute_value(field).in_(values[kind]))
            for kind in values
            if kind != "none"
            for kinds in [NUMBER_KINDS if kind == "number" else (kind,)]
        ]
    if not parts:
        return np.empty(0, dtype=np.int64)
    return select_keys(connection, collection_id, Either(tuple(parts)))


def _group(key: int, kind: str | None, value: Any) -> Group:
    if value is None or kind not in KINDS:
        return "none", key
    return ("number" if kind in NUMBER_KINDS else kind), value
