"""Importing: what becomes of rows and items, and which embeddings may meet."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.exchange.forms import EncoderRecord, FilePart, hash_without_picture
from indexer.exchange.importing import ImportRequest, import_embeddings
from indexer.exchange.rows import unit_vectors
from search_engine.catalog.vectors import pack
from search_engine.collections.pictures import content_hash
from search_engine.config import Settings
from search_engine.encoders.classic import HSV_SPEC
from search_engine.encoders.external import ExternalEncoder, external_spec
from search_engine.encoders.projection import Origin, ProjectedEncoder, Projection
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.engine import SearchEngine
from search_engine.errors import (
    ExternalEncoderError,
    EyedexError,
    LockHeldError,
    ModelMismatchError,
    ParameterError,
    PictureNotFoundError,
    SourceError,
)
from search_engine.maintenance.check import check_data
from search_engine.records import Vectors
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
from tests.small_catalog import DIMENSION
from tests.small_catalog import unit_vectors as made_up

CLIP_SPEC = external_spec(CLIP, DIMENSION)


class Table:
    """A file that says what a test wants."""

    def __init__(
        self,
        path: Path,
        vectors: Vectors,
        encoder: EncoderRecord | None = None,
        records: Sequence[Any] | None = None,
    ) -> None:
        self.path = path
        self.encoder = encoder
        self.dimension = vectors.shape[1]
        self._vectors = vectors
        self._records = records or [{"item_id": str(row)} for row in range(len(vectors))]

    def __len__(self) -> int:
        return len(self._vectors)

    def parts(self) -> Any:
        yield FilePart(1, self._records, self._vectors)


def bring(data: Path, table: Table, **request: Any) -> Any:
    settings = Settings(data=data / "data", workers=1)
    return import_embeddings(table, ImportRequest(**request), settings)


def records(*ids: str, **columns: Any) -> list[dict[str, Any]]:
    return [{"item_id": item_id, **columns} for item_id in ids]


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


def test_only_what_is_declared_is_taken(tmp_path: Path) -> None:
    table = Table(tmp_path / "a.npy", made_up(2))
    for asked, kind, says in [
        (None, ParameterError, "does not say by which encoder"),
        ("hsv", ModelMismatchError, "does not prove that its embeddings are by hsv"),
        ("clip", ModelMismatchError, "--encoder external:clip"),
        ("external:", ParameterError, "not a name for an encoder"),
        ("external:a b", ParameterError, "not a name for an encoder"),
        ("external", ParameterError, "not a name for an encoder"),
    ]:
        with pytest.raises(kind, match=says):
            bring(tmp_path, table, encoder=asked)
    assert not (tmp_path / "data" / "catalog.sqlite").exists()
    assert counts(bring(tmp_path, table, encoder="external:a/b@1.5+x_Y-z")) == (2, 0, 0, 0)


def test_embeddings_of_two_encoders_never_meet(tmp_path: Path) -> None:
    bring(tmp_path, Table(tmp_path / "a.npy", made_up(2)), encoder=CLIP)
    for table, encoder in [
        (Table(tmp_path / "a.npy", made_up(2)), "external:other"),
        (Table(tmp_path / "a.npy", made_up(2, dimension=9)), CLIP),
        (Table(tmp_path / "a.npy", made_up(2), record_of_hsv(DIMENSION)), None),
    ]:
        with pytest.raises(ModelMismatchError, match="into another --collection"):
            bring(tmp_path, table, encoder=encoder)
    assert bring(tmp_path, Table(tmp_path / "a.npy", made_up(2)), encoder=CLIP).unchanged == 2


def record_of_hsv(dimension: int = HSV_SPEC.dimension, **changes: Any) -> EncoderRecord:
    known = {"name": "hsv", "fingerprint": HSV_SPEC.fingerprint, "dimension": dimension}
    return EncoderRecord(**{**known, **changes})


def test_a_file_that_names_an_encoder_of_this_machine_needs_no_flag(tmp_path: Path) -> None:
    vectors = made_up(3, dimension=HSV_SPEC.dimension)
    table = Table(tmp_path / "a.npy", vectors, record_of_hsv())
    with pytest.raises(ModelMismatchError, match="has embeddings by hsv, not by hog"):
        bring(tmp_path, table, encoder="hog")
    assert counts(bring(tmp_path, table, encoder="hsv")) == (3, 0, 0, 0)
    with SearchEngine(tmp_path / "data") as engine:
        found = engine.search(colour_picture(1), k=3)
        assert found.encoder == HSV_SPEC.fingerprint
        assert len(found.neighbors) == 3


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fingerprint": "0" * 32}, "but here hsv is"),
        ({"name": "siglip"}, "siglip, by which the embeddings are, cannot be made here"),
        ({"name": "sift"}, "sift, by which the embeddings are, cannot be made here"),
        ({"options": {"pooling": "gem"}}, "cannot be made here"),
        ({"name": CLIP, "options": {"dimension": "7"}}, "but here external:clip is"),
        ({"name": CLIP}, "cannot be made here"),
    ],
)
def test_an_encoder_that_is_not_here_has_to_be_declared_as_outside(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    vectors = made_up(2, dimension=HSV_SPEC.dimension)
    table = Table(tmp_path / "a.npy", vectors, record_of_hsv(**changes))
    with pytest.raises(ModelMismatchError, match=says) as caught:
        bring(tmp_path, table)
    assert "--encoder external:" in (caught.value.fix or "")
    assert counts(bring(tmp_path, table, encoder="external:theirs")) == (2, 0, 0, 0)


def test_a_file_names_no_file_of_this_machine(tmp_path: Path) -> None:
    """Weights are only read where the user names them."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    record = record_of_hsv(options={"weights": str(secret), "network": "ab"})
    bring(tmp_path, Table(tmp_path / "a.npy", made_up(1, dimension=972), record))
    with SearchEngine(tmp_path / "data") as engine:
        assert engine.catalog.collection("default").encoder_options == {}


