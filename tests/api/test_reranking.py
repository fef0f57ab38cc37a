"""Re-ranking over HTTP."""

from pathlib import Path
from urllib.parse import quote

import pytest

from search_engine.search.rerank.learned import LEARNED
from search_engine.search.rerank.registry import METHODS
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
from tests.api.described import resolved


@pytest.mark.parametrize("rerank", METHODS)
def test_photos_are_re_ranked(client: CheckedClient, first_picture: bytes, rerank: str) -> None:
    response = ask(client, first_picture, k="20", rerank=rerank)
    assert response.json()["rerank"] == rerank
    assert len(ids(response)) == 20
    plain = ask(client, first_picture, k="200").json()
    assert "rerank" not in plain
    scores = {one["item_id"]: one["score"] for one in plain["neighbors"]}
    for one in response.json()["neighbors"]:
        assert one["score"] == scores[one["item_id"]]


def test_tokens_and_items_are_re_ranked(
    client: CheckedClient, first_picture: bytes, first_row: dict[str, str]
) -> None:
    photo = ask(client, first_picture, rerank="k-reciprocal")
    token = {"query_token": photo.json()["query_token"], "rerank": "k-reciprocal"}
    assert ids(ask_json(client, token)) == ids(photo)
    item = first_row["item_id"]
    for rerank in METHODS:
        found = ids(ask_json(client, {"item_id": item, "rerank": rerank}))
        assert item not in found
        path = f"{DEFAULT}/similar/{quote(item)}?rerank={rerank}"
        assert ids(client.get(path)) == found


def test_a_token_cannot_be_looked_at(client: CheckedClient, first_picture: bytes) -> None:
    token = ask(client, first_picture).json()["query_token"]
    response = ask_json(client, {"query_token": token, "rerank": "geometric"})
    assert "send the photo" in assert_problem(response, 422, "bad_parameter")["detail"]


@pytest.mark.parametrize("path", [SEARCH, CLASSIFY])
@pytest.mark.parametrize("rerank", ["magic", "AQE", "aqe,dba", "all", " aqe"])
def test_unknown_names_are_refused(
    client: CheckedClient, first_picture: bytes, path: str, rerank: str
) -> None:
    body = assert_problem(ask(client, first_picture, path, rerank=rerank), 422, "bad_parameter")
    assert "aqe, dba, k-reciprocal, geometric" in body["detail"]


@pytest.mark.parametrize("rerank", [3, True, ["aqe"]])
def test_what_is_no_text_is_refused(
    client: CheckedClient, first_row: dict[str, str], rerank: object
) -> None:
    asked = {"item_id": first_row["item_id"], "rerank": rerank}
    assert_problem(ask_json(client, asked), 422, "bad_parameter")


def test_weights_and_re_ranking_do_not_go_together(
    client: CheckedClient, first_picture: bytes
) -> None:
    response = ask(client, first_picture, rerank="aqe", weights="color=2")
    assert "weights" in assert_problem(response, 422, "bad_parameter")["detail"]


def test_a_class_by_re_ranked_neighbors(client: CheckedClient, first_picture: bytes) -> None:
    body = ask(client, first_picture, CLASSIFY, rerank="k-reciprocal").json()
    assert body["rerank"] == "k-reciprocal"
    assert body["calibrated"] is False
    assert ask(client, first_picture, CLASSIFY).json()["calibrated"] is True


def test_it_is_documented(client: CheckedClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    body = paths["/v1/collections/{c}/search"]["post"]["requestBody"]["content"]
    for kind in ("multipart/form-data", "application/json"):
        assert resolved(body[kind]["schema"])["properties"]["rerank"]["enum"] == [*METHODS, LEARNED]


def test_the_picture_is_read_within_limits(client: CheckedClient, sample: Path) -> None:
    """What cannot be decoded is refused as without re-ranking."""
    assert_problem(ask(client, b"", rerank="geometric"), 422, "empty_file")
    cut = min((sample / "images").rglob("*.jpg")).read_bytes()[:900]
    assert_problem(ask(client, cut, rerank="geometric"), 422, "corrupt_image")
