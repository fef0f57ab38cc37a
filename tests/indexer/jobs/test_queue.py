"""The table of jobs: their order, what becomes of them, and which paths they may read."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.jobs.allowed import allowed_path
from indexer.jobs.parameters import KIND_NAMES, read_job, request_schema
from indexer.jobs.queue import (
    KEPT_JOBS,
    KEPT_S,
    MOST_DEATHS,
    MOST_QUEUED,
    cancel,
    find,
    listed,
    note_death,
    remove_old,
    submit,
)
from indexer.jobs.recording import Recording
from indexer.jobs.running import recorded
from search_engine.catalog.job_rows import Job, JobQuery
from search_engine.catalog.job_writer import add_job, change_job, end_job, start_job
from search_engine.catalog.store import Catalog
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import (
    EyedexError,
    JobFinishedError,
    JobNotFoundError,
    ParameterError,
    SourceDeniedError,
    SourceError,
    TooManyJobsError,
)
from tests.small_catalog import open_catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_catalog(tmp_path / "data") as made:
        yield made


def started(catalog: Catalog, kind: str = "index", collection: str = "default") -> Job:
    job = submit(catalog, collection, kind, {})
    with catalog.write() as writer:
        start_job(writer, job)
    return find(catalog, job.id)


def test_ids_ascend_and_pages_go_back_in_time(catalog: Catalog) -> None:
    ids = [submit(catalog, "a", "index", {}).id for _ in range(5)]
    assert ids == sorted(ids)
    assert {len(each) for each in ids} == {32}
    first = listed(catalog, JobQuery(limit=2))
    assert [job.id for job in first] == ids[:-3:-1]
    rest = listed(catalog, JobQuery(before=first[-1].id))
    assert [job.id for job in rest] == ids[2::-1]
    assert listed(catalog, JobQuery(collection="b")) == []


def test_jobs_change_nothing_that_is_searched(catalog: Catalog) -> None:
    before = catalog.seq()
    job = started(catalog)
    with catalog.write() as writer:
        end_job(writer, job.id, "done", result={})
    assert catalog.seq() == before
    assert find(catalog, job.id).version == 3


def test_a_waiting_job_is_cancelled_at_once_and_once(catalog: Catalog) -> None:
    job = submit(catalog, "a", "index", {})
    assert cancel(catalog, job.id).state == "cancelled"
    with pytest.raises(JobFinishedError, match="it is cancelled"):
        cancel(catalog, job.id)
    with pytest.raises(JobNotFoundError):
        cancel(catalog, "0" * 32)


def test_no_more_jobs_wait_than_may(catalog: Catalog) -> None:
    with catalog.write() as writer:
        for _ in range(MOST_QUEUED):
            last = add_job(writer, "a", "index", {}, "http")
    with pytest.raises(TooManyJobsError, match="1,000 jobs wait"):
        submit(catalog, "a", "index", {})
    assert submit(catalog, "a", "index", {}, "cli").state == "queued"
    cancel(catalog, last.id)
    with catalog.write() as writer:
        start_job(writer, listed(catalog, JobQuery(limit=1))[0])  # the one of the command line
    assert submit(catalog, "a", "index", {}).state == "queued"


def test_a_job_at_work_is_asked_to_stop(catalog: Catalog) -> None:
    job = started(catalog)
    with Recording(catalog.paths, job.id) as recording:
        recording.cancelled = True  # else this process would be told
        found = cancel(catalog, job.id)
        assert (found.state, found.cancel_requested) == ("running", True)
        assert recording.is_cancelled()
        recording.end("cancelled")
    assert find(catalog, job.id).state == "cancelled"
    assert not catalog.paths.job_lock(job.id).exists()


def test_a_job_that_died_is_interrupted_and_cancelled_at_once(catalog: Catalog) -> None:
    job = started(catalog)
    assert find(catalog, job.id).state == "interrupted"
    assert cancel(catalog, job.id).state == "cancelled"


def test_progress_is_written_while_somebody_else_writes(catalog: Catalog) -> None:
    job = started(catalog)
    with Recording(catalog.paths, job.id) as recording:
        recording.counting = lambda: ({"added": 3}, {"bad_row": 1})
        with catalog.write(), recording.stage("indexing", 10) as advance:
            advance(4)
            time.sleep(0.7)
        deadline = time.monotonic() + 60
        while find(catalog, job.id).done != 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        found = find(catalog, job.id)
    assert (found.stage, found.done, found.total) == ("indexing", 4, 10)
    assert (found.counts, found.reasons) == ({"added": 3}, {"bad_row": 1})


def test_deaths_without_progress_are_counted(catalog: Catalog) -> None:
    job = started(catalog)
    for number in range(1, MOST_DEATHS):
        note_death(catalog, find(catalog, job.id))
        found = find(catalog, job.id)
        assert (found.state, found.deaths) == ("queued", number)
        with catalog.write() as writer:
            start_job(writer, found)
    note_death(catalog, find(catalog, job.id))
    found = find(catalog, job.id)
    assert found.state == "failed"
    assert found.error is not None
    assert found.error["code"] == "worker_lost"
    assert found.attempts == MOST_DEATHS


def test_progress_forgives_deaths(catalog: Catalog) -> None:
    job = started(catalog)
    for done in (0, 0, 0, 5, 5, 9):
        with catalog.write() as writer:
            change_job(writer, job.id, stage="indexing", done=done, total=10)
        note_death(catalog, find(catalog, job.id))
        with catalog.write() as writer:
            start_job(writer, find(catalog, job.id))
    assert find(catalog, job.id).deaths == 1


def test_a_cancelled_job_that_died_is_not_started_again(catalog: Catalog) -> None:
    job = started(catalog)
    with catalog.write() as writer:
        change_job(writer, job.id, cancel_requested=True)
    note_death(catalog, find(catalog, job.id))
    assert find(catalog, job.id).state == "cancelled"


def test_old_jobs_go_with_their_files(catalog: Catalog) -> None:
    kept, old = started(catalog), started(catalog)
    for job in (kept, old):
        catalog.paths.job_files(job.id).mkdir(parents=True)
        with catalog.write() as writer:
            end_job(writer, job.id, "done")
    with catalog.write() as writer:
        change_job(writer, old.id, only=("done",), finished=time.time() - KEPT_S - 1)
    waiting = submit(catalog, "a", "index", {})
    remove_old(catalog)
    assert [job.id for job in listed(catalog, JobQuery())] == [waiting.id, kept.id]
    assert [path.name for path in catalog.paths.jobs.iterdir()] == [kept.id]


@pytest.mark.sqlite_only("spelled for SQLite")
def test_a_thousand_finished_jobs_are_kept(catalog: Catalog) -> None:
    with catalog.write() as writer:
        for _ in range(KEPT_JOBS + 2):
            writer.connection.exec_driver_sql(
                "INSERT INTO jobs (id, collection, kind, params, origin, state, counts, reasons,"
                " created, updated, finished, version) VALUES (lower(hex(randomblob(16))), 'a',"
                " 'index', '{}', 'cli', 'done', '{}', '{}', ?, ?, ?, 1)",
                (time.time(),) * 3,
            )
    remove_old(catalog)
    assert len(listed(catalog, JobQuery())) == KEPT_JOBS


def test_deleting_a_collection_cancels_what_waits_for_it(catalog: Catalog) -> None:
    with SearchEngine(catalog.paths.root) as engine:
        engine.create_collection("gone")
        mine, other = (submit(catalog, name, "calibrate", {}) for name in ("gone", "other"))
        engine.delete_collection("gone")
    assert find(catalog, mine.id).state == "cancelled"
    assert find(catalog, other.id).state == "queued"


def test_runs_of_this_process_are_recorded(catalog: Catalog) -> None:
    settings = Settings(data=catalog.paths.root)
    with recorded(settings, "a", "calibrate", {"target": "x"}) as running:
        running.result = {"accuracy": 1}
    with pytest.raises(SourceError), recorded(settings, "a", "index", {}):
        raise SourceError("nothing there", where="/tmp/secret", fix="look")
    with pytest.raises(SystemExit), recorded(settings, "a", "index", {}):
        raise SystemExit(130)
    last, failed, first = listed(catalog, JobQuery())
    assert (first.state, first.origin, first.result) == ("done", "cli", {"accuracy": 1})
    assert failed.error == {
        "code": "catalog_unusable", "message": "nothing there", "where": "/tmp/secret",
        "fix": "look",
    }  # fmt: skip
    assert last.state == "interrupted"


def test_to_record_creates_no_directory(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "none")
    with recorded(settings, "a", "calibrate", {}) as run, run.stage("x", 1) as advance:
        advance(1)
    assert not (tmp_path / "none").exists()


def test_only_listed_directories_are_read(tmp_path: Path) -> None:
    for name in ("allowed/in", "outside", "allowed-too"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "allowed/link").symlink_to(tmp_path / "outside")
    (tmp_path / "allowed/loop").symlink_to(tmp_path / "allowed/loop")
    settings = Settings(sources=f"{tmp_path}/allowed, {tmp_path}/nowhere")
    assert allowed_path(settings, "in") == tmp_path / "allowed/in"
    assert allowed_path(settings, f"{tmp_path}/allowed/in") == tmp_path / "allowed/in"
    for bad in ("../outside", "link", "loop", "/etc/passwd", f"{tmp_path}/allowed-too", "a\0b"):
        with pytest.raises(EyedexError) as raised:
            allowed_path(settings, bad)
        assert raised.value.code in ("source_denied", "bad_parameter")
        assert str(tmp_path) not in raised.value.what
    settings = Settings(sources=f"{tmp_path}/allowed")
    for bad in ("../outside", "link", "/etc/passwd", f"{tmp_path}/allowed-too", "../none"):
        with pytest.raises(SourceDeniedError):
            allowed_path(settings, bad)
    with pytest.raises(ParameterError, match="no such file"):
        allowed_path(settings, "in/none")
    with pytest.raises(SourceDeniedError, match="reads no directories"):
        allowed_path(Settings(), "in")


@pytest.mark.parametrize(
    ("given", "where", "said"),
    [
        ({}, "kind", "not a kind"),
        ({"kind": "x"}, "kind", "not a kind"),
        ({"kind": ["index"]}, "kind", "not a kind"),
        ({"kind": "index"}, "source", "missing"),
        ({"kind": "index", "source": {}}, "source.upload", "missing"),
        ({"kind": "index", "source": "x"}, "source", "not an object"),
        ({"kind": "index", "source": {"path": "a", "upload": "b"}}, "source.upload", "no such"),
        ({"kind": "index", "source": {"path": 3}}, "source.path", "string"),
        ({"kind": "index", "source": {"path": "a"}, "follow_links": True}, "follow_links", "no"),
        ({"kind": "index", "source": {"path": "a"}, "map": {"x": 1}}, "map.x", "string"),
        ({"kind": "tune", "minuts": 1}, "minuts", "no such parameter"),
        ({"kind": "tune", "minutes": "1"}, "minutes", "number"),
        ({"kind": "tune", "minutes": float("nan")}, "minutes", "finite"),
        ({"kind": "calibrate", "balanced": 1}, "balanced", "boolean"),
        ({"kind": "cluster", "method": "x"}, "method", "kmeans"),
    ],
)
def test_bad_requests_are_told(given: dict[str, Any], where: str, said: str) -> None:
    with pytest.raises(ParameterError) as raised:
        read_job(given)
    assert raised.value.where == where
    assert said in raised.value.what


def test_the_schema_names_each_kind() -> None:
    schema = request_schema("#/{model}")
    assert set(schema["discriminator"]["mapping"]) == {*KIND_NAMES}
    for model in schema["$defs"].values():
        assert model["additionalProperties"] is False
        for name, field in model["properties"].items():
            assert name == "kind" or "description" in field or "$ref" in str(field), name
