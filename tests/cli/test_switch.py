"""`eyedex switch`: another encoder for a collection in use, compared, taken, undone."""

import csv
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from search_engine.engine import SearchEngine
from search_engine.records import SearchResult
from search_engine.storage.locks import exclusive
from search_engine.vote.calibration.store import load_calibration
from search_engine.vote.tally import VoteRule
from tests.cli.conftest import COMMAND, Index, Run
from tests.conftest import copy_data, index_folder, once
from tests.sealing import execute

ITEMS = 115
MEASURES = {"accuracy", "map", "hit_rate@1"}


@pytest.fixture
def drawn(hsv_data: Path, tmp_path: Path) -> Path:
    """A copy of the drawn catalog, encoded by colours."""
    data = tmp_path / "drawn"
    copy_data(hsv_data, data)
    return data


@pytest.fixture
def switched(hsv_data: Path, shared: Path, run: Run, tmp_path: Path) -> Path:
    """A copy of the same after it was given the encoder of edges."""

    def make(folder: Path) -> None:
        copy_data(hsv_data, folder, dirs_exist_ok=True)
        assert run("switch", "edges", "--force", "--data", folder).code == 0

    return copy_data(once(shared / "switched-to-edges", make), tmp_path / "switched")


@pytest.fixture
def photo(sample: Path) -> Path:
    return min((sample / "images").rglob("*.jpg"))


@pytest.fixture
def movable(sample: Path, tmp_path: Path) -> Path:
    """A copy of the drawn catalog's pictures, and its table."""
    folder = tmp_path / "movable"
    shutil.copytree(sample, folder)
    return folder


def result(data: Path, photo: Path) -> SearchResult:
    with SearchEngine(data) as engine:
        return engine.search(photo, k=10)


def found(data: Path, photo: Path) -> list[tuple[str, float]]:
    return [(one.item.item_id, one.score) for one in result(data, photo).neighbors]


def rows(data: Path, query: str) -> list[Any]:
    return [tuple(row) for row in execute(data, query)]


def encoders_kept(data: Path) -> int:
    return len(rows(data, "SELECT DISTINCT fingerprint FROM embeddings"))


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


def test_undoing_brings_back_the_same_answers_at_once(
    switched: Path, hsv_data: Path, run: Run, photo: Path
) -> None:
    """Index, calibration and all; and once more leads forward again."""
    forward = found(switched, photo)
    said = run("classify", photo, "--data", hsv_data, "--json").json
    ran = run("switch", "--undo", "--data", switched, "--json")
    assert ran.code == 0
    assert (ran.json["after"]["encoder"], ran.json["encoded"]) == ("hsv", 0)
    assert ran.json["seconds"] < 5  # 0.02 on an idle machine
    assert result(switched, photo).generation == "gen-000001"
    assert found(switched, photo) == found(hsv_data, photo)
    back = run("classify", photo, "--data", switched, "--json").json
    assert said["calibrated"]
    assert back["confidence"] == said["confidence"]
    assert run("check", "--data", switched).code == 0
    ran = run("switch", "--undo", "--data", switched)
    assert ran.code == 0
    assert ran.out.startswith("edges is used again (192-d, ")
    assert found(switched, photo) == forward
    assert run("classify", photo, "--data", switched, "--json").json["calibrated"]
    assert run("check", "--data", switched).code == 0


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


def test_what_came_since_is_encoded_on_the_way_back(
    switched: Path, run: Run, photo: Path, tmp_path: Path
) -> None:
    """Only that; and what has no picture any more is listed."""
    pictures = tmp_path / "more"
    pictures.mkdir()
    for name in ("new.jpg", "short-lived.jpg"):
        shutil.copy(photo, pictures / name)
    assert run("index", pictures, "--data", switched, "--json").json["added"] == 2
    (pictures / "short-lived.jpg").unlink()
    ran = run("switch", "--undo", "--data", switched, "--json")
    assert ran.json["encoded"] == 1
    assert ran.json["unsearchable"] == [
        {"item_id": "short-lived.jpg", "reason": "picture_not_found"}
    ]
    ids = [item_id for item_id, _ in found(switched, photo)]
    assert "new.jpg" in ids[:2]
    assert "short-lived.jpg" not in ids
    assert run("check", "--data", switched).code == 0


def test_an_item_that_changed_is_never_found_by_its_former_picture(
    switched: Path, run: Run, photo: Path
) -> None:
    """Its embedding by the former encoder went with the picture; its place in the index too."""
    with SearchEngine(switched) as engine:
        item = engine.search(photo).neighbors[0].item
        other = max(photo.parent.glob("*.jpg"))
        engine.upsert(item.item_id, other.read_bytes())
        with engine.catalog.write() as writer:
            writer._connection.exec_driver_sql("DELETE FROM pictures")
    ran = run("switch", "--undo", "--data", switched, "--json").json
    assert [one["item_id"] for one in ran["unsearchable"]] == [item.item_id]
    assert item.item_id not in [item_id for item_id, _ in found(switched, photo)]
    assert run("check", "--data", switched).code == 0


