"""items:batch: many changes at once, each answered as it would be alone; keys of requests."""

import base64
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from tests.api.asking import DEFAULT, CheckedClient, ask, ask_json, assert_problem, ids
from tests.conftest import copy_data
from tests.images.pictures import jpeg, png
from tests.sealing import execute

BATCH = f"{DEFAULT}/items:batch"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def put(item_id: Any, picture: bytes, **known: Any) -> dict[str, Any]:
    return {"op": "put", "item_id": item_id, "image_base64": encoded(picture), **known}


def send(client: CheckedClient, *operations: Any, **headers: str) -> Response:
    return client.post(BATCH, json={"operations": list(operations)}, headers=headers)


def results(response: Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["results"]
    return found


@pytest.fixture
def photos(sample: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted((sample / "images").rglob("*.jpg"))[:6]]


def test_operations_are_answered_in_their_order(
    changing: CheckedClient, photos: list[bytes]
) -> None:
    first = results(send(changing, put("many/a", photos[0], label="A", attributes={"n": 1})))
    assert [(one["op"], one["item_id"], one["status"]) for one in first] == [("put", "many/a", 201)]
    assert first[0]["item"]["image_url"] == f"{DEFAULT}/images/many%2Fa"
    found = results(
        send(
            changing,
            put("many/b", photos[1]),
            {"op": "patch", "item_id": "many/a", "label": None, "attributes": {"color": "red"}},
            put("many/a", photos[2], label="B"),
            {"op": "delete", "item_id": "many/b"},
            put("many/b", photos[3]),
            {"op": "patch", "item_id": "many/b", "product_id": "p"},
        )
    )
    assert [one["status"] for one in found] == [201, 200, 200, 204, 201, 200]
    assert found[1]["item"]["label"] is None
    assert found[1]["item"]["attributes"] == {"n": 1, "color": "red"}
    assert found[2]["item"] | {"image_url": ""} == {
        "item_id": "many/a",
        "label": "B",
        "product_id": None,
        "attributes": {},
        "image_url": "",
    }
    assert set(found[3]) == {"op", "item_id", "status"}
    ours = "item_id in ('many/a', 'many/b')"
    assert ids(ask(changing, photos[2], k="1", filter=ours)) == ["many/a"]
    assert ids(ask(changing, photos[3], k="1", filter=ours)) == ["many/b"]


def test_a_batch_stores_what_single_puts_store(
    changing: CheckedClient, photos: list[bytes]
) -> None:
    for number, photo in enumerate(photos):
        files = {"image": photo}
        data = {"label": f"L{number}"}
        assert changing.put(f"{DEFAULT}/items/single/{number}", files=files, data=data).is_success
    operations = [put(f"batch/{n}", photo, label=f"L{n}") for n, photo in enumerate(photos)]
    assert {one["status"] for one in results(send(changing, *operations))} == {201}
    assert stored(changing, "single") == stored(changing, "batch")


def stored(client: CheckedClient, prefix: str) -> list[tuple[Any, ...]]:
    """What is in the catalog of items whose id begins with a prefix, but for ids and keys."""
    rows = execute(
        client.data,
        "SELECT label, content_hash, vector, jpeg FROM items JOIN embeddings USING (key) "
        "JOIN pictures USING (key) WHERE item_id LIKE :prefix AND removed = false ORDER BY label",
        prefix=f"{prefix}/%",
    )
    return [tuple(row) for row in rows]


BAD: list[tuple[Any, int, str, str]] = [
    ({}, 422, "bad_parameter", "op"),
    ("put", 422, "bad_parameter", "an operation is not a JSON object"),
    (None, 422, "bad_parameter", "an operation is not a JSON object"),
    ({"op": "upsert", "item_id": "x"}, 422, "bad_parameter", "known: put, patch, delete"),
    ({"op": ["put"], "item_id": "x"}, 422, "bad_parameter", "op"),
    ({"op": "put", "item_id": "x"}, 422, "missing_file", "image_base64"),
    ({"op": "put"}, 422, "bad_parameter", "item_id"),
    ({"op": "delete"}, 422, "bad_parameter", "item_id"),
    ({"op": "delete", "item_id": 7}, 422, "bad_parameter", "item_id"),
    ({"op": "delete", "item_id": "x", "label": "a"}, 422, "bad_parameter", "label"),
    ({"op": "patch", "item_id": "x", "image_base64": "AA"}, 422, "bad_parameter", "image_base64"),
    ({"op": "patch", "item_id": "nobody", "label": "a"}, 404, "item_not_found", "no item"),
    ({"op": "delete", "item_id": "nobody"}, 404, "item_not_found", "no item"),
    ({"op": "delete", "item_id": "\ud800"}, 404, "item_not_found", "no item"),
    (put("../x", jpeg()), 422, "bad_parameter", "'..'"),
    (put("", jpeg()), 422, "bad_parameter", "item_id"),
    (put("\ud800", jpeg()), 422, "bad_parameter", "Unicode"),
    (put("x", b""), 422, "empty_file", "empty"),
    (put("x", b"no picture"), 415, "unsupported_type", "JPEG"),
    (put("x", jpeg()[:200]), 422, "corrupt_image", "decoded"),
    ({"op": "put", "item_id": "x", "image_base64": "*"}, 422, "bad_parameter", "base64"),
    (put("x", jpeg(), label=7), 422, "bad_parameter", "label"),
    (put("x", jpeg(), attributes=[1]), 422, "bad_parameter", "attributes"),
    (put("x", jpeg(), attributes="{}"), 422, "bad_parameter", "attributes"),
    (put("x", jpeg(), price=3), 422, "bad_parameter", "price"),
]


def test_bad_operations_harm_no_others(changing: CheckedClient, photos: list[bytes]) -> None:
    operations: list[Any] = []
    for number, (bad, *_) in enumerate(BAD):
        operations += [put(f"good/{number}", photos[number % 6]), bad]
    found = results(ask_json(changing, {"operations": operations}, BATCH))
    assert [one["status"] for one in found[::2]] == [201] * len(BAD)
    for (bad, status, code, said), one in zip(BAD, found[1::2], strict=True):
        problem = one["problem"]
        assert (one["status"], problem["status"], problem["code"]) == (status, status, code), bad
        assert said in problem["detail"], bad
        assert "item" not in one
    for number in range(len(BAD)):
        assert changing.get(f"{DEFAULT}/items/good/{number}").status_code == 200
    assert changing.get(f"{DEFAULT}/items/x").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "bad_parameter"),
        ({"operations": []}, 422, "bad_parameter"),
        ({"operations": {}}, 422, "bad_parameter"),
        ({"operations": [{"op": "delete", "item_id": "x"}] * 101}, 422, "too_many_operations"),
        ({"operations": [], "dry_run": True}, 422, "bad_parameter"),
        ([], 422, "bad_parameter"),
        ("{", 400, "bad_json"),
        ('{"operations": [], "operations": []}', 400, "bad_json"),
        ('{"operations": [NaN]}', 400, "bad_json"),
    ],
)
def test_what_is_no_batch_is_refused(
    client: CheckedClient, body: Any, status: int, code: str
) -> None:
    assert_problem(ask_json(client, body, BATCH), status, code)


