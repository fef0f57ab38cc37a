"""Names and texts in Unicode's composed form (NFC), as everything that comes in is spelled now.

An id whose composed spelling another live item has stays as it is, and so does an attribute beside
its composed twin: nothing is lost, and nothing is guessed.
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from search_engine.catalog.chunks import in_parts
from search_engine.catalog.field_indexes import index_fields

revision = "0006"
down_revision = "0005"

ROWS_A_READ = 5_000

_items = sa.table(
    "items",
    sa.column("key", sa.BigInteger),
    sa.column("collection_id", sa.Integer),
    sa.column("item_id", sa.Text),
    sa.column("label", sa.Text),
    sa.column("product_id", sa.Text),
    sa.column("attributes", sa.Text),
    sa.column("seq", sa.BigInteger),
    sa.column("removed", sa.Boolean),
)
_LIVE = _items.c.removed == sa.false()
_fields = sa.table("fields", sa.column("collection_id", sa.Integer), sa.column("name", sa.Text))
_sequence = sa.table("sequence", sa.column("value", sa.BigInteger))


_COLUMNS = ("item_id", "label", "product_id", "attributes")
_RESPELL = (
    sa.update(_items)
    .where(_items.c.key == sa.bindparam("_key"))
    .values({name: sa.bindparam(f"_{name}") for name in (*_COLUMNS, "seq")})
)


def upgrade() -> None:
    """Respell the live items that differ, as one change of the catalog."""
    connection = op.get_bind()
    seq = connection.execute(sa.select(_sequence.c.value)).scalar_one() + 1
    changed = False
    for rows in _parts(connection):
        ids = _new_ids(connection, rows)
        respelled = [
            {"_key": row.key, "_seq": seq, **{f"_{name}": spelled[name] for name in _COLUMNS}}
            for row in rows
            if (spelled := _respelled(row, ids)) != row._mapping
        ]
        if respelled:
            connection.execute(_RESPELL, respelled)
            changed = True
    if changed:
        connection.execute(sa.update(_sequence).values(value=seq))
        _note_fields(connection)


def _parts(connection: sa.Connection) -> Iterator[Sequence[sa.Row[Any]]]:
    """Live items by key, some at a time: what is read is not what is being written."""
    columns = ("key", "collection_id", *_COLUMNS)
    query = sa.select(*(_items.c[name] for name in columns)).where(_LIVE).order_by(_items.c.key)
    after = -1
    while rows := connection.execute(query.where(_items.c.key > after).limit(ROWS_A_READ)).all():
        yield rows
        after = rows[-1].key


def _respelled(row: sa.Row[Any], ids: Mapping[int, str]) -> dict[str, Any]:
    """An item with its texts as they are spelled now."""
    return {
        **row._mapping,
        "item_id": ids.get(row.key, row.item_id),
        "label": _composed(row.label),
        "product_id": _composed(row.product_id),
        "attributes": _composed_json(row.attributes),
    }


def _new_ids(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> dict[int, str]:
    """The ids that items get, by key: composed ones that no other live item has."""
    wanted = {row.key: (row.collection_id, _composed(row.item_id)) for row in rows}
    different = [row.key for row in rows if wanted[row.key][1] != row.item_id]
    taken: set[tuple[int, str]] = set()
    for keys in in_parts(different):
        inside, named = ({wanted[key][part] for key in keys} for part in (0, 1))
        query = sa.select(_items.c.collection_id, _items.c.item_id).where(
            _LIVE, _items.c.collection_id.in_(inside), _items.c.item_id.in_(named)
        )
        found = connection.execute(query)
        taken.update((row.collection_id, row.item_id) for row in found)
    given: dict[int, str] = {}
    for key in different:
        if wanted[key] not in taken:
            taken.add(wanted[key])
            given[key] = wanted[key][1]
    return given


def _composed(value: Any) -> Any:
    """A text, or the texts of a list, in NFC; anything else as it is."""
    if isinstance(value, list):
        return [_composed(each) for each in value]
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def _composed_json(text: str) -> str:
    """Attributes with names and texts in NFC; as they are written where nothing differs."""
    if text.isascii() and "\\u" not in text:
        return text
    try:
        attributes = json.loads(text)
    except ValueError:
        return text  # damaged: `eyedex check` names the item
    if not isinstance(attributes, Mapping):
        return text
    meant = Counter(map(_composed, attributes))
    composed = {
        _composed(name) if meant[_composed(name)] == 1 else name: _composed(value)
        for name, value in attributes.items()
    }
    return text if composed == attributes else json.dumps(composed)


def _note_fields(connection: sa.Connection) -> None:
    """Let the known fields be the names that items have now; those of removed items stay."""
    known = connection.execute(sa.select(_fields)).all()
    for collection_id, name in known:
        composed = _composed(name)
        if composed == name:
            continue
        this = sa.and_(_fields.c.collection_id == collection_id, _fields.c.name == name)
        if not _is_used(connection, collection_id, name):
            connection.execute(sa.delete(_fields).where(this))
        if (collection_id, composed) not in map(tuple, known):
            row = {"collection_id": collection_id, "name": composed}
            connection.execute(sa.insert(_fields).values(row))
    index_fields(connection)


def _is_used(connection: sa.Connection, collection_id: int, name: str) -> bool:
    """Whether an item has the attribute under this very name."""
    spelled = json.dumps(name)[1:-1]
    query = sa.select(_items.c.key).where(
        _items.c.collection_id == collection_id,
        _LIVE,
        sa.func.instr(_items.c.attributes, f'"{spelled}":') > 0,
    )
    return connection.execute(query.limit(1)).first() is not None
