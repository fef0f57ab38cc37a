"""Uploads over HTTP: files for jobs, taken in as they come."""

import io
import json
import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from tests.api.asking import DEFAULT, CheckedClient, ask, assert_problem
from tests.conftest import copy_data
from tests.images.pictures import jpeg, png

UPLOADS = f"{DEFAULT}/uploads"
TABLE = b"item_id,image,price,color\na,images/a.jpg,3,red\nb,images/b.jpg,4,\n"


def zipped(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return content.getvalue()


def opened(client: CheckedClient) -> str:
    response = client.post(UPLOADS, json={})
    assert response.status_code == 201, response.text
    assert response.headers["location"] == f"{UPLOADS}/{response.json()['id']}"
    return str(response.json()["id"])


def put(client: CheckedClient, upload: str, name: str, content: Any, **headers: str) -> Response:
    return client.put(f"{UPLOADS}/{upload}/files/{name}", content=content, headers=headers)


def details(client: CheckedClient, upload: str, **parameters: Any) -> dict[str, Any]:
    response = client.get(f"{UPLOADS}/{upload}", params=parameters)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_an_upload_is_filled_looked_at_and_deleted(changing: CheckedClient) -> None:
    upload = opened(changing)
    assert details(changing, upload)["reads"] == "empty"
    first = put(changing, upload, "images/a.jpg", jpeg())
    assert (first.status_code, first.json()["kind"]) == (201, "picture")
    assert put(changing, upload, "images/a.jpg", jpeg()).status_code == 200
    assert details(changing, upload)["reads"] == "pictures"
    put(changing, upload, "catalog.csv", TABLE)
    found = details(changing, upload)
    assert (found["reads"], found["unclear_because"], found["file_count"]) == ("table", None, 2)
    assert [each["name"] for each in found["files"]] == ["catalog.csv", "images/a.jpg"]
    assert found["size_bytes"] == len(TABLE) + len(jpeg())
    assert found["expires_at"] > found["created_at"]
    assert upload in [each["id"] for each in changing.get(UPLOADS).json()["uploads"]]
    assert changing.delete(f"{UPLOADS}/{upload}").status_code == 204
    assert_problem(changing.get(f"{UPLOADS}/{upload}"), 404, "upload_not_found")
    assert_problem(changing.delete(f"{UPLOADS}/{upload}"), 404, "upload_not_found")
    assert_problem(put(changing, upload, "a.jpg", jpeg()), 404, "upload_not_found")


def test_what_is_unclear_is_told(changing: CheckedClient) -> None:
    upload = opened(changing)
    put(changing, upload, "a.csv", TABLE)
    put(changing, upload, "b.csv", TABLE)
    found = details(changing, upload)
    assert found["reads"] == "unclear"
    assert "a.csv, b.csv" in found["unclear_because"]


@pytest.mark.parametrize(
    ("name", "kind", "content", "reads"),
    [
        ("shop.zip", "application/zip", zipped(a__csv=TABLE), "archive"),
        ("shop.csv", "text/csv; charset=utf-8", TABLE, "table"),
        ("shop.json", "application/json", b'[{"item_id": "a"}]', "table"),
        ("a/b.jpg", "image/jpeg", jpeg(), "pictures"),
        ("a.png", "application/octet-stream", png(), "pictures"),
    ],
)
def test_one_file_is_sent_at_once(
    changing: CheckedClient, name: str, kind: str, content: bytes, reads: str
) -> None:
    response = changing.post(
        UPLOADS, params={"name": name}, content=content, headers={"content-type": kind}
    )
    assert response.status_code == 201, response.text
    upload = response.json()
    assert response.headers["location"] == f"{UPLOADS}/{upload['id']}"
    assert (upload["file_count"], upload["size_bytes"]) == (1, len(content))
    assert details(changing, upload["id"])["reads"] == reads


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"],
)
def test_what_pages_of_other_sites_can_send_is_refused(client: CheckedClient, kind: str) -> None:
    headers = {"content-type": kind}
    before = client.get(UPLOADS).json()
    sent = client.post(UPLOADS, params={"name": "a.csv"}, content=TABLE, headers=headers)
    assert_problem(sent, 415, "unsupported_type")
    assert_problem(client.post(UPLOADS, content=b"{}", headers=headers), 415, "unsupported_type")
    assert client.get(UPLOADS).json() == before


