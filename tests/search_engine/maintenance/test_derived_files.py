"""`check` on calibrations and classifiers: what is wrong with a file, where, and how to mend it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search_engine.classifiers import storage
from search_engine.classifiers.collection import train
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import CorruptDataError, EyedexError, NewerFormatError, OlderFormatError
from search_engine.maintenance.check import check_data
from search_engine.maintenance.derived_files import learned_files
from search_engine.maintenance.findings import Finding
from search_engine.storage.paths import DataPaths
from search_engine.vote.calibration.collection import CalibrationRequest, calibrate_collection
from search_engine.vote.calibration.store import calibration_file, read_calibration
from tests.conftest import copy_data

CALIBRATE = "`eyedex calibrate --target color` makes it anew"
TRAIN = "`eyedex train --with class-mean --target color` makes it anew"


@pytest.fixture(scope="module")
def learned(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn catalog, calibrated and trained for label and color. Do not change it."""
    data: Path = copy_data(hsv_data, tmp_path_factory.mktemp("learned") / "data")
    with SearchEngine(data) as engine:
        calibrate_collection(engine.catalog, "default", CalibrationRequest("color"))
        train(engine.catalog, "default", "class-mean")
        train(engine.catalog, "default", "class-mean", "color")
    return data


@pytest.fixture
def data(learned: Path, tmp_path: Path) -> Path:
    return copy_data(learned, tmp_path / "data")


@pytest.fixture
def calibration(data: Path) -> Path:
    return calibration_of(data, "color")


@pytest.fixture
def classifier(data: Path) -> Path:
    return storage.file_of(DataPaths(data).classifiers("default"), "class-mean", "color")


def calibration_of(data: Path, target: str) -> Path:
    """Where the calibration of a target is, for the collection's encoder."""
    with SearchEngine(data) as engine:
        fingerprint = engine.catalog.collection("default").fingerprint
    return calibration_file(DataPaths(data).index("default"), target, fingerprint)


def findings(data: Path) -> list[Finding]:
    """All but what SQLite's version is told of."""
    report = check_data(Settings(data=data))
    assert report.sound == all(one.level != "error" for one in report.findings)
    return [one for one in report.findings if not one.where.startswith("SQLite")]


def only(data: Path, level: str, path: Path) -> str:
    """What the one finding says; it must be of this level, and of this place."""
    (found,) = findings(data)
    assert (found.level, found.where) == (level, str(path))
    return found.what


def changed_json(path: Path, sealed: bool = True, **changes: Any) -> None:
    """A calibration with other values, and the checksum of it, unless it shall be left as it is."""
    from search_engine.vote.calibration.store import _checksum

    described = json.loads(path.read_bytes())
    former = described.pop("sha256")
    described.update(changes)
    described["sha256"] = _checksum(described) if sealed else former
    path.write_text(json.dumps(described))


def changed_origin(file: Path, **changes: Any) -> None:
    stored = storage.load(file)
    storage.save(file.parent, replace(stored, origin=stored.origin.model_copy(update=changes)))


def test_sound_files_are_not_mentioned(data: Path) -> None:
    assert len(list(learned_files(DataPaths(data)))) == 4
    assert findings(data) == []


def test_looking_changes_no_file(data: Path, calibration: Path) -> None:
    calibration.write_bytes(b"?")
    before = {path: path.read_bytes() for path in learned_files(DataPaths(data))}
    findings(data)
    assert {path: path.read_bytes() for path in learned_files(DataPaths(data))} == before


def _flip(path: Path) -> None:
    """In a name or in numbers of the second half; the last digit of one need not mean anything."""
    content = bytearray(path.read_bytes())
    content[content.index(b'": ', len(content) // 2) - 1 if path.suffix == ".json" else -9] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [_flip, _cut, _empty])
def test_a_damaged_file_is_an_error(
    data: Path, calibration: Path, classifier: Path, damage: Callable[[Path], None]
) -> None:
    damage(calibration)
    damage(classifier)
    found = {(one.level, one.where): one.what for one in findings(data)}
    assert len(found) == 2
    assert found["error", str(calibration)].endswith(f"; {CALIBRATE}")
    assert found["error", str(classifier)].endswith(f"; {TRAIN}")


def test_the_named_commands_mend_damaged_files(
    data: Path, calibration: Path, classifier: Path
) -> None:
    _cut(calibration)
    _cut(classifier)
    with SearchEngine(data) as engine:
        calibrate_collection(engine.catalog, "default", CalibrationRequest("color"))
        train(engine.catalog, "default", "class-mean", "color")
    assert findings(data) == []


def test_a_changed_byte_of_a_calibration_is_noticed_or_changes_nothing(calibration: Path) -> None:
    good, whole = read_calibration(calibration), calibration.read_bytes()
    noticed = 0
    for place in range(0, len(whole), 101):
        calibration.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            assert read_calibration(calibration) == good
        except (CorruptDataError, NewerFormatError, OlderFormatError):
            noticed += 1
    assert noticed > len(whole) / 101 / 3  # the rest are spaces between the values


def test_a_changed_figure_is_noticed(data: Path, calibration: Path) -> None:
    changed_json(calibration, sealed=False, least_score=0.123)
    assert "does not match its checksum" in only(data, "error", calibration)


def test_a_calibration_of_an_earlier_version_has_no_checksum(data: Path, calibration: Path) -> None:
    described = json.loads(calibration.read_bytes())
    del described["sha256"]
    calibration.write_text(json.dumps(described))
    assert findings(data) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fingerprint": "e" * 32}, f"encoder {'e' * 32}, but the collection has "),
        ({"collection_uid": "u" * 32}, "a former collection of this name"),
        ({"seq": 10**6}, "of change 1,000,000, but the catalog has "),
    ],
)
def test_what_is_of_something_else_is_a_note(
    data: Path, calibration: Path, classifier: Path, changes: dict[str, Any], said: str
) -> None:
    whole, named = calibration.read_bytes(), calibration
    changed_json(calibration, **changes)
    if fingerprint := changes.get("fingerprint"):
        calibration = calibration.rename(calibration_file(calibration.parent, "color", fingerprint))
    what = only(data, "note", calibration)
    assert said in what
    assert what.endswith("; delete it" if fingerprint else f"; {CALIBRATE}")
    calibration.unlink()
    named.write_bytes(whole)
    changed_origin(classifier, **changes)
    what = only(data, "note", classifier)
    assert said in what
    assert what.endswith(f"; {TRAIN}")


