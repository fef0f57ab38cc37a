"""Uploads on disk: what is whole is seen, all else never, also after a crash."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.staging import Staging
from indexer.upload_errors import UploadError, UploadNotFoundError
from search_engine.errors import StorageError, StorageFullError
from tests.indexer.staging.conftest import JPEG, TABLE, names, staging_at


def test_files_are_listed_with_kind_and_size(staging: Staging) -> None:
    upload = staging.create("shop")
    first = staging.write("shop", upload.id, "images/a.jpg", [JPEG[:10], JPEG[10:]])
    assert (first.kind, first.bytes, first.is_new) == ("picture", 64, True)
    staging.write("shop", upload.id, "catalog.csv", [TABLE])
    again = staging.write("shop", upload.id, "images/a.jpg", [JPEG + b"more"])
    assert (again.bytes, again.is_new) == (68, False)
    found = [*staging.files("shop", upload.id)]
    assert [(each.name, each.kind, each.bytes) for each in found] == [
        ("catalog.csv", "table", len(TABLE)),
        ("images/a.jpg", "picture", 68),
    ]
    now = staging.get("shop", upload.id)
    assert (now.files, now.bytes) == (2, 68 + len(TABLE))
    assert now.expires_at >= upload.expires_at


def test_uploads_belong_to_one_collection(staging: Staging) -> None:
    mine, other = staging.create("shop"), staging.create("other")
    assert [each.id for each in staging.list("shop")] == [mine.id]
    for wrong in (other.id, "0" * 32, "", ".lock", "..", f"../{mine.id}", "é"):
        with pytest.raises(UploadNotFoundError):
            staging.get("shop", wrong)
        with pytest.raises(UploadNotFoundError):
            staging.delete("shop", wrong)


def test_nobody_knows_an_upload_that_was_deleted(staging: Staging, tmp_path: Path) -> None:
    upload = staging.create("shop")
    staging.write("shop", upload.id, "a.csv", [TABLE])
    staging.delete("shop", upload.id)
    for ask in (staging.get, staging.delete, staging.keep, staging.source, staging.files):
        with pytest.raises(UploadNotFoundError):
            ask("shop", upload.id)
    with pytest.raises(UploadNotFoundError):
        staging.write("shop", upload.id, "a.csv", [TABLE])
    assert [each.name for each in (tmp_path / "uploads").iterdir()] == [".lock"]


@pytest.mark.parametrize("point", ["upload_half", "upload_before_rename"])
@pytest.mark.parametrize("action", ["enospc", "eio"])
def test_a_failing_disk_leaves_nothing(
    staging: Staging, monkeypatch: pytest.MonkeyPatch, point: str, action: str, tmp_path: Path
) -> None:
    upload = staging.create("shop")
    monkeypatch.setenv("EYEDEX_FAULT", f"{point}:1:{action}")
    monkeypatch.setattr("search_engine.storage.faults._passed", {})
    error = StorageFullError if action == "enospc" else StorageError
    with pytest.raises(error):
        staging.write("shop", upload.id, "a.jpg", [JPEG])
    assert names(staging, upload.id) == []
    assert [*(tmp_path / "uploads" / upload.id / "parts").iterdir()] == []
    monkeypatch.delenv("EYEDEX_FAULT")
    assert staging.write("shop", upload.id, "a.jpg", [JPEG]).is_new


KILLED = """
import sys
from pathlib import Path
from indexer.staging import Staging
from search_engine.config import Settings
from search_engine.storage.paths import DataPaths
data, upload_id = Path(sys.argv[1]), sys.argv[2]
staging = Staging(DataPaths(data), Settings(data=data, staged_max_files=1))
staging.write("shop", upload_id, "a.csv", [b"item_id,image\\n" * 9])
"""


@pytest.mark.parametrize("point", ["upload_half", "upload_before_rename"])
def test_a_killed_writer_leaves_no_half_of_a_file(tmp_path: Path, point: str) -> None:
    staging = staging_at(tmp_path, staged_max_files=1)
    upload = staging.create("shop")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), upload.id],
        env={**os.environ, "EYEDEX_FAULT": f"{point}:1:kill"},
        check=False,
    )
    assert done.returncode == -9
    assert names(staging, upload.id) == []
    staging.write("shop", upload.id, "a.csv", [TABLE])  # though its file was counted already
    assert staging.get("shop", upload.id).files == 1


def test_a_half_of_a_file_is_never_seen(staging: Staging) -> None:
    upload = staging.create("shop")
    with staging.receive("shop", upload.id, "a.csv") as incoming:
        incoming.add(TABLE)
        assert names(staging, upload.id) == []
        with pytest.raises(UploadError, match="empty"):
            staging.source("shop", upload.id)
        incoming.finish()
    assert names(staging, upload.id) == ["a.csv"]


def test_of_two_writers_of_one_name_the_last_wins_whole(staging: Staging) -> None:
    upload = staging.create("shop")
    contents = [b"item_id,image\n" + bytes([65 + n]) * (1_000 + n) for n in range(8)]
    writers = [
        threading.Thread(
            target=staging.write,
            args=("shop", upload.id, "a.csv", [each[:500], each[500:]]),
        )
        for each in contents
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    found = (staging.source("shop", upload.id)).read_bytes()
    assert found in contents
    now = staging.get("shop", upload.id)
    assert (now.files, now.bytes) == (1, len(found))


def test_an_upload_that_is_deleted_takes_nothing_more(staging: Staging) -> None:
    first, second = staging.create("shop").id, staging.create("shop").id
    with staging.receive("shop", first, "a.csv") as incoming:
        incoming.add(TABLE)
        staging.delete("shop", first)
        with pytest.raises(UploadNotFoundError):
            incoming.finish()
    with staging.receive("shop", second, "a.csv") as incoming:
        staging.delete("shop", second)
        with pytest.raises(UploadNotFoundError):
            incoming.add(TABLE)


def test_records_are_values(staging: Staging) -> None:
    upload = staging.create("shop")
    assert replace(staging.get("shop", upload.id)) == upload
