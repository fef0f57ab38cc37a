"""Rows of the collections table, and the names that collections may have."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, select

from search_engine.catalog.damaged import Damaged, UnreadableOptions
from search_engine.catalog.prepared import Prepared
from search_engine.catalog.row_checksums import COLLECTION_VALUES, row_crc32
from search_engine.catalog.tables import FORMER, LIVE, collections, items
from search_engine.errors import CollectionNotFoundError, ParameterError
from search_engine.near import near

COLLECTION_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
MAX_NAMED = 5
"""Collections to name where none is near to what was asked for."""
_COLLECTION_COLUMNS = (  # the fields of Collection, then the same as stored, for the checksum
    *(collections.c[each.name] for each in COLLECTION_VALUES),
    collections.c.patches,
    *COLLECTION_VALUES,
    collections.c.crc32,
)
_COLLECTION_BY_NAME = Prepared(
    select(*_COLLECTION_COLUMNS).where(collections.c.name == bindparam("name"))
)


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of items that share one encoder.

    `uid` tells a collection from a later one of the same name. `encoder`, `fingerprint` and
    `dimension` are None until something was indexed. `index_factory` is the FAISS factory string of
    its index, or None when the kind of index is chosen automatically. `patches` is how many crops
    of each picture are embedded beside the whole; None for none.
    """

    id: int
    name: str
    uid: str
    encoder: str | None = None
    encoder_options: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str | None = None
    dimension: int | None = None
    index_factory: str | None = None
    patches: int | None = None

    @property
    def is_damaged(self) -> bool:
        """Whether what the catalog says of it is damaged: nothing but its name is known then."""
        return isinstance(self.encoder_options, UnreadableOptions)


def collections_in(connection: Connection) -> list[Collection]:
    """All collections by name, in the view of a connection.

    One whose name is damaged could not be asked for, and is left out; `check` names it.
    """
    rows = connection.execute(select(*_COLLECTION_COLUMNS).order_by(collections.c.name)).all()
    found = [_collection(row) for row in rows]
    return [each for each in found if is_collection_name(each.name)]


def collection_in(connection: Connection, name: str) -> Collection:
    """As `Catalog.collection`, in the view of a connection."""
    if not isinstance(name, str):
        raise _no_name(name)
    row = None
    if COLLECTION_NAME.fullmatch(name):
        row = next(_COLLECTION_BY_NAME.rows(connection, name=name), None)
    if row is None:
        known = [each.name for each in collections_in(connection)]
        raise CollectionNotFoundError(f"there is no collection {name!r}", fix=_instead(name, known))
    return _collection(row)


def _instead(name: str, known: Sequence[str]) -> str:
    """What can be asked for in place of a collection that is not there."""
    meant = near(name, known, 1)
    if meant:
        return f"did you mean {meant[0]!r}?"
    if not known:
        return "there is none yet: index something first"
    more = f" and {len(known) - MAX_NAMED:,} more" if len(known) > MAX_NAMED else ""
    return f"known: {', '.join(known[:MAX_NAMED])}{more}"


def is_collection_name(name: object) -> bool:
    """Whether a collection may have a name."""
    return isinstance(name, str) and COLLECTION_NAME.fullmatch(name) is not None


def check_collection_name(name: str) -> str:
    """The name itself, if it is one that a collection may have.

    Raises:
        ParameterError: It is not.
    """
    if not is_collection_name(name):
        raise _no_name(name)
    return name


def _no_name(name: object) -> ParameterError:
    said = "not a collection name" if isinstance(name, str) else f"{name!r:.40} is no name"
    return ParameterError(
        said,
        where="collection",
        fix="use lower-case letters, digits, - and _, at most 63, starting with a letter or digit",
    )


def live_of(collection: Collection) -> ColumnElement[bool]:
    """Whether an item is a live one of a collection."""
    return and_(items.c.collection_id == collection.id, LIVE)


def is_former(found: Mapping[str, Any]) -> bool:
    """Whether what is kept of a former encoder says which that is."""
    kinds = {"encoder": str, "encoder_options": dict, "fingerprint": str, "dimension": int}
    return {*found} == {*FORMER} and all(isinstance(found[name], kinds[name]) for name in FORMER)


def require_sound_collection(collection: Collection) -> None:
    """Refuse a damaged collection, whose encoder may be another one than the row says.

    Raises:
        DamagedRecordError: Naming it.
    """
    if collection.is_damaged:
        dict(collection.encoder_options)


def _collection(row: Iterable[Any]) -> Collection:
    values = tuple(row)
    fields, stored = values[: -len(COLLECTION_VALUES) - 1], values[-len(COLLECTION_VALUES) - 1 : -1]
    found = Collection(*fields)
    options, what = found.encoder_options, None
    if isinstance(options, Damaged):
        what = f"the options of its encoder cannot be read: {options.what}"
    elif row_crc32(stored) != values[-1]:
        what = "its row does not match its checksum"
    if what is None:
        return found
    return Collection(
        found.id, found.name, found.uid, encoder_options=UnreadableOptions(found.name, what)
    )
