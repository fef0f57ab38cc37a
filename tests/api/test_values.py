"""Values of options that are out of their range or of another kind: refused, never guessed."""

import json
from typing import Any

import pytest

from tests.api.asking import (
    CLASSIFY,
    DEFAULT,
    CheckedClient,
    ask,
    ask_json,
    ask_raw,
    assert_problem,
    ids,
    multipart,
    part,
)
from tests.images.pictures import jpeg

PICTURE = part("image", jpeg(), "photo.jpg")

BAD_K = [
    "0", "-1", "201", "1000000000", str(10**30), "9" * 5_000, "1.5", "1e3", "0x10", "1_0", "true",
    "NaN", "inf", "٣", "１", " 3", "+3", "3\n", "one", "null", "[3]",
]  # fmt: skip


@pytest.mark.parametrize("k", BAD_K)
def test_k_is_a_plain_number_from_1_to_200(client: CheckedClient, k: str) -> None:
    response = ask_raw(client, multipart(PICTURE, part("k", k.encode())))
    assert "1 to 200" in assert_problem(response, 422, "bad_parameter")["detail"]


@pytest.mark.parametrize("k", ["0", "201", "1_0", "", "%D9%A3", "1&k=2"])
def test_k_in_the_address_is_as_strict(
    client: CheckedClient, first_row: dict[str, str], k: str
) -> None:
    response = client.get(f"{DEFAULT}/similar/{first_row['item_id']}?k={k}")
    assert_problem(response, 422, "bad_parameter")


@pytest.mark.parametrize("k", ["true", "1.0", "1e1", "0", "201", "[1]", "{}", '"x"', str(10**400)])
def test_k_in_json_is_as_strict(client: CheckedClient, first_row: dict[str, str], k: str) -> None:
    response = ask_json(client, f'{{"item_id": "{first_row["item_id"]}", "k": {k}}}')
    assert_problem(response, 422, "bad_parameter")


@pytest.mark.parametrize("name", ["k", "filter", "min_score", "group_by", "box"])
def test_a_field_given_twice_is_refused(client: CheckedClient, name: str) -> None:
    response = ask_raw(client, multipart(PICTURE, part(name, b"1"), part(name, b"1")))
    assert_problem(response, 422, "bad_parameter")


@pytest.mark.parametrize(
    "value", ["nan", "inf", "-inf", "-1e308", "1.01", "-2", "1e3", "0,5", "x", "٠", "1" * 400]
)
def test_min_score_is_a_cosine(client: CheckedClient, value: str) -> None:
    assert_problem(ask(client, jpeg(), min_score=value), 422, "bad_parameter")


@pytest.mark.parametrize(
    "value", [".5", "0.5", "5e-1", "0.50000000000000004", "+.5", "1", "-0", "-1.", "1e-3"]
)
def test_a_cosine_may_be_written_in_any_way(
    client: CheckedClient, first_picture: bytes, value: str
) -> None:
    least = float(value)
    scores = [
        one["score"] for one in ask(client, first_picture, min_score=value).json()["neighbors"]
    ]
    every = [one["score"] for one in ask(client, first_picture).json()["neighbors"]]
    assert scores == [score for score in every if score >= least]
    assert scores[0] == 1


@pytest.mark.parametrize("value", ["true", '"NaN"', "[0]", "1.5", "1" + "0" * 400, "1e400"])
def test_min_score_in_json_is_a_cosine(
    client: CheckedClient, first_row: dict[str, str], value: str
) -> None:
    body = f'{{"item_id": "{first_row["item_id"]}", "min_score": {value}}}'
    assert_problem(ask_json(client, body), 422, "bad_parameter")


@pytest.mark.parametrize(
    "box", ["1,2,3", "a,b,c,d", "0,0,0,1", "nan,0,1,1", "0,0,1,inf", "-1,0,1,1", "0.5,0,1,1", ","]
)
def test_boxes_lie_inside_the_picture(client: CheckedClient, box: str) -> None:
    assert_problem(ask(client, jpeg(), box=box), 422, "bad_parameter")


