"""Milvus, a standalone server, a cluster or Milvus Lite's own server, over gRPC.

A generation is a collection of its own, so that another one is built beside it and taken by one
rename in the data directory; aliases of Milvus are not needed for that.
"""

import logging
import os
import time
from functools import lru_cache
from typing import Any

import numpy as np

from search_engine.errors import CorruptDataError, IndexUnavailableError, MissingExtraError
from search_engine.indexes.remote.backend import RemoteBackend
from search_engine.indexes.remote.calls import Calls
from search_engine.indexes.remote.servers import token
from search_engine.records import Keys, Vectors

KINDS = ("FLAT", "HNSW", "IVF_FLAT", "IVF_SQ8", "IVF_RABITQ", "DISKANN")
CALL_S = 10.0
ASK_S = 2.0
"""Nobody waits longer for an answer to a question; one that was late is asked once more."""
QUERY_S = 0.5
"""What each query of a batch adds to the patience."""
LONG_CALL_S = 120.0
INDEXING_S = 24 * 3600.0
LOOK_S = 0.2
NO_COLLECTION, RELEASED = 100, 101
_BROADER = {"HNSW": "ef", "DISKANN": "search_list"}


class MilvusServer:
    """See VectorServer."""

    def __init__(self, uri: str) -> None:
        try:
            import grpc
            import pymilvus
        except ImportError as error:
            raise MissingExtraError(
                "pymilvus is not installed", fix="pip install 'eyedex[milvus]'"
            ) from error
        for noisy in ("pymilvus", "pymilvus.decorators"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)  # what it logs is raised as well
        self._milvus = pymilvus
        self._uri = uri
        self._client: Any = None
        self._calls = Calls(uri, (grpc.RpcError, pymilvus.MilvusException))

    def create(self, name: str, kind: str, dimension: int, count: int) -> None:
        """See VectorServer."""
        types = self._milvus.DataType
        schema = self._milvus.MilvusClient.create_schema(enable_dynamic_field=False)
        schema.add_field("key", types.INT64, is_primary=True)
        schema.add_field("vector", types.FLOAT_VECTOR, dim=dimension)
        indexes = self._milvus.MilvusClient.prepare_index_params()
        indexes.add_index(
            "vector", index_type=kind, metric_type="IP", params=_building(kind, count)
        )
        self.drop(name)  # of an attempt before this one
        self._run(
            "create_collection", name, schema=schema, index_params=indexes, timeout=LONG_CALL_S
        )

    def insert(self, name: str, keys: Keys, rows: Vectors) -> None:
        """See VectorServer."""
        content = [
            {"key": key, "vector": row} for key, row in zip(keys.tolist(), rows, strict=True)
        ]
        self._run("upsert", name, content, timeout=LONG_CALL_S)

    def finish(self, name: str) -> None:
        """See VectorServer."""
        self._run("flush", name, timeout=LONG_CALL_S)
        ends = time.monotonic() + INDEXING_S
        while not _indexed(self._run("describe_index", name, "vector", timeout=CALL_S)):
            if time.monotonic() > ends:
                raise IndexUnavailableError("Milvus does not finish its index", where=self._uri)
            time.sleep(LOOK_S)
        self._run("load_collection", name, timeout=LONG_CALL_S)

    def count(self, name: str) -> int | None:
        """See VectorServer."""
        if not self._run("has_collection", name, timeout=CALL_S):
            return None
        self._run("load_collection", name, timeout=LONG_CALL_S)
        rows = self._run("query", name, output_fields=["count(*)"], timeout=LONG_CALL_S)
        return int(rows[0]["count(*)"])

    def nearest(
        self, name: str, kind: str, queries: Vectors, count: int, breadth: int
    ) -> list[Keys]:
        """See VectorServer."""
        asked = {
            "data": list(queries),
            "limit": count,
            "search_params": {"params": _searching(kind, count, breadth)},
            "timeout": ASK_S + QUERY_S * len(queries),
        }
        found = self._run("search", name, **asked)
        return [np.array([hit["key"] for hit in hits], dtype=np.int64) for hits in found]

    def drop(self, name: str) -> None:
        """See VectorServer."""
        self._run("drop_collection", name, timeout=LONG_CALL_S)

    def _run(self, method: str, name: str, *args: Any, **options: Any) -> Any:
        """Call a method of the client, which is made on first use."""

        def call() -> Any:
            if self._client is None:
                self._client = self._milvus.MilvusClient(
                    self._uri, token=token("milvus"), timeout=CALL_S
                )
            try:
                return getattr(self._client, method)(name, *args, **options)
            except self._milvus.MilvusException as error:
                if error.code == NO_COLLECTION:
                    raise CorruptDataError(
                        "the index server lost its vectors", where=f"{self._uri} {name}"
                    ) from error
                if error.code == RELEASED:  # Milvus Lite forgets what was loaded when it restarts
                    self._client.load_collection(name, timeout=LONG_CALL_S)
                raise

        return self._calls.run(call)


def _building(kind: str, count: int) -> dict[str, int]:
    if kind == "HNSW":
        return {"M": 32, "efConstruction": 200}
    if kind.startswith("IVF"):
        return {"nlist": max(1, min(65_536, round(4 * count**0.5), count))}
    return {}


def _searching(kind: str, count: int, breadth: int) -> dict[str, int]:
    if kind in _BROADER:
        return {_BROADER[kind]: max(count, breadth)}
    return {"nprobe": breadth} if kind.startswith("IVF") else {}


def _indexed(described: dict[str, Any]) -> bool:
    return int(described.get("pending_index_rows", 0)) == 0 and str(described.get("state")) in (
        "Finished",
        "IndexState.Finished",
    )


@lru_cache(maxsize=8)
def server_at(uri: str, process: int) -> MilvusServer:
    """Return the connection of a process, as none survives a fork."""
    return MilvusServer(uri)


def backend() -> RemoteBackend:
    """Return the backend `milvus`."""
    return RemoteBackend("milvus", KINDS, lambda uri: server_at(uri, os.getpid()))
