"""Snapshot and restore: complete or not at all, whatever happens to the file or the process.

A good archive is made once; forged ones are written with `tarfile`, whose plain headers are the
same bytes as ours, so that each differs from a good one in the one way under test.
"""

import dataclasses
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.cli.exits import Exit, exit_code
from search_engine.classifiers import storage
from search_engine.classifiers.collection import train
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import CorruptDataError, EyedexError, LockHeldError, StorageFullError
from search_engine.maintenance import restore, snapshot
from search_engine.maintenance.restore import restore_snapshot
from search_engine.maintenance.snapshot import make_snapshot
from search_engine.storage import archive as archives
from search_engine.storage.locks import exclusive
from search_engine.storage.paths import DataPaths
from search_engine.vote.calibration.collection import CalibrationRequest, calibrate_collection
from search_engine.vote.calibration.store import calibrated_targets
from tests.cli.conftest import colour_picture
from tests.conftest import copy_data
from tests.faults.test_interruption import KILLED, answers, checked, eyedex
from tests.sealing import execute

PAGE = 4_096
FLIPS_A_MEMBER = 24
QUICK_S = 2.0
TB = 2**40

SNAPSHOT_POINTS = [
    "workshop_opened",
    "snapshot_generations_staged",
    "snapshot_catalog_copied",
    "snapshot_archive_half",
    "snapshot_archive_written",
    "snapshot_before_rename",
    "snapshot_renamed",
]
RESTORE_POINTS = ["workshop_opened", "restore_file_half", "restore_extracted", "restore_checked"]
NEW_PLACE_POINTS = [*RESTORE_POINTS, "restore_before_rename", "restore_in_place"]
REPLACE_POINTS = [*RESTORE_POINTS, "restore_before_exchange", "restore_in_place"]

Entry = tuple[tarfile.TarInfo, bytes]


@pytest.fixture(scope="module")
def photos(sample: Path) -> list[Path]:
    return sorted((sample / "shopper").rglob("*.jpg"))


