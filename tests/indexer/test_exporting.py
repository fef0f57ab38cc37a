"""Exporting: what the files hold, for strangers and for an import."""

import json
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import compute, parquet

from indexer.exchange.exporting import count_selected, export_embeddings
from indexer.exchange.files import open_embeddings
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.filters import parse_filter
from search_engine.catalog.store import Catalog
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import (
    CollectionNotFoundError,
    LockHeldError,
    MissingExtraError,
    ModelMismatchError,
    ParameterError,
    SourceError,
    StorageFullError,
    UnknownFieldError,
)
from search_engine.maintenance.check import check_data
from search_engine.storage.locks import exclusive
from tests.embedding_tables import counts, take_in
from tests.sealing import execute
from tests.small_catalog import (
    DIMENSION,
    FINGERPRINT,
    bound_collection,
    draft,
    open_catalog,
    put,
    remove,
    unit_vectors,
)

FORMS = (".parquet", ".npy")
ENCODER = {
    "name": "made-up",
    "fingerprint": FINGERPRINT,
    "dimension": DIMENSION,
    "metric": "cosine",
    "options": {},
    "projection": None,
}


@pytest.fixture
def catalog(tmp_path: Path) -> Any:
    with open_catalog(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def collection(catalog: Catalog) -> Collection:
    """Items a, b and c, in this order."""
    made = bound_collection(catalog)
    digest = "ab" * 32
    put(
        catalog,
        made,
        [
            draft("a", label="Home/Mug", product_id="p", attributes={"price": 3, "tags": ["x"]}),
            draft("b", content_hash=digest, attributes={"price": "three", "note": None}),
            draft("c", content_hash="embedding:" + "0" * 54, label="Büro"),
        ],
    )
    return made


def vectors_of(catalog: Catalog, collection: Collection, *ids: str) -> Any:
    keys = [catalog.get(collection, item_id).key for item_id in ids]
    return np.concatenate([catalog.vector(collection, key) for key in keys])


@pytest.mark.usefixtures("collection")
def test_numpy_and_json_are_all_that_a_reader_needs(
    catalog: Catalog, collection: Collection, tmp_path: Path
) -> None:
    report = export_embeddings(catalog, "default", tmp_path / "shop.npy")
    assert [one.name for one in report.files] == ["shop.npy", "shop.json"]
    assert report.size_bytes == sum(one.stat().st_size for one in report.files)
    vectors = np.load(tmp_path / "shop.npy")
    assert (vectors.shape, vectors.dtype, vectors.flags.c_contiguous) == (
        (3, DIMENSION), np.float32, True,
    )  # fmt: skip
    np.testing.assert_array_equal(vectors, vectors_of(catalog, collection, "a", "b", "c"))
    said = json.loads((tmp_path / "shop.json").read_text(encoding="utf-8"))
    assert {name: said[name] for name in ("format", "version", "encoder", "rows")} == {
        "format": "eyedex-embeddings", "version": 1, "encoder": ENCODER, "rows": 3,
    }  # fmt: skip
    assert said["items"] == [
        {"item_id": "a", "label": "Home/Mug", "product_id": "p",
         "attributes": {"price": 3, "tags": ["x"]}, "content_hash": "hash of a", "image": None},
        {"item_id": "b", "label": None, "product_id": None,
         "attributes": {"price": "three", "note": None}, "content_hash": "ab" * 32, "image": None},
        {"item_id": "c", "label": "Büro", "product_id": None, "attributes": {},
         "content_hash": None, "image": None},
    ]  # fmt: skip


def test_parquet_has_typed_columns_and_says_the_encoder(
    catalog: Catalog, collection: Collection, tmp_path: Path
) -> None:
    export_embeddings(catalog, "default", tmp_path / "shop.parquet")
    table = parquet.read_table(tmp_path / "shop.parquet")
    assert {field.name: str(field.type) for field in table.schema} == {
        **dict.fromkeys(
            ("item_id", "label", "product_id", "attributes", "content_hash", "image"), "string"
        ),
        "embedding": "fixed_size_list<element: float not null>[8]",
    }
    heading = json.loads(table.schema.metadata[b"eyedex"])
    assert heading == {"format": "eyedex-embeddings", "version": 1, "encoder": ENCODER}
    assert table["item_id"].to_pylist() == ["a", "b", "c"]
    assert [json.loads(one) for one in table["attributes"].to_pylist()] == [
        {"price": 3, "tags": ["x"]}, {"price": "three", "note": None}, {},
    ]  # fmt: skip
    numbers = compute.list_flatten(table["embedding"]).to_numpy().reshape(-1, DIMENSION)
    np.testing.assert_array_equal(numbers, vectors_of(catalog, collection, "a", "b", "c"))


@pytest.mark.parametrize("form", FORMS)
def test_many_items_are_written_in_parts(catalog: Catalog, form: str, tmp_path: Path) -> None:
    made = bound_collection(catalog)
    ids = [str(number) for number in range(9_000)]
    vectors = unit_vectors(len(ids)).astype(np.float16).astype(np.float32)
    put(catalog, made, [draft(one, row) for one, row in zip(ids, vectors, strict=True)])
    steps: list[int] = []
    report = export_embeddings(catalog, "default", tmp_path / f"a{form}", advance=steps.append)
    assert (report.rows, sum(steps), steps[0]) == (9_000, 9_000, 4_096)
    file = open_embeddings(tmp_path / f"a{form}")
    parts = list(file.parts())
    assert [one["item_id"] for part in parts for one in part.records] == ids
    np.testing.assert_array_equal(np.concatenate([part.vectors for part in parts]), vectors)


@pytest.mark.parametrize("form", FORMS)
def test_a_filter_chooses(
    catalog: Catalog, collection: Collection, form: str, tmp_path: Path
) -> None:
    wanted = parse_filter('{"field": "price", "exists": true}')
    assert count_selected(catalog, "default", wanted) == 2
    export_embeddings(catalog, "default", tmp_path / f"a{form}", filter=wanted)
    (part,) = open_embeddings(tmp_path / f"a{form}").parts()
    assert [one["item_id"] for one in part.records] == ["a", "b"]
    nothing = parse_filter('{"field": "nothing", "exists": true}')
    with pytest.raises(UnknownFieldError):
        export_embeddings(catalog, "default", tmp_path / f"b{form}", filter=nothing)
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith("b")) == []