def test_a_form_is_no_file(changing: CheckedClient) -> None:
    upload = opened(changing)
    response = changing.put(f"{UPLOADS}/{upload}/files/a.jpg", files={"image": jpeg()})
    assert "not a form" in assert_problem(response, 415, "unsupported_type")["detail"]


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("..%2Fa.jpg", jpeg(), 422, "bad_parameter"),
        ("%2Fetc%2Fa.jpg", jpeg(), 422, "bad_parameter"),
        ("a%5Cb.jpg", jpeg(), 422, "bad_parameter"),
        (".a.jpg", jpeg(), 422, "bad_parameter"),
        ("a%0A.jpg", jpeg(), 422, "bad_parameter"),
        ("a%00.jpg", jpeg(), 422, "bad_parameter"),
        ("x" * 300 + ".jpg", jpeg(), 422, "bad_parameter"),
        ("a.jpg", b"", 422, "empty_file"),
        ("a.csv", b"", 422, "empty_file"),
        ("a.jpg", b"<svg/>", 415, "unsupported_type"),
        ("a.pdf", b"%PDF", 415, "unsupported_type"),
        ("a.zip", b"PK\x03\x04 and no more", 422, "bad_upload"),
        ("a.csv", jpeg(), 422, "bad_upload"),
    ],
)
def test_bad_files_are_refused(
    changing: CheckedClient, name: str, content: bytes, status: int, code: str
) -> None:
    upload = opened(changing)
    assert_problem(put(changing, upload, name, content), status, code)
    assert details(changing, upload)["files"] == []


def test_a_bad_file_opens_no_upload(changing: CheckedClient) -> None:
    before = changing.get(UPLOADS).json()
    headers = {"content-type": "image/jpeg"}
    for name in ("a.jpg", "../a.jpg", "a.pdf"):
        response = changing.post(UPLOADS, params={"name": name}, content=b"x", headers=headers)
        assert response.status_code in (415, 422)
    assert changing.get(UPLOADS).json() == before


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"name": "a"}', b"null"])
def test_an_empty_upload_is_asked_for_by_an_empty_object(
    client: CheckedClient, body: bytes
) -> None:
    headers = {"content-type": "application/json"}
    response = client.post(UPLOADS, content=body, headers=headers)
    assert response.status_code in (400, 422)


