"""Versions of items: what a change can be bound to, so that it overwrites no other change."""

import hashlib
from dataclasses import dataclass

from search_engine.errors import ItemChangedError
from search_engine.records import CatalogItem


def version_of(item: CatalogItem) -> str:
    """Return 32 hexadecimal digits that are others once anything of the item has changed."""
    known = sorted(item.attributes.items())
    parts = (item.key, item.item_id, item.label, item.product_id, known, item.content_hash)
    return hashlib.blake2b(repr(parts).encode(errors="surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Expected:
    """What a change expects to find: one of these versions, with none of them no item at all.

    With None, any item that is there.
    """

    versions: tuple[str, ...] | None = None

    def require(self, item_id: str, item: CatalogItem | None) -> None:
        """Require that an item, or None for no item, is what is expected.

        Raises:
            ItemChangedError: It is not.
        """
        if item is None:
            is_met = self.versions == ()
        else:
            is_met = self.versions is None or version_of(item) in self.versions
        if not is_met:
            what = "there is no such item" if item is None else "the item is another one by now"
            raise ItemChangedError(what, where=item_id, fix="read it again; nothing was changed")
