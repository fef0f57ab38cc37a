"""What checksums of rows cost, in processor time: of items that come, of searches, of a migration.

    python -m benchmarks.checksums
    python -m benchmarks.checksums --items 100000

Each is measured with and without checksums in alternating pairs; what is told is the median of the
differences. The share is that of a search with a picture by the default encoder, which decodes and
embeds it as an indexing run does.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
from sqlalchemy import bindparam, func, select

from data.sample_catalog.writer import write_catalog
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine import SearchEngine
from search_engine.catalog import writer
from search_engine.catalog.dialects import sqlite
from search_engine.catalog.item_rows import items_by_keys
from search_engine.catalog.prepared import Prepared
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import LIVE, items
from search_engine.catalog.writer import ItemDraft
from search_engine.config import Settings
from search_engine.records import CatalogItem
from search_engine.storage.paths import DataPaths

DIMENSION, FINGERPRINT = 1_280, "f" * 32
PAIRS = 15
A_COMMIT = 256
PRODUCTS = 120

_LISTED = func.json_each(bindparam("keys")).table_valued("value")
_UNCHECKED = Prepared(
    select(
        items.c.key,
        items.c.item_id,
        items.c.label,
        items.c.product_id,
        items.c.attributes,
        items.c.content_hash,
        items.c.picture,
    ).where(LIVE, items.c.key.in_(select(_LISTED.c.value)))
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=20_000, help="of the catalog to migrate")
    asked = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        search_s = _searching(folder / "drawn")
        with Catalog(DataPaths(folder / "made")) as catalog:
            write_s, keys = _writing(catalog)
            _fill(catalog, asked.items)
            print(
                f"an indexed item: {write_s * 1e6:.1f} us, {write_s / search_s[10]:.2%} of a search"
            )
            for k in search_s:
                read_s = _reading(catalog, keys[:k])
                told = f"{read_s * 1e6:.1f} us, {read_s / search_s[k]:.2%} of it"
                print(f"a search for {k} neighbors: {told}")
        print(f"migrating {asked.items:,} items: {_migration(folder / 'made'):.1f} s")


def _paired(plain: Callable[[], object], checked: Callable[[], object]) -> float:
    """How much longer the second takes, in seconds of processor time; the median of pairs."""
    return statistics.median(_seconds(checked) - _seconds(plain) for _ in range(PAIRS))


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _searching(folder: Path) -> dict[int, float]:
    """Seconds of processor time that searches take, by how many neighbors they want."""
    write_catalog(folder, seed=1, products=PRODUCTS, photos=1, workers=2)
    settings = Settings(data=folder / "data", workers=1)
    index_source(open_source(folder / "catalog.csv"), IndexRequest(), settings)
    photos = [path.read_bytes() for path in sorted((folder / "images").rglob("*.jpg"))]
    with SearchEngine(settings=settings) as engine:
        engine.search(photos[0])
        return {
            k: statistics.median(_seconds(lambda: engine.search(photo, k=k)) for photo in some)  # noqa: B023
            for k, some in ((10, photos[1:PAIRS]), (200, photos[PAIRS : 2 * PAIRS]))
        }


def _drafts(first: int, count: int) -> list[ItemDraft]:
    vectors = np.random.default_rng(first).standard_normal((count, DIMENSION), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    attributes = {"name": "Red zigzag backpack", "price": 75.9, "color": "red", "view": "front"}
    return [
        ItemDraft(
            item_id=f"item-{first + row:08}",
            content_hash=f"{first + row:064x}",
            vector=vector,
            label="Accessories/Backpack",
            product_id=f"product-{(first + row) // 2:08}",
            attributes=attributes,
            picture=f"/srv/pictures/{first + row:08}.jpg",
            source="/srv/catalog.csv",
        )
        for row, vector in enumerate(vectors)
    ]


def _writing(catalog: Catalog) -> tuple[float, list[int]]:
    """Seconds that the checksum of an item takes when it is written, and keys of items."""
    with catalog.write() as opened:
        opened.create_collection("default")
    record = catalog.collection("default")
    with catalog.write() as opened:
        opened.set_encoder(record.id, "made-up", {}, FINGERPRINT, DIMENSION)
    firsts = iter(range(0, 10**9, A_COMMIT))
    keys: list[int] = []

    def put() -> None:
        drafts = _drafts(next(firsts), A_COMMIT)
        with catalog.write() as opened:
            keys.extend(opened.put(record.id, FINGERPRINT, drafts))

    def put_unsealed() -> None:
        with patch.object(writer, "seal_items"):
            put()

    unsealed = len(keys)
    put_unsealed()
    del keys[unsealed:]
    seconds = _paired(put_unsealed, put) / A_COMMIT
    return seconds, keys[-A_COMMIT:]


def _fill(catalog: Catalog, count: int) -> None:
    record = catalog.collection("default")
    for first in range(10**9, 10**9 + count - catalog.count(record), A_COMMIT):
        with catalog.write() as opened:
            opened.put(record.id, FINGERPRINT, _drafts(first, A_COMMIT))


def _reading(catalog: Catalog, keys: list[int]) -> float:
    """Seconds that verifying takes when items are read by their keys."""

    def unchecked() -> None:
        for _ in range(100):
            rows = _UNCHECKED.rows(connection, keys=str(keys))
            _ = {item.key: item for item in (CatalogItem(*row) for row in rows)}

    def checked() -> None:
        for _ in range(100):
            items_by_keys(connection, keys)

    with catalog.read() as connection:
        return _paired(unchecked, checked) / 100


def _migration(data: Path) -> float:
    """Seconds that a catalog of the version before takes to be opened."""
    engine = sqlite.writer_engine(data / "catalog.sqlite")
    with engine.begin() as connection:
        for table in ("items", "collections", "pictures", "picture_hashes"):
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN crc32")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0011'")
    engine.dispose()
    started = time.perf_counter()
    with Catalog(DataPaths(data)):
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