@pytest.fixture(scope="module")
def good(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound archive, with a calibration and a classifier. Do not change it."""
    folder = tmp_path_factory.mktemp("good")
    data = copy_data(hsv_data, folder / "data")
    with SearchEngine(data) as engine:
        train(engine.catalog, "default", "class-mean")
    made = make_snapshot(Settings(data=data), folder / "good.tar")
    assert (made.calibrations, made.classifiers) == (1, 1)
    return made.file


@pytest.fixture(scope="module")
def digest(hsv_data: Path) -> str:
    return digest_of(hsv_data)


@pytest.fixture
def other(hsv_data: Path, tmp_path: Path) -> Path:
    """A data directory with another content, `data`, to be replaced."""
    data = copy_data(hsv_data, tmp_path / "data")
    with SearchEngine(data) as engine:
        engine.remove(next(engine.catalog.item_ids(engine.catalog.collection("default"))))
    return data


def digest_of(data: Path) -> str:
    from search_engine.maintenance.check import check_data

    report = check_data(Settings(data=data))
    assert report.sound, report.findings
    return str(report.collections[0]["digest"])


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder with a hash of its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refused(file: Path, folder: Path) -> EyedexError:
    """The error that a restore from this file gives; there must be no trace of the attempt."""
    folder.mkdir(exist_ok=True)
    before = names(folder)
    with pytest.raises(EyedexError) as caught:
        restore_snapshot(Settings(data=folder / "data"), file)
    assert names(folder) == before
    assert exit_code(caught.value) in (Exit.STORAGE, Exit.USAGE)
    return caught.value


def entries(good: Path) -> list[Entry]:
    content = good.read_bytes()
    with tarfile.open(good) as tar:
        return [(info, content[info.offset_data :][: info.size]) for info in tar]


def pack(file: Path, members: list[Entry], *, tail: bytes = bytes(1_024)) -> Path:
    """A tar file of these members, ended like ours."""
    with file.open("wb") as out:
        for info, content in members:
            out.write(info.tobuf(tarfile.USTAR_FORMAT))
            out.write(content + bytes(-len(content) % 512))
        out.write(tail)
    return file


def plain(name: str, content: bytes) -> Entry:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o600
    return info, content


def sealed(described: dict[str, Any]) -> bytes:
    text = json.dumps({**described, "seal": ""}, indent=1)
    seal = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({**described, "seal": seal}, indent=1).encode() + b"\n"


def describe(members: list[Entry], changes: dict[str, Any] | None = None) -> Entry:
    """A `snapshot.json` that fits the members, or is changed where told."""
    described: dict[str, Any] = {
        "format": archives.FORMAT,
        "program": "0",
        "schema_version": "0001",
        "seq": 1,
        "created": "",
        "members": [
            {
                "name": info.name,
                "size_bytes": info.size,
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            for info, content in members
        ],
        **(changes or {}),
    }
    return plain("snapshot.json", sealed(described))


def seq_of(good: Path) -> int:
    return int(json.loads(entries(good)[0][1])["seq"])


def forge(good: Path, file: Path, change: Callable[[list[Entry]], list[Entry]]) -> Path:
    """An archive whose members were changed, and `snapshot.json` with them."""
    members = change(entries(good)[1:])
    return pack(file, [describe(members, {"seq": seq_of(good)}), *members])


# --- round trips


def test_a_restored_copy_is_equal_and_needs_no_rebuild(
    hsv_data: Path, photos: list[Path], tmp_path: Path
) -> None:
    file, data = tmp_path / "a.tar", tmp_path / "not" / "yet" / "data"
    made = eyedex("snapshot", file, "--data", hsv_data)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith(f"{file}: ")
    assert made.stdout.count("\n") == 1
    done = eyedex("restore", file, "--data", data)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    wanted, found = checked(hsv_data), checked(data)
    assert found.collections == wanted.collections
    assert found.collections[0]["pending"] == 0
    assert found.findings == wanted.findings
    assert answers(data, photos) == answers(hsv_data, photos)
    assert names(tmp_path) == ["a.tar", "not"]
    assert names(data.parent) == ["data"]


def test_what_the_verbs_say_to_programs(hsv_data: Path, tmp_path: Path) -> None:
    file, data = tmp_path / "a.tar", tmp_path / "data"
    made = json.loads(eyedex("snapshot", file, "--data", hsv_data, "--json").stdout)
    assert {"file", "seconds"} < set(made)
    assert made["size_bytes"] == file.stat().st_size
    assert (made["collections"], made["generations"]) == (1, 1)
    assert (made["calibrations"], made["classifiers"]) == (1, 0)
    again = eyedex("snapshot", file, "--data", hsv_data, "--json")
    assert (again.returncode, json.loads(again.stderr)["code"]) == (Exit.USAGE, "bad_parameter")
    assert eyedex("snapshot", file, "--data", hsv_data, "--force").returncode == 0
    done = json.loads(eyedex("restore", file, "--data", data, "--json").stdout)
    assert (done["items"], done["seq"], done["kept"]) == (made["items"], made["seq"], None)
    over = eyedex("restore", file, "--data", data)
    assert (over.returncode, "--replace" in over.stderr) == (Exit.USAGE, True)


def test_pending_changes_and_kept_pictures_come_along(
    hsv_data: Path, photos: list[Path], tmp_path: Path
) -> None:
    source, data, file = tmp_path / "source", tmp_path / "data", tmp_path / "a.tar"
    copy_data(hsv_data, source)
    with SearchEngine(source) as engine:
        engine.create_collection("empty")
        item = engine.upsert("new", photos[0].read_bytes(), label="mug")
        picture = engine.catalog.picture_jpeg(item.key)
        made = make_snapshot(Settings(data=source), file)
    report = restore_snapshot(Settings(data=data), file)
    assert (made.collections, made.generations, report.collections) == (2, 1, 2)
    assert digest_of(data) == digest_of(source)
    assert answers(data, photos) == answers(source, photos)
    with SearchEngine(data) as engine:
        assert engine.search(photos[0], k=1).neighbors[0].item == item
        assert engine.catalog.picture_jpeg(item.key) == picture is not None
        engine.remove("new")


def test_the_archive_is_a_tar_file_for_others_too(good: Path, tmp_path: Path) -> None:
    with tarfile.open(good) as tar:
        assert [info.name for info in tar][:2] == ["snapshot.json", "catalog.sqlite"]
        assert all(info.isreg() and info.mode == 0o600 for info in tar)
    subprocess.run(["tar", "-xf", good, "-C", tmp_path], check=True)
    described = json.loads((tmp_path / "snapshot.json").read_text())
    for member in described["members"]:
        content = (tmp_path / member["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == member["sha256"]


def test_a_forged_archive_that_differs_in_nothing_is_accepted(good: Path, tmp_path: Path) -> None:
    file = forge(good, tmp_path / "same.tar", lambda members: members)
    restore_snapshot(Settings(data=tmp_path / "data"), file)


def test_indexes_of_an_archive_are_not_read(good: Path, tmp_path: Path) -> None:
    """Whoever forges one gives it the right checksum: it is built anew from the catalog."""

    def exchange(members: list[Entry]) -> list[Entry]:
        return [
            plain(info.name, b"forged") if "/gen-" in info.name else (info, content)
            for info, content in members
        ]

    data = tmp_path / "data"
    restore_snapshot(Settings(data=data), forge(good, tmp_path / "a.tar", exchange))
    files = [path for path in data.glob("indexes/*/gen-*/*") if path.is_file()]
    assert {path.name for path in files} >= {"manifest.json", "index.faiss"}
    assert b"forged" not in {path.read_bytes() for path in files}
    assert {each.level for each in checked(data).findings} <= {"note"}


def test_long_names_are_written_as_tar_programs_read_them() -> None:
    longest = "c" * 63
    for name in (
        f"indexes/{longest}/calibration-{'0' * 32}.json",
        f"classifiers/{longest}/class-mean-{'0' * 16}.safetensors",
        f"indexes/{longest}/gen-000001/manifest.json",
    ):
        header = archives.header_of(name, 7)
        assert header == plain(name, bytes(7))[0].tobuf(tarfile.USTAR_FORMAT)
        assert tarfile.TarInfo.frombuf(header, "utf-8", "strict").name == name


def test_sizes_from_8_gib_on_are_written_as_tar_programs_read_them() -> None:
    for size in (0, 8**11 - 1, 8**11, TB):
        header = archives.header_of("catalog.sqlite", size)
        info = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
        assert (info.name, info.size, info.isreg()) == ("catalog.sqlite", size, True)


def test_whatever_the_umask_nobody_else_can_read_it(hsv_data: Path, tmp_path: Path) -> None:
    file, data = tmp_path / "a.tar", tmp_path / "data"
    former = os.umask(0)
    try:
        make_snapshot(Settings(data=hsv_data), file)
        restore_snapshot(Settings(data=data), file)
    finally:
        os.umask(former)
    for path in (file, data, *data.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


# --- what was learned


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


def learned_files_of(data: Path) -> dict[str, str]:
    """Calibrations and classifiers with a hash of their content."""
    return {
        name: digest
        for name, digest in tree(data).items()
        if name.endswith(".safetensors") or "/calibration-" in name
    }


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


def test_what_was_learned_is_restored_to_the_byte(learned: Path, restored: Path) -> None:
    assert learned_files_of(restored) == learned_files_of(learned)
    assert checked(restored).findings == checked(learned).findings


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


# --- while others write


def test_snapshots_while_others_train_and_calibrate_are_sound(
    hsv_data: Path, tmp_path: Path
) -> None:
    source, stop = copy_data(hsv_data, tmp_path / "source"), threading.Event()

    def learn() -> None:
        with SearchEngine(source) as engine:
            while not stop.is_set():
                engine.remove(next(engine.catalog.item_ids(engine.catalog.collection("default"))))
                train(engine.catalog, "default", "class-mean")
                calibrate_collection(engine.catalog, "default", CalibrationRequest(queries=60))

    thread = threading.Thread(target=learn)
    thread.start()
    try:
        for number in range(3):
            file, data = tmp_path / f"{number}.tar", tmp_path / f"{number}"
            made = make_snapshot(Settings(data=source), file)
            restore_snapshot(Settings(data=data), file)
            assert len(learned_files_of(data)) == made.calibrations + made.classifiers > 0
    finally:
        stop.set()
        thread.join()


def test_snapshots_during_an_indexing_run_are_sound(source: Path, tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "a.tar"
    command = [sys.executable, "-m", "api.cli.main", "index", source]
    arguments = ["--data", data, "--encoder", "hsv", "--batch-size", 1, "--workers", 1]
    counts: list[int] = []
    with subprocess.Popen([*map(str, command), *map(str, arguments)], stderr=-1) as run:
        while run.poll() is None:
            if DataPaths(data).catalog.exists():
                made = make_snapshot(Settings(data=data), file, force=True)
                copy = tmp_path / f"copy-{len(counts)}"
                assert restore_snapshot(Settings(data=copy), file).items == made.items
                counts.append(made.items)
        assert run.returncode == 0
    assert counts == sorted(counts)
    assert len(set(counts)) > 1  # the catalog grew from one snapshot to another
    make_snapshot(Settings(data=data), file, force=True)
    restore_snapshot(Settings(data=tmp_path / "last"), file)
    assert digest_of(tmp_path / "last") == digest_of(data)


@pytest.mark.parametrize("when", ["before", "after"])
def test_two_generations_published_while_the_catalog_is_copied(
    when: str, hsv_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both older ones are collected then; the copy has one that it can start from all the same."""
    source, data, file = tmp_path / "source", tmp_path / "data", tmp_path / "a.tar"
    copy_data(hsv_data, source)
    engine = SearchEngine(source)
    (first,) = [name for name in names(source / "indexes" / "default") if name.startswith("gen-")]
    copied = {"before": "snapshot_generations_staged", "after": "snapshot_catalog_copied"}[when]

    def publish_two() -> None:
        for item_id in list(engine.catalog.item_ids(engine.catalog.collection("default")))[:2]:
            engine.remove(item_id)
            assert engine.live("default").compact(force=True)

    def publish_there(point: str) -> None:
        if point == copied:
            publish_two()

    monkeypatch.setattr(snapshot, "fault_point", publish_there)
    with engine:
        make_snapshot(Settings(data=source), file)
    assert not (source / "indexes" / "default" / first).exists()
    restore_snapshot(Settings(data=data), file)
    fact = checked(data).collections[0]
    assert fact["pending"] == 0
    assert fact["generation"] == "gen-000001"  # built anew
    assert (digest_of(data) == digest_of(source)) == (when == "before")


def test_snapshots_while_generations_come_and_go(hsv_data: Path, tmp_path: Path) -> None:
    source, stop = copy_data(hsv_data, tmp_path / "source"), threading.Event()

    def churn() -> None:
        with SearchEngine(source) as engine:
            for item_id in list(engine.catalog.item_ids(engine.catalog.collection("default"))):
                engine.remove(item_id)
                engine.live("default").compact(force=True)
                if stop.is_set():
                    return

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for number in range(6):
            file, data = tmp_path / f"{number}.tar", tmp_path / f"{number}"
            made = make_snapshot(Settings(data=source), file)
            assert made.generations == 1
            restore_snapshot(Settings(data=data), file)
    finally:
        stop.set()
        thread.join()


def test_a_damaged_generation_is_left_out(hsv_data: Path, tmp_path: Path) -> None:
    source = copy_data(hsv_data, tmp_path / "source")
    (vectors,) = source.rglob("vectors.f16")
    vectors.write_bytes(vectors.read_bytes()[:-2] + b"??")
    made = make_snapshot(Settings(data=source), tmp_path / "a.tar")
    assert made.generations == 0
    restore_snapshot(Settings(data=tmp_path / "data"), tmp_path / "a.tar")
    assert digest_of(tmp_path / "data") == digest_of(hsv_data)


def test_where_files_cannot_be_linked_they_are_copied(
    hsv_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)
    assert make_snapshot(Settings(data=hsv_data), tmp_path / "a.tar").generations == 1


def test_a_damaged_catalog_gives_no_snapshot(hsv_data: Path, tmp_path: Path) -> None:
    source, file = copy_data(hsv_data, tmp_path / "source"), tmp_path / "a.tar"
    execute(source, "UPDATE embeddings SET crc32 = crc32 + 1 WHERE key = 3")
    with pytest.raises(CorruptDataError, match="does not match its checksum"):
        make_snapshot(Settings(data=source), file)
    assert names(tmp_path) == ["source"]


def damage(catalog: Path) -> None:
    """Make one embedding disagree with its checksum."""
    import sqlite3

    connection = sqlite3.connect(catalog)
    with connection:
        connection.execute("UPDATE embeddings SET crc32 = crc32 + 1 WHERE key = 3")
    connection.close()


def test_snapshot_targets_that_cannot_be(hsv_data: Path, tmp_path: Path) -> None:
    settings = Settings(data=hsv_data)
    for file in (tmp_path, tmp_path / "no" / "a.tar", Path("/dev/null"), Path("/")):
        with pytest.raises(EyedexError) as caught:
            make_snapshot(settings, file, force=True)
        assert exit_code(caught.value) == Exit.USAGE
    for length in (252, 300, 5_000):
        with pytest.raises(EyedexError) as caught:
            make_snapshot(settings, tmp_path / ("n" * length))
        assert exit_code(caught.value) == Exit.STORAGE
    with pytest.raises(EyedexError) as caught:
        make_snapshot(settings, tmp_path / os.fsdecode(b"\xff.tar"))
    assert exit_code(caught.value) == Exit.USAGE
    with pytest.raises(EyedexError) as caught:
        make_snapshot(Settings(data=tmp_path / "none"), tmp_path / "a.tar")
    assert exit_code(caught.value) == Exit.USAGE
    assert names(tmp_path) == []


# --- files that are not a good archive


def test_an_archive_cut_off_at_any_page_is_refused(good: Path, tmp_path: Path) -> None:
    file = Path(shutil.copy(good, tmp_path / "cut.tar"))
    size = file.stat().st_size
    offsets = {0, 1, 511, 512, size - 1, size - 512, size - 1_024, *range(0, size, PAGE)}
    for offset in sorted(offsets, reverse=True):
        os.truncate(file, offset)
        assert isinstance(refused(file, tmp_path / "here"), CorruptDataError)


def test_a_flipped_bit_in_any_member_is_found(good: Path, tmp_path: Path) -> None:
    content = bytearray(good.read_bytes())
    file = tmp_path / "flipped.tar"
    chance = random.Random(5)
    with tarfile.open(good) as tar:
        parts = [(info.offset, info.offset_data, info.offset_data + info.size) for info in tar]
    ends = [*(start for start, _, _ in parts[1:]), len(content)]
    flips = 0
    for (header, data, padding), end in zip(parts, ends, strict=True):
        for first, last in ((header, data), (data, padding), (padding, end)):
            for offset in chance.sample(range(first, last), min(last - first, FLIPS_A_MEMBER)):
                bit = 1 << chance.randrange(8)
                content[offset] ^= bit
                file.write_bytes(content)
                assert isinstance(refused(file, tmp_path / "here"), CorruptDataError), offset
                content[offset] ^= bit
                flips += 1
    assert flips > 300
    assert content == good.read_bytes()


@pytest.mark.parametrize("junk", [b"\0", b"x", bytes(512), bytes(10_240), b"PK\3\4"])
def test_appended_bytes_are_refused(junk: bytes, good: Path, tmp_path: Path) -> None:
    file = tmp_path / "longer.tar"
    file.write_bytes(good.read_bytes() + junk)
    assert isinstance(refused(file, tmp_path / "here"), CorruptDataError)


def as_kind(kind: bytes, linkname: str = "") -> Callable[[list[Entry]], list[Entry]]:
    def change(members: list[Entry]) -> list[Entry]:
        members[0][0].type, members[0][0].linkname = kind, linkname
        return members

    return change


def renamed(name: str) -> Callable[[list[Entry]], list[Entry]]:
    def change(members: list[Entry]) -> list[Entry]:
        members[-1][0].name = name
        return members

    return change


FORGERIES: dict[str, Callable[[list[Entry]], list[Entry]]] = {
    "symbolic link": as_kind(tarfile.SYMTYPE, "/etc/passwd"),
    "hard link": as_kind(tarfile.LNKTYPE, "../catalog.sqlite"),
    "character device": as_kind(tarfile.CHRTYPE),
    "block device": as_kind(tarfile.BLKTYPE),
    "fifo": as_kind(tarfile.FIFOTYPE),
    "directory": as_kind(tarfile.DIRTYPE),
    "sparse": as_kind(tarfile.GNUTYPE_SPARSE),
    "long name": as_kind(tarfile.GNUTYPE_LONGNAME),
    "extended header": as_kind(tarfile.XHDTYPE),
    "contiguous": as_kind(tarfile.CONTTYPE),
    "parent": renamed("../x"),
    "parent inside": renamed("indexes/default/gen-000001/../../../x"),
    "absolute": renamed("/tmp/x"),
    "other file": renamed("indexes/default/gen-000001/x"),
    "hidden folder": renamed("indexes/.default/gen-000001/keys.i64"),
    "line end": renamed("indexes/default/gen-000001/keys.i64\n"),
    "dot": renamed("./catalog.sqlite"),
    "second catalog": renamed("catalog.sqlite"),
    "log": renamed("catalog.sqlite-wal"),
    "no catalog": lambda members: members[1:],
    "nothing": lambda members: [],
    "doubled": lambda members: [members[0], members[1], *members[1:]],
    "doubled catalog": lambda members: [members[0], *members],
    "other order": lambda members: [members[0], *members[:0:-1]],
    "catalog last": lambda members: [*members[1:], members[0]],
    "not a database": lambda members: [plain("catalog.sqlite", b"x" * 5_000), *members[1:]],
    "empty database": lambda members: [plain("catalog.sqlite", b""), *members[1:]],
}


@pytest.mark.parametrize("kind", FORGERIES)
def test_forged_members_are_refused(kind: str, good: Path, tmp_path: Path) -> None:
    file = forge(good, tmp_path / "forged.tar", FORGERIES[kind])
    assert isinstance(refused(file, tmp_path / "here"), CorruptDataError)
    assert not (tmp_path / "x").exists()


def test_part_of_a_generation_is_built_anew(good: Path, tmp_path: Path) -> None:
    """Nothing of it is read."""
    file = forge(good, tmp_path / "forged.tar", lambda members: members[:-1])
    restore_snapshot(Settings(data=tmp_path / "here"), file)
    assert checked(tmp_path / "here").collections[0]["generation"] == "gen-000001"


def test_members_that_snapshot_json_does_not_name(good: Path, tmp_path: Path) -> None:
    first, *members = entries(good)
    lists: dict[str, list[Entry]] = {
        "missing": [first, *members[:-1]],
        "additional": [first, *members, plain("x", b"x")],
        "additional and hostile": [first, *members, plain("../x", b"x")],
        "doubled": [first, *members, members[-1]],
        "no description": members,
        "description last": [*members, first],
        "another first": [plain("README", b"hello"), first, *members],
        "only the description": [first],
    }
    for kind, listed in lists.items():
        file = pack(tmp_path / "forged.tar", listed)
        assert isinstance(refused(file, tmp_path / "here"), CorruptDataError), kind


DESCRIPTIONS: dict[str, dict[str, Any]] = {
    "newer": {"format": archives.FORMAT + 1},
    "newer with more": {"format": 99, "streams": []},
    "newer schema": {"schema_version": "9999"},
    "format 0": {"format": 0},
    "format of text": {"format": "1"},
    "format of fraction": {"format": 1.5},
    "more": {"more": 1},
    "no members": {"members": None},
    "members by name": {"members": {}},
    "negative": {"seq": -1},
    "nan": {"seq": float("nan")},
    "surrogate": {"created": "\ud800"},
}


@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_other_descriptions_are_refused(kind: str, good: Path, tmp_path: Path) -> None:
    members = entries(good)[1:]
    file = pack(tmp_path / "a.tar", [describe(members, DESCRIPTIONS[kind]), *members])
    code = "newer_format" if kind.startswith("newer") else "storage_corrupt"
    assert refused(file, tmp_path / "here").code == code


def test_member_descriptions_that_lie(good: Path, tmp_path: Path) -> None:
    members = entries(good)[1:]
    listed = json.loads(describe(members)[1])["members"]
    lies: list[dict[str, Any]] = [
        {"sha256": "0" * 64},
        {"sha256": listed[0]["sha256"].upper()},
        {"sha256": ""},
        {"size_bytes": listed[0]["size_bytes"] - 1},
        {"size_bytes": listed[0]["size_bytes"] + 512},
        {"size_bytes": -512},
        {"size_bytes": float(listed[0]["size_bytes"])},
        {"size_bytes": 2**63},
        {"size_bytes": True},
        {"name": ["catalog.sqlite"]},
        {"linkname": "x"},
    ]
    for lie in lies:
        changed = [{**listed[0], **lie}, *listed[1:]]
        file = pack(tmp_path / "a.tar", [describe(members, {"members": changed}), *members])
        assert isinstance(refused(file, tmp_path / "here"), CorruptDataError), lie


def test_spellings_of_the_description_other_than_the_one(good: Path, tmp_path: Path) -> None:
    members = entries(good)[1:]
    text = describe(members)[1]
    for other in (
        json.dumps(json.loads(text)).encode(),
        text + b"\n",
        text.replace(b'{\n "format": 2', b'{\n "format": 2,\n "format": 2', 1),
        b"[" * 100_000,
        b'{"format": ' + b"9" * 5_000 + b"}",
        b"\xff" + text,
        b"",
    ):
        file = pack(tmp_path / "a.tar", [plain("snapshot.json", other), *members])
        error = refused(file, tmp_path / "here")
        assert error.code in ("storage_corrupt", "newer_format")


def test_100000_entries_are_refused_at_once(good: Path, tmp_path: Path) -> None:
    header = tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT)
    first, *members = entries(good)
    folder = "indexes/default/gen-000001"
    listed = [plain(f"indexes/c{number}/{folder[16:]}", b"") for number in range(100_000)]
    for described in (first, describe([*members, *listed])):
        file = tmp_path / "many.tar"
        file.write_bytes(described[0].tobuf() + described[1] + header * 100_000)
        started = time.thread_time()
        assert isinstance(refused(file, tmp_path / "here"), CorruptDataError)
        assert time.thread_time() - started < QUICK_S


