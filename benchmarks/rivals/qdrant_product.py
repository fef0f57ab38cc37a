"""Qdrant's local mode: `QdrantClient(path=...)`, Qdrant's interface in Python and NumPy.

https://github.com/qdrant/qdrant-client#local-mode: "useful for development, prototyping and
testing"; above 20,000 points it warns that it is not recommended. It scans exactly, whatever the
settings: it builds neither vector nor payload indexes. The server is another program, which pip
does not install.
"""

import warnings
from typing import Any

import numpy as np
from qdrant_client import QdrantClient, models

from benchmarks.rivals.base import Ids, Place, Row, Rows, padded, without
from benchmarks.rivals.items import ItemTable
from search_engine.catalog.filters import Condition

NAME = "items"


class QdrantLocalProduct:
    """See ProductEngine."""

    setting = "local mode: exact scan, no indexes"
    documentation = "https://github.com/qdrant/qdrant-client#local-mode"

    def __init__(self, place: Place) -> None:
        self._client: Any = QdrantClient(path=str(place.folder / "qdrant"))

    def ingest(self, vectors: Rows, items: ItemTable) -> None:
        """See ProductEngine."""
        size = models.VectorParams(size=vectors.shape[1], distance=models.Distance.COSINE)
        self._client.create_collection(NAME, vectors_config=size)
        with warnings.catch_warnings(action="ignore"):  # more than 20,000 points
            self._client.upload_collection(
                NAME,
                vectors=vectors,
                payload=(_payload(number, items) for number in range(len(items))),
                ids=range(len(items)),
            )

    def search_one(self, query: Row, k: int) -> Ids:
        """See ProductEngine."""
        return padded(self._ids(query, k, None), k)

    def similar(self, item: int, query: Row, k: int, condition: Condition | None) -> Ids:
        """See ProductEngine."""
        return without(item, self._ids(query, k + 1, _filter(condition)), k)

    def close(self) -> None:
        """See ProductEngine."""
        self._client.close()

    def _ids(self, query: Row, limit: int, condition: Any) -> Ids:
        found = self._client.query_points(
            NAME, query=query, limit=limit, query_filter=condition, with_payload=False
        )
        return np.array([point.id for point in found.points], dtype=np.int64)


def _payload(number: int, items: ItemTable) -> dict[str, Any]:
    """A label is the list of itself and what it is under: there are no prefix conditions."""
    label = str(items.label[number])
    return {
        "price": float(items.price[number]),
        "brand": str(items.brand[number]),
        "label": [label.partition("/")[0], label],
    }


def _filter(condition: Condition | None) -> Any:
    """https://qdrant.tech/documentation/concepts/filtering/; a list matches by any element."""
    match condition:
        case None:
            return None
        case Condition(field, "eq" | "under", str(value)):
            wanted = models.FieldCondition(key=field, match=models.MatchValue(value=value))
        case Condition(field, "lt", float(limit)):
            wanted = models.FieldCondition(key=field, range=models.Range(lt=limit))
        case _:
            raise ValueError(f"not translated: {condition}")
    return models.Filter(must=[wanted])
