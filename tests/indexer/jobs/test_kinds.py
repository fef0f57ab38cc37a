"""Each kind of job, on the drawn catalog: it does what its verb does, and says the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.staging import Staging
from search_engine.catalog.job_rows import Job
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.maintenance.restore import restore_snapshot
from search_engine.storage.paths import DataPaths
from tests.conftest import copy_data
from tests.indexer.jobs.doing import do
from tests.small_catalog import open_catalog


@pytest.fixture(scope="module")
def data(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn catalog; each test leaves its items as they are."""
    return copy_data(hsv_data, tmp_path_factory.mktemp("jobs") / "data")


Done = Callable[..., dict[str, Any]]


@pytest.fixture
def done(data: Path) -> Done:
    """`done("calibrate", target="color")`: the result of a job that succeeds."""

    def call(kind: str, **params: Any) -> dict[str, Any]:
        job = do(data, kind, **params)
        assert (job.state, job.error) == ("done", None)
        return dict(job.result or {}) | {"job": job}

    return call


def files_of(data: Path, result: dict[str, Any]) -> Path:
    return DataPaths(data).job_files(result["job"].id)


def test_index_takes_a_path_below_a_listed_directory(data: Path, done: Done, sample: Path) -> None:
    result = done("index", source={"path": "catalog.csv"}, sources=str(sample), dry_run=True)
    assert (result["unchanged"], result["added"], result["dry_run"]) == (115, 0, True)
    assert result["columns"][0]["column"] == "item_id"
    again = done("index", source={"path": str(sample / "catalog.csv")}, sources=str(sample))
    assert again["unchanged"] == 115
    job: Job = again["job"]
    assert (job.stage, job.done, job.total) == ("indexing", 115, 115)
    assert job.counts["unchanged"] == 115


def test_index_takes_an_upload_which_goes_afterwards(data: Path, sample: Path) -> None:
    settings = Settings(data=data)
    staging = Staging(DataPaths(data), settings)
    upload = staging.create("uploaded")
    pictures = sorted((sample / "images").glob("*.jpg"))[:3]
    rows = ["item_id,image,label", *(f"{one.stem},{one.name},A" for one in pictures), "x,no.jpg,B"]
    staging.write("uploaded", upload.id, "t.csv", ["\n".join(rows).encode()])
    for one in pictures:
        staging.write("uploaded", upload.id, one.name, [one.read_bytes()])
    job = do(data, "index", "uploaded", source={"upload": upload.id}, encoder="hsv")
    assert (job.state, job.counts["added"], job.reasons) == ("done", 3, {"missing_file": 1})
    refused = DataPaths(data).job_files(job.id) / "rejects.jsonl"
    assert json.loads(refused.read_text())["item_id"] == "x"
    assert staging.get("uploaded", upload.id), "it stays where rows were refused"
    staging.write("uploaded", upload.id, "t.csv", ["\n".join(rows[:-1]).encode()])
    assert do(data, "index", "uploaded", source={"upload": upload.id}).state == "done"
    assert staging.list("uploaded") == []
    with SearchEngine(data) as engine:
        item = engine.catalog.page(engine.catalog.collection("uploaded"), 0, 1)[0]
        assert engine.picture(item, 64, 80).startswith(b"\xff\xd8")


def test_too_much_to_prune_fails_and_tells_what_was_done(data: Path, sample: Path) -> None:
    """Of a folder of two pictures one goes."""
    folder = data.parent / "pruned"
    folder.mkdir()
    for path in sorted((sample / "images").glob("*.jpg"))[:2]:
        (folder / path.name).write_bytes(path.read_bytes())
    asked = {"source": {"path": "pruned"}, "sources": str(data.parent), "encoder": "hsv"}
    assert do(data, "index", "pruned", **asked).state == "done"
    (folder / path.name).unlink()
    job = do(data, "index", "pruned", **asked, prune=True)
    assert job.error is not None
    assert (job.state, job.error["code"]) == ("failed", "prune_refused")
    assert job.result is None or job.result["removed"] == 0
    again = do(data, "index", "pruned", **asked, prune=True, prune_many=True)
    assert (again.state, again.counts["removed"]) == ("done", 1)


def test_tune_switch_and_undo(data: Path, done: Done, sample: Path) -> None:
    where = {"source": {"path": "catalog.csv"}, "sources": str(sample)}
    done("index", collection="edges", encoder="edges", **where)
    tuned = done("tune", collection="edges", dry_run=True, layers=False)
    assert (tuned["changed"], tuned["classes"]) == (False, 23)
    switched = done("switch", collection="edges", encoder="hsv", force=True)
    assert (switched["changed"], switched["after"]["encoder"]) == (True, "hsv")
    back = done("switch", collection="edges", undo=True)
    assert back["after"]["encoder"] == "edges"


