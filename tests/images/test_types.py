"""What a file is follows from its content, and only accepted types reach a decoder."""

import base64
import os
from pathlib import Path

import numpy as np
import pytest

from search_engine.config import Settings
from search_engine.errors import (
    CorruptImageError,
    EmptyFileError,
    MissingPictureError,
    TooManyBytesError,
    UnsupportedTypeError,
)
from search_engine.images import (
    CATALOG_FORMATS,
    UPLOAD_FORMATS,
    ImageLimits,
    load_rgb,
    read_file,
    readable_heif,
    sniff_format,
)
from search_engine.images.other_files import other_file
from tests.images.pictures import FOREIGN_TYPES, HEIGHT, WIDTH, encoded, jpeg, photo

UPLOAD = ImageLimits()
CATALOG = ImageLimits(formats=CATALOG_FORMATS)


@pytest.mark.parametrize("kind", CATALOG_FORMATS)
def test_catalog_accepts_every_listed_type(kind: str) -> None:
    data = encoded(photo(), kind)
    image, warnings = load_rgb(data, CATALOG)
    assert sniff_format(data) == kind
    assert (image.mode, image.size, warnings) == ("RGB", (WIDTH, HEIGHT), ())
    difference = np.abs(np.asarray(image, dtype=float) - np.asarray(photo(), dtype=float))
    assert difference.mean() < 12  # GIF has 256 colours


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_uploads_of_types_for_owners_are_refused(kind: str) -> None:
    with pytest.raises(UnsupportedTypeError):
        load_rgb(encoded(photo(), kind), UPLOAD)


def test_settings_hand_out_these_limits() -> None:
    assert Settings().upload_limits() == UPLOAD
    catalog = Settings().catalog_limits()
    assert catalog.formats == CATALOG_FORMATS + readable_heif()
    assert (catalog.max_bytes, catalog.max_jpeg_pixels) == (100 * 2**20, 200_000_000)


@pytest.mark.parametrize("name", FOREIGN_TYPES)
def test_other_content_is_refused_by_type(name: str) -> None:
    for limits in (UPLOAD, CATALOG):
        with pytest.raises(UnsupportedTypeError) as caught:
            load_rgb(FOREIGN_TYPES[name], limits)
        for accepted in limits.formats:
            assert accepted in caught.value.what


@pytest.mark.parametrize(
    ("data", "name", "fix"),
    [
        (FOREIGN_TYPES["svg"], "SVG", "save it as JPEG"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a logo -->\n<svg/>', "SVG", "save it as JPEG"),
        (FOREIGN_TYPES["xml with entities"], "XML", "again"),
        (FOREIGN_TYPES["html"], "a web page (HTML)", "again"),
        (b"\r\n <!-- gone --> <HTML><body>404</body></HTML>", "a web page (HTML)", "again"),
        (b'{"error": "not found"}', "JSON", "again"),
        (base64.b64encode(encoded(photo(), "JPEG")), "base64", "decoded"),
        (
            b"data:image/png;base64," + base64.b64encode(encoded(photo(), "PNG")),
            "base64",
            "decoded",
        ),
        (FOREIGN_TYPES["pdf"], "a PDF", "JPEG"),
        (FOREIGN_TYPES["zip"], "a ZIP archive", "unpack"),
        (FOREIGN_TYPES["jpeg 2000"], "JPEG 2000", "save it as JPEG"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "a video", "one of its pictures"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS", "git lfs pull"),
        (encoded(photo(), "TIFF"), "TIFF", "save it as JPEG"),
    ],
)
def test_what_a_file_is_instead_is_said(data: bytes, name: str, fix: str) -> None:
    with pytest.raises(UnsupportedTypeError) as caught:
        load_rgb(data, UPLOAD)
    assert name in caught.value.what.partition("; this is ")[2]
    assert fix in str(caught.value.fix)


@pytest.mark.parametrize("name", ["one byte", "text", "elf", "ppm", "tga"])
def test_what_is_not_known_is_not_guessed(name: str) -> None:
    with pytest.raises(UnsupportedTypeError) as caught:
        load_rgb(FOREIGN_TYPES[name], UPLOAD)
    assert "this is" not in caught.value.what


def test_comments_without_end_take_no_time() -> None:
    """A pattern that may divide them in many ways would not come to an end."""
    assert other_file(b"<!---->" * 140) is None
    assert other_file(b"<!--" + b"-->" * 300) is None


@pytest.mark.parametrize("name", ["heic", "avif"])
def test_phone_formats_get_a_hint(name: str) -> None:
    with pytest.raises(UnsupportedTypeError) as caught:
        load_rgb(FOREIGN_TYPES[name], UPLOAD)
    assert "JPEG" in str(caught.value.fix)


def test_no_bytes_are_an_empty_file() -> None:
    with pytest.raises(EmptyFileError):
        load_rgb(b"", UPLOAD)


def test_a_file_larger_than_the_limit_is_refused_before_anything_else() -> None:
    data = jpeg()
    with pytest.raises(TooManyBytesError):
        load_rgb(data, ImageLimits(max_bytes=len(data) - 1))
    image, _ = load_rgb(data, ImageLimits(max_bytes=len(data)))
    assert image.size == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "tail",
    [b"<html><script>alert(1)</script>", b"<?php system($_GET[0]); ?>", b"PK\x03\x04" + bytes(90)],
    ids=["html", "php", "zip"],
)
@pytest.mark.parametrize("kind", UPLOAD_FORMATS)
def test_what_follows_the_picture_is_ignored(kind: str, tail: bytes) -> None:
    data = encoded(photo(), kind)
    with_tail, _ = load_rgb(data + tail, UPLOAD)
    assert with_tail.tobytes() == load_rgb(data, UPLOAD)[0].tobytes()


def test_read_file_gives_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"12345")
    assert read_file(path, 5) == b"12345"
    with pytest.raises(TooManyBytesError):
        read_file(path, 4)


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/dev/zero", "a device, not a picture"),
        ("/dev/null", "a device, not a picture"),
        ("/", "a folder, not a picture"),
        ("/proc/self/mem", "the file cannot be read: "),
    ],
)
def test_read_file_refuses_what_is_not_a_regular_readable_file(path: str, what: str) -> None:
    with pytest.raises(CorruptImageError, match=what) as refused:
        read_file(Path(path), 100)
    assert refused.value.where == path


@pytest.mark.parametrize(
    "name", ["nothing.jpg", "photo.jpg/x.jpg", "loop.jpg", "x" * 5_000, "a\0b"]
)
def test_read_file_names_the_path_that_it_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photo.jpg").write_bytes(jpeg())
    Path("loop.jpg").symlink_to("loop.jpg")
    with pytest.raises(MissingPictureError, match="there is no such picture") as refused:
        read_file(Path(name), 100)
    assert (refused.value.where or "").startswith(str(tmp_path / name)[:200])
    assert len(str(refused.value)) < 300


def test_read_file_does_not_wait_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(CorruptImageError, match="a pipe, not a picture"):
        read_file(tmp_path / "pipe.jpg", 100)
