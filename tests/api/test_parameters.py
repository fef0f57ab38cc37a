"""Parameters that do not belong where they are sent: each is refused by its name."""

import json
from typing import Any

import pytest

from search_engine.search.declared import OPTIONS
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


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", SEARCH),
        ("POST", CLASSIFY),
        ("GET", "/v1/collections"),
        ("POST", "/v1/collections"),
        ("GET", DEFAULT),
        ("GET", f"{DEFAULT}/classifiers"),
        ("GET", f"{DEFAULT}/facets"),
        ("GET", f"{DEFAULT}/items"),
    ],
)
def test_unknown_parameters_in_the_address_are_refused(
    client: CheckedClient, method: str, path: str
) -> None:
    problem = assert_problem(client.request(method, f"{path}?size=3"), 422, "bad_parameter")
    assert problem["detail"].startswith("size: ")


@pytest.mark.parametrize("path", [SEARCH, CLASSIFY])
def test_options_in_the_address_belong_in_the_body(
    client: CheckedClient, first_picture: bytes, path: str
) -> None:
    detail = assert_problem(ask(client, first_picture, f"{path}?k=3"), 422, "bad_parameter")
    assert detail["detail"] == "k: this address takes no such parameter; send it in the body"


@pytest.mark.parametrize(
    ("path", "field", "said"),
    [
        (SEARCH, "with", "with: with is for classify"),
        (SEARCH, "accept_accuracy", "accept_accuracy: accept_accuracy is for classify"),
        (SEARCH, "target", "target: target is for classify"),
        (SEARCH, "vote_k", "vote_k: vote_k is for classify"),
        (CLASSIFY, "weights", "weights: weights is for search"),
        (SEARCH, "minscore", "minscore: unknown field; did you mean min_score?"),
        (CLASSIFY, "Target", "Target: unknown field; did you mean target?"),
        (SEARCH, "size", "size: unknown field; "),
        (SEARCH, "x" * 300, f"{'x' * 59}…: unknown field"),
        (SEARCH, "\x1b[31m", "\\x1b[31m: unknown field"),
    ],
)
def test_fields_that_do_not_belong_are_named(
    client: CheckedClient, first_row: dict[str, str], path: str, field: str, said: str
) -> None:
    response = ask_json(client, {"item_id": first_row["item_id"], field: "1"}, path)
    assert assert_problem(response, 422, "bad_parameter")["detail"].startswith(said)


@pytest.mark.parametrize("path", [SEARCH, CLASSIFY])
def test_a_region_needs_a_photo(
    client: CheckedClient, first_picture: bytes, first_row: dict[str, str], path: str
) -> None:
    token = ask(client, first_picture).json()["query_token"]
    for subject in ({"item_id": first_row["item_id"]}, {"query_token": token}):
        response = ask_json(client, {**subject, "box": "0,0,1,1"}, path)
        problem = assert_problem(response, 422, "bad_parameter")
        assert "box is about a photo that is sent" in problem["detail"]
        assert ask_json(client, {**subject, "box": None}, path).status_code == 200


def test_base64_in_a_form_is_refused(client: CheckedClient, first_picture: bytes) -> None:
    problem = assert_problem(ask(client, first_picture, image_base64="AAAA"), 422, "bad_parameter")
    assert "send the file as image" in problem["detail"]


@pytest.mark.parametrize("name", [*(each.name for each in OPTIONS if "search" in each.verbs)])
def test_an_empty_value_is_refused_and_null_is_none(
    client: CheckedClient, first_picture: bytes, first_row: dict[str, str], name: str
) -> None:
    """A form field that was not filled in must not search everything instead."""
    item = {"item_id": first_row["item_id"]}
    for response in (
        ask(client, first_picture, **{name: ""}),
        ask_json(client, {**item, name: ""}),
    ):
        problem = assert_problem(response, 422, "bad_parameter")
        assert problem["detail"].startswith(f"{name}: ")
    assert ids(ask_json(client, {**item, name: None})) == ids(ask_json(client, item))


@pytest.mark.parametrize("name", ["item_id", "query_token", "vector", "text", "like", "unlike"])
def test_an_empty_subject_is_refused_beside_a_picture(
    client: CheckedClient, first_picture: bytes, name: str
) -> None:
    problem = assert_problem(ask(client, first_picture, **{name: ""}), 422, "bad_parameter")
    assert problem["detail"] == f"{name}: it is empty; give a value, or leave it out"


@pytest.mark.parametrize(
    "address",
    ["items?filter=", "items?q=", "items?sort=", "items?include=", "facets?fields=label&filter="],
)
def test_empty_parameters_in_the_address_are_refused(client: CheckedClient, address: str) -> None:
    assert_problem(client.get(f"{DEFAULT}/{address}"), 422, "bad_parameter")


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("view = 'front'", {"field": "view", "eq": "front"}),
        ("price<30 AND view==front", {
            "all": [{"field": "price", "lt": 30}, {"field": "view", "eq": "front"}]
        }),
    ],
)  # fmt: skip
def test_filters_may_be_lines(
    client: CheckedClient, first_picture: bytes, line: str, meaning: Any
) -> None:
    by_json = ids(ask(client, first_picture, filter=json.dumps(meaning), k="200"))
    assert ids(ask(client, first_picture, filter=line, k="200")) == by_json != []
    facets = client.get(f"{DEFAULT}/facets", params={"fields": "view", "filter": line}).json()
    assert facets["facets"]["view"] == [{"value": "front", "count": len(by_json)}]


def test_a_condition_that_nothing_fulfils_is_told(
    client: CheckedClient, first_picture: bytes
) -> None:
    told = ["filter_matches_nothing: no item has view 'Front'; 'front' exists"]
    for path in (SEARCH, CLASSIFY):
        body = ask(client, first_picture, path, filter="view = Front").json()
        assert body["neighbors"] == []
        assert set(told) <= set(body["warnings"])
    facets = client.get(f"{DEFAULT}/facets", params={"fields": "view", "filter": "view = Front"})
    assert facets.json() == {"facets": {"view": []}, "warnings": told}


def test_a_filter_whose_type_does_not_fit_is_refused(
    client: CheckedClient, first_picture: bytes
) -> None:
    response = ask(client, first_picture, filter='{"field": "price", "lt": "20"}')
    detail = assert_problem(response, 422, "bad_filter")["detail"]
    assert detail == (
        "filter, condition 1: price is a number in this collection, '20' is not; "
        "write price < 20, without quotes"
    )
