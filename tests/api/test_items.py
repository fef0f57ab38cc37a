"""Items over HTTP as they are read: pages, single ones, pictures."""

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.api.asking import (
    CheckedClient,
    ask,
    assert_problem,
    catalog_rows,
    ids,
)
from tests.api.item_requests import IMAGES, ITEMS, SIMILAR, solid
from tests.conftest import index_folder


@pytest.mark.parametrize("limit", [7, 40, 115, 500])
def test_pages_give_every_item_once(client: CheckedClient, sample: Path, limit: int) -> None:
    found: list[str] = []
    parameters = {"limit": str(limit)}
    cursor: str | None = ""
    while cursor is not None:
        body = client.get(ITEMS, params=parameters).json()
        assert len(body["items"]) <= limit
        found += [item["item_id"] for item in body["items"]]
        cursor = body["next_cursor"]
        parameters["cursor"] = str(cursor)
    assert len(found) == len(set(found))
    assert set(found) == {row["item_id"] for row in catalog_rows(sample)}


def test_a_page_has_fifty_items_unless_told(client: CheckedClient) -> None:
    assert len(client.get(ITEMS).json()["items"]) == 50


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "limit=x", "limit=1&limit=2", "cursor=!!!", "cursor=", "cursor=AAAA",
     "cursor=LTE", "cursor=%00", "cursor=%F0%9F%98%80", "offset=3", "cursor=" + "9" * 5_000],
)  # fmt: skip
def test_odd_page_parameters_are_refused(client: CheckedClient, query: str) -> None:
    assert_problem(client.get(f"{ITEMS}?{query}"), 422, "bad_parameter")


def test_one_item_is_as_in_the_source(client: CheckedClient, first_row: dict[str, str]) -> None:
    body = client.get(f"{ITEMS}/{first_row['item_id']}").json()
    assert set(body) >= {"item_id", "label", "product_id", "attributes", "image_url"}
    assert body["label"] == first_row["label"]
    assert body["attributes"]["name"] == first_row["name"]
    assert "embedding" not in body
    assert "picture" not in body


def test_pictures_are_jpeg_with_a_tag(client: CheckedClient, first_row: dict[str, str]) -> None:
    response = client.get(f"{IMAGES}/{first_row['item_id']}")
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["cache-control"] == "private, no-cache"
    image = Image.open(io.BytesIO(response.content))
    assert image.format == "JPEG"


@pytest.mark.parametrize(
    ("asked", "has_it"),
    [
        (["{tag}"], True),
        (["W/{tag}"], True),
        (['"other", {tag}'], True),
        (['W/"other",W/{tag},"third"'], True),
        (['"other"', "{tag}"], True),
        (["*"], True),
        ([" * "], True),
        (['"other"'], False),
        (['"other", W/"third"'], False),
        ([""], False),
        (['"*"'], False),
    ],
)
def test_a_picture_that_the_client_has_is_not_sent(
    client: CheckedClient, first_row: dict[str, str], asked: list[str], has_it: bool
) -> None:
    path = f"{IMAGES}/{first_row['item_id']}"
    tag = client.get(path).headers["etag"]
    headers = [("if-none-match", each.replace("{tag}", tag)) for each in asked]
    again = client.get(path, headers=headers)
    assert again.status_code == (304 if has_it else 200)
    assert (again.content == b"") is has_it
    assert again.headers["etag"] == tag
    assert again.headers["cache-control"] == "private, no-cache"


def test_the_tag_changes_with_the_file_of_the_picture(tmp_path: Path) -> None:
    source = tmp_path / "pictures"
    source.mkdir()
    (source / "a.jpg").write_bytes(solid("red"))
    index_folder(source, tmp_path / "data", encoder="hsv")
    with CheckedClient(tmp_path / "data") as client:
        before = client.get(f"{IMAGES}/a.jpg")
        (source / "a.jpg").write_bytes(solid("green"))
        after = client.get(f"{IMAGES}/a.jpg", headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.content != before.content
    assert after.headers["etag"] != before.headers["etag"]


@pytest.mark.parametrize("size", [16, 100, 2_048])
def test_pictures_fit_the_size_asked_for(
    client: CheckedClient, first_row: dict[str, str], first_picture: bytes, size: int
) -> None:
    response = client.get(f"{IMAGES}/{first_row['item_id']}", params={"size": size})
    longest = max(Image.open(io.BytesIO(first_picture)).size)
    assert max(Image.open(io.BytesIO(response.content)).size) == min(size, longest)


def test_tags_differ_by_size(client: CheckedClient, first_row: dict[str, str]) -> None:
    path = f"{IMAGES}/{first_row['item_id']}"
    tags = {client.get(path, params={"size": size}).headers["etag"] for size in (32, 64)}
    assert len(tags) == 2


@pytest.mark.parametrize("query", ["size=15", "size=2049", "size=big", "size=1e2", "width=9"])
def test_odd_sizes_are_refused(
    client: CheckedClient, first_row: dict[str, str], query: str
) -> None:
    response = client.get(f"{IMAGES}/{first_row['item_id']}?{query}")
    assert_problem(response, 422, "bad_parameter")


@pytest.mark.parametrize(
    "item_id",
    ["nothing", "a%2Fb", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5c", "a%00b", "x" * 10_000,
     "'%20OR%201=1--", "%25", "*", "%20"],
)  # fmt: skip
def test_unknown_ids_are_404_on_every_route(client: CheckedClient, item_id: str) -> None:
    path = f"{ITEMS}/{item_id}"
    for response in (
        client.get(path),
        client.get(f"{IMAGES}/{item_id}"),
        client.get(f"{SIMILAR}/{item_id}"),
        client.delete(path),
        client.patch(path, json={"label": "x"}),
    ):
        assert_problem(response, 404, "item_not_found")


def test_ids_with_line_breaks_lead_nowhere(client: CheckedClient) -> None:
    path = f"{ITEMS}/a%0d%0aSet-Cookie:x=1"
    for response in (client.get(path), client.delete(path)):
        assert_problem(response, 404, "item_not_found")
        assert "set-cookie" not in response.headers


def test_a_picture_whose_source_is_gone_is_404(tmp_path: Path) -> None:
    source = tmp_path / "pictures"
    source.mkdir()
    (source / "a.jpg").write_bytes(solid("red"))
    index_folder(source, tmp_path / "data", encoder="hsv")
    (source / "a.jpg").unlink()
    with CheckedClient(tmp_path / "data") as client:
        assert_problem(client.get(f"{IMAGES}/a.jpg"), 404, "picture_not_found")
        assert ids(ask(client, solid("red"))) == ["a.jpg"]
        (source / "a.jpg").mkdir()
        assert_problem(client.get(f"{IMAGES}/a.jpg"), 404, "picture_not_found")
