"""What was learned from a catalog comes along: calibrations and classifiers."""

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from search_engine.classifiers import storage
from search_engine.classifiers.collection import train
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import CorruptDataError, EyedexError
from search_engine.maintenance.restore import restore_snapshot
from search_engine.maintenance.snapshot import make_snapshot
from search_engine.vote.calibration.collection import CalibrationRequest, calibrate_collection
from search_engine.vote.calibration.store import calibrated_targets
from tests.cli.conftest import colour_picture
from tests.conftest import copy_data
from tests.faults.snapshots.archives import (
    Entry,
    describe,
    digest_of,
    entries,
    forge,
    learned_files_of,
    pack,
    plain,
    refused,
    seq_of,
)
from tests.faults.test_interruption import checked, eyedex


@pytest.fixture(scope="module")
def learned(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with two calibrations and three classifiers. Do not change it."""
    data = copy_data(hsv_data, tmp_path_factory.mktemp("learned") / "data")
    with SearchEngine(data) as engine:
        calibrate_collection(engine.catalog, "default", CalibrationRequest("color"))
        train(engine.catalog, "default", "class-mean")
        train(engine.catalog, "default", "svm")
        train(engine.catalog, "default", "forest", "color")
    return data


@pytest.fixture(scope="module")
def restored(learned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after a snapshot and a restore."""
    folder = tmp_path_factory.mktemp("restored")
    made = make_snapshot(Settings(data=learned), folder / "a.tar")
    assert (made.calibrations, made.classifiers) == (2, 3)
    restore_snapshot(Settings(data=folder / "data"), folder / "a.tar")
    return folder / "data"


def classes(data: Path, photos: list[Path], *arguments: object) -> list[dict[str, Any]]:
    """What `eyedex classify --json` says of each photo, but for the times."""
    ran = eyedex("classify", *photos, "--data", data, "--json", *arguments)
    assert ran.returncode == 0
    assert set(ran.stderr.splitlines()) <= {"note: nothing in the collection looks like this photo"}
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    return [{name: each[name] for name in each if name != "timings_ms"} for each in lines]


@pytest.mark.parametrize(
    "asked",
    [
        (),
        ("--target", "color"),
        ("--accept-accuracy", 0.5),
        ("--with", "class-mean"),
        ("--with", "svm"),
        ("--with", "forest", "--target", "color"),
    ],
    ids=["label", "color", "accept accuracy", "class mean", "svm", "forest of color"],
)
def test_after_a_restore_classify_answers_the_very_same(
    asked: tuple[object, ...], learned: Path, restored: Path, photos: list[Path]
) -> None:
    wanted = classes(learned, photos, *asked)
    assert classes(restored, photos, *asked) == wanted
    assert all(each["calibrated"] for each in wanted)


@pytest.mark.sqlite_only("what is restored is a file")
def test_what_was_learned_is_restored_to_the_byte(learned: Path, restored: Path) -> None:
    assert learned_files_of(restored) == learned_files_of(learned)
    assert checked(restored).findings == checked(learned).findings


@pytest.mark.sqlite_only("a catalog in a database is not replaced")
def test_what_was_learned_is_restored_over_what_is_there(
    learned: Path, photos: list[Path], tmp_path: Path
) -> None:
    data, file = copy_data(learned, tmp_path / "data"), tmp_path / "a.tar"
    make_snapshot(Settings(data=data), file)
    wanted = classes(data, photos, "--with", "class-mean")
    with SearchEngine(data) as engine:
        for item in engine.catalog.page(engine.live("default").record, 0, 60):
            engine.remove(item.item_id)
        train(engine.catalog, "default", "class-mean")
    assert classes(data, photos, "--with", "class-mean") != wanted
    restore_snapshot(Settings(data=data), file, replace=True)
    assert classes(data, photos, "--with", "class-mean") == wanted


def test_a_snapshot_of_an_earlier_version_is_restored_without_a_word(
    good: Path, digest: str, photos: list[Path], tmp_path: Path
) -> None:
    members = [
        member
        for member in entries(good)[1:]
        if "/gen-" in member[0].name or member[0].name == "catalog.sqlite"
    ]
    changes = {"format": 1, "seq": seq_of(good)}
    file = pack(tmp_path / "old.tar", [describe(members, changes), *members])
    data = tmp_path / "data"
    ran = eyedex("restore", file, "--data", data)
    assert (ran.returncode, ran.stderr, ran.stdout.count("\n")) == (0, "", 1)
    assert digest_of(data) == digest
    assert learned_files_of(data) == {}
    assert not any("calibration" in one.what for one in checked(data).findings)
    ran = eyedex("classify", *photos, "--data", data, "--json")
    assert not any(json.loads(line)["calibrated"] for line in ran.stdout.splitlines())
    assert ran.stderr.startswith("note: how alike pictures of unrelated things are is not known")


def test_what_cannot_be_used_is_left_out(learned: Path, tmp_path: Path) -> None:
    data, file = copy_data(learned, tmp_path / "data"), tmp_path / "a.tar"
    calibrations = sorted((data / "indexes" / "default").glob("calibration-*.json"))
    calibrations[0].write_bytes(calibrations[0].read_bytes()[:-100])
    for folder in ("indexes", "classifiers"):  # those of a collection that is gone
        shutil.copytree(
            data / folder / "default", data / folder / "gone", ignore=shutil.ignore_patterns("gen*")
        )
    svm, class_mean = (
        storage.file_of(data / "classifiers" / "default", name, "label")
        for name in ("svm", "class-mean")
    )
    made = storage.load(class_mean)
    for name, change in (("oracle", {}), ("logistic", {"fingerprint": "e" * 32})):
        other = dataclasses.replace(
            made,
            model=dataclasses.replace(made.model, name=name),
            origin=made.origin.model_copy(update=change),
        )
        storage.save(class_mean.parent, other)
    svm.write_bytes(svm.read_bytes()[:-1] + b"?")
    report = make_snapshot(Settings(data=data), file)
    assert (report.calibrations, report.classifiers) == (1, 2)
    restore_snapshot(Settings(data=tmp_path / "back"), file)
    assert checked(tmp_path / "back").sound
    kept = learned_files_of(tmp_path / "back")
    assert set(kept) < set(learned_files_of(learned))
    assert str(svm.relative_to(data)) not in kept


def test_a_collection_of_the_longest_name_is_saved_with_what_was_learned(
    folder_of_colours: Path, tmp_path: Path
) -> None:
    name, data, file = "c" * 63, tmp_path / "data", tmp_path / "a.tar"
    ran = eyedex(
        "index", folder_of_colours, "--data", data, "--collection", name, "--encoder", "hsv"
    )
    assert ran.returncode == 0, ran.stderr
    with SearchEngine(data) as engine:
        train(engine.catalog, name, "class-mean")
        assert calibrated_targets(engine.catalog, engine.live(name).record) == ["label"]
    made = make_snapshot(Settings(data=data), file)
    assert (made.calibrations, made.classifiers) == (1, 1)
    restore_snapshot(Settings(data=tmp_path / "back"), file)
    assert learned_files_of(tmp_path / "back") == learned_files_of(data)
    subprocess.run(["tar", "-xf", file, "-C", tmp_path], check=True)
    assert (tmp_path / "classifiers" / name).is_dir()


@pytest.fixture
def folder_of_colours(tmp_path: Path) -> Path:
    """Sixty small pictures of two labels, enough to calibrate."""
    for number in range(60):
        path = tmp_path / "colours" / "AB"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(colour_picture(number))
    return tmp_path / "colours"


@pytest.mark.parametrize("what", ["calibration", "classifier"])
def test_a_well_packed_but_damaged_file_is_refused(what: str, good: Path, tmp_path: Path) -> None:
    end = {"calibration": ".json", "classifier": ".safetensors"}[what]

    def spoil(members: list[Entry]) -> list[Entry]:
        (here,) = [
            row
            for row, (info, _) in enumerate(members)
            if info.name.endswith(end) and "gen-" not in info.name
        ]
        info, content = members[here]
        middle = len(content) // 2
        changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        return [*members[:here], plain(info.name, changed), *members[here + 1 :]]

    error = refused(forge(good, tmp_path / "a.tar", spoil), tmp_path / "here")
    assert isinstance(error, CorruptDataError)
    assert what in error.what


@pytest.mark.parametrize(
    "name",
    [
        "classifiers/default/class-mean-0123456789abcdef.pickle",
        "classifiers/default/../../class-mean-0123456789abcdef.safetensors",
        "classifiers/Default/class-mean-0123456789abcdef.safetensors",
        "classifiers/default/class-mean-0123456789ABCDEF.safetensors",
        "classifiers/default/-0123456789abcdef.safetensors",
        "classifiers/default/lock",
        "indexes/default/calibration-.json",
        "indexes/default/calibration-0.json",
        f"indexes/default/calibration-{'0' * 32}.json.new",
        f"indexes/calibration-{'0' * 32}.json",
    ],
)
def test_other_names_beside_what_was_learned_are_refused(
    name: str, good: Path, tmp_path: Path
) -> None:
    def add(members: list[Entry]) -> list[Entry]:
        return [members[0], *sorted([*members[1:], plain(name, b"x")], key=lambda one: one[0].name)]

    assert isinstance(refused(forge(good, tmp_path / "a.tar", add), tmp_path / "h"), EyedexError)