def test_calibrate(done: Done) -> None:
    result = done("calibrate", target="color", balanced=True)
    assert (result["target"], result["balanced"]) == ("color", True)
    assert 0 < result["accuracy"] <= 1


def test_evaluate_leaves_one_out_or_asks_photos(data: Path, done: Done, sample: Path) -> None:
    alone = done("evaluate", sample=40, report=True)
    assert alone["queries"] == 40
    assert (files_of(data, alone) / "report.html").read_text().startswith("<!doctype html>")
    asked = done("evaluate", source={"path": "shopper/shopper.csv"}, sources=str(sample))
    assert asked["queries"] > 0


def test_cluster_and_duplicates(data: Path, done: Done) -> None:
    result = done("cluster", clusters=5, propose_labels=True)
    assert (result["clusters"], len(result["medoids"])) == (5, 5)
    assert len((files_of(data, result) / "clusters.csv").read_text().splitlines()) == 116
    found = done("duplicates", min_score=0.9)
    lines = (files_of(data, found) / "duplicates.jsonl").read_text().splitlines()
    groups = [json.loads(line) for line in lines]
    assert len(groups) == sum(found["groups"].values()) > 0
    alike = [each["items"] for each in groups if each["tier"] == "alike"]
    assert sum(len(items) - 1 for items in alike) == found["duplicates"]["alike"]


def test_colors_that_are_known_are_not_looked_for(done: Done) -> None:
    result = done("colors")
    assert {name: result[name] for name in ("asked", "found", "unread")} == {
        "asked": 0, "found": 0, "unread": 0,
    }  # fmt: skip


def test_export(data: Path, done: Done) -> None:
    result = done("export", filter="color = red")
    assert result["files"] == ["embeddings.npy", "embeddings.json"]
    assert len(np.load(files_of(data, result) / "embeddings.npy")) == result["rows"] > 0


def test_overviews_are_made_for_servers_to_read(data: Path, done: Done) -> None:
    pytest.importorskip("openTSNE")
    found = done("mislabelled", target="color")
    assert (found["items"], found["target"]) == (115, "color")
    assert done("outliers")["judged"] == 115
    drawn = done("map", clusters=5)
    assert (drawn["items"], drawn["clusters"]) == (115, 5)
    job: Job = drawn["job"]
    assert (job.stage, job.done) == ("clustering", 1)
    kept = sorted(
        file.name.partition("-")[0] for file in DataPaths(data).overviews("default").iterdir()
    )
    assert kept == ["map", "mislabelled", "outliers"]


def test_a_snapshot_can_be_restored_and_starts_no_job_again(
    data: Path, done: Done, tmp_path: Path
) -> None:
    result = done("snapshot")
    assert result["file"] == "snapshot.tar"
    restore_snapshot(Settings(data=tmp_path / "d"), files_of(data, result) / "snapshot.tar")
    with open_catalog(tmp_path / "d") as catalog, catalog.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM jobs").scalar() == 0


def test_a_check_tells_of_missing_pictures_and_names_no_place_on_disk(
    data: Path, done: Done, sample: Path, tmp_path: Path
) -> None:
    kept, lost = sorted((sample / "images").glob("*.jpg"))[:2]
    for picture in (kept, lost):
        (tmp_path / picture.name).write_bytes(picture.read_bytes())
    where = {"source": {"path": "."}, "sources": str(tmp_path), "encoder": "hsv"}
    assert do(data, "index", "checked", **where).state == "done"
    (tmp_path / lost.name).unlink()
    result = done("check")
    assert result["sound"]
    found = {each["name"]: each for each in result["collections"]}
    assert (found["default"]["items"], found["default"]["missing_pictures"]) == (115, 0)
    assert found["checked"]["missing_examples"] == [lost.name]
    assert 0 < result["used_bytes"] < result["free_bytes"]
    (data / "indexes" / "checked" / "gen-000001" / "manifest.json").write_text("damaged")
    again = done("check")
    assert [each["where"] for each in again["findings"]] == [
        "indexes/checked/gen-000001/manifest.json"
    ]
    assert str(data) not in str(again)


@pytest.mark.parametrize(
    ("kind", "params", "code"),
    [
        ("index", {"source": {"path": "../x"}}, "source_denied"),
        ("index", {"source": {"upload": "0" * 32}}, "upload_not_found"),
        ("tune", {"target": "no"}, "bad_parameter"),
        ("switch", {"encoder": "no-such"}, "unknown_encoder"),
        ("calibrate", {"target": "no"}, "bad_parameter"),
        ("export", {"filter": "no = 1"}, "unknown_field"),
        ("mislabelled", {"target": "no"}, "bad_parameter"),
        ("cluster", {"method": "hdbscan", "clusters": 3}, "bad_parameter"),
    ],
)
def test_what_cannot_be_done_fails_with_its_code(
    data: Path, kind: str, params: dict[str, Any], code: str
) -> None:
    job = do(data, kind, **params)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error["code"] == code
