"""Uploads on disk: what is whole is seen, all else never; limits, names, expiry, crashes."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from indexer.sources import open_source
from indexer.staging import Staging
from indexer.upload_errors import (
    TooManyUploadsError,
    UploadError,
    UploadNotFoundError,
    UploadTooLargeError,
)
from search_engine.config import Settings
from search_engine.errors import (
    EmptyFileError,
    EyedexError,
    ParameterError,
    StorageError,
    StorageFullError,
    TooManyBytesError,
    UnsupportedTypeError,
)
from search_engine.storage.paths import DataPaths

TABLE = b"item_id,image\na,images/a.jpg\n"
JPEG = b"\xff\xd8\xff\xe0" + bytes(60)


def staging_at(data: Path, **settings: Any) -> Staging:
    return Staging(DataPaths(data), Settings(data=data, **settings))


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return staging_at(tmp_path)


def zipped(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return content.getvalue()


def tarred(name: str, data: bytes, mode: Any) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def names(staging: Staging, upload_id: str) -> list[str]:
    return [each.name for each in staging.files("shop", upload_id)]


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


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/a.jpg",
        "../a.jpg",
        "a/../b.jpg",
        "a//b.jpg",
        "a/./b.jpg",
        ".hidden.jpg",
        "a/.b/c.jpg",
        "a\\b.jpg",
        "a\x00.jpg",
        "a\n.jpg",
        " a.jpg",
        "\ud800.jpg",
        f"{'x' * 300}.jpg",
        f"{'x' * 220}.jpg",
    ],
)
def test_names_that_lead_anywhere_are_refused(staging: Staging, name: str) -> None:
    upload = staging.create("shop")
    with pytest.raises(ParameterError) as refused:
        staging.write("shop", upload.id, name, [JPEG])
    assert refused.value.where == "name"
    assert "the name" in refused.value.what
    assert names(staging, upload.id) == []


@pytest.mark.parametrize("name", ["a.pdf", "a", "a.exe", "images/readme.md", "a.jpg.exe", "jpg"])
def test_what_nothing_reads_is_refused(staging: Staging, name: str) -> None:
    upload = staging.create("shop")
    with pytest.raises(UnsupportedTypeError, match=name):
        staging.write("shop", upload.id, name, [JPEG])


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.jpg", b"", EmptyFileError),
        ("a.csv", b"", EmptyFileError),
        ("a.zip", b"", EmptyFileError),
        ("a.jpg", TABLE, UnsupportedTypeError),
        ("a.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", UnsupportedTypeError),
        ("a.csv", JPEG, UploadError),
        ("a.csv", zipped(a__csv=TABLE), UploadError),
        ("a.csv.gz", TABLE, UploadError),
        ("a.parquet", TABLE, UploadError),
        ("a.xlsx", TABLE, UploadError),
        ("a.zip", TABLE, UploadError),
        ("a.zip", zipped(a__csv=TABLE)[:-30], UploadError),
        ("a.tar", TABLE, UploadError),
        ("a.tar.gz", b"\x1f\x8b" + TABLE, UploadError),
        pytest.param("a.tar.gz", tarred("a.csv", TABLE, "w:gz")[:20], UploadError, id="cut"),
    ],
)
def test_content_has_to_be_what_the_name_says(
    staging: Staging, tmp_path: Path, name: str, content: bytes, error: type[EyedexError]
) -> None:
    upload = staging.create("shop")
    with pytest.raises(error, match=name):
        staging.write("shop", upload.id, name, [content])
    assert names(staging, upload.id) == []
    assert [*(tmp_path / "uploads" / upload.id / "parts").iterdir()] == []


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("A.ZIP", zipped(a__csv=TABLE), "archive"),
        ("a.tar", tarred("a.csv", TABLE, "w:"), "archive"),
        pytest.param("a.tar.gz", tarred("a.csv", TABLE, "w:gz"), "archive", id="a.tar.gz"),
        ("feed.jsonl", b'{"item_id": "a"}\n', "table"),
        ("BM.csv", b"BM,item_id\n", "table"),
        ("ä/ö.JPEG", JPEG, "picture"),
        ("a.bmp.png", b"\x89PNG\r\n\x1a\n", "picture"),
    ],
)
def test_content_that_is_what_its_name_says(
    staging: Staging, name: str, content: bytes, kind: str
) -> None:
    upload = staging.create("shop")
    assert staging.write("shop", upload.id, name, [content]).kind == kind


def test_a_file_is_no_folder(staging: Staging) -> None:
    upload = staging.create("shop")
    staging.write("shop", upload.id, "a.jpg/b.jpg", [JPEG])
    staging.write("shop", upload.id, "c.jpg", [JPEG])
    for name in ("a.jpg", "c.jpg/d.jpg", "c.jpg/d/e.jpg"):
        with pytest.raises(UploadError, match="of the upload"):
            staging.write("shop", upload.id, name, [JPEG])
    assert names(staging, upload.id) == ["a.jpg/b.jpg", "c.jpg"]
    assert staging.get("shop", upload.id).files == 2


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


def test_the_source_is_the_folder_the_table_or_the_archive(staging: Staging) -> None:
    folder, table, archive = (staging.create("shop").id for _ in range(3))
    staging.write("shop", folder, "Shoes/a.jpg", [JPEG])
    staging.write("shop", folder, "Shoes/b.jpg", [JPEG])
    assert [row.item_id for row in open_source(staging.source("shop", folder)).rows()] == [
        "Shoes/a.jpg",
        "Shoes/b.jpg",
    ]
    staging.write("shop", table, "catalog.csv", [TABLE])
    staging.write("shop", table, "images/a.jpg", [JPEG])
    assert staging.source("shop", table).name == "catalog.csv"
    assert len(open_source(staging.source("shop", table))) == 1
    staging.write("shop", archive, "all.zip", [zipped(a__csv=TABLE)])
    assert staging.source("shop", archive).name == "all.zip"


@pytest.mark.parametrize(
    "files",
    [
        {"a.csv": TABLE, "b.csv": TABLE},
        {"a.zip": zipped(a__csv=TABLE), "b.zip": zipped(a__csv=TABLE)},
        {"a.zip": zipped(a__csv=TABLE), "a.jpg": JPEG},
        {"a.zip": zipped(a__csv=TABLE), "a.csv": TABLE},
    ],
)
def test_a_source_that_is_not_clear_is_refused(staging: Staging, files: dict[str, bytes]) -> None:
    upload = staging.create("shop")
    for name, content in files.items():
        staging.write("shop", upload.id, name, [content])
    with pytest.raises(UploadError, match=r"not clear .*a\.") as refused:
        staging.source("shop", upload.id)
    assert "one table" in (refused.value.fix or "")


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