def projection(dimension: int = DIMENSION, to: int = 3) -> Projection:
    matrix = np.random.default_rng(1).normal(size=(dimension, to)).astype(np.float32)
    matrix[0] = 0  # nothing is made of what points along the first axis
    origin = Origin(
        fingerprint=CLIP_SPEC.fingerprint, target="label", items=9, classes=4, shrinkage=0.5,
        came_with={"dimension": str(DIMENSION)},
    )  # fmt: skip
    return Projection(np.zeros(dimension, np.float32), matrix, origin)


def tuned_record(learned: Projection, **changes: Any) -> EncoderRecord:
    spec = ProjectedEncoder(ExternalEncoder(CLIP_SPEC), learned).spec
    known = {
        "name": CLIP,
        "fingerprint": spec.fingerprint,
        "dimension": spec.dimension,
        "options": {"dimension": str(DIMENSION), "projection": learned.sha256},
        "projection": base64.b64encode(learned.data).decode(),
    }
    return EncoderRecord(**{**known, **changes})


def test_a_tuned_collection_takes_embeddings_by_the_encoder_as_it_came_too(tmp_path: Path) -> None:
    """They are projected, and kept beside what that gives."""
    learned = projection()
    tuned = made_up(2, dimension=3)
    bring(tmp_path, Table(tmp_path / "a.npy", tuned, tuned_record(learned), records("x", "y")))
    with SearchEngine(tmp_path / "data") as engine:
        assert isinstance(engine.live("default").encoder(), ProjectedEncoder)
    plain = made_up(3, seed=4)
    plain[2] = np.eye(DIMENSION)[0]
    table = Table(tmp_path / "a.npy", plain)
    report = bring(tmp_path, table, encoder=CLIP)
    assert counts(report) == (2, 0, 0, 1)
    assert rejects(tmp_path / "data") == [(3, "2", "no_embedding")]
    wanted = learned.apply(plain[:2])
    with SearchEngine(tmp_path / "data") as engine:
        record = engine.catalog.collection("default")
        keys = [engine.catalog.get(record, name).key for name in "01"]
        kept = engine.catalog.packed_vectors(keys, CLIP_SPEC.fingerprint)
        for row, key in enumerate(keys):
            assert kept[key] == pack(plain[row])
            np.testing.assert_allclose(
                engine.catalog.vector(record, key)[0], wanted[row], atol=1e-3
            )
        assert len(engine.similar("0", k=4).neighbors) == 3
    assert counts(bring(tmp_path, table, encoder=CLIP)) == (0, 0, 2, 1)
    plain[0] = -plain[0]
    assert counts(bring(tmp_path, table, encoder=CLIP)) == (0, 1, 1, 1)
    with SearchEngine(tmp_path / "data") as engine:
        kept = engine.catalog.packed_vectors(keys, CLIP_SPEC.fingerprint)
        assert kept[keys[0]] == pack(plain[0])
    assert check_data(Settings(data=tmp_path / "data")).sound


