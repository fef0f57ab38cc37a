"""search:batch and classify:batch: many questions at once, answered as one by one."""

import base64
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from tests.api.asking import (
    CLASSIFY,
    DEFAULT,
    SEARCH,
    CheckedClient,
    ask,
    ask_json,
    ask_raw,
    assert_problem,
    ids,
    multipart,
    part,
)
from tests.conftest import copy_data
from tests.images.pictures import jpeg

BATCHES = {SEARCH: f"{SEARCH}:batch", CLASSIFY: f"{CLASSIFY}:batch"}
OWN = ("timings_ms", "request_id")
"""What differs from answer to answer."""


@pytest.fixture(scope="module")
def photos(sample: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted((sample / "shopper").rglob("*.jpg"))[:5]]


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def results(response: Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["results"]
    return found


def without(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in OWN}


@pytest.mark.parametrize("path", BATCHES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"k": 3},
        {"k": 3, "filter": "price > 20", "group_by": "product_id"},
        {"k": 3, "min_score": 0.9},
        {"k": 3, "facets": "label"},
        {"k": 3, "rerank": "k-reciprocal"},
        {"k": 2, "include": "vector_base64"},
    ],
)
def test_each_is_answered_as_alone(
    client: CheckedClient,
    first_row: dict[str, str],
    photos: list[bytes],
    path: str,
    options: dict[str, Any],
) -> None:
    token = ask(client, photos[0]).json()["query_token"]
    own = ask_json(client, {"item_id": first_row["item_id"], "include": "vector"}).json()["vector"]
    queries: list[dict[str, Any]] = [
        {"image_base64": encoded(photos[1])},
        {"item_id": first_row["item_id"]},
        {"image_base64": encoded(photos[2]), "box": "0.1,0.1,0.8,0.8"},
        {"image_base64": encoded(photos[2]), "box": [0.1, 0.1, 0.8, 0.8]},
        {"query_token": token},
        {"vector": own},
        {"image_base64": encoded(photos[1])},
    ]
    found = results(ask_json(client, {"queries": queries, **options}, BATCHES[path]))
    alone = [ask_json(client, {**query, **options}, path).json() for query in queries]
    assert [without(each) for each in found] == [without(each) for each in alone]
    assert all(set(each["timings_ms"]) >= {"total"} for each in found)


@pytest.mark.parametrize("path", BATCHES)
def test_a_form_with_several_pictures(
    client: CheckedClient, photos: list[bytes], path: str
) -> None:
    pictures = [part("image", photo, "photo.jpg") for photo in photos]
    found = results(ask_raw(client, multipart(*pictures, part("k", b"2")), BATCHES[path]))
    assert [without(each) for each in found] == [
        without(ask(client, photo, path, k="2").json()) for photo in photos
    ]


BAD: list[tuple[Any, int, str, str]] = [
    ({}, 422, "missing_file", "one of them"),
    ("x", 422, "bad_parameter", "a query is not a JSON object"),
    (None, 422, "bad_parameter", "a query is not a JSON object"),
    ({"item_id": "nobody"}, 404, "item_not_found", "no item"),
    ({"item_id": 7}, 422, "bad_parameter", "item_id"),
    ({"item_id": "x", "query_token": "x"}, 422, "missing_file", "one of them"),
    ({"query_token": "x"}, 404, "query_expired", "not remembered"),
    ({"vector": [1]}, 422, "bad_parameter", "has 1 numbers"),
    ({"image_base64": "*"}, 422, "bad_parameter", "base64"),
    ({"image_base64": encoded(b"x")}, 415, "unsupported_type", "JPEG"),
    ({"image_base64": encoded(jpeg()[:99])}, 422, "corrupt_image", "decoded"),
    ({"image_base64": ""}, 422, "empty_file", "empty"),
    ({"image_base64": encoded(jpeg()), "box": "7"}, 422, "bad_parameter", "box"),
    ({"item_id": "x", "box": "0,0,1,1"}, 422, "bad_parameter", "about a photo"),
    ({"item_id": "x", "k": 3}, 422, "bad_parameter", "k: unknown field"),
]