@pytest.mark.parametrize("with_the_hole", [False, True])
def test_a_huge_member_is_refused_at_once(
    with_the_hole: bool, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = plain("catalog.sqlite", b"")[0]
    info.size = TB
    described, content = describe([(info, b"")])
    file = tmp_path / "huge.tar"
    file.write_bytes(
        described.tobuf(tarfile.USTAR_FORMAT)
        + content
        + bytes(-len(content) % 512)
        + info.tobuf(tarfile.GNU_FORMAT)
    )
    if with_the_hole:
        os.truncate(file, file.stat().st_size + TB + 1_024)
        free = os.statvfs(tmp_path)
        assert free.f_bavail * free.f_frsize < TB, "this disk is too large for this test"
    started = time.thread_time()
    error = refused(file, tmp_path / "here")
    assert isinstance(error, StorageFullError if with_the_hole else CorruptDataError)
    assert time.thread_time() - started < QUICK_S


def test_what_is_no_archive_at_all(tmp_path: Path) -> None:
    contents = {
        "empty": b"",
        "text": b"hello\n" * 1_000,
        "zeros": bytes(10_240),
        "random": random.Random(1).randbytes(100_000),
        "database": b"SQLite format 3\x00" + bytes(20_000),
        "gzip": b"\x1f\x8b\x08" + bytes(2_000),
    }
    for kind, content in contents.items():
        file = tmp_path / kind
        file.write_bytes(content)
        assert isinstance(refused(file, tmp_path / "here"), CorruptDataError), kind
    os.mkfifo(tmp_path / "fifo")
    for file in (tmp_path / "none", tmp_path, tmp_path / "fifo", Path("/dev/zero")):
        assert exit_code(refused(file, tmp_path / "here")) == Exit.USAGE


def test_a_well_packed_but_unsound_catalog_is_refused(good: Path, tmp_path: Path) -> None:
    def spoil(members: list[Entry]) -> list[Entry]:
        catalog = tmp_path / "catalog.sqlite"
        catalog.write_bytes(members[0][1])
        damage(catalog)
        return [plain("catalog.sqlite", catalog.read_bytes()), *members[1:]]

    file = forge(good, tmp_path / "a.tar", spoil)
    error = refused(file, tmp_path / "here")
    assert isinstance(error, CorruptDataError)
    assert "does not match its checksum" in error.what


def test_a_refused_archive_leaves_what_is_to_be_replaced(
    good: Path, other: Path, tmp_path: Path
) -> None:
    file = Path(shutil.copy(good, tmp_path / "a.tar"))
    with file.open("r+b") as out:
        out.seek(-2_000, io.SEEK_END)
        out.write(b"?")
    before = tree(other)
    done = eyedex("restore", file, "--data", other, "--replace", "--json")
    assert (done.returncode, json.loads(done.stderr)["code"]) == (5, "storage_corrupt")
    assert tree(other) == before
    assert names(tmp_path) == ["a.tar", "data"]


# --- where to restore


def test_an_empty_directory_is_used_and_others_are_not(good: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    restore_snapshot(Settings(data=data), good)
    for number, content in enumerate(("x", "lost+found", ".x")):
        folder = tmp_path / f"with-{number}"
        (folder / content).mkdir(parents=True)
        for replace in (False, True):
            with pytest.raises(EyedexError) as caught:
                restore_snapshot(Settings(data=folder), good, replace=replace)
            assert exit_code(caught.value) == Exit.USAGE
        assert names(folder) == [content]
    with pytest.raises(EyedexError) as caught:
        restore_snapshot(Settings(data=tmp_path / ("n" * 300)), good)
    assert exit_code(caught.value) == Exit.STORAGE
    (tmp_path / "file").touch()
    with pytest.raises(EyedexError, match="not a directory"):
        restore_snapshot(Settings(data=tmp_path / "file"), good, replace=True)


def test_a_mount_point_is_refused_before_anything_is_read(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path / "data")
    assert exit_code(refused(good, tmp_path)) == Exit.USAGE


def test_a_symbolic_link_to_the_data_directory_stays_one(
    good: Path, other: Path, digest: str, tmp_path: Path
) -> None:
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(other)
    done = restore_snapshot(Settings(data=link), good, replace=True)
    assert link.is_symlink()
    assert done.kept == tmp_path / "data.before-restore-1"
    assert digest_of(link) == digest


def test_replace_keeps_what_was_there(good: Path, other: Path, digest: str, tmp_path: Path) -> None:
    former = digest_of(other)
    assert former != digest
    with pytest.raises(EyedexError) as caught:
        restore_snapshot(Settings(data=other), good)
    assert exit_code(caught.value) == Exit.USAGE
    done = eyedex("restore", good, "--data", other, "--replace")
    assert done.returncode == 0
    assert "data.before-restore-1" in done.stdout
    assert digest_of(other) == digest
    again = restore_snapshot(Settings(data=other), good, replace=True)
    assert again.kept == tmp_path / "data.before-restore-2"
    assert digest_of(tmp_path / "data.before-restore-1") == former
    assert digest_of(tmp_path / "data.before-restore-2") == digest


@pytest.mark.sqlite_only("damages the file")
def test_replace_works_over_a_damaged_catalog(
    good: Path, other: Path, digest: str, tmp_path: Path
) -> None:
    (other / "catalog.sqlite").write_bytes(b"no database any more")
    restore_snapshot(Settings(data=other), good, replace=True)
    assert digest_of(other) == digest


def test_a_held_lock_is_respected(good: Path, other: Path, tmp_path: Path) -> None:
    settings = Settings(data=other, lock_wait_s=0.05)
    paths = DataPaths(other)
    for lock in (paths.lock, paths.index_run_lock("default")):
        with exclusive(lock, 0.0, "writing"), pytest.raises(LockHeldError):
            restore_snapshot(settings, good, replace=True)
    lock = tmp_path / ".data.restore" / "lock"
    with exclusive(lock, 0.0, "restoring"), pytest.raises(LockHeldError):
        restore_snapshot(settings, good, replace=True)
    lock = tmp_path / ".a.tar.new" / "lock"
    with exclusive(lock, 0.0, "writing"), pytest.raises(LockHeldError):
        make_snapshot(settings, tmp_path / "a.tar")


def test_a_catalog_that_somebody_has_open_is_not_replaced(
    good: Path, other: Path, digest: str, tmp_path: Path
) -> None:
    program = (
        "import sys\n"
        "from search_engine import SearchEngine\n"
        "with SearchEngine(sys.argv[1]):\n"
        "    print('open', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(other)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout
        assert reader.stdin
        reader.stdout.readline()
        done = eyedex("restore", good, "--data", other, "--replace")
        assert (done.returncode, "stop the server" in done.stderr) == (Exit.LOCK_HELD, True)
        assert names(tmp_path) == ["data"]
        reader.stdin.close()
    restore_snapshot(Settings(data=other), good, replace=True)
    assert digest_of(other) == digest


def test_a_catalog_made_meanwhile_is_not_lost(
    good: Path, hsv_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    made: dict[str, str] = {}

    def make_there(point: str) -> None:
        if point == "restore_extracted":
            copy_data(hsv_data, data)
            made.update(tree(data))

    monkeypatch.setattr(restore, "fault_point", make_there)
    with pytest.raises(LockHeldError):
        restore_snapshot(Settings(data=data), good)
    assert made
    assert tree(data) == made
    assert names(tmp_path) == ["data"]


def test_a_file_system_that_cannot_exchange(
    good: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "_RENAME_EXCHANGE", 1 << 30)
    before = digest_of(other)
    with pytest.raises(EyedexError, match="cannot exchange") as caught:
        restore_snapshot(Settings(data=other), good, replace=True)
    assert exit_code(caught.value) == Exit.STORAGE
    assert digest_of(other) == before
    assert names(tmp_path) == ["data"]


# --- killed, and disks that fail


@pytest.mark.parametrize("point", SNAPSHOT_POINTS)
def test_a_killed_snapshot_leaves_the_file_that_was_there(
    point: str, hsv_data: Path, good: Path, digest: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.tar"
    file.write_bytes(b"what was there")
    arguments = ("snapshot", file, "--data", hsv_data, "--force")
    assert eyedex(*arguments, fault=f"{point}:1:kill").returncode == KILLED
    assert (file.read_bytes() == b"what was there") == (point != "snapshot_renamed")
    assert [name for name in names(tmp_path) if not name.startswith(".")] == ["a.tar"]
    make_snapshot(Settings(data=hsv_data), file, force=True)
    assert names(tmp_path) == ["a.tar"]
    restore_snapshot(Settings(data=tmp_path / "data"), file)
    assert digest_of(tmp_path / "data") == digest


@pytest.mark.parametrize("point", NEW_PLACE_POINTS)
def test_a_killed_restore_to_a_new_place(
    point: str, good: Path, digest: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    done = eyedex("restore", good, "--data", data, fault=f"{point}:1:kill")
    assert done.returncode == KILLED
    in_place = point == "restore_in_place"
    assert data.exists() == in_place
    restore_snapshot(Settings(data=data), good, replace=in_place)
    assert digest_of(data) == digest
    assert names(tmp_path) == ["data"] + ["data.before-restore-1"] * in_place


@pytest.mark.parametrize("point", REPLACE_POINTS)
def test_a_killed_restore_over_a_catalog(
    point: str, good: Path, other: Path, digest: str, tmp_path: Path
) -> None:
    former = digest_of(other)
    arguments = ("restore", good, "--data", other, "--replace")
    assert eyedex(*arguments, fault=f"{point}:1:kill").returncode == KILLED
    assert digest_of(other) == (digest if point == "restore_in_place" else former)
    kept = restore_snapshot(Settings(data=other), good, replace=True).kept
    assert digest_of(other) == digest
    assert kept
    everything = {digest_of(path) for path in tmp_path.glob("data.before-restore-*")}
    assert former in everything <= {former, digest}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("action", ["enospc", "eio"])
@pytest.mark.parametrize("point", SNAPSHOT_POINTS[:-1])
def test_a_snapshot_on_a_failing_disk_leaves_nothing(
    point: str, action: str, hsv_data: Path, tmp_path: Path, fault: Callable[[str], None]
) -> None:
    fault(f"{point}:1:{action}")
    with pytest.raises(EyedexError) as caught:
        make_snapshot(Settings(data=hsv_data), tmp_path / "a.tar")
    assert caught.value.code == {"enospc": "storage_full", "eio": "storage"}[action]
    assert names(tmp_path) == []


@pytest.mark.parametrize("action", ["enospc", "eio"])
@pytest.mark.parametrize("point", REPLACE_POINTS[:-1])
def test_a_restore_on_a_failing_disk_leaves_what_was_there(
    point: str, action: str, good: Path, other: Path, tmp_path: Path, fault: Callable[[str], None]
) -> None:
    former = digest_of(other)
    fault(f"{point}:1:{action}")
    with pytest.raises(EyedexError) as caught:
        restore_snapshot(Settings(data=other), good, replace=True)
    assert caught.value.code == {"enospc": "storage_full", "eio": "storage"}[action]
    assert digest_of(other) == former
    assert names(tmp_path) == ["data"]


def test_a_full_disk_ends_with_its_exit_code(good: Path, hsv_data: Path, tmp_path: Path) -> None:
    for arguments, point in (
        (("snapshot", tmp_path / "a.tar", "--data", hsv_data), "snapshot_archive_half"),
        (("restore", good, "--data", tmp_path / "data"), "restore_file_half"),
    ):
        done = eyedex(*arguments, fault=f"{point}:1:enospc")
        assert (done.returncode, done.stdout) == (Exit.STORAGE, "")
        assert done.stderr.startswith("error: storage_full: ")
        assert names(tmp_path) == []