def test_forms_change_nothing(client: CheckedClient) -> None:
    assert_problem(client.post(BATCH, files={"image": jpeg()}), 415, "unsupported_type")
    assert_problem(client.post(BATCH, content=b"{}"), 415, "unsupported_type")


def test_only_a_put_makes_a_collection(changing: CheckedClient) -> None:
    path = "/v1/collections/not-there/items:batch"
    body = {"operations": [{"op": "delete", "item_id": "x"}]}
    assert_problem(changing.post(path, json=body), 404, "collection_not_found")


def test_a_batch_is_one_transaction(changing: CheckedClient, photos: list[bytes]) -> None:
    ((before,),) = execute(changing.data, "SELECT value FROM sequence")
    send(changing, *(put(f"one/{n}", photo) for n, photo in enumerate(photos)))
    numbers = execute(changing.data, "SELECT DISTINCT seq FROM items WHERE item_id LIKE 'one/%'")
    assert len(numbers) == 1
    assert numbers[0][0] > before


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """As SQLite says it where its file cannot grow."""
    from search_engine.catalog.writer import CatalogWriter
    from search_engine.errors import StorageFullError

    def full(*_: object) -> None:
        raise StorageFullError("no space is left for the catalog", where="/secret")

    monkeypatch.setattr(CatalogWriter, "put", full)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_stores_none_of_it(changing: CheckedClient, photos: list[bytes]) -> None:
    assert_problem(send(changing, put("full/a", photos[0])), 507, "storage_full")
    assert changing.get(f"{DEFAULT}/items/full/a").status_code == 404


