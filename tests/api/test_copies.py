"""Copies, folding and turns over HTTP: in forms, JSON and addresses."""

import base64
import io
from typing import Any

import pytest
from PIL import Image, ImageOps

from tests.api.asking import DEFAULT, CheckedClient, ask, ask_json, assert_problem, ids
from tests.images.pictures import jpeg


@pytest.fixture(scope="module")
def thumbnail(first_picture: bytes) -> bytes:
    """The first item's picture, small and on its side."""
    image = Image.open(io.BytesIO(first_picture))
    return jpeg(ImageOps.contain(image, (64, 64)).transpose(Image.Transpose.ROTATE_90))


def told(body: Any) -> list[str]:
    return [each["item_id"] for each in body["neighbors"] if "same_picture" in each]


def test_a_thumbnail_tells_its_original(
    client: CheckedClient, thumbnail: bytes, first_row: dict[str, str]
) -> None:
    found = ask(client, thumbnail, k="3").json()
    assert found["neighbors"][0]["item_id"] == first_row["item_id"]
    assert found["neighbors"][0]["same_picture"] is True
    assert told(found) == [first_row["item_id"]]
    encoded = base64.b64encode(thumbnail).decode()
    batch = client.post(
        f"{DEFAULT}/search:batch", json={"queries": [{"image_base64": encoded}], "k": 3}
    ).json()
    assert told(batch["results"][0]) == [first_row["item_id"]]
    again = ask_json(client, {"query_token": found["query_token"], "k": 3}).json()
    assert again["neighbors"] == found["neighbors"]


@pytest.mark.parametrize("value", [True, "true"])
def test_equal_pictures_are_folded(
    changing: CheckedClient, first_picture: bytes, first_row: dict[str, str], value: Any
) -> None:
    put = {"image_base64": base64.b64encode(first_picture).decode()}
    assert changing.put(f"{DEFAULT}/items/again", json=put).status_code in (200, 201)
    body = {"query_token": ask(changing, first_picture).json()["query_token"], "fold": value}
    for found in (ask_json(changing, body), ask(changing, first_picture, fold="true")):
        assert found.status_code == 200, found.text
        assert found.json()["neighbors"][0]["views"] == {
            "count": 2, "item_ids": [first_row["item_id"], "again"]
        }  # fmt: skip
    whole = ask(changing, first_picture, fold="false", k="200").json()
    assert {"again", first_row["item_id"]} <= set(told(whole))
    similar = changing.get(f"{DEFAULT}/similar/again", params={"fold": "true"})
    assert similar.status_code == 200
    assert similar.json()["neighbors"][0]["views"]["count"] == 1


def test_what_is_neither_true_nor_false_is_refused(
    client: CheckedClient, first_picture: bytes
) -> None:
    assert_problem(ask(client, first_picture, fold="yes"), 422, "bad_parameter")
    assert_problem(
        ask_json(client, {"item_id": "backpack-0001-a", "fold": 1}), 422, "bad_parameter"
    )


def test_a_photo_on_its_side_is_asked_with_in_all_turns(
    client: CheckedClient, first_picture: bytes
) -> None:
    found = ask(client, first_picture, turns="any", k="3")
    assert found.status_code == 200, found.text
    assert "turns" in found.json()["timings_ms"]
    assert len(ids(found)) == 3
    asked = {"item_id": "backpack-0001-a", "turns": "any"}
    assert_problem(ask_json(client, asked), 422, "bad_parameter")
