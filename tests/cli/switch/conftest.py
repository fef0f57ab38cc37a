"""A drawn catalog, encoded by colours, and the same after it was given another encoder."""

from pathlib import Path
from typing import Any

import pytest

from search_engine.engine import SearchEngine
from search_engine.records import SearchResult
from tests.cli.conftest import Run
from tests.conftest import copy_data, once
from tests.sealing import execute

ITEMS = 115


@pytest.fixture
def drawn(hsv_data: Path, tmp_path: Path) -> Path:
    """A copy of the drawn catalog, encoded by colours."""
    data = tmp_path / "drawn"
    copy_data(hsv_data, data)
    return data


@pytest.fixture
def switched(hsv_data: Path, shared: Path, run: Run, tmp_path: Path) -> Path:
    """A copy of the same after it was given the encoder of edges."""

    def make(folder: Path) -> None:
        copy_data(hsv_data, folder, dirs_exist_ok=True)
        assert run("switch", "edges", "--force", "--data", folder).code == 0

    return copy_data(once(shared / "switched-to-edges", make), tmp_path / "switched")


@pytest.fixture
def photo(sample: Path) -> Path:
    return min((sample / "images").rglob("*.jpg"))


def result(data: Path, photo: Path) -> SearchResult:
    with SearchEngine(data) as engine:
        return engine.search(photo, k=10)


def found(data: Path, photo: Path) -> list[tuple[str, float]]:
    return [(one.item.item_id, one.score) for one in result(data, photo).neighbors]


def rows(data: Path, query: str) -> list[Any]:
    return [tuple(row) for row in execute(data, query)]


def encoders_kept(data: Path) -> int:
    return len(rows(data, "SELECT DISTINCT fingerprint FROM embeddings"))