@pytest.mark.parametrize("box", ["[1]", "[true, 0, 1, {}]", "5", "{}", "[1e400, 0, 1, 1]"])
def test_boxes_in_json_lie_inside_the_picture(client: CheckedClient, box: str) -> None:
    assert_problem(ask_json(client, f'{{"item_id": "x", "box": {box}}}'), 422, "bad_parameter")


@pytest.mark.parametrize("name", ["group_by", "target"])
def test_fields_to_group_by_or_vote_on_must_be_there(client: CheckedClient, name: str) -> None:
    response = ask(client, jpeg(), CLASSIFY, **{name: "weight"})
    assert "price" in assert_problem(response, 422, "bad_parameter")["detail"]


def test_a_filter_on_an_unknown_field_lists_the_known_ones(client: CheckedClient) -> None:
    response = ask(client, jpeg(), filter='{"field": "weight", "eq": 1}')
    detail = assert_problem(response, 422, "unknown_field")["detail"]
    for known in ("item_id", "label", "product_id", "color", "name", "pattern", "price", "view"):
        assert known in detail


@pytest.mark.parametrize(
    "condition",
    [
        {"field": "price", "regex": ".*"},
        {"field": "price", "eq": 1, "lt": 2},
        {"field": "price"},
        {"field": 5, "eq": 1},
        {"field": "price", "eq": None},
        {"field": "price", "eq": {"a": 1}},
        {"field": "price", "in": []},
        {"field": "price", "in": list(range(101))},
        {"field": "price", "in": 5},
        {"field": "price", "exists": 1},
        {"field": "label", "under": 5},
        {"field": "label", "lt": True},
        {"field": "label", "eq": "x" * 1_025},
        {"any": []},
        {"any": {}},
        {"all": [{"field": "price", "lt": 3}], "any": []},
        {"nor": []},
        {"not": []},
        {"any": [{"field": "price", "lt": 3}] * 21},
        {"any": [{"field": "price", "lt": 3}] * 10_000},
        {"all": [{"any": [{"field": "price", "lt": 3}] * 5}] * 5},
        [],
        [1],
        5,
        "x",
        True,
    ],
    ids=lambda condition: json.dumps(condition)[:40],
)
def test_odd_filters_are_refused(client: CheckedClient, condition: Any) -> None:
    response = ask(client, jpeg(), filter=json.dumps(condition))
    assert_problem(response, 422, "bad_filter")


@pytest.mark.parametrize(
    "text",
    ["{", "NaN", '{"field": "price", "lt": NaN}', '{"field": "price", "lt": Infinity}',
     '{"field": "price", "lt": 1e400}', '{"field": "price", "lt": ' + "1" * 5_000 + "}",
     '{"field": "label", "eq": "\\ud800"}', '{"not":' * 100_000 + "1" + "}" * 100_000,
     '{"not":' * 9 + '{"field": "price", "lt": 1}' + "}" * 9, "[" * 100_000, "\x00", "{'a': 1}"],
    ids=lambda text: text[:30].replace("\x00", "NUL"),
)  # fmt: skip
def test_filters_that_are_no_json_or_too_deep_are_refused(client: CheckedClient, text: str) -> None:
    assert_problem(ask(client, jpeg(), filter=text), 422, "bad_filter")


@pytest.mark.parametrize(
    "text",
    ["' OR 1=1--", '"; DROP TABLE items; --', "%", "_", "%_%", "x' in [1] or id>0", "*", "\\",
     "Accessories/%", "${7*7}", "{{7*7}}", "\u202e", "\x00"],
)  # fmt: skip
@pytest.mark.parametrize("operator", ["eq", "under", "in", "lt"])
def test_texts_match_literally(client: CheckedClient, text: str, operator: str) -> None:
    value = [text] if operator == "in" else text
    wanted = {"all": [{"field": "label", operator: value}, {"field": "label", "gt": "A"}]}
    found = ids(ask(client, jpeg(), filter=json.dumps(wanted), k="200"))
    if operator != "lt":
        assert found == []
    assert client.get(DEFAULT).json()["items"] == 115


def test_other_fields_than_texts_compare_by_type(client: CheckedClient) -> None:
    for wanted in ({"field": "price", "eq": "' OR 1=1--"}, {"field": "color", "lt": 1e299}):
        assert_problem(ask(client, jpeg(), filter=json.dumps(wanted)), 422, "bad_filter")
