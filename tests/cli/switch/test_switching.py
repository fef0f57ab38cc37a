"""`eyedex switch`: another encoder for a collection in use, compared and taken."""

import csv
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from search_engine.engine import SearchEngine
from search_engine.storage.locks import exclusive
from tests.cli.conftest import COMMAND, Index, Run
from tests.cli.switch.conftest import ITEMS, encoders_kept, found, result
from tests.conftest import index_folder

pytestmark = pytest.mark.long

MEASURES = {"accuracy", "map", "hit_rate@1"}


@pytest.fixture
def movable(sample: Path, tmp_path: Path) -> Path:
    """A copy of the drawn catalog's pictures, and its table."""
    folder = tmp_path / "movable"
    shutil.copytree(sample, folder)
    return folder


def test_another_encoder_is_compared_and_used(drawn: Path, run: Run, photo: Path) -> None:
    before = result(drawn, photo)
    ran = run("switch", "edges", "--data", drawn, "--json")
    assert ran.code == 0
    body = ran.json
    assert (body["before"]["encoder"], body["after"]["encoder"]) == ("hsv", "edges")
    assert (body["before"]["dimension"], body["after"]["dimension"]) == (972, 192)
    assert min(body[side]["images_per_second"] for side in ("before", "after")) > 0
    assert set(body["gate"]) == MEASURES
    for measure in body["gate"].values():
        low, high = measure["difference"]
        assert low <= measure["after"] - measure["before"] <= high
    assert (body["used"], body["changed"], body["refusals"]) == (True, True, [])
    assert (body["items"], body["already_encoded"], body["unsearchable"]) == (ITEMS, 0, [])
    now = result(drawn, photo)
    assert now.encoder == body["after"]["fingerprint"] != before.encoder
    assert now.neighbors[0].score == pytest.approx(1, abs=1e-3)
    assert now.generation == "gen-000002"
    assert run("check", "--data", drawn).code == 0
    again = run("switch", "edges", "--data", drawn)
    assert (again.code, again.out) == (0, "the collection has this encoder already: edges\n")


def test_what_is_worse_is_refused_and_kept_for_force(switched: Path, run: Run, photo: Path) -> None:
    assert run("switch", "--forget", "--data", switched).code == 0
    before = found(switched, photo)
    ran = run("switch", "hsv", "--data", switched)
    assert ran.code == 8
    assert "refused: worse in accuracy, map, hit_rate@1; --force" in ran.out
    assert found(switched, photo) == before
    assert encoders_kept(switched) == 2
    ran = run("switch", "hsv", "--force", "--data", switched, "--json")
    assert (ran.code, ran.json["already_encoded"], ran.json["changed"]) == (0, ITEMS, True)
    assert len(ran.json["refusals"]) == 1
    assert found(switched, photo) != before


def test_another_trial_takes_the_place_of_one_that_was_not_taken(drawn: Path, run: Run) -> None:
    assert run("switch", "edges", "--dry-run", "--data", drawn).code == 0
    assert encoders_kept(drawn) == 2
    assert run("switch", "lbp", "--dry-run", "--data", drawn).code == 0
    assert encoders_kept(drawn) == 2
    assert run("switch", "edges", "--dry-run", "--data", drawn, "--json").json[
        "already_encoded"
    ] == 0  # fmt: skip


def test_measuring_changes_no_answer(drawn: Path, run: Run) -> None:
    before = run("check", "--data", drawn, "--json").json
    ran = run("switch", "edges", "--dry-run", "--data", drawn)
    assert ran.code == 0
    assert "edges would be used; hsv stays" in ran.out
    assert run("check", "--data", drawn, "--json").json == before
    ran = run("switch", "edges", "--data", drawn, "--json")
    assert (ran.json["already_encoded"], ran.json["changed"]) == (ITEMS, True)


