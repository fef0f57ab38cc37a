"""Milvus Lite through pymilvus, as `MilvusClient("file.db")` starts it.

https://milvus.io/docs/milvus_lite.md and https://milvus.io/docs/index_selection.md: AUTOINDEX
unless there is a reason to choose otherwise; with Milvus Lite 3 that is FAISS' HNSW with M=16,
efConstruction=200, ef=64. INVERTED is the one scalar index that it has.

Its indexes are built by a background thread that no call waits for: `describe_index` says
`Finished` while searches still scan. Closing waits; so data is taken in, closed and opened again.
"""

import json
from typing import Any

import numpy as np
from milvus_lite.server_manager import server_manager_instance
from pymilvus import DataType, MilvusClient

from benchmarks.rivals.base import Ids, Place, Row, Rows, padded, without
from benchmarks.rivals.items import ItemTable
from search_engine.catalog.filters import Condition

NAME = "items"
ROWS_A_CALL = 5_000
"""A call takes 64 MB."""
TEXT_LENGTH = 256


class MilvusLiteProduct:
    """See ProductEngine."""

    setting = "AUTOINDEX COSINE, INVERTED on price, brand and label"
    documentation = "https://milvus.io/docs/milvus_lite.md"

    def __init__(self, place: Place) -> None:
        self._path = str(place.folder / "milvus.db")
        self._client: Any = MilvusClient(self._path)

    def ingest(self, vectors: Rows, items: ItemTable) -> None:
        """See ProductEngine."""
        self._create(vectors.shape[1])
        for start in range(0, len(vectors), ROWS_A_CALL):
            part = range(start, min(start + ROWS_A_CALL, len(vectors)))
            self._client.insert(NAME, [_row(number, vectors[number], items) for number in part])
        self._client.flush(NAME)
        self.close()
        self._client = MilvusClient(self._path)
        self._client.load_collection(NAME)

    def search_one(self, query: Row, k: int) -> Ids:
        """See ProductEngine."""
        return padded(self._ids(query, k, ""), k)

    def similar(self, item: int, query: Row, k: int, condition: Condition | None) -> Ids:
        """See ProductEngine."""
        return without(item, self._ids(query, k + 1, _expression(condition)), k)

    def close(self) -> None:
        """See ProductEngine."""
        self._client.close()
        server_manager_instance.release_server(self._path)

    def _ids(self, query: Row, limit: int, expression: str) -> Ids:
        found = self._client.search(NAME, data=[query], limit=limit, filter=expression)
        return np.array([hit["id"] for hit in found[0]], dtype=np.int64)

    def _create(self, dimension: int) -> None:
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
        schema.add_field("price", DataType.DOUBLE)
        schema.add_field("brand", DataType.VARCHAR, max_length=TEXT_LENGTH)
        schema.add_field("label", DataType.VARCHAR, max_length=TEXT_LENGTH)
        indexes = self._client.prepare_index_params()
        indexes.add_index("vector", index_type="AUTOINDEX", metric_type="COSINE")
        for field in ("price", "brand", "label"):
            indexes.add_index(field, index_type="INVERTED")
        self._client.create_collection(NAME, schema=schema, index_params=indexes)


def _row(number: int, vector: Row, items: ItemTable) -> dict[str, Any]:
    return {
        "id": number,
        "vector": vector,
        "price": float(items.price[number]),
        "brand": str(items.brand[number]),
        "label": str(items.label[number]),
    }


def _expression(condition: Condition | None) -> str:
    """https://milvus.io/docs/boolean.md; texts are quoted as in JSON."""
    match condition:
        case None:
            return ""
        case Condition(field, "eq", str(value)):
            return f"{field} == {json.dumps(value)}"
        case Condition(field, "under", str(path)):
            return f"{field} like {json.dumps(path + '/%')}"
        case Condition(field, "lt", float(limit)):
            return f"{field} < {limit}"
    raise ValueError(f"not translated: {condition}")
