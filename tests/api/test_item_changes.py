"""Changes of items over HTTP, which the next search sees."""

import io
import json
from urllib.parse import quote

import pytest
from PIL import Image

from tests.api.asking import (
    DEFAULT,
    CheckedClient,
    ask,
    assert_problem,
    ids,
    multipart,
    part,
)
from tests.api.item_requests import IMAGES, ITEMS, SIMILAR, put, solid
from tests.images.pictures import (
    CORRUPT,
    FOREIGN_TYPES,
    TOO_MANY_PIXELS,
    photo,
    with_orientation,
)


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
