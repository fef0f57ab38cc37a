"""The audit log: every change with who made it, and nothing that was sent."""

import json
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from api.security.audit import KEPT_FILES, AuditLog
from search_engine.config import Settings
from search_engine.errors import StorageError
from tests.api.asking import DEFAULT, CheckedClient, ask
from tests.api.test_access import bearer, make_key
from tests.conftest import copy_data

FIELDS = (
    "time", "key", "name", "address", "operation", "collection", "items", "status", "request_id",
)  # fmt: skip


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_changes_are_noted_with_who_made_them_and_questions_are_not(
    hsv_data: Path, tmp_path: Path, first_picture: bytes
) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    token, reader = make_key(data, "admin"), make_key(data, "read")
    with CheckedClient(data) as client:
        own = bearer(token)
        item = f"{DEFAULT}/items/secret-id"
        put = client.put(
            item, files={"image": first_picture}, data={"label": "private"}, headers=own
        )
        assert put.status_code == 201
        ask(client, first_picture)
        client.get(item, headers=own)
        operations = [{"op": "delete", "item_id": each} for each in ("secret-id", "none")]
        client.post(f"{DEFAULT}/items:batch", json={"operations": operations}, headers=own)
        client.post("/v1/collections", json={"name": "made"}, headers=own)
        client.delete("/v1/collections/none", headers=own)
        client.delete("/v1/collections/made", headers=bearer(reader))
        client.delete("/v1/collections/made")
    found = entries(data / "audit.jsonl")
    assert all(tuple(each) == FIELDS for each in found)
    assert [
        (each["operation"], each["collection"], each["items"], each["status"]) for each in found
    ] == [
        ("putItem", "default", 1, 201),
        ("batchItems", "default", 2, 200),
        ("createCollection", "made", None, 201),
        ("deleteCollection", "none", None, 404),
        ("deleteCollection", "made", None, 403),
    ]
    assert {each["key"] for each in found[:4]} == {token.split("_")[1]}
    assert found[0]["request_id"] == put.headers["x-request-id"]
    assert (found[0]["name"], found[0]["address"]) == ("test", "testclient")
    text = (data / "audit.jsonl").read_text()
    for secret in (token, token.split("_", 2)[2], "secret-id", "private"):
        assert secret not in text
    assert stat.S_IMODE((data / "audit.jsonl").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("setting", "noted"), [("auto", False), ("off", False), ("elsewhere.jsonl", True)]
)
def test_where_changes_are_noted(hsv_data: Path, tmp_path: Path, setting: str, noted: bool) -> None:
    """By default only once there are keys, and so names."""
    data = copy_data(hsv_data, tmp_path / "data")
    file = setting if setting in ("auto", "off") else str(tmp_path / setting)
    with CheckedClient(data, audit_log=file) as client:
        client.delete(f"{DEFAULT}/items/none")
    assert not (data / "audit.jsonl").exists()
    assert (tmp_path / "elsewhere.jsonl").exists() is noted


def test_a_change_that_cannot_be_noted_is_made_and_said(
    hsv_data: Path, tmp_path: Path, first_picture: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    with CheckedClient(data, audit_log="/dev/full") as client:
        put = client.put(f"{DEFAULT}/items/new", files={"image": first_picture})
        assert put.status_code == 201
        assert client.get(f"{DEFAULT}/items/new").status_code == 200
    assert "not in the audit log (No space left on device)" in caplog.text
    assert put.headers["x-request-id"] in caplog.text


def test_a_named_file_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", audit_log=str(tmp_path / "none" / "audit.jsonl"))
    with pytest.raises(StorageError, match="opening the audit log: No such file") as refused:
        create_app(settings)
    assert refused.value.where == settings.audit_log


def test_a_full_file_is_put_aside_and_old_ones_go(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path, most_bytes=100)
    for number in range(60):
        log.write({"number": number, "filling": "x" * 20})
    files = sorted(tmp_path.iterdir())
    assert len(files) == 1 + KEPT_FILES
    assert all(each.stat().st_size <= 100 for each in files)
    oldest_first = [*files[:0:-1], path]
    kept = [entry["number"] for file in oldest_first for entry in entries(file)]
    assert kept == list(range(60))[-len(kept) :]


def test_nothing_is_lost_between_several_that_write(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"

    def write(writer: int) -> None:
        log = AuditLog(path, most_bytes=1_000)
        for number in range(30):
            log.write({"writer": writer, "number": number})

    threads = [threading.Thread(target=write, args=(each,)) for each in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    found = [(e["writer"], e["number"]) for file in tmp_path.iterdir() for e in entries(file)]
    assert sorted(found) == [(writer, number) for writer in range(4) for number in range(30)]
