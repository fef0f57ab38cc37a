"""Examples, orders and views over HTTP."""

import base64
import json
from typing import Any

import pytest

from tests.api.asking import (
    CLASSIFY,
    DEFAULT,
    SEARCH,
    CheckedClient,
    ask,
    ask_json,
    ask_raw,
    assert_problem,
    catalog_rows,
    ids,
    multipart,
    part,
)
from tests.images.pictures import jpeg


@pytest.fixture(scope="module")
def items(client: CheckedClient) -> list[str]:
    return [each["item_id"] for each in client.get(f"{DEFAULT}/items?limit=20").json()["items"]]


def test_a_basket_finds_what_goes_with_it(client: CheckedClient, items: list[str]) -> None:
    like = [{"item_id": each} for each in items[:3]]
    found = ask_json(client, {"like": like, "k": 200})
    assert found.status_code == 200, found.text
    every = client.get(f"{DEFAULT}/items?limit=200").json()["items"]
    products = {each["product_id"] for each in every if each["item_id"] in items[:3]}
    others = {each["item_id"] for each in every if each["product_id"] not in products}
    assert set(ids(found)) == others
    assert len(others) < 112


def test_examples_of_every_kind_with_a_photo(
    client: CheckedClient, first_picture: bytes, items: list[str]
) -> None:
    encoded = base64.b64encode(first_picture).decode()
    token = ask(client, first_picture).json()["query_token"]
    vector = ask(client, first_picture, include="vector_base64").json()["vector_base64"]
    body = {
        "image_base64": encoded,
        "like": [{"query_token": token}, {"vector": vector, "weight": 2}],
        "unlike": [{"image_base64": encoded, "weight": 0.5}, {"item_id": items[5]}],
        "k": 5,
    }
    by_json = ask_json(client, body)
    assert by_json.status_code == 200, by_json.text
    fields = {name: json.dumps(body[name]) for name in ("like", "unlike")}
    assert ids(ask(client, first_picture, k="5", **fields)) == ids(by_json)


def test_several_pictures_of_a_form_are_likes(client: CheckedClient, first_picture: bytes) -> None:
    two = [part("image", each, "a.jpg") for each in (first_picture, jpeg())]
    found = ask_raw(client, multipart(*two, part("k", b"5")))
    likes = [{"image_base64": base64.b64encode(each).decode()} for each in (jpeg(), first_picture)]
    assert ids(found) == ids(ask_json(client, {"like": likes, "k": 5}))
    boxed = ask_raw(client, multipart(*two, part("box", b"0,0,1,1")))
    assert "box is about a photo" in assert_problem(boxed, 422, "bad_parameter")["detail"]


def test_pages_and_the_token_of_a_mix(client: CheckedClient, items: list[str]) -> None:
    body: dict[str, Any] = {"like": [{"item_id": items[0]}], "unlike": [{"item_id": items[9]}]}
    whole = ids(ask_json(client, {**body, "k": 20}))
    first = ask_json(client, {**body, "k": 10})
    for asked in (body, {"query_token": first.json()["query_token"]}):
        page = ask_json(client, {**asked, "k": 10, "cursor": first.json()["next_cursor"]})
        assert ids(first) + ids(page) == whole


def test_a_batch_has_mixes(client: CheckedClient, items: list[str]) -> None:
    like = {"like": [{"item_id": items[1]}, {"item_id": "nowhere"}]}
    queries = [{"like": [{"item_id": items[0]}]}, {"item_id": items[0]}, like]
    mixed, plain, bad = ask_json(client, {"queries": queries}, f"{SEARCH}:batch").json()["results"]
    assert [one["item_id"] for one in mixed["neighbors"]] == [
        one["item_id"] for one in plain["neighbors"]
    ]
    assert bad["code"] == "item_not_found"
    assert "like[1]" in bad["detail"]


