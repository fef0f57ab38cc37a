"""A folder as a source: which files are pictures, and what is said of the others."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from indexer.sources import folder_listing
from indexer.sources.base import Reject, SourceRow
from indexer.sources.folder import FolderSource
from indexer.sources.options import SourceOptions
from search_engine.errors import SourceError
from tests.cli.conftest import colour_picture
from tests.images.pictures import jpeg

HEIC = b"\x00\x00\x00\x18ftypheic" + bytes(12)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


def fill(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def listed(root: Path, **options: Any) -> tuple[list[str], Sequence[str]]:
    """Ids of the rows and rejects, and the notes."""
    source = FolderSource(root, SourceOptions(**options))
    ids = [str(row.item_id) for row in source.rows()]
    assert ids == list(source.ids())
    assert len(ids) == len(source)
    return ids, source.notes


def codes(root: Path, **options: Any) -> dict[str | None, str]:
    rows = FolderSource(root, SourceOptions(**options)).rows()
    return {row.item_id: row.code for row in rows if isinstance(row, Reject)}


@pytest.mark.parametrize(
    "name", ["00", "01.jpg?width=400", "photo.JPEG", "x.jpg_large", "a.jpg.1", "b.image", "c.txt"]
)
def test_the_content_makes_a_picture_of_a_file(root: Path, name: str) -> None:
    fill(root, {f"mug/{name}": jpeg(), f"cup/{name}": colour_picture(1)})
    assert listed(root) == ([f"cup/{name}", f"mug/{name}"], ())
    assert [row.label for row in FolderSource(root).rows() if isinstance(row, SourceRow)] == [
        "cup",
        "mug",
    ]


def test_files_that_are_called_pictures_are_not_opened(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(root, {"a.jpg": b"", "b.PNG": b"text", "c.heic": b"", "d.avif": b"", "e.HEIF": b""})
    monkeypatch.setattr(folder_listing, "is_picture_content", None)
    assert listed(root) == (["a.jpg", "b.PNG", "c.heic", "d.avif", "e.HEIF"], ())


def test_heic_without_a_suffix_is_a_picture(root: Path) -> None:
    fill(root, {"IMG_1": HEIC, "clip": b"\x00\x00\x00\x18ftypqt  " + bytes(12)})
    assert listed(root) == (["IMG_1"], ("1 file is no picture (clip)",))


def test_files_that_are_no_pictures_are_counted_and_named(root: Path) -> None:
    fill(root, dict.fromkeys(("a.txt", "b/c.pdf", "d", "e.psd"), b"text"))
    fill(root, {"f": b"", "g.md": b"BMW and other cars, " * 9, "photo": jpeg()})
    assert listed(root) == (["photo"], ("6 files are no pictures (a.txt, d, e.psd, ...)",))


def test_tables_are_counted_and_named(root: Path) -> None:
    fill(root, {"a.csv": b"", "b/c.xlsx": b"", "d.jsonl.gz": b"", "e.jpg": jpeg()})
    assert listed(root)[1] == (
        "3 tables are not read (a.csv, d.jsonl.gz, b/c.xlsx); to index one, name it as the source",
    )


def test_hidden_files_are_counted(root: Path) -> None:
    fill(root, {name: jpeg() for name in (".DS_Store", "Thumbs.db", "desktop.ini", "a.jpg")})
    fill(root, {".git/a.jpg": jpeg(), "__MACOSX/._a.jpg": jpeg(), "b/.c.jpg": jpeg()})
    ids, (note,) = listed(root)
    assert ids == ["a.jpg"]
    assert note.startswith("6 hidden files or folders are passed over (.DS_Store, .git, ")


def test_a_whole_folder_of_pictures_needs_no_word(root: Path) -> None:
    fill(root, {"a/1.jpg": jpeg(), "a/2.jpg": jpeg(), "b.jpg": jpeg(), "a.jpg": jpeg()})
    assert listed(root) == (["a.jpg", "a/1.jpg", "a/2.jpg", "b.jpg"], ())


def test_links_to_folders_are_counted_and_followed_on_request(root: Path, tmp_path: Path) -> None:
    fill(tmp_path / "other", {"x.jpg": jpeg(), "deep/y.jpg": jpeg()})
    fill(root, {"a/1.jpg": jpeg()})
    (root / "plate").symlink_to(tmp_path / "other")
    (root / "again").symlink_to("a")
    assert listed(root) == (
        ["a/1.jpg"],
        ("2 links to folders are not followed (again, plate); --follow-links follows them",),
    )
    assert listed(root, follow_links=True) == (
        ["a/1.jpg", "again/1.jpg", "plate/deep/y.jpg", "plate/x.jpg"],
        (),
    )
    assert codes(root, follow_links=True) == {}


def test_links_that_go_round_end(root: Path) -> None:
    fill(root, {"a/b/1.jpg": jpeg()})
    (root / "a" / "b" / "up").symlink_to(root / "a")
    (root / "self").symlink_to(root)
    (root / "nowhere").symlink_to("nowhere")
    ids, notes = listed(root, follow_links=True)
    assert ids == ["a/b/1.jpg"]
    assert "2 links lead back to folders that they are in (self, a/b/up)" in notes


def test_links_to_files_outside_count_on_request_only(root: Path, tmp_path: Path) -> None:
    fill(tmp_path, {"out.jpg": jpeg(), "secret": jpeg()})
    (root / "a.jpg").symlink_to(tmp_path / "out.jpg")
    (root / "b").symlink_to(tmp_path / "secret")
    assert listed(root) == (["a.jpg"], ("1 file is no picture (b)",))
    assert codes(root) == {"a.jpg": "bad_path"}
    assert listed(root, follow_links=True) == (["a.jpg", "b"], ())
    assert codes(root, follow_links=True) == {}


def test_files_are_chosen_by_patterns(root: Path) -> None:
    fill(root, {name: jpeg() for name in ("a/1.jpg", "a/2.png", "b/3.jpg", "old/4.jpg", "5.jpg")})
    assert listed(root, include=["*.jpg"], exclude=["old", "b/3*"]) == (
        ["5.jpg", "a/1.jpg"],
        ("3 files or folders are left out by --include or --exclude (old, a/2.png, b/3.jpg)",),
    )
    assert listed(root, include=["a", "/5.*"])[0] == ["5.jpg", "a/1.jpg", "a/2.png"]


def test_pipes_are_not_opened(root: Path) -> None:
    os.mkfifo(root / "pipe")
    assert listed(root) == ([], ("1 file is no picture (pipe)",))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_counted_or_refused(root: Path) -> None:
    fill(root, {"a": jpeg(), "b/c.jpg": jpeg()})
    (root / "a").chmod(0)
    assert listed(root)[1] == ("1 file cannot be read (a)",)
    (root / "b").chmod(0)
    with pytest.raises(SourceError, match="cannot be read"):
        listed(root)


def test_names_that_are_no_text_are_shown_all_the_same(root: Path) -> None:
    with open(os.fsencode(root) + b"/\xff", "wb") as file:
        file.write(b"text")
    assert listed(root)[1] == ("1 file is no picture (\\udcff)",)


def test_a_name_that_a_shell_would_expand_is_a_name(root: Path) -> None:
    (root / "~draft").mkdir(parents=True)
    for name in ("~photo.jpg", "~draft/photo.jpg"):
        (root / name).write_bytes(b"picture")
    rows = [row for row in FolderSource(root, SourceOptions()).rows() if isinstance(row, SourceRow)]
    assert {"~photo.jpg", "~draft/photo.jpg"} <= {row.item_id for row in rows}
