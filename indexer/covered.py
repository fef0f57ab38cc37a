"""The items that a source gave: which of them are gone from it, and what may be removed of them."""

from dataclasses import dataclass, field
from pathlib import Path

from indexer.report import PruneRefusedError
from indexer.sources import Source
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.source_rows import OwnedItem, owned_items
from search_engine.catalog.store import Catalog
from search_engine.errors import SourceError
from search_engine.records import CatalogItem

MOST_PRUNED = 0.2
"""Share of a source's items beyond which a run removes them only when it is told so twice."""


@dataclass(slots=True)
class Covered:
    """What a source gave before: how many items, and those that it no longer has, by id.

    `listed` are the ids that it has now, `new` of them the items did not have. Some of what is gone
    may be among those under another id, which only their pictures tell.
    """

    items: int = 0
    new: int = 0
    listed: frozenset[str] = frozenset()
    gone: dict[str, OwnedItem] = field(default_factory=dict)
    by_hash: dict[str, str] = field(default_factory=dict)

    def moved_from(self, catalog: Catalog, hashes: set[str]) -> dict[str, CatalogItem]:
        """Gone items with one of some pictures, by hash."""
        ids = {content: self.by_hash[content] for content in hashes & self.by_hash.keys()}
        items = catalog.by_keys([self.gone[item_id].key for item_id in ids.values()])
        return {item.content_hash: item for item in items.values()}

    def forget(self, item: CatalogItem) -> None:
        """Take out an item that was found again under another id."""
        self.gone.pop(item.item_id, None)
        self.by_hash.pop(item.content_hash, None)

    def others(self, catalog: Catalog, collection: Collection) -> int:
        """How many items the source neither has nor had."""
        known = self.listed | self.gone.keys()
        return sum(item_id not in known for item_id in catalog.item_ids(collection))

    def too_many(self, at_least: int) -> PruneRefusedError | None:
        """Why these many items are not removed unless the owner insists; None if they may be."""
        if at_least <= self.items * MOST_PRUNED:
            return None
        return PruneRefusedError(
            f"{at_least:,} of the {self.items:,} items of this source are no longer in it, more "
            f"than {MOST_PRUNED:.0%}: none of them was removed",
            where="--prune",
            fix="look whether the source is the right one and whole; --yes removes them",
        )


def covered(catalog: Catalog, collection: Collection, source: Source, name: str) -> Covered:
    """Compare the ids of a source with the items that it gave."""
    listed = frozenset(source.ids())
    found = Covered(listed=listed)
    root = source.path if source.path.is_dir() else source.path.parent
    with catalog.read() as connection:
        for item in owned_items(connection, collection, name, str(root.resolve())):
            found.items += 1
            if item.item_id not in listed:
                found.gone[item.item_id] = item
                found.by_hash.setdefault(item.content_hash, item.item_id)
    found.new = len(listed) - (found.items - len(found.gone))
    return found


def name_of(path: Path, named: str | None) -> str:
    """What a source is called in the catalog: as the owner named it, or where it is.

    Raises:
        SourceError: It is no text that the catalog could hold.
    """
    name = named or str(path.resolve())
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SourceError(
            "the path is not UTF-8", where=repr(name), fix="rename it, or name it with --source"
        ) from None
    return name
