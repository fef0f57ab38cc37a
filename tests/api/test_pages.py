"""Pages over HTTP: thousands of items, odd parameters, cursors of other questions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
from tests.small_catalog import bound_collection, draft, open_catalog, put

ITEMS = f"{DEFAULT}/items"
COUNT = 5_000


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckedClient]:
    """A collection of thousands of items, to be read."""
    data = tmp_path_factory.mktemp("crowded")
    with open_catalog(data) as catalog:
        collection = bound_collection(catalog)
        put(catalog, collection, [draft(f"i{n:04}", **known_of(n)) for n in range(COUNT)])
        bound_collection(catalog, "other")
    with CheckedClient(data) as client:
        yield client


def known_of(number: int) -> dict[str, Any]:
    return {
        "label": f"Shelf {number % 7}",
        "attributes": {"price": number % 100 / 4, "name": f"Straße {number}"},
    }


def pages(client: CheckedClient, path: str = ITEMS, **parameters: Any) -> list[dict[str, Any]]:
    """All pages that cursors lead to."""
    found = [client.get(path, params=parameters).json()]
    while (cursor := found[-1]["next_cursor"]) is not None:
        found.append(client.get(path, params={**parameters, "cursor": cursor}).json())
    return found


@pytest.mark.parametrize("sort", ["added", "-price", "label"])
def test_thousands_of_items_come_once_each(crowded: CheckedClient, sort: str) -> None:
    found = pages(crowded, sort=sort, limit=137)
    ids = [item["item_id"] for page in found for item in page["items"]]
    assert len(ids) == len(set(ids)) == COUNT
    assert {page["total"] for page in found} == {COUNT}
    assert all(len(page["items"]) == 137 for page in found[:-1])


def test_pages_are_narrowed_by_filter_and_text(crowded: CheckedClient) -> None:
    found = pages(crowded, filter="price < 3 and label = 'Shelf 3'", q="STRAß 4", limit=10)
    items = [item for page in found for item in page["items"]]
    wanted = [
        f"i{n:04}"
        for n in range(COUNT)
        if n % 100 / 4 < 3 and n % 7 == 3 and str(n).startswith("4")
    ]
    assert [item["item_id"] for item in items] == wanted
    assert found[0]["total"] == len(wanted)
    assert found[0]["warnings"] == []


def test_warnings_of_the_filter_are_told(crowded: CheckedClient) -> None:
    body = crowded.get(ITEMS, params={"filter": "label = 'Shelf 77'"}).json()
    assert (body["items"], body["total"], body["next_cursor"]) == ([], 0, None)
    assert body["warnings"]


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"sort": "price"}, "sort"),
        ({"filter": "price < 4"}, "filter"),
        ({"q": "straße"}, "q"),
    ],
)
def test_a_cursor_of_another_question_is_refused(
    crowded: CheckedClient, other: dict[str, str], named: str
) -> None:
    cursor = crowded.get(ITEMS, params={"sort": "-price"}).json()["next_cursor"]
    response = crowded.get(ITEMS, params={"sort": "-price", "cursor": cursor, **other})
    assert f"another {named}" in assert_problem(response, 422, "bad_parameter")["detail"]
    elsewhere = ITEMS.replace("default", "other")
    response = crowded.get(elsewhere, params={"sort": "added", "cursor": cursor})
    assert "collection" in assert_problem(response, 422, "bad_parameter")["detail"]


def test_labels_have_cursors_of_their_own(crowded: CheckedClient) -> None:
    cursor = crowded.get(f"{DEFAULT}/labels?limit=2").json()["next_cursor"]
    assert_problem(crowded.get(f"{ITEMS}?cursor={cursor}"), 422, "bad_parameter")
    response = crowded.get(f"{DEFAULT}/labels?q=9&cursor={cursor}")
    assert "another q" in assert_problem(response, 422, "bad_parameter")["detail"]


@pytest.mark.parametrize(
    "query",
    ["sort=nothing", "sort=-", "sort=price&sort=name", "sort=%00", "q=%00", "filter=price",
     "filter=nothing=3", "filter=price='x'", "order=price", "total=1", "sort=price;drop"],
)  # fmt: skip
def test_odd_questions_are_refused(crowded: CheckedClient, query: str) -> None:
    response = crowded.get(f"{ITEMS}?{query}")
    assert response.status_code == 422, response.text


def test_results_go_on_page_by_page(client: CheckedClient, first_picture: bytes) -> None:
    """By the photo or its token, in pages of any size; together they are the one long answer."""
    whole = ids(ask(client, first_picture, k="200"))
    found: list[str] = []
    fields: dict[str, str] = {}
    for k in ("7", "30", "3", "20"):
        response = ask(client, first_picture, k=k, **fields)
        found += ids(response)
        fields = {"cursor": response.json()["next_cursor"]}
    token = response.json()["query_token"]
    last = ask_json(client, {"query_token": token, "k": 200, **fields})
    everything = found + ids(last)
    assert everything[: len(whole)] == whole
    assert len(everything) == len(set(everything)) == client.get(ITEMS).json()["total"]
    assert last.json()["next_cursor"] is None


def test_similar_items_go_on_page_by_page(client: CheckedClient, first_row: dict[str, str]) -> None:
    path = f"{DEFAULT}/similar/{first_row['item_id']}"
    found = [
        each["item_id"]
        for page in pages(client, path, k=40, filter=f"label = '{first_row['label']}'")
        for each in page["neighbors"]
    ]
    assert len(found) == len(set(found)) > 0
    assert first_row["item_id"] not in found


def test_a_cursor_of_another_photo_is_refused(
    client: CheckedClient, first_picture: bytes, shopper_photo: Path
) -> None:
    cursor = ask(client, first_picture, k="5").json()["next_cursor"]
    response = ask(client, shopper_photo.read_bytes(), k="5", cursor=cursor)
    assert "another subject" in assert_problem(response, 422, "bad_parameter")["detail"]
    for verb, code in ((CLASSIFY, 422), (SEARCH, 422)):
        assert ask(client, first_picture, verb, cursor="AAAA").status_code == code
    refused = ask(client, first_picture, CLASSIFY, cursor=cursor)
    assert "for search" in assert_problem(refused, 422, "bad_parameter")["detail"]
    assert "next_cursor" not in ask(client, first_picture, CLASSIFY).json()
