"""Indexes on a server: recall, filters, what is left there, and a server that goes away."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.milvus_lite import MilvusLite
from indexer.patches import declare_patches, embed_patches
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import IndexUnavailableError, MissingExtraError, ParameterError
from search_engine.indexes import generations
from search_engine.indexes.base import Index
from search_engine.indexes.manifest import Manifest
from search_engine.indexes.registry import backend_of
from search_engine.indexes.remote import calls, index
from search_engine.indexes.remote import milvus as milvus_module
from search_engine.indexes.remote.milvus import MilvusServer
from search_engine.indexes.scoring import scan
from search_engine.indexes.selection import Selection
from search_engine.records import Vectors
from tests.api.asking import SEARCH, CheckedClient
from tests.conftest import copy_data
from tests.contract.index_kinds import unit_vectors

pytestmark = pytest.mark.long

COUNT, DIMENSION, K = 2_000, 32, 10


def clustered(count: int, seed: int) -> Vectors:
    """Vectors in groups, as embeddings of products are."""
    centers = unit_vectors(100, DIMENSION)
    drawn = np.random.default_rng(seed)
    rows = centers[drawn.integers(100, size=count)] + 0.3 * drawn.normal(size=(count, DIMENSION))
    normed: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return normed


def published(factory: str, folder: Path, count: int = COUNT) -> Index:
    keys, rows = 3 * np.arange(count), clustered(count, 1)
    built = backend_of(factory).build(factory, keys, rows, 0.99)
    generations.publish(folder, Manifest("uid", "print", 1, count, DIMENSION, built.spec), built)
    loaded = generations.load(folder, "uid", "print")
    assert loaded is not None
    assert loaded.findings == ()
    return loaded.index


def sets_on(server: MilvusLite) -> set[str]:
    from pymilvus import MilvusClient

    return set(MilvusClient(server.uri).list_collections())


@pytest.fixture(autouse=True)
def _asks_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small selections would be compared here."""
    monkeypatch.setattr(index, "SCANNED_ELEMENTS", 0)


@pytest.mark.parametrize("kind", ["HNSW", "IVF_FLAT", "IVF_SQ8"])
@pytest.mark.parametrize("share", [None, 0.1, 0.001])
def test_a_filter_is_always_filled(
    milvus_server: MilvusLite, tmp_path_factory: pytest.TempPathFactory, kind: str, share: float
) -> None:
    folder = tmp_path_factory.getbasetemp() / f"filtered-{kind}"
    found = generations.load(folder, "uid", "print")
    built = found.index if found else published(f"milvus:{milvus_server.uri}#{kind}", folder)
    assert not built.exact
    assert (built.spec.recall or 0) >= 0.99
    queries, chosen = clustered(50, 2), None
    if share is not None:
        chosen = np.flatnonzero(np.random.default_rng(3).random(COUNT) < share)
    within = None if chosen is None else Selection(chosen, COUNT)
    hits = built.search(queries, K, within)
    k = K if chosen is None else min(K, len(chosen))
    assert (hits.counts == k).all()
    rows = clustered(COUNT, 1).astype(np.float16)
    right, scores = scan(queries, rows, chosen, k)
    assert np.mean(hits.scores >= scores[:, -1:] - 1e-6) >= 0.99
    assert np.isin(hits.keys, 3 * right).mean() >= 0.99


def test_nothing_is_left_on_the_server(milvus_server: MilvusLite, tmp_path: Path) -> None:
    before = sets_on(milvus_server)
    factory = f"milvus:{milvus_server.uri}#FLAT"
    for _ in range(4):
        published(factory, tmp_path, 50)
    assert len(sets_on(milvus_server) - before) == generations.KEPT
    generations.remove_all(tmp_path)
    assert sets_on(milvus_server) == before
    assert not tmp_path.exists()


