"""A real server of the drawn catalog, and clients of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.client import Client
from tests.conftest import LiveServer, copy_data, serve


@pytest.fixture(scope="package")
def served(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    data = copy_data(hsv_data, tmp_path_factory.mktemp("client") / "data")
    with serve(data) as server:
        yield server


@pytest.fixture(scope="package")
def asking(served: LiveServer) -> Iterator[Client]:
    with Client(served.url) as client:
        yield client
