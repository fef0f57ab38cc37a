"""Rows of the items table as catalog items, for whoever holds a connection: reader or writer."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from search_engine.catalog.chunks import in_parts
from search_engine.catalog.damaged import Damaged
from search_engine.catalog.dialects.statements import listed_keys
from search_engine.catalog.prepared import Prepared
from search_engine.catalog.row_checksums import ITEM_VALUES, row_crc32
from search_engine.catalog.stored_types import read_object
from search_engine.catalog.tables import LIVE, items
from search_engine.errors import ItemNotFoundError
from search_engine.names import asked_item_id
from search_engine.near import shown
from search_engine.records import CatalogItem

ITEM_COLUMNS = (*ITEM_VALUES, items.c.crc32)
"""What of a row makes an item and proves that it is sound; the fields of `CatalogItem` first."""

_ITEMS_BY_KEYS = Prepared(select(*ITEM_COLUMNS).where(LIVE, items.c.key.in_(listed_keys("keys"))))
"""Keys come as a JSON list, however many they are."""


def item_of(row: Iterable[Any]) -> CatalogItem:
    """The item of a row of `ITEM_COLUMNS`; nothing but its key and id if the row is damaged.

    Columns go by their order: by their names a row takes three times as long.
    """
    *values, crc32 = row
    key, item_id, label, product_id, text, content_hash, picture, *_ = values
    attributes = read_object(text)
    if row_crc32(values) == crc32:
        return CatalogItem(key, item_id, label, product_id, attributes, content_hash, picture)
    what = "its row does not match its checksum"
    if isinstance(attributes, Damaged):
        what = f"its attributes cannot be read: {attributes.what}"
    if isinstance(item_id, bytes):
        item_id = item_id.decode(errors="replace")
    return CatalogItem(key, str(item_id), None, None, Damaged(what), "")


def items_by_keys(connection: Connection, keys: Sequence[int]) -> dict[int, CatalogItem]:
    """Live items by key, as the connection sees them; removed ones are left out."""
    rows = _ITEMS_BY_KEYS.rows(connection, keys=json.dumps(list(keys)))
    found = [item_of(row) for row in rows]
    return {item.key: item for item in found}


def live_items(
    connection: Connection, collection_id: int, item_ids: Sequence[str]
) -> dict[str, CatalogItem]:
    """Live items by id, as the connection sees them; unknown ids are left out."""
    found: dict[str, CatalogItem] = {}
    for part in in_parts([each for each in item_ids if _is_unicode(each)]):
        query = select(*ITEM_COLUMNS).where(
            items.c.collection_id == collection_id, LIVE, items.c.item_id.in_(part)
        )
        found.update((item.item_id, item) for item in map(item_of, connection.execute(query)))
    return found


def find_item(connection: Connection, collection_id: int, item_id: str) -> CatalogItem | None:
    """The live item of an id, however its accents are coded.

    Where an old catalog has both spellings, the composed one is meant.

    Raises:
        ParameterError: The id is no text.
    """
    spelled = asked_item_id(item_id)
    found = live_items(connection, collection_id, [spelled, item_id])
    return found.get(spelled) or found.get(item_id)


def live_item(connection: Connection, collection_id: int, item_id: str) -> CatalogItem:
    """As `find_item`.

    Raises:
        ItemNotFoundError: There is none.
        ParameterError: The id is no text.
    """
    found = find_item(connection, collection_id, item_id)
    if found is None:
        raise ItemNotFoundError("there is no item of this id", where=shown(item_id))
    return found


def _is_unicode(text: str) -> bool:
    """Lone surrogates are no text: nothing stored can equal them, and SQLite takes none."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
