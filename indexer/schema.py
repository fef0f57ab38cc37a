"""The attributes of a collection and their types: as items have them, as sources declared them.

A type is changed for all items or for none: every value is read as the new type before one is
written.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from indexer.sources.column_types import ColumnType, Reading, misfit, parse_type, reading
from indexer.sources.shapes import text_of
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.source_rows import field_types, keep_field_types
from search_engine.catalog.store import Catalog
from search_engine.errors import ParameterError, RowError
from search_engine.near import did_you_mean
from search_engine.records import CatalogItem

ITEMS_A_PART = 2_000
EXAMPLES = 3
MAX_EXAMPLE_CHARS = 40
KINDS: Mapping[type, str] = {
    str: "text", bool: "boolean", int: "number", float: "number", list: "list",
}  # fmt: skip

Advance = Callable[[int], None]


@dataclass(slots=True)
class Attribute:
    """One attribute of a collection.

    `type` is as a source or the owner declared it, None where nobody did; `kinds` counts the items
    by the kind of value that they have: `text number boolean list`.
    """

    name: str
    type: str | None = None
    kinds: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def filled(self) -> int:
        """Items that have a value."""
        return self.kinds.total()

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "type": self.type,
            "filled": self.filled,
            "kinds": dict(self.kinds),
            "examples": self.examples,
        }

    def take(self, value: Any) -> None:
        """Take note of an item's value."""
        if value is None:
            return
        self.kinds[KINDS.get(type(value), "object")] += 1
        written = text_of(value)[:MAX_EXAMPLE_CHARS]
        if len(self.examples) < EXAMPLES and written not in self.examples:
            self.examples.append(written)


def describe_schema(catalog: Catalog, collection: Collection) -> list[Attribute]:
    """The attributes of a collection by name; this reads all items."""
    with catalog.read() as connection:
        declared = field_types(connection, collection)
    found = {name: Attribute(name, declared.get(name)) for name in catalog.fields(collection)}
    for items in _parts(catalog, collection):
        for item in items:
            for name, value in item.attributes.items():
                found[name].take(value)
    return list(found.values())


def change_types(
    catalog: Catalog,
    collection: Collection,
    types: Mapping[str, str],
    dry_run: bool = False,
    on_progress: Advance = lambda count: None,
) -> int:
    """Give attributes other types, and convert the values that items have.

    Args:
        catalog: Where the collection is.
        collection: Which.
        types: By attribute, as `--type` takes them: `number`, `date:dmy`, `list:|`.
        dry_run: Change nothing.
        on_progress: Called with the number of items that were looked at, twice for each.

    Returns:
        How many items change.

    Raises:
        SourceError: There is no such type.
        ParameterError: There is no such attribute, or values of some items do not fit the type;
            nothing is changed then.
    """
    wanted = _wanted(catalog, collection, types)
    changing = _count_changing(catalog, collection, wanted, on_progress)
    if dry_run:
        return changing
    for items in _parts(catalog, collection):
        changes = {item.key: new for item in items if (new := _converted(item, wanted))}
        if changes:
            with catalog.write() as writer:
                writer.describe(collection.id, changes)
        on_progress(len(items))
    with catalog.write() as writer:
        keep_field_types(writer, collection.id, {name: str(kind) for name, kind in wanted.items()})
    return changing


def _count_changing(
    catalog: Catalog,
    collection: Collection,
    wanted: Mapping[str, ColumnType],
    on_progress: Advance,
) -> int:
    """How many items change.

    Raises:
        ParameterError: Values of some do not fit.
    """
    changing, misfits = 0, _Misfits()
    for items in _parts(catalog, collection):
        for item in items:
            try:
                changing += bool(_converted(item, wanted))
            except RowError as error:
                misfits.take(item.item_id, error)
        on_progress(len(items))
    misfits.check()
    return changing


@dataclass(slots=True)
class _Misfits:
    """Values that do not fit; the first are named."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def take(self, item_id: str, error: RowError) -> None:
        self.count += 1
        if len(self.first) < EXAMPLES:
            self.first.append(f"{error.what} (item {item_id})")

    def check(self) -> None:
        """Raise ParameterError if there are any."""
        if self.count:
            raise ParameterError(
                f"{self.count:,} values do not fit, nothing was changed: {'; '.join(self.first)}",
                where="type",
                fix="mend those items, or choose text",
            )


def _wanted(
    catalog: Catalog, collection: Collection, types: Mapping[str, str]
) -> dict[str, ColumnType]:
    known = catalog.fields(collection)
    for name in types:
        if name not in known:
            raise ParameterError(
                f"no item has an attribute {name!r}", where="type", fix=did_you_mean(name, known)
            )
    return {name: parse_type(written, f"--type {name}") for name, written in types.items()}


def _converted(item: CatalogItem, wanted: Mapping[str, ColumnType]) -> dict[str, Any]:
    """The attributes of an item as a change of it; empty if nothing changes.

    Raises:
        RowError: A value does not fit.
    """
    values = dict(item.attributes)
    for name, kind in wanted.items():
        if values.get(name) is not None:
            values[name] = _as(name, kind, reading(kind), values[name])
    same = all(
        values[name] == value and type(values[name]) is type(value)
        for name, value in item.attributes.items()
    )
    return {} if same else {"attributes": values}


def _as(name: str, kind: ColumnType, read: Reading, value: Any) -> Any:
    is_list = isinstance(value, list) and kind.name not in ("list", "text")
    converted = None if is_list else read(value)
    if converted is None:
        raise misfit(name, kind, value)
    return converted


def _parts(catalog: Catalog, collection: Collection) -> Iterator[list[CatalogItem]]:
    after = -1
    while items := catalog.page(collection, after, ITEMS_A_PART):
        yield items
        after = items[-1].key