@pytest.mark.parametrize("form", FORMS)
def test_no_items_are_no_rows(catalog: Catalog, form: str, tmp_path: Path) -> None:
    made = bound_collection(catalog)
    key = put(catalog, made, ["gone"])["gone"]
    remove(catalog, key)
    assert export_embeddings(catalog, "default", tmp_path / f"a{form}").rows == 0
    file = open_embeddings(tmp_path / f"a{form}")
    assert (len(file), file.dimension, list(file.parts())) == (0, DIMENSION, [])


@pytest.mark.parametrize("form", FORMS)
def test_items_without_a_sound_embedding_are_left_out_and_named(
    catalog: Catalog, collection: Collection, form: str, tmp_path: Path
) -> None:
    keys = [catalog.get(collection, name).key for name in "ab"]
    execute(
        tmp_path / "data",
        "UPDATE embeddings SET crc32 = crc32 + 1 WHERE key = :damaged",
        "DELETE FROM embeddings WHERE key = :deleted",
        damaged=keys[0],
        deleted=keys[1],
    )
    report = export_embeddings(catalog, "default", tmp_path / f"out{form}")
    assert (report.rows, report.missing) == (1, ["a", "b"])
    (part,) = open_embeddings(tmp_path / f"out{form}").parts()
    assert [one["item_id"] for one in part.records] == ["c"]


