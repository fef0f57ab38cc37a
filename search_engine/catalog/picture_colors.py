"""The colours and shapes that were found in items' pictures, as the catalog keeps them."""

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from search_engine.catalog.dialects.statements import listed_keys
from search_engine.catalog.row_checksums import ITEM_VALUES, row_crc32
from search_engine.catalog.tables import LIVE, items
from search_engine.images.palette import PACKED_BYTES
from search_engine.images.shape import SHAPE_BYTES
from search_engine.records import Keys

_IS_SOUND = func.length(items.c.palette) == PACKED_BYTES
_HAS_SHAPE = func.length(items.c.shape) == SHAPE_BYTES

WITHOUT_COLORS = items.c.colors.is_(None) | items.c.shape.is_(None)
"""Nobody looked at the picture, or before there were shapes."""


def palettes_of(connection: Connection, keys: Sequence[int]) -> dict[int, bytes]:
    """Packed palettes of live items by key; those that are unknown or damaged are left out."""
    among = items.c.key.in_(listed_keys("keys"))
    query = select(*ITEM_VALUES, items.c.crc32).where(among, LIVE, _IS_SOUND)
    rows = connection.execute(query, {"keys": json.dumps(list(keys))})
    return {row.key: row.palette for row in rows if row_crc32(row[:-1]) == row.crc32}


def all_palettes(connection: Connection, collection_id: int) -> tuple[Keys, NDArray[np.uint8]]:
    """Keys (N,) of the live items of a collection whose palettes are known, ascending, and these
    packed, (N, 24).

    They come as two texts, which is several times faster than rows.
    """
    digits = func.group_concat(func.hex(items.c.palette), "")
    query = select(func.group_concat(items.c.key), digits).where(
        items.c.collection_id == collection_id, LIVE, items.c.colors.is_not(None), _IS_SOUND
    )
    numbers, palettes = connection.execute(query).one()
    keys = np.fromstring(numbers or "", dtype=np.int64, sep=",")
    packed = np.frombuffer(bytes.fromhex(palettes or ""), dtype=np.uint8)
    order = np.argsort(keys)
    return keys[order], packed.reshape(-1, PACKED_BYTES)[order]


def shape_of(connection: Connection, key: int) -> bytes | None:
    """The packed shape of a live item; None where it is unknown or damaged."""
    found: bytes | None = connection.execute(
        select(items.c.shape).where(items.c.key == key, LIVE, _HAS_SHAPE)
    ).scalar()
    return found


def all_shapes(connection: Connection, collection_id: int) -> tuple[Keys, NDArray[np.uint8]]:
    """As `all_palettes`: keys and packed shapes (N, SHAPE_BYTES)."""
    query = select(items.c.key, items.c.shape).where(
        items.c.collection_id == collection_id, LIVE, _HAS_SHAPE
    )
    rows = connection.execute(query.order_by(items.c.key)).all()
    keys = np.array([row.key for row in rows], dtype=np.int64)
    packed = np.frombuffer(b"".join(row.shape for row in rows), dtype=np.uint8)
    return keys, packed.reshape(len(rows), SHAPE_BYTES)


def keys_without_colors(connection: Connection, collection_id: int) -> Keys:
    """Keys (N,) of the live items whose colours or shapes are unknown, ascending."""
    query = select(items.c.key).where(items.c.collection_id == collection_id, LIVE, WITHOUT_COLORS)
    return np.sort(np.fromiter(connection.execute(query).scalars(), dtype=np.int64))
