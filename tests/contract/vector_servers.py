"""Servers to test remote indexes on: Milvus Lite in a process of its own, and Qdrant's local mode.

`EYEDEX_TEST_MILVUS_URI` and `EYEDEX_TEST_QDRANT_URI` name real servers to take instead. Qdrant's
local mode is Qdrant's own double of its server: it compares with all vectors.
"""

import os
from collections.abc import Iterator

import pytest

from benchmarks.milvus_lite import MilvusLite
from search_engine.indexes.remote import qdrant as qdrant_module

SERVERS = ("milvus", "qdrant")


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusLite]:
    pytest.importorskip("milvus_lite", reason="needs milvus-lite")
    server = MilvusLite(tmp_path_factory.mktemp("milvus"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def milvus(request: pytest.FixtureRequest) -> str:
    """An exact index on Milvus, as a factory string."""
    uri = os.environ.get("EYEDEX_TEST_MILVUS_URI")
    return f"milvus:{uri or request.getfixturevalue('milvus_server').uri}#FLAT"


@pytest.fixture
def qdrant(monkeypatch: pytest.MonkeyPatch) -> str:
    """An exact index on Qdrant, as a factory string."""
    client = pytest.importorskip("qdrant_client", reason="needs qdrant-client")
    uri = os.environ.get("EYEDEX_TEST_QDRANT_URI")
    if uri is None:
        uri = "memory://qdrant"
        local = qdrant_module.QdrantServer(uri, client.QdrantClient(":memory:"))
        monkeypatch.setattr(qdrant_module, "server_at", lambda uri, process: local)
    return f"qdrant:{uri}#EXACT"
