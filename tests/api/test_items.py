"""Items over HTTP: pages, pictures, and changes that the next search sees."""

import io
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

from tests.api.asking import (
    DEFAULT,
    CheckedClient,
    ask,
    assert_problem,
    catalog_rows,
    ids,
    multipart,
    part,
)
from tests.conftest import index_folder
from tests.images.pictures import (
    CORRUPT,
    FOREIGN_TYPES,
    TOO_MANY_PIXELS,
    jpeg,
    photo,
    with_orientation,
)

ITEMS = f"{DEFAULT}/items"
IMAGES = f"{DEFAULT}/images"
SIMILAR = f"{DEFAULT}/similar"
SOLID = {"red": (210, 20, 20), "green": (20, 180, 30), "blue": (20, 30, 200)}


def solid(colour: str) -> bytes:
    return jpeg(Image.new("RGB", (40, 30), SOLID[colour]))


def put(client: CheckedClient, item_id: str, picture: bytes, **fields: str) -> dict[str, object]:
    response = client.put(
        f"{ITEMS}/{quote(item_id, safe='')}", files={"image": ("p", picture)}, data=fields
    )
    assert response.status_code in (200, 201), response.text
    body: dict[str, object] = response.json()
    return body


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


def test_a_new_item_is_found_by_the_next_search(changing: CheckedClient) -> None:
    before = changing.get(DEFAULT).json()["items"]
    body = put(
        changing, "new-red", solid("red"), label="Test/Red", product_id="p1",
        attributes='{"price": 3.5, "tags": ["a", "b"], "sold": false}',
    )  # fmt: skip
    assert body["label"] == "Test/Red"
    assert body["attributes"] == {"price": 3.5, "tags": ["a", "b"], "sold": False}
    assert changing.get(DEFAULT).json()["items"] == before + 1
    best = ask(changing, solid("red"), k="1").json()["neighbors"][0]
    assert best["item_id"] == "new-red"
    assert best["score"] == pytest.approx(1, abs=2e-3)
    assert best["attributes"]["price"] == 3.5
    labels = {each["label"]: each for each in changing.get(f"{DEFAULT}/labels").json()["labels"]}
    assert labels["Test/Red"]["count"] == 1
    assert changing.get(f"{IMAGES}/new-red").status_code == 200


def test_putting_again_replaces_picture_and_description(changing: CheckedClient) -> None:
    put(changing, "swap", solid("green"), label="Test/Green", product_id="p9")
    tag = changing.get(f"{IMAGES}/swap").headers["etag"]
    put(changing, "swap", solid("blue"))
    item = changing.get(f"{ITEMS}/swap").json()
    assert (item["label"], item["product_id"], item["attributes"]) == (None, None, {})
    assert ids(ask(changing, solid("blue"), k="1")) == ["swap"]
    assert "swap" not in ids(ask(changing, solid("green"), min_score="0.9"))
    assert changing.get(f"{IMAGES}/swap").headers["etag"] != tag


def test_a_patch_changes_what_it_names_only(changing: CheckedClient) -> None:
    put(changing, "patched", solid("green"), label="Old", product_id="p2", attributes='{"a": 1}')
    path = f"{ITEMS}/patched"
    changed = changing.patch(path, json={"label": "New/Label/"})
    assert changed.status_code == 200
    item = changed.json()
    assert (item["label"], item["product_id"], item["attributes"]) == ("New/Label", "p2", {"a": 1})
    assert changing.patch(path, json={"product_id": None}).json()["product_id"] is None
    assert changing.patch(path, json={"attributes": {"b": "x"}}).json()["label"] == "New/Label"
    assert changing.get(path).json()["label"] == "New/Label"
    found = ask(changing, solid("green"), k="1", filter='{"field": "b", "eq": "x"}')
    assert ids(found) == ["patched"]


@pytest.mark.parametrize(
    ("patch", "attributes"),
    [
        ({"b": "x"}, {"a": 1, "b": "x", "c": [1, None]}),
        ({"a": None}, {"b": 2, "c": [1, None]}),
        ({"a": True}, {"a": True, "b": 2, "c": [1, None]}),
        ({"a": 1.0}, {"a": 1.0, "b": 2, "c": [1, None]}),
        ({"c": [2]}, {"a": 1, "b": 2, "c": [2]}),
        ({"never": None}, {"a": 1, "b": 2, "c": [1, None]}),
        ({}, {"a": 1, "b": 2, "c": [1, None]}),
        (None, {}),
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "application/merge-patch+json"])
def test_attributes_are_merged(
    changing: CheckedClient, patch: object, attributes: dict[str, object], kind: str
) -> None:
    """RFC 7396: what is named changes, null removes, all else stays."""
    put(changing, "merged", solid("red"), label="L", attributes='{"a": 1, "b": 2, "c": [1, null]}')
    content = json.dumps({"attributes": patch})
    response = changing.patch(f"{ITEMS}/merged", content=content, headers={"content-type": kind})
    assert response.status_code == 200
    for found in (response.json(), changing.get(f"{ITEMS}/merged").json()):
        assert json.dumps(found["attributes"], sort_keys=True) == json.dumps(attributes)
        assert found["label"] == "L"


