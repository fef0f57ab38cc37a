"""What is new, changed, moved, unchanged or gone: pure functions over rows and the catalog."""

from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from indexer.sources import SourceRow
from search_engine.catalog.damaged import damage_of
from search_engine.catalog.descriptions import differ, merged_columns
from search_engine.records import CatalogItem

Admission = Literal["new", "repeat", "conflict"]
"""An id for the first time; again with the same row; again with another picture or description."""

NO_PICTURE = ""


@dataclass(frozen=True, slots=True)
class HashedRow:
    """A row with the hash of its picture's bytes; NO_PICTURE where the source has none of it."""

    row: SourceRow
    content_hash: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with some rows.

    `encode` are new, have a new picture or no embedding; their rows describe them whole, with what
    is known of the item already. `describe` have the columns to change by key, of items with the
    same picture: label, product, attributes, the file's name, and the id of the `moved`. `lacking`
    are unknown or damaged items without a picture.
    """

    encode: tuple[HashedRow, ...] = ()
    describe: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    moved: int = 0
    unchanged: int = 0
    lacking: tuple[HashedRow, ...] = ()


def plan(
    rows: Sequence[HashedRow],
    known: Mapping[str, CatalogItem],
    unsearchable: Collection[int] = (),
    gone: MutableMapping[str, CatalogItem] | None = None,
    whole: bool = False,
    paths: bool = True,
) -> Plan:
    """Compare rows with the live items of the same ids.

    Args:
        rows: What the source has.
        known: The items by id.
        unsearchable: Keys of those that have no embedding.
        gone: Items whose id the source no longer has, by the hash of their picture; a new row with
            that picture is the item under a new id, and takes it out.
        whole: The rows are all that is known of an item: what they do not name is removed.
        paths: A picture in another place is a change.
    """
    encode: list[HashedRow] = []
    lacking: list[HashedRow] = []
    describe: dict[int, dict[str, Any]] = {}
    moved = 0
    for hashed in rows:
        row, item = hashed.row, known.get(hashed.row.item_id)
        changes: dict[str, Any] = {}
        if item is None and gone and hashed.content_hash in gone:
            item = gone.pop(hashed.content_hash)
            changes["item_id"] = row.item_id
            moved += 1
        if (item is None or damage_of(item)) and hashed.content_hash == NO_PICTURE:
            lacking.append(hashed)
        elif item is None or _needs_encoding(hashed, item, unsearchable):
            known_item = None if item is None or damage_of(item) else item
            described = replace(row, description=described_whole(row, known_item, whole))
            encode.append(replace(hashed, row=described))
        else:
            changes |= _changes(row, item, whole, paths)
            if changes:
                describe[item.key] = changes
    unchanged = len(rows) - len(encode) - len(describe) - len(lacking)
    return Plan(tuple(encode), describe, moved, unchanged, tuple(lacking))


def described_whole(row: SourceRow, item: CatalogItem | None, whole: bool) -> dict[str, Any]:
    """Label, product and attributes of an item as a row leaves them."""
    said = {"label": row.label, "product_id": row.product_id, "attributes": row.attributes}
    if item is None or whole:
        return said
    kept = {name: getattr(item, name) for name in said}
    return {**kept, **merged_columns(item, row.description)}


def _needs_encoding(hashed: HashedRow, item: CatalogItem, unsearchable: Collection[int]) -> bool:
    if hashed.content_hash == NO_PICTURE:
        return False
    return hashed.content_hash != item.content_hash or item.key in unsearchable  # or damaged


def _changes(row: SourceRow, item: CatalogItem, whole: bool, paths: bool) -> dict[str, Any]:
    """The columns of an item that a row changes."""
    if whole:
        wanted = described_whole(row, item, whole)
        changes = {
            name: value for name, value in wanted.items() if differ(getattr(item, name), value)
        }
    else:
        changes = merged_columns(item, row.description)
    if paths and row.image is not None and item.picture != str(row.image):
        changes["picture"] = str(row.image)
    return changes


def admit(hashed: HashedRow, seen: dict[str, int]) -> Admission:
    """Take note of a row, and say whether its id came before in this source.

    A hash stands for picture and description, as a source may have millions of rows.
    """
    row = hashed.row
    mark = hash((hashed.content_hash, repr(row.description)))
    if row.item_id not in seen:
        seen[row.item_id] = mark
        return "new"
    return "repeat" if seen[row.item_id] == mark else "conflict"
