"""Clients of the real app: one a module for reading, and fresh ones for changing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.asking import CheckedClient, catalog_rows
from tests.conftest import copy_data


@pytest.fixture(scope="module")
def client(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckedClient]:
    """On a copy of the drawn catalog. Do not change it."""
    data = tmp_path_factory.mktemp("read") / "data"
    copy_data(hsv_data, data)
    with CheckedClient(data) as made:
        yield made


@pytest.fixture(scope="module")
def changing(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckedClient]:
    """On a copy of the drawn catalog that the tests of a module change, each other items."""
    data = tmp_path_factory.mktemp("changed") / "data"
    copy_data(hsv_data, data)
    with CheckedClient(data) as made:
        yield made


@pytest.fixture(scope="session")
def first_row(sample: Path) -> dict[str, str]:
    """The first item of the drawn catalog."""
    return dict(catalog_rows(sample)[0])


@pytest.fixture(scope="session")
def first_picture(sample: Path, first_row: dict[str, str]) -> bytes:
    """The picture of the first item."""
    return (sample / first_row["image"]).read_bytes()