@pytest.mark.parametrize(("version", "level"), [(0, "note"), (2, "error")])
def test_other_formats_are_told(data: Path, calibration: Path, version: int, level: str) -> None:
    changed_json(calibration, format=version)
    what = only(data, level, calibration)
    assert "version wrote this calibration" in what
    assert CALIBRATE in what


def test_files_under_the_name_of_another_are_errors(
    data: Path, calibration: Path, classifier: Path
) -> None:
    shutil.copy(calibration_of(data, "label"), calibration)
    assert "of another target or encoder than its name" in only(data, "error", calibration)
    calibration.unlink()
    shutil.copy(storage.file_of(classifier.parent, "class-mean", "label"), classifier)
    assert "not the one that its file is named for" in only(data, "error", classifier)


def test_what_an_unknown_field_had_can_only_be_deleted(data: Path, calibration: Path) -> None:
    other = calibration_of(data, "a field that no item has")
    calibration.rename(other)
    assert only(data, "error", other).endswith("; delete it")


def test_a_classifier_of_a_kind_that_is_not_known_is_told(data: Path, classifier: Path) -> None:
    stored = storage.load(classifier)
    file = storage.save(
        classifier.parent, replace(stored, model=replace(stored.model, name="oracle"))
    )
    assert only(data, "error", file) == "this version knows no classifier 'oracle'; delete it"


def test_what_a_collection_left_that_is_gone_is_a_note(data: Path) -> None:
    paths = DataPaths(data)
    shutil.copytree(paths.classifiers("default"), paths.classifiers("gone"))
    paths.index("gone").mkdir()
    shutil.copy(calibration_of(data, "label"), paths.index("gone"))
    found = findings(data)
    assert [one.level for one in found] == ["note"] * 3
    assert {Path(one.where).parent for one in found} == {
        paths.classifiers("gone"), paths.index("gone")
    }  # fmt: skip
    assert {one.what for one in found} == {"there is no collection gone any more; delete the file"}


def test_a_deleted_collection_leaves_nothing(data: Path) -> None:
    with SearchEngine(data) as engine:
        engine.delete_collection("default")
    assert list(learned_files(DataPaths(data))) == []
    assert findings(data) == []


def test_another_collection_is_named_in_the_command(data: Path) -> None:
    paths = DataPaths(data)
    with SearchEngine(data) as engine:
        engine.create_collection("winter")
    shutil.copytree(paths.classifiers("default"), paths.classifiers("winter"))
    found = [one.what for one in findings(data)]
    assert len(found) == 2
    assert any("`eyedex train --with class-mean --collection winter` makes" in one for one in found)


@pytest.mark.parametrize(
    "name", ["indexes/default/.calibration-x.json.new", "classifiers/default/.svm-x.new"]
)
def test_what_an_interrupted_run_left_is_a_note(data: Path, name: str) -> None:
    (data / name).write_bytes(b"half of it")
    assert only(data, "note", data / name) == "left by an interrupted run; delete it"


def test_older_states_that_were_put_back_make_a_classifier_stale(
    data: Path, classifier: Path
) -> None:
    with SearchEngine(data) as engine:
        assert not engine.classifier("class-mean", "color").stale
        changed_origin(classifier, seq=10**6)
        assert engine.classifier("class-mean", "color").stale


def test_a_folder_in_the_place_of_a_file_is_an_error(data: Path, calibration: Path) -> None:
    calibration.unlink()
    calibration.mkdir()
    assert "cannot be read" in only(data, "error", calibration)


def test_reading_names_the_file(calibration: Path) -> None:
    _cut(calibration)
    with pytest.raises(EyedexError) as caught:
        read_calibration(calibration)
    assert caught.value.where == str(calibration)