def test_a_key_is_answered_alike(changing: CheckedClient, photos: list[bytes]) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = send(changing, put("once/a", photos[0]), **key)
    again = send(changing, put("once/a", photos[0]), **key)
    assert first.json() == again.json()
    assert first.json()["results"][0]["status"] == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    problem = assert_problem(
        send(changing, put("once/b", photos[0]), **key), 422, "idempotency_key_reused"
    )
    assert "new key" in problem["detail"]
    assert changing.get(f"{DEFAULT}/items/once/b").status_code == 404
    other = send(changing, put("once/a", photos[0]), **{"Idempotency-Key": "order-2"})
    assert other.json()["results"][0]["status"] == 200


def test_what_was_refused_may_be_sent_again_with_its_key(changing: CheckedClient) -> None:
    key = {"Idempotency-Key": "refused"}
    assert_problem(send(changing, **key), 422, "bad_parameter")
    assert send(changing, {"op": "delete", "item_id": "x"}, **key).status_code == 200


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256, "tab\t"])
def test_a_key_is_visible_ascii(client: CheckedClient, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode()), (b"content-type", b"application/json")]
    response = client.post(BATCH, content=b'{"operations": []}', headers=headers)
    assert assert_problem(response, 422, "bad_parameter")["detail"].startswith("Idempotency-Key")


def test_keys_are_forgotten_after_a_day(
    changing: CheckedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"Idempotency-Key": "yesterday"}
    send(changing, {"op": "delete", "item_id": "x"}, **key)
    now = time.time()
    monkeypatch.setattr("api.idempotency.time.time", lambda: now + 24 * 3_600 + 1)
    later = send(changing, {"op": "delete", "item_id": "y"}, **key)
    assert "idempotency-replayed" not in later.headers
    ((kept,),) = execute(changing.data, "SELECT count(*) FROM answers")
    assert kept == 1


def test_a_key_at_work_is_told(hsv_data: Path, tmp_path: Path, photos: list[bytes]) -> None:
    """Of requests with one key that come at once, one is done; the others say why they are not."""
    data = copy_data(hsv_data, tmp_path / "data")
    found: list[Response] = []
    with CheckedClient(data) as client:
        operations = [put(f"at-once/{n}", photo) for n, photo in enumerate(photos * 10)]

        def ask_once() -> None:
            found.append(send(client, *operations, **{"Idempotency-Key": "k"}))

        threads = [threading.Thread(target=ask_once) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    done = [one for one in found if one.status_code == 200]
    fresh = [one for one in done if "idempotency-replayed" not in one.headers]
    assert len(fresh) == 1
    assert {one.status_code for one in found} <= {200, 409}
    for one in found:
        if one.status_code == 409:
            assert_problem(one, 409, "idempotency_key_in_use")


def test_a_read_only_server_changes_nothing(hsv_data: Path, tmp_path: Path) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    with CheckedClient(data, read_only=True) as client:
        assert_problem(send(client, put("x", png())), 403, "read_only")


def test_batches_have_a_limit_of_their_own(hsv_data: Path, tmp_path: Path) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    with CheckedClient(data, max_bytes=1_000, batch_max_bytes=200_000) as client:
        operations = [{"op": "delete", "item_id": "x" * 200}] * 100
        assert len(str(operations)) > 20_000
        assert {one["status"] for one in results(send(client, *operations))} == {404}
        large = [{"op": "delete", "item_id": "x" * 3_000}] * 100
        assert_problem(send(client, *large), 413, "body_too_large")
        assert_problem(ask_json(client, {"item_id": "x" * 70_000}), 413, "body_too_large")
