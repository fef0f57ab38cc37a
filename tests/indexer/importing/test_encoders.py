"""Importing: which embeddings may meet, and what an encoder made elsewhere answers."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.exchange.forms import EncoderRecord
from search_engine.catalog.vectors import pack
from search_engine.config import Settings
from search_engine.encoders.classic import HSV_SPEC
from search_engine.encoders.external import ExternalEncoder, external_spec
from search_engine.encoders.projection import Origin, ProjectedEncoder, Projection
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.engine import SearchEngine
from search_engine.errors import (
    ExternalEncoderError,
    EyedexError,
    ModelMismatchError,
    ParameterError,
    SourceError,
)
from search_engine.maintenance.check import check_data
from tests.cli.conftest import colour_picture
from tests.embedding_tables import CLIP, counts, rejects, take_in, write_npy
from tests.indexer.importing.tables import Table, bring, records
from tests.small_catalog import DIMENSION
from tests.small_catalog import unit_vectors as made_up

CLIP_SPEC = external_spec(CLIP, DIMENSION)


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
            assert kept[key] == pack(plain[row], key)
            np.testing.assert_allclose(
                engine.catalog.vector(record, key)[0], wanted[row], atol=1e-3
            )
        assert len(engine.similar("0", k=4).neighbors) == 3
    assert counts(bring(tmp_path, table, encoder=CLIP)) == (0, 0, 2, 1)
    plain[0] = -plain[0]
    assert counts(bring(tmp_path, table, encoder=CLIP)) == (0, 1, 1, 1)
    with SearchEngine(tmp_path / "data") as engine:
        kept = engine.catalog.packed_vectors(keys, CLIP_SPEC.fingerprint)
        assert kept[keys[0]] == pack(plain[0], keys[0])
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
