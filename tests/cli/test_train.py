"""The verb that trains, and what is printed of many pictures at once."""

import json
import shutil
from pathlib import Path

import pytest

from api.cli.exits import Exit
from search_engine.engine import SearchEngine
from search_engine.storage.paths import DataPaths
from tests.cli.conftest import Index, Run
from tests.conftest import copy_data
from tests.images.pictures import CORRUPT


@pytest.fixture
def data(hsv_data: Path, tmp_path: Path) -> Path:
    """A data directory of our own with the drawn catalog."""
    copy: Path = copy_data(hsv_data, tmp_path / "data")
    return copy


@pytest.fixture
def photos(sample: Path, tmp_path: Path) -> Path:
    """A folder with two pictures and a broken one between them."""
    root = tmp_path / "photos"
    root.mkdir()
    for name, photo in zip("ac", sorted((sample / "images").rglob("*.jpg")), strict=False):
        shutil.copy(photo, root / f"{name}.jpg")
    (root / "b.jpg").write_bytes(CORRUPT["half a JPEG"])
    return root


def test_train_stores_a_classifier(run: Run, data: Path) -> None:
    ran = run("train", "--with", "svm", "--data", data, "--json")
    assert ran.code == 0
    report = ran.json
    assert report["classifier"] == "svm"
    assert report["target"] == "label"
    assert report["items"] > 100
    assert report["classes"] > 10
    assert 0 < report["held_out_accuracy"] <= 1
    assert set(report) >= {"temperature", "encoder", "seq", "seconds"}
    (file,) = DataPaths(data).classifiers("default").glob("*.safetensors")
    assert file.name.startswith("svm-")


def test_train_for_people_is_one_line(run: Run, data: Path) -> None:
    ran = run("train", "--with", "class-mean", "--data", data, "--target", "color")
    assert ran.code == 0
    (line,) = ran.out.splitlines()
    assert line.startswith("class-mean: ")
    assert "classes of color" in line
    assert "% right held out" in line


def test_train_refuses_what_it_cannot_do(run: Run, data: Path) -> None:
    ran = run("train", "--with", "oracle", "--data", data)
    assert ran.code == 2
    assert "known: class-mean, logistic, linear-svm, svm, forest" in ran.error
    assert run("train", "--with", "svm", "--data", data, "--target", "nope").code == 2
    assert run("train", "--with", "svm", "--data", data, "--collection", "nope").code == 2
    assert run("train", "--data", data).code == 2


def test_many_pictures_go_into_a_file(run: Run, data: Path, photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "classes.jsonl"
    asked = ("classify", photos, "--data", data, "-k", 3, "--json", "--output", output)
    said = run(*asked)
    assert said.code == Exit.SOME_REJECTED
    first, bad, last = map(json.loads, output.read_text().splitlines())
    assert [row["item_id"] for row in (first, bad, last)] == ["a.jpg", "b.jpg", "c.jpg"]
    assert len(first["neighbors"]) == len(last["neighbors"]) == 3
    assert bad["error_code"] == "corrupt_image"
    summary = said.json
    assert (summary["rows"], summary["answered"], summary["rejected"]) == (3, 2, 1)
    assert said.err.startswith("rejected: corrupt_image: b.jpg: ")


def test_a_trained_classifier_answers_a_line_each(run: Run, data: Path, photos: Path) -> None:
    run("train", "--with", "class-mean", "--data", data)
    said = run("classify", photos, "--data", data, "--with", "class-mean", "-k", 2, "--json")
    assert said.code == Exit.SOME_REJECTED
    first, bad, _ = map(json.loads, said.out.splitlines())
    assert first["path"] == str(photos / "a.jpg")
    assert first["confidence"] == first["votes"][0]["share"]
    assert len(first["neighbors"]) == 2
    assert bad["error"]["code"] == "corrupt_image"
    assert bad["path"] == str(photos / "b.jpg")
    assert "error: corrupt_image" in said.err
    assert "note:" not in said.err


def test_lines_for_people_have_the_shares(run: Run, data: Path, photos: Path) -> None:
    run("train", "--with", "class-mean", "--data", data)
    said = run("classify", photos / "a.jpg", "--data", data, "--with", "class-mean")
    assert said.out.startswith(f"{photos / 'a.jpg'}: ")


def test_a_stale_classifier_says_so(run: Run, data: Path, photos: Path) -> None:
    run("train", "--with", "class-mean", "--data", data)
    ask = ("classify", photos / "a.jpg", "--data", data, "--with", "class-mean")
    assert run(*ask).err == ""
    with SearchEngine(data) as engine:
        engine.remove(next(engine.catalog.item_ids(engine.catalog.collection("default"))))
    assert run(*ask).err == (
        "note: the collection changed since class-mean was trained; "
        "`eyedex train --with class-mean` brings it up to date\n"
    )


def test_a_classifier_whose_field_was_emptied_is_not_told_to_be_trained_at_once(
    run: Run, index: Index, folder: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "data"  # that of `index`
    kinds = folder / "kinds.csv"

    def told(*kind: str) -> None:
        rows = [f"{n},{'AB'[n % 2]}/{n}.png,{each}" for n, each in enumerate(kind)]
        kinds.write_text("\n".join(["item_id,image,kind", *rows]))
        assert index(kinds).code == 0

    told(*"xyxyxy")
    named = ("--target", "kind", "--data", empty)
    assert run("train", "--with", "class-mean", *named).code == 0
    told(*[""] * 6)
    said = run("classify", folder / "A" / "0.png", "--with", "class-mean", *named).err
    assert "note: no item has a value of kind any more: class-mean answers as it learned" in said
    assert "give items values again, then `eyedex train --with class-mean --target kind`" in said


def test_check_finds_a_damaged_classifier_and_its_command_mends_it(run: Run, data: Path) -> None:
    assert run("train", "--with", "class-mean", "--target", "color", "--data", data).code == 0
    assert run("check", "--data", data).code == 0
    (file,) = DataPaths(data).classifiers("default").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-9])
    ran = run("check", "--data", data)
    assert ran.code == Exit.STORAGE
    (line,) = [line for line in ran.out.splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: {file}: the stored classifier is damaged: ")
    command = line.partition("`")[2].partition("`")[0].split()
    assert command == ["eyedex", "train", "--with", "class-mean", "--target", "color"]
    assert run(*command[1:], "--data", data).code == 0
    assert run("check", "--data", data).code == 0


def test_check_finds_a_damaged_calibration_and_its_command_mends_it(run: Run, data: Path) -> None:
    (file,) = DataPaths(data).index("default").glob("calibration-*.json")
    file.write_text(file.read_text().replace('"seq": ', '"seq": 1'))
    ran = run("check", "--data", data, "--json")
    assert ran.code == Exit.STORAGE
    (error,) = [one for one in ran.json["findings"] if one["level"] == "error"]
    assert error["where"] == str(file)
    assert error["what"] == (
        "the calibration does not match its checksum; `eyedex calibrate` makes it anew"
    )
    assert run("calibrate", "--data", data).code == 0
    assert run("check", "--data", data).code == 0
