"""Uploads on disk: names that lead nowhere else, and content that is what they say."""

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from indexer.sources import open_source
from indexer.staging import Staging
from indexer.upload_errors import UploadError
from search_engine.errors import EmptyFileError, EyedexError, ParameterError, UnsupportedTypeError
from tests.indexer.staging.conftest import JPEG, TABLE, names


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