def test_a_tuned_encoder_comes_back_tuned(drawn: Path, run: Run, photo: Path) -> None:
    assert run("tune", "--force", "--no-layers", "--data", drawn).code == 0
    tuned = found(drawn, photo)
    ran = run("switch", "edges", "--force", "--data", drawn)
    assert ran.code == 0
    assert "what `eyedex tune` learned belongs to hsv: --undo brings it back too" in ran.out
    assert len(rows(drawn, "SELECT 1 FROM learned")) == 1
    assert run("switch", "--undo", "--data", drawn).code == 0
    assert found(drawn, photo) == tuned
    assert run("switch", "hsv", "--force", "--data", drawn, "--json").json["encoded"] == 0
    assert run("switch", "--forget", "--data", drawn).code == 0
    assert rows(drawn, "SELECT 1 FROM learned") == []
    assert encoders_kept(drawn) == 1
    assert run("check", "--data", drawn).code == 0


def test_tuning_is_a_change_to_go_back_from(drawn: Path, run: Run, photo: Path) -> None:
    before = found(drawn, photo)
    assert run("tune", "--force", "--no-layers", "--data", drawn).code == 0
    assert found(drawn, photo) != before
    assert run("switch", "--undo", "--data", drawn).code == 0
    assert found(drawn, photo) == before
    ran = run("switch", "--undo", "--data", drawn)
    assert "instead of hsv" in ran.out
    assert found(drawn, photo) != before


@pytest.mark.parametrize("verb", ["switch", "tune"])
@pytest.mark.parametrize("change", [("switch", "edges", "--force"), ("tune", "--force")])
def test_both_verbs_undo_whatever_changed_the_encoder_and_tell_the_same(
    drawn: Path, run: Run, photo: Path, verb: str, change: tuple[str, ...]
) -> None:
    before = found(drawn, photo)
    assert run(*change, "--data", drawn).code == 0
    after = result(drawn, photo).encoder
    ran = run(verb, "--undo", "--data", drawn, "--json")
    assert (ran.code, found(drawn, photo)) == (0, before)
    body = ran.json
    assert (body["before"]["fingerprint"], body["before"]["tuned"]) == (after, change[0] == "tune")
    assert (body["after"]["encoder"], body["fingerprint"]) == ("hsv", result(drawn, photo).encoder)
    assert (body["changed"], body["encoded"], body["unsearchable"]) == (True, 0, [])
    assert body["without_embedding"] == []
    ran = run(verb, "--undo", "--data", drawn)
    now = "edges" if change[0] == "switch" else "hsv (tuned)"
    assert ran.out.startswith(f"{now} is used again (")
    assert "instead of hsv, " in ran.out
    assert result(drawn, photo).encoder == after


def test_undo_after_two_tunings_is_one_step_and_switching_takes_off_both(
    drawn: Path, run: Run, photo: Path
) -> None:
    plain = found(drawn, photo)
    assert run("tune", "--force", "--data", drawn).code == 0
    first = found(drawn, photo)
    assert run("tune", "--force", "--target", "color", "--data", drawn).code == 0
    assert run("tune", "--undo", "--data", drawn).code == 0
    assert found(drawn, photo) == first
    ran = run("switch", "hsv", "--force", "--data", drawn, "--json")
    assert (ran.json["changed"], ran.json["already_encoded"]) == (True, ITEMS)
    assert found(drawn, photo) == plain


def test_where_nothing_else_is_kept_undoing_takes_off_what_was_learned(
    drawn: Path, run: Run, photo: Path
) -> None:
    before = found(drawn, photo)
    assert run("tune", "--force", "--data", drawn).code == 0
    said = run("switch", "--forget", "--data", drawn).out
    assert "--undo takes off what was learned now" in said
    ran = run("switch", "--undo", "--data", drawn, "--json")
    assert (ran.code, ran.json["encoded"], ran.json["after"]["tuned"]) == (0, 0, False)
    assert found(drawn, photo) == before
    assert run("switch", "--undo", "--data", drawn).out.startswith("hsv (tuned) is used again")


