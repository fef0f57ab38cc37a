"""What a table says of a picture, and which file that is: never one outside the table's folder."""

from pathlib import Path
from typing import Literal
from unicodedata import normalize

import pytest

from indexer.sources.pictures import FORMS, Pictures, folder_label, path_id, view_id
from search_engine.errors import RowError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    for name in ("img/00.jpg", "img/01.JPG", "img/my pic.jpg", "img/a, b.jpg", "100%25.jpg"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"picture")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (root / "out").symlink_to(tmp_path)
    (root / "img" / "link.jpg").symlink_to("00.jpg")
    (root / "img" / "away.jpg").symlink_to(tmp_path / "secret.jpg")
    return root


@pytest.mark.parametrize(
    ("written", "file"),
    [
        ("img/00.jpg", "img/00.jpg"),
        ("./img/00.jpg", "img/00.jpg"),
        ("img/../img/00.jpg", "img/00.jpg"),
        (" img/00.jpg ", "img/00.jpg"),
        ("img\\00.jpg", "img/00.jpg"),
        (".\\img\\00.jpg", "img/00.jpg"),
        ("img/00.jpg?v=123", "img/00.jpg"),
        ("img/00.jpg?v=123&w=5#top", "img/00.jpg"),
        ("img/my%20pic.jpg", "img/my pic.jpg"),
        ("img/my%20pic.jpg?v=1", "img/my pic.jpg"),
        ("100%25.jpg", "100%25.jpg"),
        ("img/00.JPG", "img/00.jpg"),
        ("img/01.jpg", "img/01.JPG"),
        ("img\\01.jpg?v=2", "img/01.JPG"),
        ("img/link.jpg", "img/00.jpg"),
        ("IMG\\00.jpg", "img/00.jpg"),
        ("Img/My%20Pic.JPG?v=1", "img/my pic.jpg"),
    ],
)
def test_a_picture_is_found_however_its_path_is_written(
    root: Path, written: str, file: str
) -> None:
    assert Pictures(root).find(written) == (root / file).resolve()


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("../secret.jpg", "bad_path"),
        ("img/../../secret.jpg", "bad_path"),
        ("..%2fsecret.jpg", "missing_file"),
        ("%2e%2e/secret.jpg", "missing_file"),
        ("..\\secret.jpg", "bad_path"),
        ("out/secret.jpg", "bad_path"),
        ("img/away.jpg", "bad_path"),
        ("/etc/passwd", "bad_path"),
        ("\\etc\\passwd", "bad_path"),
        ("~/x.jpg", "bad_path"),
        ("C:\\x.jpg", "bad_path"),
        ("\\\\server\\x.jpg", "bad_path"),
        ("file:///etc/passwd", "url_denied"),
        ("FILE:/etc/passwd", "url_denied"),
        ("data:image/png;base64,AAAA", "url_denied"),
        ("ftp://shop.example/x.jpg", "url_denied"),
        ("https://shop.example/x.jpg", "url_denied"),
        ("gs://bucket/x.jpg", "url_denied"),
        ("x" * 5_000, "bad_path"),
        ("img/\x00.jpg", "bad_path"),
        ("nothing.jpg", "missing_file"),
        ("img", None),
    ],
)
def test_what_leads_elsewhere_is_refused(root: Path, written: str, code: str | None) -> None:
    pictures = Pictures(root)
    if code is None:
        assert pictures.find(written) == root / written  # no file: refused when it is read
        return
    with pytest.raises(RowError) as caught:
        pictures.find(written)
    assert caught.value.code == code


def test_of_two_that_differ_in_capitals_none_is_guessed(root: Path) -> None:
    (root / "img" / "My Pic.jpg").write_bytes(b"another")
    assert Pictures(root).find("img/My Pic.jpg") == root / "img" / "My Pic.jpg"
    with pytest.raises(RowError, match="there is no such picture"):
        Pictures(root).find("img/MY PIC.jpg")


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_accents_are_found_however_they_are_coded(
    tmp_path: Path, stored: Literal["NFC", "NFD"]
) -> None:
    name = "Schöne Töpfe/é.jpg"
    picture = tmp_path / normalize(stored, name)
    picture.parent.mkdir()
    picture.write_bytes(b"x")
    for written in FORMS:
        assert Pictures(tmp_path).find(normalize(written, name)) == picture


def test_a_missing_picture_names_the_path_that_was_tried(root: Path) -> None:
    with pytest.raises(RowError) as caught:
        Pictures(root).find("img\\07.jpg")
    assert caught.value.what == f"there is no such picture: {root}/img/07.jpg"


def test_an_address_says_how_it_is_fetched(root: Path) -> None:
    with pytest.raises(RowError, match="--allow-urls fetches it"):
        Pictures(root).find("https://shop.example/x.jpg")


def test_other_addresses_are_never_read(root: Path) -> None:
    with pytest.raises(RowError, match="file: addresses are not read"):
        Pictures(root).find("file:///etc/passwd")


@pytest.mark.parametrize(
    ("cell", "references"),
    [
        ("", []),
        ("  ", []),
        (None, []),
        ("img/00.jpg", ["img/00.jpg"]),
        ("img/00.jpg, img/01.jpg", ["img/00.jpg", "img/01.jpg"]),
        ("img/00.jpg|img/01.jpg;x.png", ["img/00.jpg", "img/01.jpg", "x.png"]),
        ("img/a, b.jpg", ["img/a, b.jpg"]),
        ("img/c, d.jpg", ["img/c, d.jpg"]),
        ("https://x.example/a,b.jpg", ["https://x.example/a,b.jpg"]),
        (
            "https://x.example/a.jpg, https://x.example/b.jpg?v=1,2",
            ["https://x.example/a.jpg", "https://x.example/b.jpg?v=1,2"],
        ),
        (["img/00.jpg", "", "a.jpg,b.jpg"], ["img/00.jpg", "a.jpg", "b.jpg"]),
        ({"bytes": None, "path": "img/00.jpg"}, ["img/00.jpg"]),
        (7, ["7"]),
    ],
)
def test_a_cell_names_one_picture_or_several(
    root: Path, cell: object, references: list[str]
) -> None:
    assert Pictures(root).references(cell) == references


def test_views_and_paths_make_ids() -> None:
    assert [view_id("a", number) for number in (1, 2, 3)] == ["a", "a/2", "a/3"]
    assert path_id(".\\img\\00.jpg") == "img/00.jpg"
    assert path_id("https://cdn.example.com/img/00.jpg?v=2") == "cdn.example.com/img/00.jpg?v=2"
    assert path_id("s3://shop/00.jpg") == "shop/00.jpg"
    assert folder_label("Home/Mugs/00.jpg") == "Home/Mugs"
    assert folder_label("00.jpg") is None
