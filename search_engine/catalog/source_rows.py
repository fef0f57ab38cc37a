"""Which source the items of a collection come from, and how each source is understood."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from search_engine.catalog.chunks import in_parts
from search_engine.catalog.collection_rows import Collection, live_of
from search_engine.catalog.damaged import Damaged
from search_engine.catalog.dialects.statements import items_of_texts
from search_engine.catalog.row_checksums import (
    damaged_rows,
    is_sound_row,
    seal_items,
    seal_rows,
    sound_items,
)
from search_engine.catalog.tables import fields, items, sources
from search_engine.catalog.writer import CatalogWriter

_VIEW = re.compile(r"/[0-9]+")

_OF_PRODUCT = "items.product_id = asked.value"
_OF_ITEM = "items.item_id > asked.value || '/' AND items.item_id < asked.value || '0'"


@dataclass(frozen=True, slots=True)
class OwnedItem:
    """An item of a source."""

    key: int
    item_id: str
    content_hash: str


def owned_items(
    connection: Connection, collection: Collection, source: str, root: str
) -> Iterator[OwnedItem]:
    """The live items that a source gave, by key.

    Items of before sources were noted count as its own where their picture lies below `root`.
    """
    columns = (items.c.key, items.c.item_id, items.c.content_hash)
    unnoted = items.c.source.is_(None) & items.c.picture.startswith(f"{root}/", autoescape=True)
    query = select(*columns).where(live_of(collection), (items.c.source == source) | unnoted)
    rows = connection.execution_options(yield_per=10_000).execute(query.order_by(items.c.key))
    return (OwnedItem(*row) for row in rows)


def views_of(
    connection: Connection, collection: Collection, ids: Sequence[str]
) -> dict[str, list[str]]:
    """Further pictures of products: ids of the items that show the same as an item or product.

    Those are the items of the product of that id, and the views `id/2`, `id/3`... of an item.
    """
    found: dict[str, dict[str, None]] = {}
    for part in in_parts(ids):
        given = {"texts": json.dumps(part), "collection": collection.id}
        for item_id, view in connection.execute(items_of_texts(connection, _OF_PRODUCT), given):
            found.setdefault(item_id, {})[view] = None
        for item_id, view in connection.execute(items_of_texts(connection, _OF_ITEM), given):
            if _VIEW.fullmatch(view[len(item_id) :]):
                found.setdefault(item_id, {})[view] = None
    return {item_id: list(views) for item_id, views in found.items()}


def adopt(writer: CatalogWriter, keys: Sequence[int], source: str) -> None:
    """Note that items come from a source from now on; damaged ones are passed over."""
    sound = sound_items(writer.connection, keys)
    for part in in_parts(sound):
        writer.connection.execute(update(items).where(items.c.key.in_(part)).values(source=source))
    seal_items(writer.connection, sound)


def keys_of_others(connection: Connection, keys: Sequence[int], source: str) -> list[int]:
    """Those of the keys whose items are not noted to come from a source."""
    found: list[int] = []
    for part in in_parts(keys):
        query = select(items.c.key).where(
            items.c.key.in_(part), items.c.source.is_distinct_from(source)
        )
        found.extend(connection.execute(query).scalars())
    return found


def source_options(
    connection: Connection, collection: Collection, source: str
) -> Mapping[str, Any] | None:
    """How a source was understood when it was last read.

    None for one that was not read yet, or whose row is damaged: it is written anew then.
    """
    this = (sources.c.collection_id == collection.id) & (sources.c.name == source)
    found = connection.execute(select(sources.c.options).where(this)).scalar()
    is_sound = not isinstance(found, Damaged) and is_sound_row(connection, sources, this)
    return found if is_sound else None


def keep_source_options(
    writer: CatalogWriter, collection_id: int, source: str, options: Mapping[str, Any]
) -> None:
    """Keep how a source is understood, in place of what was kept of it before."""
    this = (sources.c.collection_id == collection_id) & (sources.c.name == source)
    writer.connection.execute(delete(sources).where(this))
    row = {"collection_id": collection_id, "name": source, "options": dict(options)}
    writer.connection.execute(insert(sources).values(**row, seq=writer.seq))
    seal_rows(writer.connection, sources, this)


def field_types(connection: Connection, collection: Collection) -> dict[str, str]:
    """The types of attributes that are known, by name; those of damaged rows are not."""
    damaged = {tuple(row) for row in damaged_rows(connection, fields)}
    query = select(fields.c.name, fields.c.type).where(
        fields.c.collection_id == collection.id, fields.c.type.is_not(None)
    )
    return {
        row.name: row.type
        for row in connection.execute(query)
        if (collection.id, row.name) not in damaged
    }


def keep_field_types(writer: CatalogWriter, collection_id: int, types: Mapping[str, str]) -> None:
    """Keep the types of attributes that items have; names that none has are passed over."""
    for name, kind in types.items():
        this = (fields.c.collection_id == collection_id) & (fields.c.name == name)
        writer.connection.execute(update(fields).where(this).values(type=kind))
        seal_rows(writer.connection, fields, this)
