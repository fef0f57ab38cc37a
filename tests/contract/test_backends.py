"""What every index backend does, over all that are registered and one made up for this."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import CorruptDataError, ParameterError
from search_engine.indexes import generations, registry
from search_engine.indexes.base import Index, positions_of
from search_engine.indexes.manifest import Manifest, verify
from search_engine.indexes.registry import backend_of
from search_engine.indexes.selection import KeySet, Selection
from search_engine.maintenance.check import check_data
from search_engine.maintenance.restore import restore_snapshot
from search_engine.maintenance.snapshot import make_snapshot
from search_engine.records import Keys, Vectors
from tests.contract import toy_backend
from tests.contract.exact_index import ExactIndex
from tests.contract.index_kinds import all_found, some_keys, unit_vectors
from tests.contract.vector_servers import SERVERS

COUNT, DIMENSION = 300, 24
LOCAL = {"faiss": "Flat", "numpy": "numpy", "toy": "toy"}
"""A kind of index of each backend in this process."""


@pytest.fixture(autouse=True)
def _with_a_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BACKENDS, toy_backend.NAME, toy_backend.ENTRY)


@pytest.fixture(params=[*LOCAL, *SERVERS])
def factory(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    return LOCAL[name] if name in LOCAL else str(request.getfixturevalue(name))


def content(count: int = COUNT) -> tuple[Keys, Vectors]:
    keys = np.sort(some_keys(count))
    return keys, unit_vectors(count, DIMENSION).astype(np.float16).astype(np.float32)


def built(factory: str, count: int = COUNT) -> Index:
    return backend_of(factory).build(factory, *content(count), 0.99)


def reopened(index: Index, folder: Path) -> Index:
    manifest = Manifest("uid", "fingerprint", 1, len(index), index.dimension, index.spec)
    generations.publish(folder, manifest, index)
    found = generations.load(folder, "uid", "fingerprint")
    assert found is not None
    assert (found.findings, found.manifest.spec) == ((), index.spec)
    return found.index


def oracle() -> ExactIndex:
    exact = ExactIndex(DIMENSION)
    exact.upsert(*content())
    return exact


def test_every_backend_is_tested_here() -> None:
    assert set(registry.BACKENDS) == {*LOCAL, *SERVERS}


@pytest.mark.parametrize("k", [1, 10, COUNT, COUNT + 5])
@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 1.0])
def test_finds_what_comparing_with_all_finds(
    factory: str, tmp_path: Path, k: int, share: float
) -> None:
    index, queries = reopened(built(factory), tmp_path), unit_vectors(4, DIMENSION, seed=3)
    assert all_found(index.search(queries, k)) == all_found(oracle().search(queries, k))
    chosen = content()[0][np.random.default_rng(1).random(COUNT) < share]
    selection = Selection(positions_of(index.keys, chosen), len(index))
    assert all_found(index.search(queries, k, selection)) == all_found(
        oracle().search(queries, k, KeySet(chosen))
    )


@pytest.mark.parametrize("number", [20, 600])
def test_many_queries_find_what_each_finds(factory: str, tmp_path: Path, number: int) -> None:
    index, queries = reopened(built(factory), tmp_path), unit_vectors(number, DIMENSION, seed=4)
    assert all_found(index.search(queries, 10)) == all_found(oracle().search(queries, 10))


def test_holds_the_vectors_that_it_was_given(factory: str, tmp_path: Path) -> None:
    keys, vectors = content()
    for index in (built(factory), reopened(built(factory), tmp_path)):
        np.testing.assert_array_equal(generations.read_keys(tmp_path / "gen-000001"), keys)
        np.testing.assert_array_equal(index.keys, keys)
        assert (len(index), index.dimension, index.exact) == (COUNT, DIMENSION, True)
        np.testing.assert_array_equal(index.vectors(np.array([5, 0, 5])), vectors[[5, 0, 5]])


def test_may_be_empty(factory: str, tmp_path: Path) -> None:
    index = reopened(built(factory, 0), tmp_path)
    assert len(index) == 0
    assert index.search(unit_vectors(2, DIMENSION), 3).counts.tolist() == [0, 0]


def test_saves_the_files_that_it_names_and_no_others(factory: str, tmp_path: Path) -> None:
    built(factory).save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(backend_of(factory).files)


def test_a_changed_file_is_found_before_the_backend_reads_it(factory: str, tmp_path: Path) -> None:
    reopened(built(factory), tmp_path)
    for name in backend_of(factory).files:
        path = tmp_path / "gen-000001" / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(CorruptDataError, match="checksum"):
            verify(tmp_path / "gen-000001")
        path.write_bytes(whole)


def test_content_that_cannot_be_is_refused(factory: str) -> None:
    backend = backend_of(factory)
    keys, vectors = content()
    with pytest.raises(ValueError, match="ascend"):
        backend.build(factory, keys[::-1].copy(), vectors, 0.99)
    with pytest.raises(ValueError, match="finite"):
        backend.build(factory, keys, np.where(vectors > 2, vectors, np.nan), 0.99)


@pytest.mark.parametrize("wrong", ["nothing", "numpy:5"])
def test_unknown_kinds_are_refused(wrong: str) -> None:
    with pytest.raises(ParameterError):
        backend_of(wrong).check(wrong, DIMENSION)


def test_a_collection_lives_on_it(factory: str, sample: Path, tmp_path: Path) -> None:
    """Indexed, searched, changed, checked, saved and brought back."""
    settings = Settings(data=tmp_path / "data", workers=1)
    source = open_source(sample / "catalog.csv")
    index_source(source, IndexRequest(encoder="hsv", index_factory=factory), settings)
    photo = min((sample / "shopper").rglob("*.jpg"))
    with SearchEngine(settings=settings) as engine:
        snapshot_now = engine.live("default").snapshot()
        assert snapshot_now is not None
        assert snapshot_now.base is not None
        assert snapshot_now.base.spec.factory == factory
        before = found(engine, photo)
        first = before[0][0]
        engine.remove(first)
        assert first not in [item_id for item_id, _ in found(engine, photo)]
        assert len(engine.search(photo, k=5, filter="label under Accessories").neighbors) > 0
    assert check_data(settings).sound
    make_snapshot(settings, tmp_path / "all.eyedex")
    restored = Settings(data=tmp_path / "restored")
    restore_snapshot(restored, tmp_path / "all.eyedex")
    with SearchEngine(settings=restored) as engine:
        assert [each for each in before if each[0] != first][:5] == found(engine, photo)[:5]
    shutil.rmtree(tmp_path / "restored")


def found(engine: SearchEngine, photo: Path) -> list[tuple[str, float]]:
    return [(one.item.item_id, one.score) for one in engine.search(photo, k=10).neighbors]
