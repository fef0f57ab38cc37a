"""`eyedex index`: what is added, changed, removed and refused, and what is said about it."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from indexer.report import RunReport
from indexer.run import listed_rejects, opened_to_change
from indexer.sources import Reject
from search_engine.config import Settings
from search_engine.images import readable_heif
from tests.cli.conftest import Index, Rejects, Run, colour_picture, contents, counts
from tests.images.pictures import CORRUPT, FOREIGN_TYPES, TOO_MANY_PIXELS, jpeg
from tests.sealing import execute


def test_a_folder_is_indexed(index: Index, folder: Path, rejects: Rejects) -> None:
    ran = index(folder)
    report = ran.json
    assert ran.code == 0
    assert counts(ran) == (6, 0, 0, 0, 0)
    assert set(report) == {
        "added", "updated", "unchanged", "moved", "removed", "gone", "rejected", "reasons",
        "warnings", "encoded", "same_picture", "hashed", "notes", "columns",
        "seconds", "images_per_second", "stages", "waits", "utilisation", "bottleneck", "learned",
        "encoder", "runtime", "generation", "dry_run", "patches",
    }  # fmt: skip
    assert report["encoded"] == 6
    assert report["encoder"] == "hsv"
    assert report["generation"] == "gen-000001"
    assert report["seconds"] > 0
    assert report["images_per_second"] > 0
    assert {"read", "decode", "encode", "commit", "publish"} <= set(report["stages"])
    assert set(report["utilisation"]) == set(report["stages"])
    assert all(0 <= share <= 1 for share in report["utilisation"].values())
    assert report["utilisation"]["publish"] > 0
    assert set(report["waits"]) == {"decode", "encode"}
    assert report["bottleneck"] in report["stages"]
    assert rejects() == []


def test_pictures_that_are_not_taken_as_they_are_get_counted(
    run: Run, index: Index, data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "profile.jpg").write_bytes(jpeg(Image.new("RGB", (40, 40)), icc_profile=b"none"))
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "navy")]
    frames[0].save(folder / "film.gif", save_all=True, append_images=frames[1:])
    assert index(folder).json["warnings"] == {"first_frame_used": 1, "colour_profile_ignored": 1}
    said = run("index", folder, "--data", data, "--collection", "b", "--encoder", "hsv").err
    assert "note: 1 picture with a colour profile that cannot be used: taken for sRGB" in said
    assert "note: 1 picture with several frames: only the first was looked at" in said


def test_labels_come_from_the_sub_folders(run: Run, index: Index, data: Path, folder: Path) -> None:
    deep = folder / "A" / "deep"
    deep.mkdir()
    (deep / "x.png").write_bytes(colour_picture(50))
    (folder / "top.png").write_bytes(colour_picture(51))
    index(folder)
    for path, item_id, label in (
        (deep / "x.png", "A/deep/x.png", "A/deep"),
        (folder / "top.png", "top.png", None),
    ):
        best = run("search", path, "--data", data, "-k", 1, "--json").json["neighbors"][0]
        assert (best["item_id"], best["label"]) == (item_id, label)


def test_a_folder_of_other_files_is_empty(index: Index, folder: Path) -> None:
    shutil.rmtree(folder / "A")
    shutil.rmtree(folder / "B")
    (folder / "notes.txt").write_text("nothing to see")
    (folder / ".hidden.png").write_bytes(colour_picture(1))
    (folder / ".git").mkdir()
    (folder / ".git" / "a.png").write_bytes(colour_picture(2))
    ran = index(folder)
    assert (ran.code, counts(ran)) == (0, (0, 0, 0, 0, 0))


def test_indexing_again_finds_nothing_to_do(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    index(folder)
    before = contents(run, data)
    again = index(folder)
    assert counts(again) == (0, 0, 6, 0, 0)
    assert again.json["encoded"] == 0
    assert again.json["generation"] == "gen-000001"
    assert contents(run, data) == before


def test_the_collection_remembers_its_encoder(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    index(folder)
    (folder / "A" / "new.png").write_bytes(colour_picture(60))
    ran = run("index", folder, "--data", data, "--json")
    assert counts(ran) == (1, 0, 6, 0, 0)
    assert ran.json["encoder"] == "hsv"


def test_what_is_refused_as_a_whole_decides_no_encoder(
    run: Run, data: Path, folder: Path, tmp_path: Path
) -> None:
    refused = tmp_path / "refused"
    refused.mkdir()
    (refused / "a.jpg").write_bytes(b"no picture")
    assert run("index", refused, "--data", data, "--encoder", "hsv").code == 4
    ran = run("index", folder, "--data", data, "--encoder", "hog", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["encoder"] == "hog"


def test_a_changed_picture_is_encoded_again(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    index(folder)
    (folder / "A" / "0.png").write_bytes(colour_picture(99))
    ran = index(folder)
    assert counts(ran) == (0, 1, 5, 0, 0)
    assert ran.json["encoded"] == 1
    best = run("search", folder / "A" / "0.png", "--data", data, "-k", 1, "--json").json
    assert best["neighbors"][0]["item_id"] == "A/0.png"
    assert best["neighbors"][0]["score"] > 0.999


@pytest.mark.parametrize(
    ("damage", "counted"),
    [
        ("UPDATE embeddings SET vector = zeroblob(8) WHERE key = 1", (1, 5)),
        ("DELETE FROM embeddings WHERE key = 1", (1, 5)),
        ("UPDATE picture_hashes SET hash = zeroblob(8) WHERE key = 1", (0, 6)),
    ],
)
@pytest.mark.sqlite_only("zeroblob")
def test_what_is_damaged_of_an_item_is_made_again(
    run: Run, index: Index, folder: Path, data: Path, damage: str, counted: tuple[int, int]
) -> None:
    index(folder)
    execute(data, damage)
    damaged = run("check", "--data", data)
    assert damaged.code == 5
    assert "index the item again" in damaged.out
    ran = index(folder).json
    assert (ran["updated"], ran["unchanged"]) == counted
    assert run("check", "--data", data).code == 0


def test_items_that_are_gone_stay_unless_pruned(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    index(folder)
    (folder / "A" / "0.png").unlink()
    assert counts(index(folder)) == (0, 0, 5, 0, 0)
    pruned = index(folder, "--prune")
    assert counts(pruned) == (0, 0, 5, 1, 0)
    found = run("search", folder / "B" / "1.png", "--data", data, "-k", 9, "--json").json
    assert len(found["neighbors"]) == 5
    assert "A/0.png" not in {one["item_id"] for one in found["neighbors"]}


def test_items_whose_file_cannot_be_read_stay_when_pruning(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    index(folder)
    before = contents(run, data)
    (folder / "A" / "0.png").unlink()
    (folder / "A" / "0.png").symlink_to(folder / "nowhere.png")
    (folder / "B" / "1.png").write_bytes(bytes(11 * 2**20))
    ran = index(folder, "--prune")
    assert ran.code == 4
    assert counts(ran) == (0, 0, 4, 0, 2)
    assert contents(run, data) == before


def test_items_whose_new_picture_is_refused_stay_when_pruning(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    index(folder)
    before = contents(run, data)
    (folder / "A" / "0.png").write_bytes(CORRUPT["half a JPEG"])
    ran = index(folder, "--prune")
    assert ran.code == 4
    assert counts(ran) == (0, 0, 5, 0, 1)
    assert contents(run, data) == before


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    index(folder)
    before = contents(run, data)
    (folder / "A" / "0.png").write_bytes(colour_picture(99))
    (folder / "A" / "7.png").write_bytes(colour_picture(7))
    (folder / "B" / "1.png").unlink()
    ran = index(folder, "--prune", "--dry-run")
    assert (ran.code, counts(ran)) == (0, (1, 1, 4, 1, 0))
    assert ran.json["dry_run"] is True
    assert ran.json["encoded"] == 0
    assert contents(run, data) == before


def test_a_dry_run_makes_neither_directory_nor_collection(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    assert counts(index(folder, "--dry-run")) == (6, 0, 0, 0, 0)
    assert not data.exists()
    index(folder)
    before = sorted(data.rglob("*"))
    (folder / "gone.png").symlink_to("nowhere.png")
    arguments = ("--encoder", "hsv", "--collection", "new", "--dry-run", "--workers", 1)
    ran = run("index", folder, "--data", data, *arguments)
    assert ran.code == 4
    assert "6 would be added, 0 would be updated, 0 unchanged" in ran.out
    assert "item 'gone.png': there is no such picture" in ran.err
    assert sorted(data.rglob("*")) == before


def test_two_runs_at_once_have_their_own_rejects(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    """The one that ends first takes nothing away from the other."""
    (folder / "bad.jpg").write_bytes(b"text")
    with opened_to_change(Settings(data=data), "first", dry_run=False) as engine:
        rejects = listed_rejects(engine, "first", RunReport())
        assert index(folder, "--collection", "second").code == 4
        rejects.write(Reject(1, "a", "bad_id", "it is bad"))
        rejects.close()
    named = {file.name: len(file.read_text().splitlines()) for file in data.glob("rejects*")}
    assert named == {"rejects-first.jsonl": 1, "rejects-second.jsonl": 1}
    run("collections", "delete", "second", "--yes", "--data", data)
    assert [file.name for file in data.glob("rejects*")] == ["rejects-first.jsonl"]


def test_the_report_for_people_names_the_counts(run: Run, data: Path, folder: Path) -> None:
    (folder / "bad.jpg").write_bytes(b"text")
    ran = run("index", folder, "--data", data, "--encoder", "hsv", "--workers", 1)
    assert ran.code == 4
    assert "6 added, 0 updated, 0 unchanged, 0 removed, 1 rejected" in ran.out
    assert "images/s" in ran.out
    assert "rejects.jsonl" in ran.err
    assert "hsv" in ran.err


OF_HEIC = "corrupt_image" if "HEIF" in readable_heif() else "unsupported_type"
BAD_FILES = {
    "half.jpg": (CORRUPT["half a JPEG"], "corrupt_image"),
    "almost.jpg": (CORRUPT["JPEG without its last bytes"], "corrupt_image"),
    "empty.jpg": (b"", "empty_file"),
    "text.jpg": (FOREIGN_TYPES["text"], "unsupported_type"),
    "drawing.png": (FOREIGN_TYPES["svg"], "unsupported_type"),
    "phone.jpeg": (FOREIGN_TYPES["heic"], OF_HEIC),
    "huge.png": (TOO_MANY_PIXELS["PNG of 50,000 x 50,000"], "too_many_pixels"),
    "large.webp": (jpeg() + bytes(10 * 2**20), "body_too_large"),
}


def test_bad_files_are_refused_by_name_and_the_rest_is_indexed(
    run: Run, index: Index, data: Path, folder: Path, rejects: Rejects,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("EYEDEX_CATALOG_MAX_BYTES", str(10 * 2**20))
    for name, (content, _) in BAD_FILES.items():
        (folder / name).write_bytes(content)
    ran = index(folder)
    assert ran.code == 4
    assert counts(ran) == (6, 0, 0, 0, len(BAD_FILES))
    found = rejects()
    assert {each["item_id"]: each["code"] for each in found} == {
        name: code for name, (_, code) in BAD_FILES.items()
    }
    for each in found:
        assert set(each) == {"line", "item_id", "code", "reason"}
        assert each["line"] >= 1
        assert each["reason"]
    assert contents(run, data).startswith("6 ")
    assert run("check", "--data", data).code == 0


def test_a_clean_run_empties_the_list_of_refused_rows(
    index: Index, folder: Path, rejects: Rejects
) -> None:
    (folder / "bad.jpg").write_bytes(b"text")
    assert index(folder).code == 4
    assert len(rejects()) == 1
    (folder / "bad.jpg").unlink()
    assert index(folder).code == 0
    assert rejects() == []


def test_links_pipes_and_odd_names_in_a_folder(
    index: Index, folder: Path, tmp_path: Path, rejects: Rejects
) -> None:
    outside = tmp_path / "outside.png"
    outside.write_bytes(colour_picture(70))
    (folder / "out.png").symlink_to(outside)
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "dangling.png").symlink_to("nothing.png")
    (folder / "inside.png").symlink_to("A/0.png")
    (folder / "linked").symlink_to(folder / "A")
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    with open(os.fsencode(folder) + b"/\xff\xfe.png", "wb") as file:
        file.write(colour_picture(71))
    (folder / "line\nbreak.png").write_bytes(colour_picture(72))
    ran = index(folder)
    assert ran.code == 4
    assert ran.json["added"] == 7
    assert {each["item_id"]: each["code"] for each in rejects()} == {
        "out.png": "bad_path",
        "loop.png": "bad_path",
        "dangling.png": "missing_file",
        "pipe.png": "corrupt_image",
        "\\udcff\\udcfe.png": "bad_id",
        "line\\nbreak.png": "bad_id",
    }


@pytest.mark.parametrize("address", ["https://shop.example/feed.csv", "s3://shop/feed.csv"])
def test_an_address_is_told_what_to_do_instead(run: Run, data: Path, address: str) -> None:
    refused = run("index", address, "--data", data)
    assert refused.error.endswith("; save what is at this address as a file, and name that")
