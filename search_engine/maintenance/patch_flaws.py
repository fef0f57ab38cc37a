"""What is wrong with the patches of a collection: their rows in the catalog, and their index."""

from collections.abc import Iterator

import numpy as np
from sqlalchemy import Connection, select

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.patch_rows import keys_without_patches, patch_changes
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import items, patches
from search_engine.catalog.vectors import is_sound
from search_engine.collections.live import LiveCollection
from search_engine.commands import compact_command, index_command
from search_engine.encoders.patches import LATTICES
from search_engine.maintenance.findings import Finding, of_collection, of_item

ROWS_A_READ = 100


def patch_flaws(catalog: Catalog, live: LiveCollection) -> Iterator[Finding]:
    """Yield what is wrong."""
    record, kept = live.record, live.patches
    if record.patches is not None and record.patches not in LATTICES:
        known = " or ".join(map(str, LATTICES))
        number = _number_stored(catalog, record)
        what = f"notes {record.patches} patches a picture, not {known}; "
        what += f"{index_command(record.name, f' --patches {number}')} makes {number}"
        yield of_collection("error", record.name, what, "patches_unknown")
    if kept is None:
        return
    with catalog.read() as connection:
        yield from _damaged_rows(connection, record)
        wanted = patch_changes(connection, record, -1).keys
        lacking = len(keys_without_patches(connection, record))
    snapshot = kept.snapshot()
    if kept.drifted is not None or (
        snapshot is not None and not np.array_equal(snapshot.keys(), wanted)
    ):
        what = "the index of its patches and the catalog differ in keys; "
        what += f"{compact_command(record.name)} builds it again"
        yield of_collection("error", record.name, what, "patches_differ")
    if lacking:
        what = f"items without patches: {lacking:,}; {index_command(record.name)} "
        what += "makes them where it can"
        yield of_collection("note", record.name, what, "patches_missing", count=lacking)


def _number_stored(catalog: Catalog, record: Collection) -> int:
    """Return how many patches a picture has by the rows; the fewest there can be without any."""
    query = select(patches.c.vectors).where(patches.c.collection_id == record.id).limit(1)
    with catalog.read() as connection:
        vectors = connection.execute(query).scalar() or b""
    number = len(vectors) // (2 * (record.dimension or 1))
    return number if number in LATTICES else min(LATTICES)


def _damaged_rows(connection: Connection, record: Collection) -> Iterator[Finding]:
    size = (record.patches or 0) * (record.dimension or 0)
    query = (
        select(items.c.item_id, items.c.key, patches.c.vectors, patches.c.crc32)
        .join(patches, patches.c.key == items.c.key)
        .where(patches.c.collection_id == record.id)
        .where(patches.c.fingerprint == record.fingerprint)
    )
    reading = connection.execution_options(yield_per=ROWS_A_READ).execute(query)
    for item_id, key, vectors, crc32 in reading:
        if not is_sound(vectors, crc32, size, key):
            what = "its patches do not match their checksum; remove the item and index it again"
            yield of_item(record.name, item_id, what, "patches_damaged")
