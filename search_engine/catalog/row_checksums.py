"""Checksums of rows: written with every change by the one writer, verified before a row is served.

SQLite notices no bit that changed inside a text or a picture. A checksum is CRC-32 over the values
of a row as they are stored, its key and its collection among them, so that a row that took the
place of another is noticed too. It tells accidents, not attacks. A row without one is damaged.
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    bindparam,
    select,
    type_coerce,
    update,
)
from sqlalchemy.types import NullType

from search_engine.catalog.chunks import in_parts
from search_engine.catalog.damaged import MENDED
from search_engine.catalog.tables import access_keys, collections, fields, items, sources
from search_engine.errors import DamagedRecordError


def _as_stored(*columns: "Column[Any]") -> tuple[Any, ...]:
    """Columns whose values come as SQLite has them, whatever they are."""
    return tuple(type_coerce(each, NullType()).label(each.name) for each in columns)


_NOT_OF_A_KEY = ("last_used", "crc32")

ITEM_VALUES = _as_stored(
    items.c.key,
    items.c.item_id,
    items.c.label,
    items.c.product_id,
    items.c.attributes,
    items.c.content_hash,
    items.c.picture,
    items.c.collection_id,
    items.c.source,
    items.c.colors,
    items.c.palette,
    items.c.shape,
)
"""What the checksum of an item covers; `removed` is what it starts from."""

COLLECTION_VALUES = _as_stored(
    collections.c.id,
    collections.c.name,
    collections.c.uid,
    collections.c.encoder,
    collections.c.encoder_options,
    collections.c.fingerprint,
    collections.c.dimension,
    collections.c.index_factory,
)
"""What the checksum of a collection covers: neither what follows its keys, which `check` compares
with these, nor its former encoder."""


SEALED: dict[Table, tuple[Any, ...]] = {
    access_keys: _as_stored(*(each for each in access_keys.c if each.name not in _NOT_OF_A_KEY)),
    sources: _as_stored(*(each for each in sources.c if each.name != "crc32")),
    fields: _as_stored(*(each for each in fields.c if each.name != "crc32")),
}
"""What the checksums of other tables cover, their primary keys first."""


def row_crc32(values: Iterable[Any], start: int = 0) -> int:
    """The checksum of the values of a row."""
    return zlib.crc32("\0".join(map(str, values)).encode("utf-8", "surrogatepass"), start)


def blob_crc32(key: int, blob: bytes) -> int:
    """The checksum of bytes that belong to an item, such as its picture."""
    return zlib.crc32(blob, key & 0xFFFFFFFF)


def is_sound_blob(key: int, blob: object, crc32: object) -> bool:
    """Whether stored bytes are those that were written for an item."""
    return isinstance(blob, bytes) and blob_crc32(key, blob) == crc32


def seal_items(connection: Connection, keys: Sequence[int]) -> None:
    """Give items the checksums of what they hold now."""
    _seal(connection, items, _ITEM_ROWS, keys)


def seal_collection(connection: Connection, collection_id: int) -> None:
    """Give a collection the checksum of what is known of it now."""
    _seal(connection, collections, _COLLECTION_ROWS, [collection_id])


def sound_items(connection: Connection, keys: Sequence[int]) -> list[int]:
    """Those of the keys whose items match their checksums, ascending."""
    return _sound(connection, items, _ITEM_ROWS, keys)


def is_sound_collection(connection: Connection, collection_id: int) -> bool:
    """Whether a collection matches its checksum."""
    return bool(_sound(connection, collections, _COLLECTION_ROWS, [collection_id]))


def seal_rows(connection: Connection, table: Table, which: ColumnElement[bool]) -> None:
    """Give rows of a table of `SEALED` the checksums of what they hold now."""
    for row in connection.execute(select(*SEALED[table]).where(which)).all():
        this = [key == value for key, value in zip(table.primary_key, row, strict=False)]
        connection.execute(update(table).where(*this).values(crc32=row_crc32(row)))


def damaged_rows(connection: Connection, table: Table) -> list[tuple[Any, ...]]:
    """Primary keys of the rows of a table of `SEALED` that do not match their checksums."""
    (crc32,), keys = _as_stored(table.c.crc32), len(table.primary_key)
    found = connection.execute(select(crc32, *SEALED[table]))
    return [tuple(row[:keys]) for stored, *row in found if row_crc32(row) != stored]


def is_sound_row(connection: Connection, table: Table, which: ColumnElement[bool]) -> bool:
    """Whether a row of a table of `SEALED`, if it is there, matches its checksum."""
    (crc32,) = _as_stored(table.c.crc32)
    found = connection.execute(select(crc32, *SEALED[table]).where(which))
    return all(row_crc32(row) == stored for stored, *row in found)


def require_sound_items(connection: Connection, keys: Sequence[int]) -> None:
    """Refuse items that a change of some columns would leave damaged, or hide that they are.

    Raises:
        DamagedRecordError: Naming the first of them.
    """
    damaged = set(keys) - set(sound_items(connection, keys))
    if damaged:
        key = min(damaged)
        item_id = connection.execute(select(items.c.item_id).where(items.c.key == key)).scalar()
        raise DamagedRecordError(
            "its row does not match its checksum",
            where=f"item {item_id!r}",
            fix=MENDED,
        )


_ITEM_ROWS = select(*_as_stored(items.c.removed, items.c.crc32), *ITEM_VALUES)
_COLLECTION_ROWS = select(
    type_coerce(0, NullType()), *_as_stored(collections.c.crc32), *COLLECTION_VALUES
)
"""What a checksum starts from, the checksum, and what it covers, the key of the table first."""


def _seal(connection: Connection, table: Table, rows: Any, keys: Sequence[int]) -> None:
    (key,) = table.primary_key
    changed = update(table).where(key == bindparam("_key")).values(crc32=bindparam("_crc32"))
    for part in in_parts(keys):
        found = connection.execute(rows.where(key.in_(part))).all()
        sealed = [
            {"_key": values[0], "_crc32": row_crc32(values, start)} for start, _, *values in found
        ]
        if sealed:
            connection.execute(changed, sealed)


def _sound(connection: Connection, table: Table, rows: Any, keys: Sequence[int]) -> list[int]:
    (key,) = table.primary_key
    return sorted(
        values[0]
        for part in in_parts(keys)
        for start, crc32, *values in connection.execute(rows.where(key.in_(part)))
        if isinstance(start, int) and row_crc32(values, start) == crc32
    )