def test_an_empty_patch_changes_nothing(changing: CheckedClient) -> None:
    before = put(changing, "as-it-was", solid("green"), label="L", attributes='{"a": 1}')
    assert changing.patch(f"{ITEMS}/as-it-was", json={}).json() == before


def test_a_merged_item_has_no_more_attributes_than_any_other(changing: CheckedClient) -> None:
    many = {str(number): 1 for number in range(999)}
    put(changing, "many", solid("green"), attributes=json.dumps(many))
    path = f"{ITEMS}/many"
    assert changing.patch(path, json={"attributes": {"one more": 1}}).status_code == 200
    refused = changing.patch(path, json={"attributes": {"too many": 1}})
    assert "1,000" in assert_problem(refused, 422, "bad_parameter")["detail"]
    assert changing.patch(path, json={"attributes": {"0": None, "fits": 1}}).status_code == 200


def test_a_form_is_no_merge_patch(changing: CheckedClient) -> None:
    """It cannot say null."""
    response = changing.patch(
        f"{ITEMS}/by-form",
        content=multipart(part("label", b"Formed")),
        headers={"content-type": "multipart/form-data; boundary=b0undary"},
    )
    assert_problem(response, 415, "unsupported_type")


def test_a_put_says_whether_the_item_is_new(changing: CheckedClient) -> None:
    path = f"{ITEMS}/said"
    for status in (201, 200, 200):
        response = changing.put(path, files={"image": ("p", solid("red"))})
        assert response.status_code == status
    changing.delete(path)
    assert changing.put(path, files={"image": ("p", solid("red"))}).status_code == 201


def test_a_deleted_item_is_gone_everywhere(changing: CheckedClient) -> None:
    put(changing, "short-lived", solid("blue"))
    path = f"{ITEMS}/short-lived"
    removed = changing.delete(path)
    assert (removed.status_code, removed.content) == (204, b"")
    assert "short-lived" not in ids(ask(changing, solid("blue"), k="200"))
    for response in (
        changing.get(path),
        changing.get(f"{IMAGES}/short-lived"),
        changing.get(f"{SIMILAR}/short-lived"),
        changing.delete(path),
        changing.patch(path, json={"label": "x"}),
    ):
        assert_problem(response, 404, "item_not_found")


@pytest.mark.parametrize(
    "item_id",
    ["shelf/three/left", "héllo wörld", "😀", "50% off", "a?b#c", "007", "א-RTL", "+", "a" * 256,
     "..a", "' OR 1=1--", "a;b&c=d"],
)  # fmt: skip
def test_ids_of_any_text_come_back_and_lead_to_their_picture(
    changing: CheckedClient, item_id: str
) -> None:
    body = put(changing, item_id, solid("red"))
    assert body["item_id"] == item_id
    assert changing.get(f"{ITEMS}/{quote(item_id, safe='')}").json()["item_id"] == item_id
    assert changing.get(str(body["image_url"])).status_code == 200
    assert changing.delete(f"{ITEMS}/{quote(item_id, safe='')}").status_code == 204


def test_ids_are_one_in_nfc(changing: CheckedClient) -> None:
    assert put(changing, "cafe\u0301", solid("red"))["item_id"] == "caf\u00e9"
    assert changing.delete(f"{ITEMS}/caf%C3%A9").status_code == 204


@pytest.mark.parametrize("item_id", ["a" * 257, "a\x00b", "bell\x07", "é" * 129])
def test_ids_that_cannot_be_are_refused(changing: CheckedClient, item_id: str) -> None:
    response = changing.put(
        f"{ITEMS}/{quote(item_id, safe='')}", files={"image": ("p", solid("red"))}
    )
    assert_problem(response, 422, "bad_parameter")