def test_undoing_refuses_to_lose_the_catalog_unless_forced(
    switched: Path, run: Run, sample: Path, photo: Path, tmp_path: Path
) -> None:
    """Items that came since, whose pictures are on a disk that is gone."""
    pictures = tmp_path / "more"
    shutil.copytree(sample / "images", pictures)
    assert run("index", pictures, "--data", switched).code == 0
    before = found(switched, photo)
    shutil.rmtree(pictures)
    ran = run("switch", "--undo", "--data", switched)
    assert ran.code == 2
    assert f"{ITEMS} of {2 * ITEMS} items have neither an embedding by hsv" in ran.error
    assert found(switched, photo) == before
    ran = run("tune", "--undo", "--force", "--data", switched, "--json")
    assert (ran.code, len(ran.json["unsearchable"])) == (0, ITEMS)
    assert run("check", "--data", switched).code == 0


@pytest.mark.parametrize("edited", [0, 20])
def test_undoing_brings_back_the_rule_of_the_vote(drawn: Path, run: Run, edited: int) -> None:
    """Also where labels changed so much since that it has to be calibrated anew."""
    assert run("calibrate", "--per-product", "--data", drawn).code == 0
    assert run("switch", "edges", "--force", "--data", drawn).code == 0
    assert run("calibrate", "--data", drawn).code == 0
    with SearchEngine(drawn) as engine:
        record = engine.live("default").record
        assert not rule(engine).per_product
        page = engine.catalog.page(record, 0, edited)
        with engine.catalog.write() as writer:
            writer.describe(record.id, {item.key: {"label": "another"} for item in page})
    assert run("tune", "--undo", "--data", drawn).code == 0
    with SearchEngine(drawn) as engine:
        assert rule(engine).per_product


def rule(engine: SearchEngine) -> VoteRule:
    calibration = load_calibration(engine.catalog, engine.live("default").record, "label")
    assert calibration is not None
    return calibration.rule


def test_a_tuned_encoder_is_compared_as_one_that_has_not_seen_the_items(
    drawn: Path, run: Run
) -> None:
    """Labels by lot teach nothing, but whoever learned them finds them again."""
    with SearchEngine(drawn) as engine:
        record = engine.live("default").record
        page = engine.catalog.page(record, 0, 1_000)
        with engine.catalog.write() as writer:
            writer.describe(record.id, {item.key: {"label": f"x{item.key % 3}"} for item in page})
    assert run("tune", "--force", "--no-layers", "--data", drawn).code == 0
    seen = run("evaluate", "--data", drawn, "--json").json["accuracy"]
    gate = run("switch", "edges", "--dry-run", "--data", drawn, "--json").json["gate"]
    assert gate["accuracy"]["before"] < 0.6 < seen


def test_classifiers_of_the_former_encoder_are_named(drawn: Path, run: Run, photo: Path) -> None:
    assert run("train", "--with", "class-mean", "--data", drawn).code == 0
    ran = run("switch", "edges", "--data", drawn, "--json")
    assert ran.json["outdated_classifiers"] == ["class-mean"]
    assert run("classify", photo, "--with", "class-mean", "--data", drawn).code == 7
    assert run("switch", "--undo", "--data", drawn).code == 0
    assert run("classify", photo, "--with", "class-mean", "--data", drawn).code == 0


def test_a_snapshot_has_the_way_back(
    switched: Path, run: Run, photo: Path, hsv_data: Path, tmp_path: Path
) -> None:
    """Embeddings and calibration; the index is built again."""
    archive, restored = tmp_path / "all.tar", tmp_path / "restored"
    assert run("snapshot", archive, "--data", switched).code == 0
    assert run("restore", archive, "--data", restored).code == 0
    assert run("switch", "--undo", "--data", restored, "--json").json["encoded"] == 0
    assert found(restored, photo) == found(hsv_data, photo)
    assert run("classify", photo, "--data", restored, "--json").json["calibrated"]


def test_forgetting_leaves_no_way_back(switched: Path, run: Run, photo: Path) -> None:
    before = found(switched, photo)
    ran = run("switch", "--forget", "--data", switched, "--json")
    assert (ran.code, ran.json["former"]["encoder"]) == (0, "hsv")
    assert ran.json["embeddings"] == ITEMS
    assert encoders_kept(switched) == 1
    names = run("collections", "generations", "default", "--data", switched, "--json").json
    assert len(names["generations"]) == 1
    refused = run("switch", "--undo", "--data", switched)
    assert (refused.code, "nothing is kept of an encoder" in refused.error) == (2, True)
    assert "nothing was kept" in run("switch", "--forget", "--data", switched).out
    assert found(switched, photo) == before


def test_check_tells_what_going_back_would_lose(switched: Path, run: Run) -> None:
    execute(
        switched,
        "UPDATE embeddings SET crc32 = crc32 + 1 WHERE key = 1"
        " AND fingerprint <> (SELECT fingerprint FROM collections)",
    )
    ran = run("check", "--data", switched, "--json")
    assert ran.code == 0
    assert any("damaged embeddings by hsv" in one["what"] for one in ran.json["findings"])


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        ((), 2, "name an encoder, or --undo, or --forget"),
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