def test_a_batch_has_64_pictures_at_most(client: CheckedClient) -> None:
    like = [{"image_base64": base64.b64encode(jpeg()).decode()}] * 13
    response = ask_json(client, {"queries": [{"like": like}] * 5}, f"{SEARCH}:batch")
    assert "64 pictures" in assert_problem(response, 422, "too_many_queries")["detail"]


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"like": []}, "missing_file", "examples to like"),
        ({"unlike": [{"item_id": "a"}]}, "missing_file", "examples to like"),
        ({"like": {}}, "bad_parameter", "not a list of examples"),
        ({"like": "[{"}, "bad_parameter", "not a list of examples"),
        ({"like": ["a"]}, "bad_parameter", "like[0] is not a JSON object"),
        ({"like": [{}]}, "bad_parameter", "not one of"),
        ({"like": [{"item_id": "a", "query_token": "b"}]}, "missing_file", "one of them"),
        ({"like": [{"item_id": "a", "wieght": 1}]}, "bad_parameter", "did you mean weight"),
        ({"like": [{"item_id": "a", "weight": "1"}]}, "bad_parameter", "like[0].weight"),
        ({"like": [{"item_id": "a"}] * 21}, "bad_parameter", "1 to 20"),
        ({"like": [{"image_base64": "x"}]}, "bad_parameter", ""),
        ({"item_id": "a", "mix": "sum"}, "bad_parameter", "there is no sum"),
        ({"item_id": "a", "boost": "nope:1"}, "bad_parameter", "no such field"),
        ({"item_id": "a", "boost": ["price"]}, "bad_parameter", "boost"),
        ({"item_id": "a", "boost": {"price": "1"}}, "bad_parameter", "boost"),
        ({"item_id": "a", "boost": {"price": 2}}, "bad_parameter", "from -1 to 1"),
        ({"item_id": "a", "diversity": 1.5}, "bad_parameter", "not a share"),
        ({"item_id": "a", "diversity": "x"}, "bad_parameter", "not a share"),
    ],
)
def test_what_cannot_be_asked(
    client: CheckedClient, body: dict[str, Any], code: str, said: str
) -> None:
    response = ask_json(client, body)
    assert response.status_code in (400, 422)
    assert said in response.json()["detail"]
    if said:
        assert response.json()["code"] == code


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"like": []}, "like"), ({"mix": "best"}, "search"), ({"diversity": 0.5}, "search")],
)
def test_examples_and_orders_are_of_searches(
    client: CheckedClient, items: list[str], fields: dict[str, Any], said: str
) -> None:
    response = ask_json(client, {"item_id": items[0], **fields}, CLASSIFY)
    assert said in assert_problem(response, 422, "bad_parameter")["detail"]


def test_boosts_and_diversity_change_the_order_only(
    client: CheckedClient, items: list[str]
) -> None:
    asked = {"item_id": items[0], "k": 20}
    plain = {each["item_id"]: each for each in ask_json(client, asked).json()["neighbors"]}
    for order in ({"boost": "price:-1"}, {"boost": {"price": -1}}, {"diversity": 0.9}):
        body = ask_json(client, {**asked, **order}).json()
        assert body["next_cursor"] is None
        assert [each["item_id"] for each in body["neighbors"]] != list(plain)
        for each in body["neighbors"]:
            assert each == plain.get(each["item_id"], each)
        (name, value), *_ = order.items()
        text = value if isinstance(value, str) else json.dumps(value)
        similar = client.get(f"{DEFAULT}/similar/{items[0]}", params={"k": "20", name: text})
        assert similar.json()["neighbors"] == body["neighbors"]
    same = ask_json(client, {**asked, "diversity": 0, "boost": {"price": 0}}).json()
    assert [each["item_id"] for each in same["neighbors"]] == list(plain)


def test_groups_tell_their_views(client: CheckedClient, sample: Any, items: list[str]) -> None:
    products: dict[str, list[str]] = {}
    for row in catalog_rows(sample):
        products.setdefault(row["product_id"], []).append(row["item_id"])
    body = ask_json(client, {"item_id": items[0], "group_by": "product_id", "k": 50}).json()
    for each in body["neighbors"]:
        wanted = [one for one in products[each["product_id"]] if one != items[0]]
        assert each["views"] == {"count": len(wanted), "item_ids": wanted}
    plain = ask_json(client, {"item_id": items[0]}).json()
    voted = ask_json(client, {"item_id": items[0], "group_by": "product_id"}, CLASSIFY).json()
    assert not any("views" in each for each in plain["neighbors"] + voted["neighbors"])
