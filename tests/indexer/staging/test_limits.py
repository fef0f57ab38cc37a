"""Uploads on disk: how many, how large, how long."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.staging import Staging
from indexer.upload_errors import TooManyUploadsError, UploadNotFoundError, UploadTooLargeError
from search_engine.errors import StorageFullError, TooManyBytesError
from tests.indexer.staging.conftest import JPEG, TABLE, staging_at


def test_an_upload_has_so_many_bytes(tmp_path: Path) -> None:
    staging = staging_at(tmp_path, staged_max_bytes=150)
    upload = staging.create("shop")
    staging.write("shop", upload.id, "a.jpg", [JPEG])
    staging.write("shop", upload.id, "b.jpg", [JPEG])
    with pytest.raises(UploadTooLargeError, match="150 bytes"):
        staging.write("shop", upload.id, "c.jpg", [JPEG])
    staging.write("shop", upload.id, "b.jpg", [JPEG + bytes(22)])  # in the place of the first b
    assert staging.get("shop", upload.id).bytes == 150


def test_what_is_too_much_is_refused_at_the_byte_that_is(tmp_path: Path) -> None:
    staging = staging_at(tmp_path, staged_max_bytes=1_000)
    upload = staging.create("shop")
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        while True:
            given += 100
            yield bytes(100)

    with pytest.raises(UploadTooLargeError):
        staging.write("shop", upload.id, "a.csv", endless())
    assert given == 1_100
    assert staging.get("shop", upload.id).bytes == 0


def test_a_picture_has_so_many_bytes(tmp_path: Path) -> None:
    staging = staging_at(tmp_path, catalog_max_bytes=50)
    upload = staging.create("shop")
    with pytest.raises(TooManyBytesError, match="EYEDEX_CATALOG_MAX_BYTES"):
        staging.write("shop", upload.id, "a.jpg", [JPEG])
    staging.write("shop", upload.id, "a.csv", [TABLE * 10])


def test_an_upload_has_so_many_files(tmp_path: Path) -> None:
    staging = staging_at(tmp_path, staged_max_files=2)
    upload = staging.create("shop")
    for name in ("a.jpg", "b.jpg", "a.jpg"):
        staging.write("shop", upload.id, name, [JPEG])
    with pytest.raises(UploadTooLargeError, match="2 files"):
        staging.write("shop", upload.id, "c.jpg", [JPEG])


def test_there_are_so_many_uploads(tmp_path: Path) -> None:
    staging = staging_at(tmp_path, staged_max_open=2)
    first, _ = staging.create("shop"), staging.create("other")
    with pytest.raises(TooManyUploadsError, match="2 uploads"):
        staging.create("shop")
    staging.delete("shop", first.id)
    staging.create("shop")


def test_the_disk_keeps_its_reserve(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    staging = staging_at(tmp_path, disk_reserve_bytes=2 * free)
    upload = staging.create("shop")
    with pytest.raises(StorageFullError, match="EYEDEX_DISK_RESERVE_BYTES"):
        staging.write("shop", upload.id, "a.jpg", [JPEG])


def test_uploads_expire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staging = staging_at(tmp_path, staged_hours=1)
    old, used = staging.create("shop"), staging.create("shop")
    now = used.created_at
    monkeypatch.setattr("indexer.staging.time.time", lambda: now + 3_000)
    kept = staging.keep("shop", used.id)
    assert kept.expires_at == now + 3_000 + 3_600
    assert staging.expire() == 0
    monkeypatch.setattr("indexer.staging.time.time", lambda: now + 4_000)
    assert [each.id for each in staging.list("shop")] == [used.id]
    with pytest.raises(UploadNotFoundError):
        staging.get("shop", old.id)
    assert staging.expire() == 1
    assert sorted(each.name for each in (tmp_path / "uploads").iterdir()) == [".lock", used.id]


def test_what_a_crash_left_goes_with_the_rest(staging: Staging, tmp_path: Path) -> None:
    upload = staging.create("shop")
    folder = tmp_path / "uploads"
    for name in (".new-1", ".gone-2"):
        (folder / name / "files").mkdir(parents=True)
    (folder / "damaged").mkdir()
    (folder / "damaged" / "about.json").write_bytes(b"{")
    assert staging.expire() == 1
    assert sorted(each.name for each in folder.iterdir()) == [".lock", upload.id]


def test_nothing_expires_where_nothing_is(tmp_path: Path) -> None:
    assert staging_at(tmp_path / "none").expire() == 0
    assert [*staging_at(tmp_path / "none").list("shop")] == []
    assert not (tmp_path / "none").exists()
