"""What a data directory takes up, and which pictures are not where its items say."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import LIVE, items, pictures

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Missing:
    """Items whose picture is neither in the catalog nor in its file, and the ids of some."""

    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that a data directory takes, and bytes that are free on its disk."""

    used_bytes: int
    free_bytes: int


def missing_pictures(catalog: Catalog, collection: Collection) -> Missing:
    """Look for the file of every item whose picture the catalog does not keep itself."""
    query = (
        select(items.c.item_id, items.c.picture)
        .outerjoin(pictures, pictures.c.key == items.c.key)
        .where(items.c.collection_id == collection.id, LIVE, pictures.c.key.is_(None))
        .order_by(items.c.item_id)
    )
    count = 0
    examples: list[str] = []
    with catalog.read() as connection:
        for item_id, path in connection.execution_options(yield_per=1_000).execute(query):
            if path is not None and os.path.isfile(path):  # quicker than Path
                continue
            count += 1
            if len(examples) < EXAMPLES:
                examples.append(item_id)
    return Missing(count, tuple(examples))


def room_of(root: Path) -> Room:
    """Measure a data directory; what vanishes meanwhile is not counted."""
    used = 0
    for folder, _, names in os.walk(root):
        for name in names:
            try:
                used += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
    return Room(used, shutil.disk_usage(root).free)
