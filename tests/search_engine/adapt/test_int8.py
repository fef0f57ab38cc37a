"""Calibrating int8 with a collection's own pictures: which, and what becomes of the outcome."""

from pathlib import Path

import pytest

from search_engine.adapt import int8 as int8_calibration
from search_engine.adapt.int8 import (
    CALIBRATION_PICTURES,
    calibrate_int8,
    calibration_rows,
    spread_rows,
    spread_sample,
)
from search_engine.collections.encoders import encoder_request
from search_engine.config import Settings
from search_engine.encoders.cnn import CnnEncoder
from search_engine.encoders.registry import create_encoder
from search_engine.engine import SearchEngine
from search_engine.errors import EncoderError, ParameterError
from search_engine.storage.paths import DataPaths
from tests.conftest import copy_data

ITEMS = 115


@pytest.mark.parametrize(
    ("count", "wanted", "numbers"),
    [
        (0, 3, []),
        (2, 3, [0, 1]),
        (3, 3, [0, 1, 2]),
        (10, 3, [0, 3, 6]),
        (10, 4, [0, 2, 5, 7]),
        (5, 0, []),
    ],
)
def test_numbers_are_spread_evenly(count: int, wanted: int, numbers: list[int]) -> None:
    assert spread_rows(count, wanted) == numbers


@pytest.mark.parametrize(("count", "used"), [(300, 150), (601, 300), (2_000, 300)])
def test_at_most_half_of_the_pictures_are_calibrated_with(count: int, used: int) -> None:
    rows = calibration_rows(count)
    assert len(set(rows)) == used <= CALIBRATION_PICTURES
    assert max(rows) < count


@pytest.fixture
def engine(cnn_data: Path, tmp_path: Path) -> SearchEngine:
    copy_data(cnn_data, tmp_path / "data")
    return SearchEngine(settings=Settings(data=tmp_path / "data"))


def exports(engine: SearchEngine) -> list[str]:
    return sorted(path.name for path in DataPaths(engine.settings.data).encoders.iterdir())


def test_too_few_pictures_are_refused(engine: SearchEngine) -> None:
    with engine, pytest.raises(ParameterError, match=f"takes 300 pictures.* has {ITEMS}"):
        calibrate_int8(engine, "default")


def test_so_is_an_encoder_without_a_network(
    hsv_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8_calibration, "FEWEST_PICTURES", ITEMS)
    with (
        SearchEngine(settings=Settings(data=hsv_data)) as engine,
        pytest.raises(ParameterError, match="hsv has no network"),
    ):
        calibrate_int8(engine, "default")


def test_without_nncf_it_is_said_how_to_get_it(
    engine: SearchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8_calibration, "FEWEST_PICTURES", ITEMS)
    monkeypatch.setattr("search_engine.encoders.runtime.int8.find_spec", lambda name: None)
    before = exports(engine)
    with engine, pytest.raises(EncoderError, match="NNCF") as caught:
        calibrate_int8(engine, "default")
    assert caught.value.fix == "pip install 'eyedex[int8]'"
    assert exports(engine) == before


def test_the_sample_comes_from_all_over_the_collection(engine: SearchEngine) -> None:
    with engine:
        request = encoder_request(engine.live("default").record, engine.settings, engine.catalog)
        encoder = create_encoder(request)
        assert isinstance(encoder, CnnEncoder)
        some = spread_sample(engine, "default", encoder.source, 5)
        items = engine.catalog.page(engine.live("default").record, 0, ITEMS)
        vectors = encoder.encode(some.pixels)
        for row, number in enumerate((0, 23, 46, 69, 92)):
            assert some.labels[row] == items[number].label
            stored = engine.catalog.vector(engine.live("default").record, items[number].key)
            assert (
                float(vectors[row] @ stored.ravel()) > 0.95
            )  # the picture was compressed once more
