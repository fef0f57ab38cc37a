"""Many questions and many changes at once, and embeddings as questions, from Python."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_engine.collections.operations import Delete, Done, Operation, Patch, Put
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import (
    CollectionNotFoundError,
    CorruptImageError,
    ExternalEncoderError,
    ItemNotFoundError,
    MissingPictureError,
    ParameterError,
    UnsupportedTypeError,
)
from search_engine.images.decode_pool import DecodePool
from search_engine.records import SearchResult
from search_engine.search.asked import Asked
from search_engine.search.given_vectors import encode_vector, unit_vector
from search_engine.search.query_cache import QueryToken
from tests.conftest import copy_data
from tests.embedding_tables import take_in, write_npy


@pytest.fixture(scope="module")
def engine(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    """With decoding processes, as a server has them."""
    data = copy_data(hsv_data, tmp_path_factory.mktemp("many") / "data")
    settings = Settings(data=data)
    decoder = DecodePool(settings.catalog_limits(), 2)
    with SearchEngine(settings=settings, decoder=decoder) as opened:
        yield opened


@pytest.fixture(scope="module")
def photos(sample: Path) -> list[Path]:
    return sorted((sample / "images").rglob("*.jpg"))[:7]


def ids(result: object) -> list[str]:
    assert isinstance(result, SearchResult)
    return [neighbor.item.item_id for neighbor in result.neighbors]


def test_many_are_found_as_each_alone(engine: SearchEngine, photos: list[Path]) -> None:
    asked = [Asked(photos[0]), Asked(photos[1].read_bytes(), box=(0, 0, 0.5, 1)), Asked(photos[0])]
    asked.append(Asked(item_id=photos[2].stem))
    found = engine.search_many(asked, k=4)
    assert ids(found[0]) == ids(found[2]) == ids(engine.search(photos[0], k=4))
    assert ids(found[1]) == ids(engine.search(photos[1], k=4, box=(0, 0, 0.5, 1)))
    assert ids(found[3]) == ids(engine.similar(photos[2].stem, k=4))
    classes = engine.classify_many(asked)
    alone = engine.classify(photos[0])
    assert isinstance(classes[0], SearchResult)
    assert classes[0].prediction == alone.prediction
    assert engine.search_many([]) == []


def test_one_that_cannot_be_asked_harms_no_other(
    engine: SearchEngine, photos: list[Path], tmp_path: Path
) -> None:
    missing, text = tmp_path / "none.jpg", tmp_path / "text.jpg"
    text.write_text("no picture")
    found = engine.search_many(
        [
            Asked(missing),
            Asked(photos[0]),
            Asked(text),
            Asked(item_id="none"),
            Asked(QueryToken("x")),
        ]
    )
    assert isinstance(found[0], MissingPictureError)
    assert ids(found[1])
    assert isinstance(found[2], UnsupportedTypeError)
    assert found[2].where == str(text)
    assert isinstance(found[3], ItemNotFoundError)
    assert not isinstance(found[4], SearchResult)


def test_exactly_one_thing_is_asked_with(photos: list[Path]) -> None:
    bad: list[dict[str, Any]] = [
        {},
        {"item_id": "a", "vector": [1.0]},
        {"picture": b"", "item_id": "a"},
    ]
    for given in bad:
        with pytest.raises(ParameterError, match="one of them"):
            Asked(**given)


def test_an_embedding_is_asked_with_as_it_comes(engine: SearchEngine, photos: list[Path]) -> None:
    result = engine.search(photos[0], k=3, include="vector")
    row = result.vector[0]
    forms: list[Any] = [
        row, row * 5, result.vector, row.astype(np.float64), row.tolist(), tuple(row),
        encode_vector(row), base64.b64encode(row.tobytes()).decode(),
    ]  # fmt: skip
    for given in forms:
        assert ids(engine.search(vector=given, k=3)) == ids(result)
        assert engine.classify(vector=given).prediction is not None
    for neighbor in result.neighbors:
        assert neighbor.vector is not None
        assert float(neighbor.vector @ row) == pytest.approx(neighbor.score, abs=1e-3)
    assert engine.search(photos[0], k=1).neighbors[0].vector is None


@pytest.mark.parametrize(
    "given",
    [
        np.ones((2, 3)), np.array([]), np.array(["a"]), np.array([True]), np.array(1.0), [], ["2"],
        [True], [None], "", "?", "AAA=", {1, 2}, 7, b"\0\0\0\0", [np.nan], [np.inf], [0.0, -0.0],
        [1e39], [10**400], np.array([np.nan, 1]),
    ],
)  # fmt: skip
def test_what_is_no_embedding_is_refused(given: Any) -> None:
    with pytest.raises(ParameterError) as refused:
        unit_vector(given, None)
    assert refused.value.where == "vector"
    assert refused.value.fix


def test_lengths_of_all_sizes_are_taken_off() -> None:
    for scale in (1e-44, 1e-30, 1, 1e30, 3e38):
        found = unit_vector([scale, 0.0, -scale], 3)
        assert found == pytest.approx(np.array([[0.5**0.5, 0, -(0.5**0.5)]]), abs=1e-6)
        assert found.dtype == np.float32
    given = np.array([3.0, 4.0], dtype=np.float32)
    unit_vector(given, 2)
    assert given.tolist() == [3, 4]


def test_an_embedding_has_no_region(engine: SearchEngine) -> None:
    with pytest.raises(TypeError, match="box"):
        engine.search(vector=[1.0], box="0,0,1,1")
    with pytest.raises(ParameterError, match="known: vector"):
        engine.similar("backpack-0001-a", include="all")


def test_embeddings_made_elsewhere_are_asked_with(tmp_path: Path) -> None:
    records = [{"item_id": str(row)} for row in range(4)]
    take_in(write_npy(tmp_path / "given.npy", np.eye(4), records), tmp_path / "data")
    with SearchEngine(tmp_path / "data") as engine:
        assert ids(engine.search(vector=[0, 0, 9, 1], k=2)) == ["2", "3"]
        refused, found = engine.search_many([Asked(b"x"), Asked(vector=[0, 0, 9, 1])], k=1)
        assert isinstance(refused, ExternalEncoderError)
        assert ids(found) == ["2"]
        outcomes = engine.change([Put("new", b"x"), Delete("0")])
        assert isinstance(outcomes[0], ExternalEncoderError)
        assert outcomes[1] == Done(None)
        with pytest.raises(ParameterError, match="have 4"):
            engine.search(vector=[1.0])


def test_changes_are_done_in_their_order(
    hsv_data: Path, tmp_path: Path, photos: list[Path]
) -> None:
    pictures = [path.read_bytes() for path in photos]
    operations: list[Operation] = [
        Put("a", pictures[0], {"label": "A"}),
        Put("b", b"no picture"),
        Patch("a", {"label": "B"}),
        Put("a", pictures[1]),
        Delete("c"),
        Put("c", pictures[2][:300]),
        Put("d", pictures[3]),
        Delete("d"),
    ]
    with SearchEngine(copy_data(hsv_data, tmp_path / "data")) as engine:
        with pytest.raises(CollectionNotFoundError):
            engine.change([Delete("a")], collection="none")
        found = engine.change(operations)
        assert engine.change([]) == []
        first, unsupported, patched, replaced, missing, corrupt, added, gone = found
        assert isinstance(first, Done)
        assert first.is_new
        assert first.item is not None
        assert first.item.label == "A"
        assert isinstance(unsupported, UnsupportedTypeError)
        assert isinstance(patched, Done)
        assert isinstance(replaced, Done)
        assert not replaced.is_new
        assert isinstance(missing, ItemNotFoundError)
        assert isinstance(corrupt, CorruptImageError)
        assert isinstance(added, Done)
        assert gone == Done(None)
        assert ids(engine.search(photos[1], filter="item_id = a")) == ["a"]
