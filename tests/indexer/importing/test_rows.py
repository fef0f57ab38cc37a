"""Importing: what becomes of rows and items."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.exchange.forms import EncoderRecord, hash_without_picture
from indexer.exchange.rows import unit_vectors
from search_engine.catalog.vectors import pack
from search_engine.collections.pictures import content_hash
from search_engine.config import Settings
from search_engine.encoders.classic import HSV_SPEC
from search_engine.engine import SearchEngine
from search_engine.errors import LockHeldError, PictureNotFoundError
from search_engine.maintenance.check import check_data
from search_engine.storage.locks import exclusive
from tests.cli.conftest import colour_picture
from tests.embedding_tables import (
    CLIP,
    counts,
    rejects,
    stored_items,
    take_in,
    write_npy,
    write_parquet,
)
from tests.indexer.importing.tables import Table, bring, records
from tests.small_catalog import unit_vectors as made_up


def test_a_file_of_strangers_becomes_items(tmp_path: Path) -> None:
    vectors = made_up(3)
    said = [
        {"item_id": "a", "label": "/Home/Mug/", "product_id": "p", "attributes": {"size": [1, 2]}},
        {"item_id": 7, "label": 3, "price": 2.5, "color": None},
        {"item_id": "c", "label": None},
    ]
    report = take_in(write_npy(tmp_path / "a.npy", vectors, said), tmp_path / "data")
    assert counts(report) == (3, 0, 0, 0)
    assert (report.scaled, report.generation) == (0, "gen-000001")
    found = stored_items(tmp_path / "data")
    known = [(one.label, one.product_id, dict(one.attributes)) for one, _ in found.values()]
    assert list(found) == ["a", "7", "c"]
    assert known == [
        ("Home/Mug", "p", {"size": [1, 2]}), ("3", None, {"price": 2.5}), (None, None, {}),
    ]  # fmt: skip
    for (_, stored), vector in zip(found.values(), vectors, strict=True):
        np.testing.assert_array_equal(stored, vector.astype(np.float16).astype(np.float32))
    assert check_data(Settings(data=tmp_path / "data")).sound


def test_a_column_of_json_text_is_attributes_too(tmp_path: Path) -> None:
    said = [{"item_id": "a", "attributes": '{"size": 3, "note": null}', "price": 1.5}]
    take_in(write_parquet(tmp_path / "a.parquet", made_up(1), said), tmp_path / "data")
    ((item, _),) = stored_items(tmp_path / "data").values()
    assert item.attributes == {"size": 3, "note": None, "price": 1.5}


def test_importing_again_changes_only_what_differs(tmp_path: Path) -> None:
    data, vectors = tmp_path / "data", made_up(4)
    said = records("a", "b", "c", "d", label="x", price=1)
    path = write_npy(tmp_path / "a.npy", vectors, said)
    take_in(path, data)
    first = stored_items(data)
    assert counts(take_in(path, data)) == (0, 0, 4, 0)
    said[1]["label"] = "y"
    vectors[2] *= -1
    vectors = np.concatenate([vectors[1:], made_up(1, seed=9)])
    write_npy(path, vectors, [*said, {"item_id": "e"}][1:])  # without a, with e
    assert counts(take_in(path, data)) == (1, 2, 1, 0)
    now = stored_items(data)
    assert {name: one.key for name, (one, _) in now.items()} == {
        **{name: one.key for name, (one, _) in first.items()}, "e": now["e"][0].key,
    }  # fmt: skip
    assert now["b"][0].label == "y"
    assert (now["a"], now["d"])[0][0] == first["a"][0]
    np.testing.assert_array_equal(now["c"][1], -first["c"][1])
    with SearchEngine(data) as engine:
        best = engine.similar("a", k=4).neighbors
        assert {one.item.item_id for one in best} == {"b", "c", "d", "e"}
    assert check_data(Settings(data=data)).sound


def test_what_a_file_has_no_column_for_stays(tmp_path: Path) -> None:
    data, vectors = tmp_path / "data", made_up(1)
    path = tmp_path / "a.npy"
    take_in(write_npy(path, vectors, records("a", label="x", product_id="p", price=1)), data)
    take_in(write_npy(path, vectors, records("a", label=None)), data)
    ((item, _),) = stored_items(data).values()
    assert (item.label, item.product_id, item.attributes) == (None, "p", {"price": 1})
    take_in(write_npy(path, -vectors, records("a", attributes={})), data)
    ((item, _),) = stored_items(data).values()
    assert (item.label, item.product_id, item.attributes) == (None, "p", {})


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    path = write_npy(tmp_path / "a.npy", made_up(2), records("a", "b"))
    report = take_in(path, data, dry_run=True)
    assert counts(report) == (2, 0, 0, 0)
    assert not data.exists()
    take_in(path, data)
    before = stored_items(data)
    write_npy(path, -made_up(2), records("a", "c", label="x"))
    assert counts(take_in(path, data, dry_run=True)) == (1, 1, 0, 0)
    assert stored_items(data).keys() == before.keys()
    np.testing.assert_array_equal(stored_items(data)["a"][1], before["a"][1])


def test_rows_that_cannot_be_used_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    data = tmp_path / "data"
    vectors = made_up(14)
    vectors[1, 2], vectors[2, 0], vectors[3] = np.nan, -np.inf, 0
    said: list[Any] = records(*(str(row) for row in range(14)))
    said[4] = {"item_id": "0"}
    said[5] = {"label": "x"}
    said[6] = {"item_id": "\x00"}
    said[7] = {"item_id": 1.5}
    said[8] = ["item_id", "8"]
    said[9] = {"item_id": "9", "attributes": {"nested": {"a": 1}}}
    said[10] = {"item_id": "10", "attributes": "{'a': 1}"}
    said[11] = {"item_id": "11", "label": True}
    said[12] = {"item_id": "12", "content_hash": "../../etc"}
    report = take_in(write_npy(tmp_path / "a.npy", vectors, said), data)
    assert counts(report) == (2, 0, 0, 12)
    assert rejects(data) == [
        (2, "1", "bad_embedding"), (3, "2", "bad_embedding"), (4, "3", "bad_embedding"),
        (5, "0", "duplicate_id"), (6, None, "bad_id"), (7, "\\x00", "bad_id"),
        (8, None, "bad_value"), (9, None, "bad_value"), (10, "9", "bad_value"),
        (11, "10", "bad_value"), (12, "11", "bad_value"), (13, "12", "bad_value"),
    ]  # fmt: skip
    assert set(stored_items(data)) == {"0", "13"}
    assert check_data(Settings(data=data)).sound


def test_rows_of_parquet_without_an_embedding_are_named(tmp_path: Path) -> None:
    rows = [made_up(1)[0].tolist(), [1.0], None]
    path = write_parquet(tmp_path / "a.parquet", rows, records("a", "b", "c"))
    assert counts(take_in(path, tmp_path / "data")) == (1, 0, 0, 2)
    assert rejects(tmp_path / "data") == [(2, "b", "bad_embedding"), (3, "c", "bad_embedding")]


def test_rows_of_another_length_are_scaled(tmp_path: Path) -> None:
    vectors = made_up(4).astype(np.float64)
    lengths = np.array([1.0, 3.0, 1e-200, 1e200])[:, None]
    path = write_npy(tmp_path / "a.npy", vectors * lengths, records("a", "b", "c", "d"))
    report = take_in(path, tmp_path / "data")
    assert (counts(report), report.scaled) == ((4, 0, 0, 0), 3)
    for (_, stored), vector in zip(stored_items(tmp_path / "data").values(), vectors, strict=True):
        np.testing.assert_allclose(stored, vector, atol=1e-3)


def test_unit_rows_stay_as_they_are_to_the_last_bit() -> None:
    stored = made_up(50, dimension=700).astype(np.float16).astype(np.float32)
    vectors, problems, scaled = unit_vectors(stored)
    np.testing.assert_array_equal(vectors, stored)
    assert vectors.dtype == np.float32
    assert (problems, scaled) == ({}, set())
    assert np.any(np.abs(np.linalg.norm(stored, axis=1) - 1) > 1e-6)


def test_no_rows_are_no_items(tmp_path: Path) -> None:
    path = write_npy(tmp_path / "a.npy", np.empty((0, 4), np.float32), [])
    assert counts(take_in(path, tmp_path / "data")) == (0, 0, 0, 0)
    assert check_data(Settings(data=tmp_path / "data")).sound


def test_an_embedding_without_a_picture_has_a_hash_of_its_own(tmp_path: Path) -> None:
    digest = "a1" * 32
    path = write_npy(
        tmp_path / "a.npy", made_up(2),
        [{"item_id": "a"}, {"item_id": "b", "content_hash": digest}],
    )  # fmt: skip
    take_in(path, tmp_path / "data")
    found = stored_items(tmp_path / "data")
    assert found["a"][0].content_hash == hash_without_picture(pack(made_up(2)[0])[0])
    assert len(found["a"][0].content_hash) == 64
    assert found["b"][0].content_hash == digest


def test_pictures_below_the_file_are_shown_and_others_passed_over(tmp_path: Path) -> None:
    folder, data = tmp_path / "shop", tmp_path / "data"
    folder.mkdir()
    (folder / "a.png").write_bytes(colour_picture(1))
    (tmp_path / "outside.png").write_bytes(colour_picture(2))
    images = ["a.png", "../outside.png", "nothing.png", "https://shop.example/a.png", None]
    said = [{"item_id": str(row), "image": image} for row, image in enumerate(images)]
    report = take_in(write_npy(folder / "a.npy", made_up(5), said), data)
    assert (counts(report), report.pictures_missing) == ((5, 0, 0, 0), 3)
    with SearchEngine(data) as engine:
        record = engine.catalog.collection("default")
        item = engine.catalog.get(record, "0")
        assert item.content_hash == content_hash(colour_picture(1))
        assert engine.original(item) == colour_picture(1)
        for name in "1234":
            with pytest.raises(PictureNotFoundError):
                engine.original(engine.catalog.get(record, name))
    assert check_data(Settings(data=data)).sound


def test_an_item_keeps_its_picture_when_it_gets_another_embedding(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with SearchEngine(data) as engine:
        engine.create_collection("default")
        spec = HSV_SPEC
        record = engine.catalog.collection("default")
        with engine.catalog.write() as writer:
            writer.set_encoder(record.id, "hsv", {}, spec.fingerprint, spec.dimension)
        engine.upsert("a", colour_picture(1))
        before = engine.original(engine.catalog.get(record, "a"))
    encoder = EncoderRecord(name="hsv", fingerprint=spec.fingerprint, dimension=spec.dimension)
    table = Table(tmp_path / "a.npy", made_up(1, dimension=spec.dimension), encoder, records("a"))
    assert counts(bring(tmp_path, table)) == (0, 1, 0, 0)
    with SearchEngine(data) as engine:
        item = engine.catalog.get(record, "a")
        assert engine.original(item) == before
        assert item.content_hash.startswith("embedding:")  # the picture is not what it is of


def test_two_runs_on_a_collection_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "data" / "indexes").mkdir(parents=True)
    lock = tmp_path / "data" / "indexes" / "default.lock"
    with exclusive(lock, 0.0, "testing"), pytest.raises(LockHeldError):
        bring(tmp_path, Table(tmp_path / "a.npy", made_up(1)), encoder=CLIP)