@pytest.mark.parametrize(
    "changes",
    [
        {"projection": None},
        {"projection": "%"},
        {"projection": base64.b64encode(b"no arrays").decode()},
        {"options": {"dimension": str(DIMENSION)}},
        {"options": {"dimension": str(DIMENSION), "projection": "ab"}},
        {"options": {"dimension": "many"}},
        {"options": {"projection": hashlib.sha256(b"x").hexdigest()}, "projection": "eA=="},
        {"dimension": 2},
    ],
)
def test_a_damaged_projection_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    record = tuned_record(projection(), **changes)
    with pytest.raises(SourceError):
        bring(tmp_path, Table(tmp_path / "a.npy", made_up(1, dimension=record.dimension), record))
    assert not (tmp_path / "data" / "catalog.sqlite").exists()


def test_embeddings_made_elsewhere_answer_all_but_pictures(tmp_path: Path) -> None:
    count, classes = 120, 4
    labels = np.arange(count) % classes
    vectors = made_up(count) + 2 * np.eye(DIMENSION)[labels]
    said = [{"item_id": str(row), "label": "abcd"[labels[row]]} for row in range(count)]
    report = take_in(write_npy(tmp_path / "a.npy", vectors, said), tmp_path / "data")
    assert "calibrate" in report.stages
    with SearchEngine(tmp_path / "data") as engine:
        assert {one.item.label for one in engine.similar("1", k=5).neighbors} == {"b"}
        found = engine.classify(item_id="2")
        assert found.prediction is not None
        assert (found.prediction.label, found.prediction.calibrated) == ("c", True)
        for ask in (
            lambda: engine.search(colour_picture(1)),
            lambda: engine.classify(colour_picture(1)),
            lambda: engine.upsert("new", colour_picture(1)),
            lambda: engine.pixels(1),
        ):
            with pytest.raises(ExternalEncoderError, match="external:clip are made elsewhere"):
                ask()
        assert "new" not in set(engine.catalog.item_ids(engine.catalog.collection("default")))


def test_an_outside_encoder_is_its_name_and_dimension() -> None:
    made = create_encoder(EncoderRequest(CLIP, dimension=DIMENSION))
    assert made.spec == CLIP_SPEC
    prints = {
        external_spec(name, dimension).fingerprint
        for name in (CLIP, "external:other")
        for dimension in (1, 8, 65_536)
    }
    assert len(prints) == 6
    for wrong in (0, 65_537):
        with pytest.raises(ParameterError, match="not the dimension"):
            external_spec(CLIP, wrong)
    with pytest.raises(ExternalEncoderError):
        create_encoder(EncoderRequest(CLIP))
    with pytest.raises(ExternalEncoderError):
        made.encode(np.zeros((1, 8, 8, 3), np.uint8))
    with pytest.raises(EyedexError):
        create_encoder(EncoderRequest(CLIP, weights=Path("x"), dimension=DIMENSION))


def test_two_runs_on_a_collection_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "data" / "indexes").mkdir(parents=True)
    lock = tmp_path / "data" / "indexes" / "default.lock"
    with exclusive(lock, 0.0, "testing"), pytest.raises(LockHeldError):
        bring(tmp_path, Table(tmp_path / "a.npy", made_up(1)), encoder=CLIP)
