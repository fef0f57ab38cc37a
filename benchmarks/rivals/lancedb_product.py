"""LanceDB, embedded, with scalar indexes on what is filtered by.

https://docs.lancedb.com/indexing/vector-index: "for datasets around 100K rows or fewer [...] a
vector index is usually unnecessary overhead"; of the indexes, IVF_PQ and IVF_RQ are advised for
filtered searches, and IVF_PQ is the default of `create_index`. So there are two: without a vector
index, and with the default one. https://docs.lancedb.com/indexing/scalar-index: BTREE for columns
of many values, BITMAP below 1,000 distinct ones. `refine_factor` scores candidates of an index
again from the full vectors; without it PQ alone decides.
"""

from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import Bitmap, BTree, IvfPq

from benchmarks.rivals.base import Ids, Place, Row, Rows, padded, without
from benchmarks.rivals.items import ItemTable
from search_engine.catalog.filters import Condition

NAME = "items"
REFINE_FACTOR = 10
ROWS_A_BATCH = 10_000


class LanceDbProduct:
    """See ProductEngine. `index` is None for no vector index, or IVF_PQ."""

    documentation = "https://docs.lancedb.com/indexing/vector-index"

    def __init__(self, place: Place, index: str | None = None) -> None:
        self._index = index
        self._database: Any = lancedb.connect(str(place.folder / "lancedb"))
        self._table: Any = None

    @property
    def setting(self) -> str:
        """See ProductEngine."""
        vectors = (
            "no vector index"
            if self._index is None
            else f"{self._index} with its defaults, refine_factor={REFINE_FACTOR}"
        )
        return f"{vectors}, BTREE on price and brand, BITMAP on label"

    def ingest(self, vectors: Rows, items: ItemTable) -> None:
        """See ProductEngine."""
        schema = _schema(vectors.shape[1])
        batches = (
            _batch(slice(start, start + ROWS_A_BATCH), vectors, items, schema)
            for start in range(0, len(vectors), ROWS_A_BATCH)
        )
        self._table = self._database.create_table(NAME, data=batches, schema=schema)
        for column, kind in (("price", BTree()), ("brand", BTree()), ("label", Bitmap())):
            self._table.create_index(column, config=kind)
        if self._index == "IVF_PQ":
            self._table.create_index("vector", config=IvfPq(distance_type="cosine"))

    def search_one(self, query: Row, k: int) -> Ids:
        """See ProductEngine."""
        return padded(self._ids(query, k, None), k)

    def similar(self, item: int, query: Row, k: int, condition: Condition | None) -> Ids:
        """See ProductEngine."""
        return without(item, self._ids(query, k + 1, _where(condition)), k)

    def close(self) -> None:
        """See ProductEngine."""
        self._table = None

    def _ids(self, query: Row, limit: int, where: str | None) -> Ids:
        search = self._table.search(query).distance_type("cosine").limit(limit)
        if self._index is not None:
            search = search.refine_factor(REFINE_FACTOR)
        if where is not None:
            search = search.where(where, prefilter=True)
        found = search.select(["id", "_distance"]).to_arrow()
        return np.asarray(found["id"], dtype=np.int64)


def _schema(dimension: int) -> Any:
    return pa.schema(
        [
            ("id", pa.int64()),
            ("vector", pa.list_(pa.float32(), dimension)),
            ("price", pa.float64()),
            ("brand", pa.string()),
            ("label", pa.string()),
        ]
    )


def _batch(rows: slice, vectors: Rows, items: ItemTable, schema: Any) -> Any:
    block = np.asarray(vectors[rows])
    columns = [
        np.arange(rows.start, rows.start + len(block)),
        pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), block.shape[1]),
        items.price[rows],
        items.brand[rows].tolist(),
        items.label[rows].tolist(),
    ]
    return pa.record_batch(columns, schema=schema)


def _where(condition: Condition | None) -> str | None:
    """https://docs.lancedb.com/search/filtering: SQL; the values here have no quotes in them."""
    match condition:
        case None:
            return None
        case Condition(field, "eq", str(value)):
            return f"{field} = '{value}'"
        case Condition(field, "under", str(path)):
            return f"{field} LIKE '{path}/%'"
        case Condition(field, "lt", float(limit)):
            return f"{field} < {limit}"
    raise ValueError(f"not translated: {condition}")
