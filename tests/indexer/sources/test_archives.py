"""Archives of pictures, and archives that are none."""

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from indexer.sources.archives import is_archive, unpack
from search_engine.errors import SourceError
from tests.cli.conftest import colour_picture


def zipped(path: Path, members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def tarred(path: Path, members: Mapping[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


PICTURES = {f"{'AB'[n % 2]}/{n}.png": colour_picture(n) for n in range(4)}


@pytest.mark.parametrize("name", ["shop.zip", "shop.tar", "shop.tar.gz"])
def test_an_archive_is_unpacked(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "shop.zip":
        zipped(path, PICTURES, zipfile.ZIP_DEFLATED)
    else:
        tarred(path, PICTURES, "w:gz" if name.endswith("gz") else "w")
    assert is_archive(path)
    assert content(unpack(path, tmp_path / "unpacked").path) == PICTURES


def test_one_folder_with_everything_is_entered(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {f"export/photos/{n}": d for n, d in PICTURES.items()})
    found = unpack(path, tmp_path / "unpacked").path
    assert found == tmp_path / "unpacked" / "export" / "photos"
    assert content(found) == PICTURES


def test_what_is_no_part_of_a_catalog_is_left_out(tmp_path: Path) -> None:
    extra = {"__MACOSX/A/._0.png": b"x", ".DS_Store": b"x", "A/.hidden": b"x", "empty/": b""}
    path = zipped(tmp_path / "a.zip", {**PICTURES, **extra})
    assert content(unpack(path, tmp_path / "unpacked").path) == PICTURES


def test_the_same_archive_again_writes_only_what_changed(tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    unpack(zipped(tmp_path / "a.zip", PICTURES), folder)
    before = {name: (folder / name).stat().st_mtime_ns for name in PICTURES}
    changed = {**PICTURES, "A/0.png": colour_picture(9), "C/new.png": colour_picture(8)}
    del changed["B/1.png"]
    unpack(zipped(tmp_path / "a.zip", changed), folder)
    assert content(folder) == changed
    for name in PICTURES.keys() & changed.keys() - {"A/0.png"}:
        assert (folder / name).stat().st_mtime_ns == before[name]


@pytest.mark.parametrize(
    "name",
    ["../evil.png", "a/../../evil.png", "/evil.png", "C:\\evil.png", "..\\evil.png", "\\e.png"],
)
def test_members_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    for path in (
        zipped(tmp_path / "a.zip", {name: b"x"}), tarred(tmp_path / "a.tar", {name: b"x"}),
    ):  # fmt: skip
        with pytest.raises(SourceError, match="leads out of it"):
            unpack(path, tmp_path / "inside" / "unpacked")
        assert not list(tmp_path.rglob("*evil*"))
        assert not list(tmp_path.rglob("e.png"))


def test_links_in_tars_are_left_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            file.addfile(info)
        pipe = tarfile.TarInfo("pipe")
        pipe.type = tarfile.FIFOTYPE
        file.addfile(pipe)
    assert content(unpack(tmp_path / "a.tar", tmp_path / "unpacked").path) == {}


def test_a_bomb_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"0.png": bytes(300 * 2**20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(SourceError, match="would become 314,572,800"):
        unpack(path, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize("cut", [60, 100, 200])
@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_damaged_archives_are_refused(tmp_path: Path, name: str, cut: int) -> None:
    members = {name: data * 50 for name, data in PICTURES.items()}
    path = tmp_path / name
    make = zipped if name == "a.zip" else tarred
    make(path, members, *([] if name == "a.zip" else ["w:gz"]))  # type: ignore[arg-type]
    data = bytearray(path.read_bytes())
    data[cut : cut + 20] = bytes(byte ^ 0x55 for byte in data[cut : cut + 20])
    path.write_bytes(data)
    with pytest.raises(SourceError, match="the archive cannot be used"):
        unpack(path, tmp_path / "unpacked")


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a/1.png", b"x")
        file.writestr("a\\1.png", b"y")
    with pytest.raises(SourceError, match="two members"):
        unpack(tmp_path / "a.zip", tmp_path / "unpacked")


def test_samples_of_a_web_dataset_become_a_table(tmp_path: Path) -> None:
    members = {
        "000/a.png": PICTURES["A/0.png"],
        "000/a.json": json.dumps({"price": 3, "sku": "007"}).encode(),
        "000/a.cls": b"mug\n",
        "000/b.png": PICTURES["B/1.png"],
        "000/b.txt": b"eine Tasse",
    }
    table = unpack(tarred(tmp_path / "a.tar", members), tmp_path / "unpacked").path
    assert [json.loads(line) for line in table.read_text("utf-8").splitlines()] == [
        {"price": 3, "sku": "007", "label": "mug", "item_id": "000/a", "image": "000/a.png"},
        {"caption": "eine Tasse", "item_id": "000/b", "image": "000/b.png"},
    ]


def test_a_picture_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PICTURES["A/0.png"])
    assert not is_archive(tmp_path / "a.png")
    assert not is_archive(tmp_path)
    assert not is_archive(zipped(tmp_path / "a.xlsx", {"x": b"y"}))


def test_a_table_beside_the_pictures_is_what_is_read(tmp_path: Path) -> None:
    members = {**PICTURES, "shop.csv": b"item_id,image\na,A/0.png\n", "readme.txt": b"hello"}
    found = unpack(zipped(tmp_path / "a.zip", members), tmp_path / "unpacked")
    assert found.path == tmp_path / "unpacked" / "shop.csv"
    assert found.notes == ("the archive is read by its table shop.csv",)


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {**PICTURES, ".DS_Store": b"x", "A/.hidden": b"x"})
    notes = unpack(path, tmp_path / "unpacked").notes
    assert notes == ("2 of the archive's members left out: hidden files",)