def test_files_come_page_by_page(changing: CheckedClient) -> None:
    upload = opened(changing)
    names = [f"{letter}/{n}.jpg" for letter in "ab" for n in range(3)] + ["c.jpg"]
    for name in names:
        put(changing, upload, name, jpeg())
    found: list[str] = []
    cursor: str | None = None
    while True:
        asked = {"limit": 3} if cursor is None else {"limit": 3, "cursor": cursor}
        page = details(changing, upload, **asked)
        found += [each["name"] for each in page["files"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == names
    other = opened(changing)
    cursor = details(changing, upload, limit=3)["next_cursor"]
    refused = changing.get(f"{UPLOADS}/{other}", params={"cursor": cursor})
    assert "another files of" in assert_problem(refused, 422, "bad_parameter")["detail"]


def test_uploads_come_page_by_page(hsv_data: Path, tmp_path: Path) -> None:
    with CheckedClient(copy_data(hsv_data, tmp_path / "data")) as client:
        made = [opened(client) for _ in range(5)]
        first = client.get(UPLOADS, params={"limit": 3}).json()
        rest = client.get(UPLOADS, params={"limit": 3, "cursor": first["next_cursor"]}).json()
        assert [each["id"] for each in first["uploads"] + rest["uploads"]] == made
        assert rest["next_cursor"] is None


def test_columns_are_told_before_a_job_reads_them(changing: CheckedClient) -> None:
    upload = opened(changing)
    put(changing, upload, "catalog.csv", TABLE)
    assert "columns" not in details(changing, upload)
    found = details(changing, upload, columns="true")
    assert found["rows"] == 2
    told = {each["column"]: (each["becomes"], each["filled"]) for each in found["columns"]}
    assert told == {
        "item_id": ("item_id", 1.0),
        "image": ("image", 1.0),
        "price": ("price", 1.0),
        "color": ("color", 0.5),
    }
    refused = changing.get(f"{UPLOADS}/{upload}", params={"columns": "yes"})
    assert_problem(refused, 422, "bad_parameter")


def test_a_large_table_is_for_a_job(
    changing: CheckedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.upload_columns.MOST_BYTES", len(TABLE) - 1)
    upload = opened(changing)
    put(changing, upload, "catalog.csv", TABLE)
    response = changing.get(f"{UPLOADS}/{upload}", params={"columns": "true"})
    assert "dry_run" in assert_problem(response, 422, "bad_parameter")["detail"]


def test_a_table_that_cannot_be_read_is_told(changing: CheckedClient) -> None:
    upload = opened(changing)
    put(changing, upload, "catalog.json", b"{broken")
    response = changing.get(f"{UPLOADS}/{upload}", params={"columns": "true"})
    assert_problem(response, 422, "catalog_unusable")


def test_a_key_opens_one_upload(changing: CheckedClient) -> None:
    for parameters, content, kind in (
        ({}, b"{}", "application/json"),
        ({"name": "a.csv"}, TABLE, "text/csv"),
    ):
        key = {"Idempotency-Key": f"upload-{kind}", "content-type": kind}
        first = changing.post(UPLOADS, params=parameters, content=content, headers=key)
        again = changing.post(UPLOADS, params=parameters, content=content, headers=key)
        assert first.json() == again.json()
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["location"] == first.headers["location"]
        other = changing.post(UPLOADS, params=parameters, content=content + b" ", headers=key)
        assert_problem(other, 422, "idempotency_key_reused")


@pytest.fixture
def small(hsv_data: Path, tmp_path: Path) -> Iterator[CheckedClient]:
    """A server that takes little."""
    data = copy_data(hsv_data, tmp_path / "data")
    limits = {"max_bytes": 1_000, "staged_max_bytes": 200_000, "catalog_max_bytes": 100_000}
    with CheckedClient(data, staged_max_open=2, **limits) as client:
        yield client


def chunks(size: int) -> Iterator[bytes]:
    yield b"item_id,image\n"
    for _ in range(size // 1_000):
        yield b"a" * 1_000


def test_uploads_have_limits_of_their_own(small: CheckedClient) -> None:
    upload = opened(small)
    assert put(small, upload, "a.csv", b"a,b\n" * 30_000).status_code == 201
    for content in (b"a,b\n" * 60_000, chunks(240_000)):
        assert_problem(put(small, upload, "a.csv", content), 413, "body_too_large")
    for content in (b"a,b\n" * 30_000, chunks(120_000)):
        assert_problem(put(small, upload, "b.csv", content), 413, "upload_too_large")
    picture = jpeg() + bytes(100_000)
    assert_problem(put(small, upload, "a.jpg", picture), 413, "body_too_large")
    assert [each["name"] for each in details(small, upload)["files"]] == ["a.csv"]
    assert_problem(ask(small, bytes(70_000)), 413, "body_too_large")
    opened(small)
    assert_problem(small.post(UPLOADS, json={}), 409, "too_many_uploads")


def test_the_disk_stays_usable(hsv_data: Path, tmp_path: Path) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    free = shutil.disk_usage(tmp_path).free
    with CheckedClient(data, disk_reserve_bytes=2 * free) as client:
        upload = opened(client)
        assert_problem(put(client, upload, "a.jpg", jpeg()), 507, "storage_full")


@pytest.mark.parametrize(("action", "status"), [("enospc", 507), ("eio", 503)])
def test_a_failing_disk_is_told(
    changing: CheckedClient, monkeypatch: pytest.MonkeyPatch, action: str, status: int
) -> None:
    upload = opened(changing)
    monkeypatch.setenv("EYEDEX_FAULT", f"upload_half:1:{action}")
    monkeypatch.setattr("search_engine.storage.faults._passed", {})
    response = put(changing, upload, "a.jpg", jpeg())
    assert_problem(response, status, "storage_full" if status == 507 else "storage")
    monkeypatch.delenv("EYEDEX_FAULT")
    assert details(changing, upload)["files"] == []


def test_a_read_only_server_takes_nothing(hsv_data: Path, tmp_path: Path) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    with CheckedClient(data, read_only=True) as client:
        assert_problem(client.post(UPLOADS, json={}), 403, "read_only")
        assert_problem(put(client, "0" * 32, "a.jpg", jpeg()), 403, "read_only")
        assert client.get(UPLOADS).json() == {"uploads": [], "next_cursor": None}
        assert ask(client, jpeg(), f"{DEFAULT}/search:batch").status_code == 200


def test_what_has_expired_goes_when_the_server_starts(hsv_data: Path, tmp_path: Path) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    with CheckedClient(data) as client:
        upload = opened(client)
    about = data / "uploads" / upload / "about.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "expires_at": 1.0}))
    with CheckedClient(data) as client:
        assert_problem(client.get(f"{UPLOADS}/{upload}"), 404, "upload_not_found")
        deadline = time.monotonic() + 60
        while (data / "uploads" / upload).exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
