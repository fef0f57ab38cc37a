"""A server that only reads: it answers every question and changes nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.asking import CLASSIFY, DEFAULT, SEARCH, CheckedClient
from tests.conftest import copy_data

CHANGES = [
    ("POST", "/v1/collections"),
    ("DELETE", DEFAULT),
    ("PUT", f"{DEFAULT}/items/new"),
    ("PATCH", f"{DEFAULT}/items/new"),
    ("DELETE", f"{DEFAULT}/items/new"),
    ("POST", "/v1/elsewhere"),
]


@pytest.fixture(scope="module")
def reading(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckedClient]:
    data = tmp_path_factory.mktemp("read-only") / "data"
    copy_data(hsv_data, data)
    with CheckedClient(data, read_only=True) as client:
        yield client


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_changes_are_refused(reading: CheckedClient, method: str, path: str) -> None:
    before = reading.get("/v1/collections").json()["collections"]
    answer = reading.request(method, path, json={"name": "new"})
    assert (answer.status_code, answer.json()["code"]) == (403, "read_only")
    assert reading.get("/v1/collections").json()["collections"] == before


@pytest.mark.parametrize("path", [SEARCH, CLASSIFY])
def test_questions_are_answered(
    reading: CheckedClient, first_picture: bytes, first_row: dict[str, str], path: str
) -> None:
    answer = reading.post(path, files={"image": first_picture})
    assert answer.json()["neighbors"][0]["item_id"] == first_row["item_id"]
    assert reading.get(f"{DEFAULT}/items").status_code == 200
