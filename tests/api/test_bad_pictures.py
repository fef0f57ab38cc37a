"""Pictures that strangers may send: each has one answer, whatever the file claims to be."""

import base64

import numpy as np
import pytest
from PIL import Image

from search_engine.encoders import pictures
from search_engine.encoders.base import unit_rows
from tests.api.asking import CLASSIFY, SEARCH, CheckedClient, ask, ask_json, assert_problem
from tests.images.pictures import (
    CORRUPT,
    FOREIGN_TYPES,
    TOO_MANY_PIXELS,
    encoded,
    jpeg,
    photo,
    png,
    png_of_rgb16,
    png_with_bomb,
    progressive_with_scans,
)

REFUSED = {
    "empty": (b"", 422, "empty_file"),
    "bomb in a text": (png_with_bomb(b"zTXt"), 422, "corrupt_image"),
    "101 scans": (progressive_with_scans(101), 422, "too_complex"),
    "TIFF": (encoded(photo(), "TIFF"), 415, "unsupported_type"),
    "BMP": (encoded(photo(), "BMP"), 415, "unsupported_type"),
    **{name: (data, 415, "unsupported_type") for name, data in FOREIGN_TYPES.items()},
    **{name: (data, 422, "corrupt_image") for name, data in CORRUPT.items()},
    **{name: (data, 422, "too_many_pixels") for name, data in TOO_MANY_PIXELS.items()},
}

ACCEPTED = {
    "CMYK": jpeg(photo().convert("CMYK")),
    "grey": jpeg(photo().convert("L")),
    "16-bit colour": png_of_rgb16(photo()),
    "16-bit grey": png(Image.new("I;16", (9, 9), 30_000)),
    "one bit": png(Image.new("1", (9, 9))),
    "palette": png(photo().convert("P")),
    "grey with alpha": png(Image.new("LA", (9, 9))),
    "alpha": png(Image.new("RGBA", (9, 9))),
    "1 x 1": png(Image.new("RGB", (1, 1))),
    "1 x 16,384": png(Image.new("RGB", (1, 16_384))),
    "all black": jpeg(Image.new("RGB", (64, 64))),
    "all white": jpeg(Image.new("RGB", (64, 64), "white")),
    "HTML behind it": jpeg() + b"<script>alert(1)</script>",
    "wrong profile": jpeg(icc_profile=b"no profile"),
    "WebP": encoded(photo(), "WEBP"),
    "GIF": encoded(photo(), "GIF"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_pictures_are_refused_by_code(client: CheckedClient, name: str) -> None:
    data, status, code = REFUSED[name]
    for path in (SEARCH, CLASSIFY):
        assert_problem(ask(client, data, path), status, code)


@pytest.mark.parametrize("name", ["empty", "svg", "half a JPEG", "PNG of 50,000 x 50,000"])
def test_base64_is_refused_alike(client: CheckedClient, name: str) -> None:
    data, status, code = REFUSED[name]
    body = {"image_base64": base64.b64encode(data).decode()}
    assert_problem(ask_json(client, body), status, code)


@pytest.mark.parametrize("name", ACCEPTED)
def test_odd_but_good_pictures_are_answered(client: CheckedClient, name: str) -> None:
    response = ask(client, ACCEPTED[name], k="1")
    assert response.status_code == 200, response.text
    assert len(response.json()["neighbors"]) == 1


def test_refused_types_name_the_accepted_ones(client: CheckedClient) -> None:
    detail = ask(client, FOREIGN_TYPES["heic"]).json()["detail"]
    for accepted in ("JPEG", "PNG", "WEBP", "GIF"):
        assert accepted in detail
    assert "HEIC" in detail


@pytest.mark.parametrize("declared", ["text/html", "image/svg+xml", "x/y", "a" * 200])
def test_the_declared_type_is_ignored_and_not_repeated(
    client: CheckedClient, declared: str
) -> None:
    good = client.post(SEARCH, files={"image": ("p.exe", jpeg(), declared)}, data={"k": "1"})
    assert good.status_code == 200
    bad = client.post(SEARCH, files={"image": ("p.jpg", b"text", declared)})
    assert_problem(bad, 415, "unsupported_type")
    assert declared not in bad.json()["detail"]


def test_a_picture_without_an_embedding_is_refused(
    client: CheckedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "unit_rows", lambda rows: unit_rows(rows * np.nan))
    never_asked = jpeg(Image.new("RGB", (47, 31), "maroon"))
    assert_problem(ask(client, never_asked), 422, "no_embedding")
