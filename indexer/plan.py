"""What is new, changed, unchanged or gone: pure functions over rows and the catalog's state."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from indexer.sources import SourceRow
from search_engine.catalog.descriptions import changed_columns
from search_engine.records import CatalogItem

Admission = Literal["new", "repeat", "conflict"]
"""An id for the first time; again with the same picture; again with another picture."""


@dataclass(frozen=True, slots=True)
class HashedRow:
    """A row with the hash of its picture's bytes."""

    row: SourceRow
    content_hash: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with some rows.

    `encode` are new, have a new picture or no embedding; `describe` have the same picture but
    another label, product, attributes or file name: the columns to change by key.
    """

    encode: tuple[HashedRow, ...] = ()
    describe: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    unchanged: int = 0


def plan(
    rows: Sequence[HashedRow],
    known: Mapping[str, CatalogItem],
    unsearchable: Collection[int] = (),
) -> Plan:
    """Compare rows with the live items of the same ids.

    Args:
        rows: What the source has.
        known: The items by id.
        unsearchable: Keys of those that have no embedding.
    """
    encode: list[HashedRow] = []
    describe: dict[int, dict[str, Any]] = {}
    for hashed in rows:
        item = known.get(hashed.row.item_id)
        if item is None or item.content_hash != hashed.content_hash or item.key in unsearchable:
            encode.append(hashed)
            continue
        changes = _differences(hashed.row, item)
        if changes:
            describe[item.key] = changes
    return Plan(tuple(encode), describe, len(rows) - len(encode) - len(describe))


def gone(known_ids: Iterable[str], listed: Collection[str]) -> list[str]:
    """Ids of the catalog that the source no longer has, in the catalog's order."""
    return [item_id for item_id in known_ids if item_id not in listed]


def admit(item_id: str, digest: str, seen: dict[str, str]) -> Admission:
    """Take note of a row's id and picture, and say whether the id came before in this source."""
    before = seen.get(item_id)
    if before is None:
        seen[item_id] = digest
        return "new"
    return "repeat" if before == digest else "conflict"


def _differences(row: SourceRow, item: CatalogItem) -> dict[str, Any]:
    changes = changed_columns(item, row.description)
    if row.image is not None and item.picture != str(row.image):
        changes["picture"] = str(row.image)
    return changes