@pytest.mark.parametrize("path", BATCHES)
def test_bad_queries_harm_no_others(client: CheckedClient, photos: list[bytes], path: str) -> None:
    good = {"image_base64": encoded(photos[0])}
    queries = [each for bad, *_ in BAD for each in (good, bad)]
    response = ask_json(client, {"queries": queries, "k": 1}, BATCHES[path])
    found = results(response)
    wanted = ids(ask(client, photos[0], k="1"))
    for each in found[::2]:
        assert [one["item_id"] for one in each["neighbors"]] == wanted
    for (bad, status, code, said), problem in zip(BAD, found[1::2], strict=True):
        assert (problem["status"], problem["code"]) == (status, code), bad
        assert said in problem["detail"], bad
        assert problem["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("path", BATCHES.values())
@pytest.mark.parametrize(
    ("body", "status", "code", "said"),
    [
        ({}, 422, "bad_parameter", "queries"),
        ({"queries": []}, 422, "missing_file", "queries"),
        ({"queries": {"item_id": "a"}}, 422, "bad_parameter", "queries"),
        ({"queries": [{"item_id": "a"}] * 65}, 422, "too_many_queries", "64"),
        ({"queries": [{"item_id": "a"}], "item_id": "a"}, 422, "bad_parameter", "item_id"),
        ({"queries": [{"item_id": "a"}], "box": "0,0,1,1"}, 422, "bad_parameter", "in queries"),
        ({"queries": [{"item_id": "a"}], "k": 0}, 422, "bad_parameter", "k"),
        ({"queries": [{"item_id": "a"}], "filter": "prise < 3"}, 422, "unknown_field", "price"),
        ({"queries": [{"item_id": "a"}], "group_by": "prise"}, 422, "bad_parameter", "group_by"),
        ({"queries": [{"item_id": "a"}], "rerank": "x"}, 422, "bad_parameter", "known"),
        ({"queries": [{"item_id": "a"}], "include": "x"}, 422, "bad_parameter", "known"),
        ({"queries": [{"item_id": "a"}], "facets": "prise"}, 422, "bad_parameter", "facets"),
        ("[]", 422, "bad_parameter", "JSON object"),
        ("{", 400, "bad_json", "JSON"),
    ],
)
def test_what_concerns_all_is_refused_for_all(
    client: CheckedClient, path: str, body: Any, status: int, code: str, said: str
) -> None:
    assert said in assert_problem(ask_json(client, body, path), status, code)["detail"]


def test_a_page_is_of_one_question(client: CheckedClient) -> None:
    body = {"queries": [{"item_id": "a"}], "cursor": "x"}
    problem = assert_problem(ask_json(client, body, BATCHES[SEARCH]), 422, "bad_parameter")
    assert "a page is of one question" in problem["detail"]


@pytest.mark.parametrize("count", [0, 65])
def test_a_form_has_one_to_64_pictures(client: CheckedClient, count: int) -> None:
    body = multipart(*(part("image", jpeg(), "a.jpg") for _ in range(count)), part("k", b"1"))
    assert ask_raw(client, body, BATCHES[SEARCH]).status_code in (400, 422)


def test_a_form_names_no_queries(client: CheckedClient) -> None:
    body = multipart(part("image", jpeg(), "a.jpg"), part("queries", b"[]"))
    assert_problem(ask_raw(client, body, BATCHES[SEARCH]), 422, "bad_parameter")


def test_a_single_class_is_that_of_one_picture(client: CheckedClient) -> None:
    body = multipart(part("image", jpeg(), "a.jpg"), part("image", jpeg(), "b.jpg"))
    assert_problem(ask_raw(client, body, CLASSIFY), 422, "one_file_only")


def test_what_one_picture_lacks_for_a_re_ranking_is_its_own_problem(
    client: CheckedClient, first_row: dict[str, str], photos: list[bytes]
) -> None:
    pytest.importorskip("cv2")
    token = ask(client, photos[0]).json()["query_token"]
    queries = [{"query_token": token}, {"image_base64": encoded(photos[1])}]
    body = {"queries": queries, "rerank": "geometric", "k": 2}
    refused, found = results(ask_json(client, body, BATCHES[SEARCH]))
    assert refused["code"] == "bad_parameter"
    assert "a token keeps the embedding" in refused["detail"]
    assert len(found["neighbors"]) == 2


def test_many_pictures_have_room(hsv_data: Path, tmp_path: Path, photos: list[bytes]) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    with CheckedClient(data, max_bytes=60_000, batch_max_bytes=400_000) as client:
        large = photos[0] + bytes(50_000)
        body = multipart(*(part("image", large, "a.jpg") for _ in range(5)))
        assert len(body) > 200_000
        assert len(results(ask_raw(client, body, BATCHES[SEARCH]))) == 5
        too_large = multipart(*(part("image", large, "a.jpg") for _ in range(10)))
        assert_problem(ask_raw(client, too_large, BATCHES[SEARCH]), 413, "body_too_large")
        alone = {"image": photos[0] + bytes(60_000)}
        assert_problem(client.post(SEARCH, files=alone), 413, "body_too_large")


def test_a_collection_without_items_answers_with_nothing(changing: CheckedClient) -> None:
    changing.post("/v1/collections", json={"name": "empty"})
    path = "/v1/collections/empty/search:batch"
    found = results(ask_json(changing, {"queries": [{"vector": [1, 2, 3]}]}, path))
    assert found[0]["neighbors"] == []
    missing = ask_json(changing, {"queries": [{"item_id": "a"}]}, f"{DEFAULT}x/search:batch")
    assert_problem(missing, 404, "collection_not_found")
