"""Qdrant, over HTTP."""

import os
from functools import lru_cache
from typing import Any

import numpy as np

from search_engine.errors import CorruptDataError, MissingExtraError
from search_engine.indexes.remote.backend import RemoteBackend
from search_engine.indexes.remote.calls import Calls
from search_engine.indexes.remote.servers import token
from search_engine.records import Keys, Vectors

KINDS = ("EXACT", "HNSW")
CALL_S = 10
NOT_FOUND = 404


class QdrantServer:
    """See VectorServer."""

    def __init__(self, uri: str, client: Any = None) -> None:
        """Connect to an address, or use a client that is open already."""
        try:
            import qdrant_client
            from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
        except ImportError as error:
            raise MissingExtraError(
                "qdrant-client is not installed", fix="pip install 'eyedex[qdrant]'"
            ) from error
        self._models = qdrant_client.models
        self._uri, self._refused = uri, UnexpectedResponse
        self._client = client or qdrant_client.QdrantClient(
            url=uri, api_key=token("qdrant") or None, timeout=CALL_S, check_compatibility=False
        )
        self._calls = Calls(uri, (ResponseHandlingException, UnexpectedResponse, OSError))

    def create(self, name: str, kind: str, dimension: int, count: int) -> None:
        """See VectorServer."""
        self.drop(name)  # of an attempt before this one
        self._run(
            "create_collection",
            name,
            vectors_config=self._models.VectorParams(
                size=dimension, distance=self._models.Distance.DOT
            ),
            hnsw_config=self._models.HnswConfigDiff(m=32, ef_construct=200),
        )

    def insert(self, name: str, keys: Keys, rows: Vectors) -> None:
        """See VectorServer."""
        batch = self._models.Batch(ids=keys.tolist(), vectors=rows.tolist())
        self._run("upsert", name, batch, wait=True)

    def finish(self, name: str) -> None:
        """Do nothing: what is not indexed yet is compared with."""

    def count(self, name: str) -> int | None:
        """See VectorServer."""
        if not self._run("collection_exists", name):
            return None
        return int(self._run("count", name, exact=True).count)

    def nearest(
        self, name: str, kind: str, queries: Vectors, count: int, breadth: int
    ) -> list[Keys]:
        """See VectorServer."""
        effort = self._models.SearchParams(exact=kind == "EXACT", hnsw_ef=max(count, breadth))
        questions = [
            self._models.QueryRequest(query=query.tolist(), limit=count, params=effort)
            for query in queries
        ]
        found = self._run("query_batch_points", name, questions)
        return [np.array([point.id for point in answer.points], dtype=np.int64) for answer in found]

    def drop(self, name: str) -> None:
        """See VectorServer."""
        self._run("delete_collection", name)

    def _run(self, method: str, name: str, *args: Any, **options: Any) -> Any:
        def call() -> Any:
            try:
                return getattr(self._client, method)(name, *args, **options)
            except self._refused as error:
                if error.status_code == NOT_FOUND:
                    raise CorruptDataError(
                        "the index server lost its vectors", where=f"{self._uri} {name}"
                    ) from error
                raise

        return self._calls.run(call)


@lru_cache(maxsize=8)
def server_at(uri: str, process: int) -> QdrantServer:
    """Return the connection of a process, as none survives a fork."""
    return QdrantServer(uri)


def backend() -> RemoteBackend:
    """Return the backend `qdrant`."""
    return RemoteBackend("qdrant", KINDS, lambda uri: server_at(uri, os.getpid()))