def test_an_interrupted_run_goes_on_where_it_stopped(drawn: Path, run: Run) -> None:
    killed = subprocess.run(
        [*COMMAND, "switch", "edges", "--data", str(drawn)],
        env={**os.environ, "EYEDEX_BATCH_SIZE": "16", "EYEDEX_FAULT": "vectors_added:2:kill"},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    ran = run("switch", "edges", "--data", drawn)
    assert ran.code == 0
    assert f"32 of {ITEMS} items have their embedding already: going on there" in ran.err
    assert run("check", "--data", drawn).code == 0


def test_pictures_that_are_gone_are_listed_and_found_again_when_they_are_back(
    movable: Path, run: Run, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    index_folder(movable / "catalog.csv", data, encoder="hsv")
    with (movable / "catalog.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    gone, broken = listed[0], listed[1]
    kept = {each["item_id"]: (movable / each["image"]).read_bytes() for each in (gone, broken)}
    (movable / gone["image"]).unlink()
    (movable / broken["image"]).write_bytes(b"\xff\xd8\xff no picture any more")
    ran = run("switch", "edges", "--data", data)
    assert ran.code == 0
    assert "cannot be found by it, as no embedding can be made of them: 2: " in ran.err
    assert f"{gone['item_id']} (picture_not_found)" in ran.err
    with SearchEngine(data) as engine:
        record = engine.live("default").record
        assert engine.catalog.count(record) == ITEMS
        reasons = engine.catalog.unsearchable(record)
        assert len(reasons) == 2
        keys = {engine.catalog.get(record, each["item_id"]).key for each in (gone, broken)}
        assert keys == set(reasons)
        snapshot = engine.live("default").snapshot()
        assert snapshot is not None
        assert not keys & set(snapshot.keys().tolist())
        assert engine.live("default").drifted is None
    checked = run("check", "--data", data, "--json").json
    assert (checked["sound"], checked["collections"][0]["unsearchable"]) == (True, 2)
    (note,) = [one for one in checked["findings"] if one["where"] == "collection default"]
    assert (note["level"], "no search finds: 2 (" in note["what"]) == ("note", True)
    (movable / gone["image"]).write_bytes(kept[gone["item_id"]])
    (movable / broken["image"]).write_bytes(kept[broken["item_id"]])
    again = run("index", movable / "catalog.csv", "--data", data, "--json").json
    assert (again["updated"], again["rejected"]) == (2, 0)
    checked = run("check", "--data", data, "--json").json
    assert (checked["sound"], checked["collections"][0]["unsearchable"]) == (True, 0)
    assert found(data, movable / gone["image"])[0][0] == gone["item_id"]
    assert run("switch", "--undo", "--data", data, "--json").json["encoded"] == 2
    assert found(data, movable / gone["image"])[0][0] == gone["item_id"]
    assert run("check", "--data", data).code == 0


def test_a_missing_disk_is_no_reason_to_lose_the_catalog(
    movable: Path, run: Run, tmp_path: Path, photo: Path
) -> None:
    data = tmp_path / "data"
    index_folder(movable / "catalog.csv", data, encoder="hsv")
    before = found(data, photo)
    (movable / "images").rename(movable / "elsewhere")
    ran = run("switch", "edges", "--data", data)
    assert ran.code == 8
    assert f"refused: {ITEMS} of {ITEMS} items could not be found any more" in ran.out
    assert "... (all with --json)" in ran.err
    assert found(data, photo) == before
    assert run("check", "--data", data).code == 0


def test_without_labels_to_compare_by_the_encoder_is_used(
    folder: Path, index: Index, run: Run, data: Path
) -> None:
    assert index(folder).code == 0
    ran = run("switch", "lbp", "--data", data, "--json")
    assert ran.code == 0
    assert (ran.json["gate"], ran.json["queries"], ran.json["changed"]) == (None, 0, True)
    ran = run("switch", "hsv", "--data", data)
    assert ran.code == 0
    assert "too few items, products or scenes with a value of 'label' to compare by" in ran.out


def test_classifiers_of_the_former_encoder_are_named_with_their_targets(
    drawn: Path, run: Run, photo: Path
) -> None:
    for target in ("label", "color"):
        trained = run("train", "--with", "class-mean", "--target", target, "--data", drawn)
        assert trained.code == 0
    said = run("switch", "edges", "--force", "--data", drawn).out
    assert "not usable now: class-mean of color, class-mean of label;" in said
    assert run("classify", photo, "--with", "class-mean", "--data", drawn).code == 7
    undone = run("switch", "--undo", "--data", drawn, "--json")
    assert undone.json["outdated_classifiers"] == []
    assert run("classify", photo, "--with", "class-mean", "--data", drawn).code == 0
    again = run("switch", "--undo", "--data", drawn, "--json")
    assert again.json["outdated_classifiers"] == [
        {"name": "class-mean", "target": "color"}, {"name": "class-mean", "target": "label"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        ((), 2, "name an encoder, or --undo, or --forget"),
        (("--undo", "--dry-run"), 2, "undoing is not tried first"),
        (("--forget", "--dry-run"), 2, "deleting is not tried first"),
        (("edges", "--undo"), 2, "one of them"),
        (("--undo", "--forget"), 2, "one of them"),
        (("nothing",), 2, "there is no encoder 'nothing'"),
        (("edges", "--target", "nothing"), 2, "no such field"),
        (("edges", "--collection", "other"), 2, "there is no collection 'other'"),
        (("edges", "--pooling", "gem"), 2, "pooling"),
        (("sift",), 7, "needs a vocabulary"),
        (("external:clip",), 2, "made elsewhere"),
        (("--undo",), 2, "nothing is kept of an encoder"),
    ],
)
def test_errors_say_what_is_wrong(
    drawn: Path, run: Run, arguments: tuple[str, ...], code: int, what: str
) -> None:
    ran = run("switch", *arguments, "--data", drawn)
    assert (ran.code, what in ran.error) == (code, True), ran.error


def test_nothing_indexed_is_nothing_to_switch(run: Run, data: Path) -> None:
    assert run("collections", "create", "bare", "--data", data).code == 0
    for arguments in (("edges",), ("--undo",), ("--forget",)):
        ran = run("switch", *arguments, "--data", data, "--collection", "bare")
        assert (ran.code, "nothing is indexed yet" in ran.error) == (2, True)


def test_runs_on_one_collection_exclude_each_other(drawn: Path, run: Run) -> None:
    with SearchEngine(drawn) as engine:
        lock = engine.catalog.paths.index_run_lock("default")
        with exclusive(lock, 0.0, "testing"):
            assert run("switch", "edges", "--data", drawn).code == 6
            assert run("switch", "--undo", "--data", drawn).code == 6
            assert run("switch", "--forget", "--data", drawn).code == 6
