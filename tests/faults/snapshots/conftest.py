"""An archive that is good, and what it is compared with."""

from pathlib import Path

import pytest

from search_engine.classifiers.collection import train
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.maintenance.snapshot import make_snapshot
from tests.conftest import copy_data
from tests.faults.snapshots.archives import (
    digest_of,
)


@pytest.fixture(scope="session")
def photos(sample: Path) -> list[Path]:
    return sorted((sample / "shopper").rglob("*.jpg"))


@pytest.fixture(scope="session")
def good(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound archive, with a calibration and a classifier. Do not change it."""
    folder = tmp_path_factory.mktemp("good")
    data = copy_data(hsv_data, folder / "data")
    with SearchEngine(data) as engine:
        train(engine.catalog, "default", "class-mean")
    made = make_snapshot(Settings(data=data), folder / "good.tar")
    assert (made.calibrations, made.classifiers) == (1, 1)
    return made.file


@pytest.fixture(scope="session")
def digest(hsv_data: Path) -> str:
    return digest_of(hsv_data)


@pytest.fixture
def other(hsv_data: Path, tmp_path: Path) -> Path:
    """A data directory with another content, `data`, to be replaced."""
    data = copy_data(hsv_data, tmp_path / "data")
    with SearchEngine(data) as engine:
        engine.remove(next(engine.catalog.item_ids(engine.catalog.collection("default"))))
    return data
