"""Weights of a query's parts over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.api.asking import (
    CLASSIFY,
    DEFAULT,
    SEARCH,
    CheckedClient,
    ask,
    ask_json,
    assert_problem,
    ids,
)
from tests.conftest import index_folder


@pytest.fixture(scope="module")
def of_parts(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckedClient]:
    data = tmp_path_factory.mktemp("parts") / "data"
    index_folder(sample / "catalog.csv", data, encoder="color+shape+texture")
    with CheckedClient(data) as made:
        yield made


def test_photos_tokens_and_items_can_be_weighed(
    of_parts: CheckedClient, first_picture: bytes, first_row: dict[str, str]
) -> None:
    plain = ask(of_parts, first_picture)
    weighed = ask(of_parts, first_picture, weights="shape=0,texture=0")
    query_token = plain.json()["query_token"]
    assert weighed.json()["query_token"] == query_token
    assert ids(weighed) != ids(plain)
    token = {"query_token": query_token, "weights": "shape=0,texture=0"}
    assert ids(ask_json(of_parts, token)) == ids(weighed)
    item = first_row["item_id"]
    asked = {"item_id": item, "weights": "color=0"}
    by_item = ask_json(of_parts, asked)
    path = f"{DEFAULT}/similar/{quote(item)}?weights=color%3D0"
    assert ids(of_parts.get(path)) == ids(by_item)


@pytest.mark.parametrize("weights", ["colour=1", "color", "color=0,shape=0,texture=0", "color=-1"])
def test_bad_weights_are_refused(
    of_parts: CheckedClient, first_picture: bytes, weights: str
) -> None:
    body = assert_problem(ask(of_parts, first_picture, weights=weights), 422, "bad_parameter")
    assert "weights" in str(body)


def test_a_class_has_no_weights(of_parts: CheckedClient, first_picture: bytes) -> None:
    response = ask(of_parts, first_picture, CLASSIFY, weights="color=2")
    assert_problem(response, 422, "bad_parameter")


def test_encoders_without_parts_cannot_be_weighed(
    client: CheckedClient, first_picture: bytes
) -> None:
    response = ask(client, first_picture, SEARCH, weights="color=2")
    assert "no parts" in assert_problem(response, 422, "bad_parameter")["detail"]