@pytest.mark.parametrize(
    ("attributes", "status", "code"),
    [
        ("[1]", 422, "bad_parameter"),
        ("7", 422, "bad_parameter"),
        ('{"a": {"b": 1}}', 422, "bad_parameter"),
        ('{"a": [[1]]}', 422, "bad_parameter"),
        ('{"a": 1e400}', 422, "bad_parameter"),
        ('{"a": 9223372036854775808}', 422, "bad_parameter"),
        ('{"": 1}', 422, "bad_parameter"),
        ('{"a\\"b": 1}', 422, "bad_parameter"),
        ('{"a\\u0000": 1}', 422, "bad_parameter"),
        ('{"a": "\\ud800"}', 422, "bad_parameter"),
        ('{"\\ud800": 1}', 422, "bad_parameter"),
        (json.dumps({str(number): 1 for number in range(1_001)}), 422, "bad_parameter"),
        (json.dumps({"a": list(range(1_001))}), 422, "bad_parameter"),
        (json.dumps({"a": "x" * 65_537}), 422, "bad_parameter"),
        ('{"a": NaN}', 400, "bad_json"),
        ('{"a": 1, "a": 2}', 400, "bad_json"),
        ("{", 400, "bad_json"),
        ('{"a":' * 50_000, 400, "bad_json"),
        ('{"a": ' + "1" * 5_000 + "}", 400, "bad_json"),
    ],
)
def test_attributes_that_cannot_be_stored_are_refused(
    changing: CheckedClient, attributes: str, status: int, code: str
) -> None:
    response = changing.put(
        f"{ITEMS}/never", files={"image": ("p", solid("red"))}, data={"attributes": attributes}
    )
    assert_problem(response, status, code)
    assert changing.get(f"{ITEMS}/never").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        [],
        "x",
        {"lable": "x"},
        {"label": 5},
        {"label": ["x"]},
        {"label": "\x00"},
        {"attributes": "x"},
        {"attributes": {"a": {}}},
        {"product_id": 7},
        {"item_id": "other"},
        {"image_base64": "AAAA"},
    ],
)
def test_odd_patches_are_refused(
    client: CheckedClient, first_row: dict[str, str], body: object
) -> None:
    response = client.patch(f"{ITEMS}/{first_row['item_id']}", json=body)
    assert response.status_code in (400, 422)
    assert response.json()["code"] in ("bad_parameter", "bad_json")


def test_a_put_without_a_picture_is_refused(changing: CheckedClient) -> None:
    for content in (multipart(part("label", b"x")), multipart()):
        response = changing.put(
            f"{ITEMS}/never",
            content=content,
            headers={"content-type": "multipart/form-data; boundary=b0undary"},
        )
        assert_problem(response, 422, "missing_file")
    assert_problem(changing.put(f"{ITEMS}/never", json={"label": "x"}), 422, "missing_file")


@pytest.mark.parametrize(
    ("picture", "status", "code"),
    [
        (b"", 422, "empty_file"),
        (FOREIGN_TYPES["svg"], 415, "unsupported_type"),
        (CORRUPT["half a JPEG"], 422, "corrupt_image"),
        (TOO_MANY_PIXELS["PNG of 50,000 x 50,000"], 422, "too_many_pixels"),
    ],
)
def test_a_put_with_a_bad_picture_changes_nothing(
    changing: CheckedClient, picture: bytes, status: int, code: str
) -> None:
    put(changing, "steady", solid("green"), label="Before")
    response = changing.put(
        f"{ITEMS}/steady", files={"image": ("p", picture)}, data={"label": "After"}
    )
    assert_problem(response, status, code)
    assert changing.get(f"{ITEMS}/steady").json()["label"] == "Before"


def test_a_put_that_was_cut_off_changes_nothing(changing: CheckedClient) -> None:
    whole = multipart(part("image", solid("red"), "p.jpg"), part("label", b"kept"))
    cut = whole[: whole.index(b"kept") + 2]
    response = changing.put(
        f"{ITEMS}/cut",
        content=cut,
        headers={"content-type": "multipart/form-data; boundary=b0undary"},
    )
    assert_problem(response, 400, "truncated_body")
    assert changing.get(f"{ITEMS}/cut").status_code == 404


def test_kept_pictures_are_upright_small_and_without_metadata(changing: CheckedClient) -> None:
    large = photo(2_000, 1_000).transpose(Image.Transpose.ROTATE_90)
    source = with_orientation(large, 6)
    put(changing, "large", source + b"<html>SECRET</html>")
    served = changing.get(f"{IMAGES}/large", params={"size": 2_048}).content
    image = Image.open(io.BytesIO(served))
    assert image.size == (1_024, 512)
    assert len(image.getexif()) == 0
    assert b"SECRET" not in served


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