def test_pictures_below_the_file_are_named_and_no_other_path(
    catalog: Catalog, tmp_path: Path
) -> None:
    made = bound_collection(catalog)
    inside, outside = tmp_path / "shop" / "img" / "a.png", tmp_path / "elsewhere" / "b.png"
    put(catalog, made, [draft("a", picture=str(inside)), draft("b", picture=str(outside))])
    (tmp_path / "shop").mkdir()
    export_embeddings(catalog, "default", tmp_path / "shop" / "a.npy")
    said = (tmp_path / "shop" / "a.json").read_text()
    assert [one["image"] for one in json.loads(said)["items"]] == ["img/a.png", None]
    assert str(tmp_path) not in said


def test_a_path_of_weights_stays_here(catalog: Catalog, tmp_path: Path) -> None:
    made = bound_collection(catalog)
    options = {"weights": "/home/somebody/w.pth", "pooling": "gem"}
    with catalog.write() as writer:
        writer.change_encoder(made.id, "made-up", options, FINGERPRINT, DIMENSION)
    report = export_embeddings(catalog, "default", tmp_path / "a.npy")
    assert report.encoder.options == {"pooling": "gem"}


@pytest.mark.parametrize("form", FORMS)
def test_files_that_exist_are_replaced_only_on_request(
    catalog: Catalog, collection: Collection, form: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a{form}"
    export_embeddings(catalog, "default", path)
    before = path.read_bytes()
    put(catalog, collection, ["d"])
    with pytest.raises(ParameterError, match="add --force"):
        export_embeddings(catalog, "default", path)
    assert path.read_bytes() == before
    export_embeddings(catalog, "default", path, force=True)
    assert len(open_embeddings(path)) == 4
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_json_of_somebody_else_is_not_overwritten(
    catalog: Catalog, collection: Collection, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text("mine")
    with pytest.raises(ParameterError, match=r"a\.json.*add --force"):
        export_embeddings(catalog, "default", tmp_path / "a.npy")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.json", "data"]


def test_places_that_cannot_be_written_are_refused_before_anything(
    catalog: Catalog, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder.npy").mkdir()
    for name, says in [
        ("a.csv", "not a format of embeddings"),
        ("a", "not a format of embeddings"),
        ("nowhere/a.npy", "there is no such folder"),
        ("folder.npy", "this is not a file"),
    ]:
        with pytest.raises(ParameterError, match=says):
            export_embeddings(catalog, "default", tmp_path / name)
    with pytest.raises(CollectionNotFoundError):
        export_embeddings(catalog, "other", tmp_path / "a.npy")
    with catalog.write() as writer:
        writer.create_collection("empty")
    with pytest.raises(ParameterError, match="nothing is indexed yet"):
        export_embeddings(catalog, "empty", tmp_path / "a.npy")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'eyedex\[parquet\]', or write .npy"):
        export_embeddings(catalog, "default", tmp_path / "a.parquet")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["data", "folder.npy"]


def test_what_cannot_fit_is_refused_at_once(
    catalog: Catalog, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_left = os.statvfs_result((4096, 4096, 100, 1, 1, 1, 1, 1, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: nothing_left)
    with pytest.raises(StorageFullError):
        export_embeddings(catalog, "default", tmp_path / "a.npy")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["data"]


def test_two_processes_do_not_write_one_file(
    catalog: Catalog, collection: Collection, tmp_path: Path
) -> None:
    folder = tmp_path / ".a.npy.new"
    folder.mkdir()
    with exclusive(folder / "lock", 0.0, "testing"), pytest.raises(LockHeldError):
        export_embeddings(catalog, "default", tmp_path / "a.npy")


def test_a_file_holds_one_state_whatever_is_written_meanwhile(
    catalog: Catalog, tmp_path: Path
) -> None:
    made = bound_collection(catalog)
    keys = put(catalog, made, [str(number) for number in range(5_000)])

    def write(count: int) -> None:
        remove(catalog, keys["4999"])
        keys["4999"] = put(catalog, made, ["new"])["new"]

    export_embeddings(catalog, "default", tmp_path / "a.npy", advance=write)
    said = json.loads((tmp_path / "a.json").read_text())
    assert [one["item_id"] for one in said["items"]] == [str(number) for number in range(5_000)]


def test_an_npy_with_the_json_of_another_is_told(
    catalog: Catalog, collection: Collection, tmp_path: Path
) -> None:
    export_embeddings(catalog, "default", tmp_path / "a.npy")
    with catalog.write() as writer:
        writer.put(collection.id, FINGERPRINT, [draft("a", unit_vectors(1, seed=3)[0])])
    export_embeddings(catalog, "default", tmp_path / "b.npy")
    shutil.copy(tmp_path / "a.json", tmp_path / "b.json")
    with pytest.raises(SourceError, match=r"not what b\.json was written with"):
        open_embeddings(tmp_path / "b.npy")


@pytest.mark.parametrize("form", FORMS)
def test_a_changed_byte_is_never_imported_unnoticed(
    catalog: Catalog, collection: Collection, form: str, tmp_path: Path
) -> None:
    """Each file with one bit changed is refused, or holds the same embeddings."""
    path = tmp_path / f"a{form}"
    export_embeddings(catalog, "default", path)
    wanted = vectors_of(catalog, collection, "a", "b", "c")
    content = path.read_bytes()
    refused = 0
    for place in range(0, len(content), 7):
        path.write_bytes(
            content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]
        )
        try:
            parts = list(open_embeddings(path).parts())
        except SourceError:
            refused += 1
            continue
        np.testing.assert_array_equal(np.concatenate([one.vectors for one in parts]), wanted)
    assert refused > 10


@pytest.mark.parametrize("form", FORMS)
def test_a_round_trip_changes_nothing(form: str, hsv_data: Path, tmp_path: Path) -> None:
    """Embeddings bit by bit, all that is known of items, and answers; to photos too."""
    with SearchEngine(hsv_data) as engine:
        export_embeddings(engine.catalog, "default", tmp_path / f"a{form}")
    report = take_in(tmp_path / f"a{form}", tmp_path / "data", encoder=None)
    assert counts(report) == (115, 0, 0, 0)
    assert (report.scaled, report.pictures_missing) == (0, 0)
    there, here = (check_data(Settings(data=data)) for data in (hsv_data, tmp_path / "data"))
    assert here.sound
    assert here.collections[0]["digest"] == there.collections[0]["digest"]
    with SearchEngine(hsv_data) as before, SearchEngine(tmp_path / "data") as now:
        record = before.catalog.collection("default")
        items = before.catalog.page(record, 0, 400)[::40]
        for item in items:
            found = [engine.similar(item.item_id, k=20).neighbors for engine in (before, now)]
            assert answers(found[0]) == answers(found[1])
        photo = before.original(items[0])
        then, since = (engine.classify(photo, k=20) for engine in (before, now))
        assert answers(then.neighbors) == answers(since.neighbors)
        assert then.prediction == since.prediction


def answers(neighbors: Any) -> list[tuple[str, float]]:
    return [(one.item.item_id, one.score) for one in neighbors]


@pytest.mark.long
def test_an_encoder_that_nobody_can_make_is_said_on_import(
    catalog: Catalog, collection: Collection, tmp_path: Path
) -> None:
    export_embeddings(catalog, "default", tmp_path / "a.npy")
    with pytest.raises(ModelMismatchError, match="made-up, by which the embeddings are, cannot"):
        take_in(tmp_path / "a.npy", tmp_path / "other", encoder=None)
    report = take_in(tmp_path / "a.npy", tmp_path / "other", encoder="external:made-up")
    assert counts(report) == (2, 0, 0, 1)  # `hash of a` is no content hash
