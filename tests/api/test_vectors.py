"""Embeddings that are asked with and given out, over HTTP."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

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


@pytest.fixture(scope="module")
def vector(client: CheckedClient, first_row: dict[str, str]) -> NDArray[np.float32]:
    """The stored embedding of the first item."""
    found = client.get(f"{DEFAULT}/items/{first_row['item_id']}?include=vector").json()
    return np.array(found["vector"], dtype=np.float32)


def packed(vector: NDArray[Any]) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def test_an_embedding_finds_what_its_item_finds(
    client: CheckedClient, first_row: dict[str, str], vector: NDArray[np.float32]
) -> None:
    assert vector.shape == (dimension(client),)
    item_id = first_row["item_id"]
    similar = ids(client.get(f"{DEFAULT}/similar/{item_id}?k=5"))
    forms = [
        {"vector": vector.tolist()},
        {"vector": packed(vector)},
        {"vector": (vector.astype(np.float64) * 1e-20).tolist()},
        {"vector": (vector.astype(np.float64) * 1e20).tolist()},
    ]
    for body in forms:
        response = ask_json(client, {**body, "k": 6})
        assert ids(response) == [item_id, *similar]
        assert response.json()["neighbors"][0]["score"] == pytest.approx(1, abs=1e-3)
        assert response.json()["query_token"] is None
    in_form = multipart(part("vector", packed(vector).encode()), part("k", b"6"))
    assert ids(ask_raw(client, in_form)) == [item_id, *similar]


def dimension(client: CheckedClient) -> int:
    return int(client.get(DEFAULT).json()["encoder"]["dimension"])


def test_an_embedding_gets_a_class(client: CheckedClient, vector: NDArray[np.float32]) -> None:
    answer = ask_json(client, {"vector": packed(vector)}, CLASSIFY)
    assert answer.status_code == 200
    assert answer.json()["votes"]


BAD: list[tuple[Any, str]] = [
    ([0.0], "it has 1 numbers; embeddings of this collection have"),
    ([], "an array of numbers, or the base64"),
    ("", "it is empty"),
    ("AAAA", "3 bytes are no float32 numbers"),
    ("!!!!", "the text is not base64"),
    ("é", "the text is not base64"),
    (packed(np.zeros(3)), "it has 3 numbers"),
    ([[1.0]], "element 1 is not a number"),
    ([None], "element 1 is not a number"),
    ([True], "element 1 is not a number"),
    (["1"], "element 1 is not a number"),
    ({"0": 1}, "it is no embedding"),
    (7, "it is no embedding"),
    (True, "it is no embedding"),
]


@pytest.mark.parametrize(("given", "said"), BAD)
@pytest.mark.parametrize("path", [SEARCH, CLASSIFY])
def test_what_is_no_embedding_is_refused(
    client: CheckedClient, path: str, given: Any, said: str
) -> None:
    response = ask_json(client, {"vector": given}, path)
    assert response.status_code == 422
    assert said in response.json()["detail"]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("NaN", None),
        ("Infinity", None),
        ("-Infinity", None),
        ("1e999", "number 2 is not a finite float32"),
        ("1e39", "number 2 is not a finite float32"),
        ("-3.5e38", "number 2 is not a finite float32"),
        ("1" + "0" * 400, "not a finite float32"),
    ],
)
def test_numbers_are_finite(client: CheckedClient, number: str, said: str | None) -> None:
    rest = ",".join(["0"] * (dimension(client) - 2))
    response = ask_json(client, f'{{"vector": [1,{number},{rest}]}}')
    if said is None:
        assert_problem(response, 400, "bad_json")
    else:
        assert said in assert_problem(response, 422, "bad_parameter")["detail"]


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_packed_numbers_are_finite(client: CheckedClient, number: float) -> None:
    vector = np.ones(dimension(client))
    vector[3] = number
    problem = assert_problem(ask_json(client, {"vector": packed(vector)}), 422, "bad_parameter")
    assert "number 4 is not a finite float32" in problem["detail"]


def test_zero_has_no_direction(client: CheckedClient) -> None:
    for given in ([0] * dimension(client), packed(np.zeros(dimension(client)))):
        problem = assert_problem(ask_json(client, {"vector": given}), 422, "bad_parameter")
        assert "no direction" in problem["detail"]


@pytest.mark.parametrize("other", ["item_id", "query_token", "box", "rerank"])
def test_an_embedding_stands_alone(
    client: CheckedClient, vector: NDArray[np.float32], other: str
) -> None:
    values = {"item_id": "x", "query_token": "x", "box": "0,0,1,1", "rerank": "geometric"}
    response = ask_json(client, {"vector": packed(vector), other: values[other]})
    assert response.status_code == 422
    if other == "box":
        assert "box is about a photo" in response.json()["detail"]


def test_neighbors_come_with_their_embeddings(
    client: CheckedClient, first_row: dict[str, str], first_picture: bytes
) -> None:
    asked = {"item_id": first_row["item_id"], "k": 3}
    plain = ask_json(client, asked).json()
    assert all("vector" not in each for each in (plain, *plain["neighbors"]))
    numbers = ask_json(client, {**asked, "include": "vector"}).json()
    texts = ask_json(client, {**asked, "include": "vector_base64"}).json()
    query = np.array(numbers["vector"], dtype=np.float32)
    for one, other in zip(
        (numbers, *numbers["neighbors"]), (texts, *texts["neighbors"]), strict=True
    ):
        assert "vector_base64" not in one
        decoded = np.frombuffer(base64.b64decode(other["vector_base64"]), "<f4")
        assert (np.array(one["vector"], dtype=np.float32) == decoded).all()
        if "score" in one:
            assert decoded @ query == pytest.approx(one["score"], abs=1e-3)
    own = ask(client, first_picture, include="vector").json()["vector"]
    again = ask_json(client, {"vector": own, "k": 3})
    assert ids(again) == ids(ask(client, first_picture, k="3"))
    classified = ask(client, first_picture, CLASSIFY, include="vector").json()
    assert classified["vector"] == own
    assert all(len(each["vector"]) == len(own) for each in classified["neighbors"])


def test_items_come_with_their_embeddings(client: CheckedClient) -> None:
    page = client.get(f"{DEFAULT}/items?limit=3&include=vector_base64").json()
    for each in page["items"]:
        alone = client.get(f"{DEFAULT}/items/{each['item_id']}?include=vector_base64").json()
        assert alone == each
    assert "vector" not in json.dumps(client.get(f"{DEFAULT}/items?limit=3").json())


def test_a_form_of_embeddings_that_is_not_there_is_refused(
    client: CheckedClient, first_row: dict[str, str]
) -> None:
    item = f"{DEFAULT}/items/{first_row['item_id']}"
    for response in (
        client.get(f"{item}?include=vectors"),
        client.get(f"{DEFAULT}/items?include=all"),
        ask_json(client, {"item_id": first_row["item_id"], "include": "both"}),
        client.get(f"{DEFAULT}/similar/{first_row['item_id']}?include=1"),
    ):
        problem = assert_problem(response, 422, "bad_parameter")
        assert "known: vector, vector_base64" in problem["detail"]


def test_a_page_behind_an_embedding(client: CheckedClient, vector: NDArray[np.float32]) -> None:
    first = ask_json(client, {"vector": packed(vector), "k": 3}).json()
    rest = ask_json(client, {"vector": packed(vector), "k": 3, "cursor": first["next_cursor"]})
    whole = ids(ask_json(client, {"vector": packed(vector), "k": 6}))
    assert [each["item_id"] for each in first["neighbors"]] + ids(rest) == whole
