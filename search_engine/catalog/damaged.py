"""Stored values that cannot be read: what stands for them, so that everything else can be used."""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from search_engine.errors import DamagedRecordError
from search_engine.records import CatalogItem

UNKNOWN = "\ufffd"
"""Stands in a text for bytes that are no UTF-8."""

MENDED = "index the item again, or remove it"
COLLECTION_MENDED = (
    "restore the catalog from a snapshot, or delete the collection and index it again"
)


class Damaged(dict[str, Any]):
    """A JSON object that cannot be read: empty, and equal to nothing, so that writing mends it."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other


class UnreadableOptions(Mapping[str, Any]):
    """Options of a damaged collection's encoder: an error for whoever needs them."""

    def __init__(self, collection: str, what: str) -> None:
        self._collection = collection
        self.what = what

    def __getitem__(self, name: str) -> NoReturn:
        self._fail()

    def __iter__(self) -> Iterator[str]:
        self._fail()

    def __len__(self) -> int:
        self._fail()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def _fail(self) -> NoReturn:
        raise DamagedRecordError(
            self.what,
            where=f"collection {self._collection}",
            fix=COLLECTION_MENDED,
        )


def damage_of(item: CatalogItem) -> str | None:
    """What is wrong with a damaged item, and how to mend it; None for a sound one."""
    if not isinstance(item.attributes, Damaged):
        return None
    return f"item {item.item_id!r} is damaged: {item.attributes.what}; {MENDED}"


def require_sound(item: CatalogItem) -> None:
    """Refuse a damaged item.

    Raises:
        DamagedRecordError: Naming it.
    """
    if isinstance(item.attributes, Damaged):
        raise DamagedRecordError(item.attributes.what, where=f"item {item.item_id!r}", fix=MENDED)
