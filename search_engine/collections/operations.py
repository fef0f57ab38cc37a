"""Operations on items as values, their outcomes, and how they are written in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from search_engine.catalog.damaged import require_sound
from search_engine.catalog.descriptions import changed_columns, check_description
from search_engine.catalog.item_rows import live_items
from search_engine.catalog.writer import CatalogWriter, ItemDraft
from search_engine.collections.versions import Expected
from search_engine.errors import DamagedRecordError, EyedexError, InputError
from search_engine.names import check_item_id
from search_engine.records import CatalogItem


@dataclass(frozen=True, slots=True)
class Put:
    """Add an item with the bytes of its picture, or replace the item with that id.

    `known` has its label, product id and attributes by name.
    """

    item_id: str
    picture: bytes = field(repr=False)
    known: Mapping[str, Any] = field(default_factory=dict)
    expected: Expected | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """Change the label, product id or attributes of an item by a merge patch (RFC 7396)."""

    item_id: str
    changes: Mapping[str, Any]
    expected: Expected | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an item."""

    item_id: str
    expected: Expected | None = None


Operation = Put | Patch | Delete


@dataclass(frozen=True, slots=True)
class Done:
    """A completed operation with the resulting item, None after a deletion."""

    item: CatalogItem | None
    is_new: bool = False


Outcome = Done | EyedexError
"""Result of an operation, or the error that prevented it."""


def checked(operation: Operation) -> Operation | EyedexError:
    """Return the operation with normalized values, or the error of an invalid one."""
    try:
        if not isinstance(operation, Put):
            return operation
        known = check_description(operation.known)
        return replace(operation, item_id=check_item_id(operation.item_id), known=known)
    except InputError as error:
        return error


def require_expected(writer: CatalogWriter, collection_id: int, operation: Operation) -> None:
    """Require what an operation expects of its item, if it expects anything.

    Raises:
        ItemChangedError: The item is another one.
    """
    if operation.expected is not None:
        found = writer.find(collection_id, operation.item_id)
        operation.expected.require(operation.item_id, found)


Step = ItemDraft | Patch | Delete | EyedexError
"""An operation ready to be written, or the error that prevents it."""


def written(
    writer: CatalogWriter, collection_id: int, fingerprint: str, steps: Sequence[Step]
) -> list[Outcome]:
    """Write steps in order; consecutive drafts are written together."""
    outcomes: list[Outcome] = []
    drafts: dict[str, ItemDraft] = {}

    def put() -> None:
        outcomes.extend(_put(writer, collection_id, fingerprint, list(drafts.values())))
        drafts.clear()

    for step in steps:
        if isinstance(step, ItemDraft) and step.item_id not in drafts:
            drafts[step.item_id] = step
            continue
        put()
        if isinstance(step, ItemDraft):
            drafts[step.item_id] = step
        else:
            outcomes.append(_changed(writer, collection_id, step))
    put()
    return outcomes


def _put(
    writer: CatalogWriter, collection_id: int, fingerprint: str, drafts: list[ItemDraft]
) -> list[Outcome]:
    if not drafts:
        return []
    ids = [draft.item_id for draft in drafts]
    known = live_items(writer.connection, collection_id, ids)
    writer.put(collection_id, fingerprint, drafts)
    items = live_items(writer.connection, collection_id, ids)
    return [Done(items[item_id], is_new=item_id not in known) for item_id in ids]


def _changed(
    writer: CatalogWriter, collection_id: int, step: Patch | Delete | EyedexError
) -> Outcome:
    if isinstance(step, EyedexError):
        return step
    try:
        if isinstance(step, Patch):
            return Done(patched(writer, collection_id, step))
        writer.remove([writer.get(collection_id, step.item_id).key])
    except (InputError, DamagedRecordError) as error:
        return error
    return Done(None)


def patched(writer: CatalogWriter, collection_id: int, patch: Patch) -> CatalogItem:
    """Change the description of an item but not its picture.

    Raises:
        ItemNotFoundError: There is no such item.
        DamagedRecordError: It is damaged.
        ParameterError: A value cannot be stored.
    """
    item = writer.get(collection_id, patch.item_id)
    require_sound(item)
    changes = changed_columns(item, patch.changes)
    if not changes:
        return item
    writer.describe(collection_id, {item.key: changes})
    return writer.get(collection_id, patch.item_id)
