"""Tokens that stand for a photo, and the regions of one, over HTTP."""

import json
import re

import pytest
from PIL import Image

from tests.api.asking import (
    CLASSIFY,
    SEARCH,
    CheckedClient,
    ask,
    ask_json,
    assert_problem,
)
from tests.images.pictures import animated, jpeg


@pytest.mark.parametrize("path", [SEARCH, CLASSIFY])
@pytest.mark.parametrize("box", [None, "0.25,0.25,0.5,0.5"])
def test_a_token_stands_for_the_photo_and_its_region(
    client: CheckedClient, first_picture: bytes, path: str, box: str | None
) -> None:
    fields = {"k": "7"} | ({"box": box} if box else {})
    by_photo = ask(client, first_picture, **fields).json()
    wanted = '{"field": "view", "eq": "front"}'
    narrowed = ask(client, first_picture, path, filter=wanted, **fields).json()
    question = {"query_token": by_photo["query_token"], "k": 7, "filter": json.loads(wanted)}
    by_token = ask_json(client, question, path).json()
    assert by_token["neighbors"] == narrowed["neighbors"]
    assert by_token["query_token"] == narrowed["query_token"] == by_photo["query_token"]
    assert by_token.get("votes") == narrowed.get("votes")
    assert (by_token["timings_ms"]["decode"], by_token["timings_ms"]["encode"]) == (0, 0)


def test_photos_regions_and_items_have_tokens_of_their_own(
    client: CheckedClient, first_picture: bytes, first_row: dict[str, str]
) -> None:
    other = jpeg(Image.new("RGB", (50, 50), "teal"))
    answers = [
        ask(client, first_picture),
        ask(client, first_picture, box="0,0,1,1"),
        ask(client, first_picture, box="0,0,1,0.5"),
        ask(client, other),
    ]
    tokens = {answer.json()["query_token"] for answer in answers}
    assert len(tokens) == 4
    assert all(re.fullmatch("[0-9a-f]{32}", token) for token in tokens)
    assert ask_json(client, {"item_id": first_row["item_id"]}).json()["query_token"] is None


def test_warnings_come_with_the_token_too(client: CheckedClient) -> None:
    answer = ask(client, animated("GIF")).json()
    again = ask_json(client, {"query_token": answer["query_token"]}).json()
    assert again["warnings"] == answer["warnings"]
    codes = [each.partition(":")[0] for each in again["warnings"]]
    assert codes == ["foreign", "first_frame_used"]


@pytest.mark.parametrize("token", ["0" * 32, "x", "é", "a" * 10_000])
def test_an_unknown_token_has_expired(client: CheckedClient, token: str) -> None:
    problem = assert_problem(ask_json(client, {"query_token": token}), 404, "query_expired")
    assert "send the photo" in problem["detail"]


@pytest.mark.parametrize("token", [7, ["x"], {"x": 1}, "a\u0000", True])
def test_what_is_no_token_is_refused(client: CheckedClient, token: object) -> None:
    assert_problem(ask_json(client, {"query_token": token}), 422, "bad_parameter")


def test_a_token_has_its_region_already(client: CheckedClient, first_picture: bytes) -> None:
    token = ask(client, first_picture).json()["query_token"]
    response = ask_json(client, {"query_token": token, "box": "0,0,1,1"})
    assert_problem(response, 422, "bad_parameter")


def test_a_token_comes_alone(
    client: CheckedClient, first_picture: bytes, first_row: dict[str, str]
) -> None:
    token = ask(client, first_picture).json()["query_token"]
    both = {"query_token": token, "item_id": first_row["item_id"]}
    assert_problem(ask_json(client, both), 422, "missing_file")
    assert_problem(ask(client, first_picture, query_token=token), 422, "missing_file")


def test_regions_are_told_with_what_they_match(client: CheckedClient, first_picture: bytes) -> None:
    body = ask(client, first_picture, k="20", regions="auto").json()
    for one in body["neighbors"]:
        assert one.get("region", 0) in range(max(1, len(body["regions"])))
    assert all(len(each["box"]) == 4 for each in body["regions"])
    assert "regions" not in ask(client, first_picture).json()


@pytest.mark.parametrize("regions", ["all", "Auto", "auto,propose"])
def test_other_regions_are_refused(
    client: CheckedClient, first_picture: bytes, regions: str
) -> None:
    assert_problem(ask(client, first_picture, regions=regions), 422, "bad_parameter")


def test_a_box_in_pixels(client: CheckedClient, first_picture: bytes) -> None:
    assert ask(client, first_picture, box="0px,0px,40px,40px").status_code == 200
    found = ask(client, first_picture, box="0px,0px,4000px,4000px")
    assert "pixels upright" in assert_problem(found, 422, "bad_parameter")["detail"]