def test_what_an_interruption_leaves_is_deleted_by_the_next(
    milvus_server: MilvusLite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sets_on(milvus_server)
    factory = f"milvus:{milvus_server.uri}#FLAT"

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MilvusServer, "finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            published(factory, tmp_path, 50)
    assert len(sets_on(milvus_server) - before) == 1
    published(factory, tmp_path, 50)
    assert len(sets_on(milvus_server) - before) == 1
    generations.remove_all(tmp_path)
    assert sets_on(milvus_server) == before


@pytest.fixture
def its_times(milvus_server: MilvusLite, monkeypatch: pytest.MonkeyPatch) -> Iterator[MilvusLite]:
    """A server that a test hangs and kills, asked with little patience."""
    monkeypatch.setattr(milvus_module, "CALL_S", 2.0)
    monkeypatch.setattr(calls, "REST_S", 2.0)
    yield milvus_server
    milvus_server.start()


def test_a_server_that_goes_away_is_told_and_comes_back(
    its_times: MilvusLite, tmp_path: Path
) -> None:
    built = published(f"milvus:{its_times.uri}#HNSW", tmp_path / "index", 500)
    queries = clustered(1, 5)
    right = built.search(queries, K).keys.tolist()
    before = sets_on(its_times)
    its_times.hang()
    with pytest.raises(IndexUnavailableError, match="does not answer"):
        built.search(queries, K)
    started = time.monotonic()
    with pytest.raises(IndexUnavailableError):
        built.search(queries, K)
    assert time.monotonic() - started < 2 * milvus_module.CALL_S  # nobody waits in turn
    its_times.go_on()
    time.sleep(calls.REST_S)
    assert built.search(queries, K).keys.tolist() == right
    its_times.kill()
    with pytest.raises(IndexUnavailableError, match="does not answer"):
        built.search(queries, K)
    generations.collect(tmp_path / "index", "another")
    assert generations.generations(tmp_path / "index") == ["gen-000001"]  # until it can be told
    its_times.start()
    time.sleep(calls.REST_S)
    assert built.search(queries, K).keys.tolist() == right
    generations.collect(tmp_path / "index", "another")
    assert generations.generations(tmp_path / "index") == []
    assert len(before - sets_on(its_times)) == 1


def test_a_collection_waits_for_its_server_and_outlives_its_loss(
    its_times: MilvusLite, sample: Path, tmp_path: Path
) -> None:
    before = sets_on(its_times)
    settings = Settings(data=tmp_path / "data", workers=1)
    request = IndexRequest(encoder="hsv", index_factory=f"milvus:{its_times.uri}#FLAT")
    index_source(open_source(sample / "catalog.csv"), request, settings)
    photo = min((sample / "shopper").rglob("*.jpg")).read_bytes()
    with SearchEngine(settings=settings) as engine:
        right = [one.item.item_id for one in engine.search(photo, k=5).neighbors]
    its_times.kill()
    with CheckedClient(settings.data) as client:
        refused = client.post(SEARCH, files={"image": photo})
        assert (refused.status_code, refused.json()["code"]) == (503, "index_unavailable")
        assert "Retry-After" in refused.headers
        its_times.start()
        time.sleep(calls.REST_S)
        answer = client.post(SEARCH, files={"image": photo}, data={"k": "5"})
        assert [hit["item_id"] for hit in answer.json()["neighbors"]] == right
    for name in sets_on(its_times) - before:
        MilvusServer(its_times.uri).drop(name)
    with SearchEngine(settings=settings) as engine:
        assert [one.item.item_id for one in engine.search(photo, k=5).neighbors] == right
        engine.delete_collection("default")
    assert sets_on(its_times) == before


@pytest.mark.parametrize("wrong", ["milvus", "milvus:nowhere", "milvus:http://u:p@host", "qdrant:"])
def test_an_address_that_will_not_do_is_refused(wrong: str) -> None:
    with pytest.raises(ParameterError, match=r"server|password"):
        backend_of(wrong).check(wrong, DIMENSION)


def test_a_kind_that_the_server_has_not_is_refused() -> None:
    factory = "milvus:http://127.0.0.1:1#ANNOY"
    with pytest.raises(ParameterError, match="builds no 'ANNOY'"):
        backend_of(factory).check(factory, DIMENSION)


def test_without_its_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pymilvus", None)
    with pytest.raises(MissingExtraError, match=r"eyedex\[milvus\]"):
        MilvusServer("http://127.0.0.1:1")


def test_patches_are_on_the_server_too(
    qdrant: str, hsv_data: Path, sample: Path, tmp_path: Path
) -> None:
    with SearchEngine(copy_data(hsv_data, tmp_path / "data")) as engine:
        live = engine.live("default")
        with engine.catalog.indexing("default"):
            declare_patches(engine, live.record, 5)
            embed_patches(engine, "default")
        with Image.open(sample / "images" / "backpack-0002-a.jpg") as picture:
            photo = picture.crop((0, 0, picture.width // 2, picture.height // 2))
        before = engine.search(photo, k=20).neighbors
        live = engine.live("default")
        live.rebuild(qdrant)
        assert live.patches is not None
        snapshot = live.patches.snapshot()
        assert snapshot is not None
        assert snapshot.base is not None
        assert snapshot.base.spec.factory == qdrant
        after = engine.search(photo, k=20).neighbors
        assert [(each.item.item_id, each.patch) for each in after] == [
            (each.item.item_id, each.patch) for each in before
        ]
        assert any(each.patch for each in after)
