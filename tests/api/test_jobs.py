"""Jobs over HTTP: the real app, and real processes beside it."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.jobs.queue import find, submit
from search_engine.catalog.job_writer import end_job, start_job
from tests.api.asking import DEFAULT, CheckedClient, ask_json, assert_problem
from tests.conftest import copy_data
from tests.images.pictures import png
from tests.small_catalog import open_catalog

JOBS = f"{DEFAULT}/jobs"
PATIENCE_S = 300
FEW = 20


@pytest.fixture(scope="module")
def sources(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that jobs may read: a few drawn pictures, and one that takes long to index."""
    root = tmp_path_factory.mktemp("sources")
    few = root / "few"
    few.mkdir()
    for path in sorted((sample / "images").glob("*.jpg"))[:FEW]:
        (few / path.name).write_bytes(path.read_bytes())
    large = root / "large"
    large.mkdir()
    from PIL import Image

    (large / "a.png").write_bytes(png(Image.new("RGB", (20, 20), "red")))
    rows = ["item_id,image", *(f"{number},a.png" for number in range(30_000))]
    (large / "t.csv").write_text("\n".join(rows))
    return root


@pytest.fixture(scope="module")
def server(
    hsv_data: Path, sample: Path, sources: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CheckedClient]:
    """The app on a copy of the drawn catalog, with two jobs at a time."""
    data = copy_data(hsv_data, tmp_path_factory.mktemp("jobs") / "data")
    with CheckedClient(data, sources=f"{sources},{sample}", job_workers=2) as made:
        yield made


def ask_for(client: CheckedClient, path: str = JOBS, **body: Any) -> dict[str, Any]:
    response = ask_json(client, body, path)
    assert response.status_code == 202, response.text
    made: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/jobs/{made['id']}"
    return made


def look(client: CheckedClient, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
    return found


def wait(client: CheckedClient, job_id: str, *states: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while (job := look(client, job_id))["state"] not in states:
        assert time.monotonic() < deadline, job
        time.sleep(0.1)
    return job


def at_work(client: CheckedClient, job_id: str) -> dict[str, Any]:
    """The job, when it has committed something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (job := look(client, job_id))["done"]:
        assert time.monotonic() < deadline, job
        time.sleep(0.1)
    return job


def events(text: str) -> list[tuple[int, str, dict[str, Any]]]:
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if line[:1] != ":")
        if "data" in lines:
            found.append((int(lines["id"]), lines["event"], json.loads(lines["data"])))
    return found


def test_a_job_is_done_beside_the_server_which_serves_what_came_of_it(
    server: CheckedClient, sample: Path
) -> None:
    path = "/v1/collections/new/jobs"
    made = ask_for(server, path, kind="index", source={"path": "few"}, encoder="hsv")
    assert (made["state"], made["version"], made["origin"]) == ("queued", 1, "http")
    text = server.get(f"/v1/jobs/{made['id']}/events").text
    assert text.startswith("retry: 2000\n\n")
    told = events(text)
    ids = [event[0] for event in told]
    assert ids == sorted(set(ids))
    assert told[-1][1] == "done"
    assert {event[1] for event in told[:-1]} <= {"progress"}
    job = told[-1][2]
    assert job == look(server, made["id"])
    assert (job["result"]["added"], job["counts"]["added"], job["attempts"]) == (FEW, FEW, 1)
    assert server.get("/v1/collections/new").json()["items"] == FEW
    found = server.post("/v1/collections/new/search", files={
        "image": (sample / "images" / "backpack-0001-a.jpg").read_bytes()
    }).json()  # fmt: skip
    assert found["neighbors"][0]["item_id"] == "backpack-0001-a.jpg"

    switch = ask_for(server, path, kind="switch", encoder="edges", force=True)
    assert wait(server, switch["id"], "done", "failed")["error"] is None
    found = server.post("/v1/collections/new/search", files={
        "image": (sample / "images" / "backpack-0001-a.jpg").read_bytes()
    }).json()  # fmt: skip
    assert found["encoder"] != ""
    assert server.get("/v1/collections/new").json()["encoder"]["name"] == "edges"
    assert found["neighbors"][0]["item_id"] == "backpack-0001-a.jpg"


@pytest.mark.long
def test_events_go_on_behind_the_last_one(server: CheckedClient) -> None:
    made = ask_for(server, kind="export")
    address = f"/v1/jobs/{made['id']}/events"
    job = events(server.get(address).text)[-1][2]
    assert job["state"] == "done"
    one_before = {"last-event-id": str(job["version"] - 1)}
    assert [event[0] for event in events(server.get(address, headers=one_before).text)] == [
        job["version"]
    ]
    last = server.get(address, headers={"last-event-id": str(job["version"])})
    assert (last.status_code, last.content) == (204, b"")
    for bad in ("x", "-1", "1" * 30):
        refused = server.get(address, headers={"last-event-id": bad})
        assert_problem(refused, 422, "bad_parameter")
    names = [one["name"] for one in job["files"]]
    assert names == ["embeddings.json", "embeddings.npy"]
    for one in job["files"]:
        assert len(server.get(one["url"]).content) == one["size_bytes"]
    assert_problem(server.get(f"/v1/jobs/{made['id']}/files/x"), 404, "job_not_found")
    assert_problem(server.get(f"/v1/jobs/{made['id']}/files/..%2Fx"), 404, "not_found")
    assert_problem(server.get(f"/v1/jobs/{made['id']}/rejects"), 404, "job_not_found")


@pytest.mark.long
def test_a_job_at_work_outlives_its_process_and_stops_when_told(
    server: CheckedClient,
) -> None:
    """Those of its collection wait meanwhile, while another collection's are done."""
    path = "/v1/collections/large/jobs"
    source = {"path": "large/t.csv"}
    made = ask_for(server, path, kind="index", source=source, encoder="hsv")
    after = ask_for(server, path, kind="index", source=source, prune=True)
    other = ask_for(server, kind="duplicates")
    job = at_work(server, made["id"])
    assert (job["state"], job["stage"], job["total"]) == ("running", "indexing", 30_000)
    assert job["per_second"] > 0
    assert job["seconds_left"] > 0
    wait(server, other["id"], "done")
    assert look(server, after["id"])["state"] == "queued"
    done = look(server, made["id"])["done"]
    supervisor = server.app.state.supervisor  # type: ignore[attr-defined]
    os.kill(supervisor._workers[made["id"]].process.pid, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while (job := look(server, made["id"]))["attempts"] < 2 or job["done"] < done:
        assert time.monotonic() < deadline, job
        time.sleep(0.1)
    assert job["state"] == "running"
    assert server.delete(f"/v1/jobs/{after['id']}").json()["state"] == "cancelled"
    stopping = server.delete(f"/v1/jobs/{made['id']}")
    assert stopping.status_code == 202
    assert stopping.json()["cancel_requested"]
    job = wait(server, made["id"], "cancelled")
    assert job["error"] is None
    assert job["done"] < job["total"]  # two seconds' worth on a quiet machine
    items = server.get("/v1/collections/large").json()["items"]
    assert items >= job["done"] > 0
    assert_problem(server.delete(f"/v1/jobs/{made['id']}"), 409, "job_finished")


@pytest.mark.long
def test_a_server_that_stops_leaves_its_job_to_the_next(
    hsv_data: Path, sources: Path, tmp_path: Path
) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    with CheckedClient(data, sources=str(sources)) as first:
        path = "/v1/collections/large/jobs"
        made = ask_for(first, path, kind="index", source={"path": "large/t.csv"}, encoder="hsv")
        at_work(first, made["id"])
    with open_catalog(data) as catalog:
        waiting = find(catalog, made["id"])
    assert (waiting.state, waiting.deaths) == ("queued", 0)  # within the patience of a server
    with CheckedClient(data, sources=str(sources)) as second:
        wait(second, made["id"], "running")
        second.delete(f"/v1/jobs/{made['id']}")
        assert wait(second, made["id"], "cancelled")["attempts"] == 2


@pytest.mark.long
def test_rejects_do_not_tell_where_files_are(server: CheckedClient, sources: Path) -> None:
    (sources / "bad.csv").write_text("item_id,image\na,none.jpg\n")
    path = "/v1/collections/bad/jobs"
    made = ask_for(server, path, kind="index", source={"path": "bad.csv"}, encoder="hsv")
    job = wait(server, made["id"], "done")
    assert job["reasons"] == {"missing_file": 1}
    answer = server.get(f"/v1/jobs/{made['id']}/rejects")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert json.loads(answer.text)["reason"] == "there is no such picture: none.jpg"
    assert str(sources) not in answer.text + json.dumps(job)


def test_a_head_of_events_does_not_wait(server: CheckedClient) -> None:
    with open_catalog(server.data) as catalog:
        job = submit(catalog, "waits", "index", {}, "cli")
    head = server.head(f"/v1/jobs/{job.id}/events")
    assert (head.status_code, head.content) == (200, b"")


def test_jobs_are_listed_newest_first_in_pages(server: CheckedClient) -> None:
    with open_catalog(server.data) as catalog:
        ids = [submit(catalog, "listed", kind, {}, "cli").id for kind in ("tune", "index", "tune")]
    asked = {"collection": "listed", "limit": "2"}
    first = server.get("/v1/jobs", params=asked).json()
    assert [job["id"] for job in first["jobs"]] == [ids[2], ids[1]]
    rest = server.get("/v1/jobs", params={**asked, "cursor": first["next_cursor"]}).json()
    assert ([job["id"] for job in rest["jobs"]], rest["next_cursor"]) == ([ids[0]], None)
    tunes = server.get("/v1/jobs", params={"collection": "listed", "kind": "tune"}).json()
    assert [job["id"] for job in tunes["jobs"]] == [ids[2], ids[0]]
    none = server.get("/v1/jobs", params={"collection": "listed", "state": "done"}).json()
    assert none == {"jobs": [], "next_cursor": None}
    for bad in ({"kind": "x"}, {"state": "x"}, {"limit": "0"}, {"cursor": "!"}, {"x": "1"}):
        assert_problem(server.get("/v1/jobs", params=bad), 422, "bad_parameter")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "bad_parameter"),
        ({"kind": "x"}, 422, "bad_parameter"),
        ({"kind": "tune", "minuts": 3}, 422, "bad_parameter"),
        ({"kind": "tune", "source": {"path": "catalog.csv"}}, 422, "bad_parameter"),
        ({"kind": "tune", "minutes": "3"}, 422, "bad_parameter"),
        ('{"kind": "tune", "minutes": NaN}', 400, "bad_request"),
        ('{"kind": "tune", "kind": "index"}', 400, "bad_request"),
        ({"kind": "index", "source": {"path": "none.csv"}}, 422, "bad_parameter"),
        ({"kind": "index", "source": {"path": "/etc/passwd"}}, 403, "source_denied"),
        ({"kind": "index", "source": {"path": "../data"}}, 403, "source_denied"),
        ({"kind": "index", "source": {"path": "a\0b"}}, 403, "source_denied"),
        ({"kind": "index", "source": {"upload": "0" * 32}}, 404, "upload_not_found"),
        ([], 400, "bad_request"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    server: CheckedClient, body: Any, status: int, code: str
) -> None:
    before = len(server.get("/v1/jobs").json()["jobs"])
    response = ask_json(server, body, JOBS)
    if status == 400:
        assert response.status_code in (400, 422)
    else:
        assert_problem(response, status, code)
    assert len(server.get("/v1/jobs").json()["jobs"]) == before


def test_links_lead_nowhere_else(server: CheckedClient, sources: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("item_id,image\n")
    (sources / "link").symlink_to(tmp_path)
    body = {"kind": "index", "source": {"path": "link/t.csv"}}
    assert_problem(ask_json(server, body, JOBS), 403, "source_denied")


def test_what_is_not_there_is_not_found(server: CheckedClient) -> None:
    unknown = f"/v1/jobs/{'0' * 32}"
    for address in (unknown, f"{unknown}/events", f"{unknown}/rejects", f"{unknown}/files/x"):
        assert_problem(server.get(address), 404, "job_not_found")
    assert_problem(server.delete(unknown), 404, "job_not_found")
    body = {"kind": "calibrate"}
    path = "/v1/collections/missing/jobs"
    assert_problem(ask_json(server, body, path), 404, "collection_not_found")
    form = server.post(JOBS, data={"kind": "calibrate"})
    assert_problem(form, 415, "unsupported_type")


def test_places_on_the_disk_are_not_told(server: CheckedClient) -> None:
    with open_catalog(server.data) as catalog:
        job = submit(catalog, "told", "index", {}, "cli")
        error = {"code": "storage", "message": "no", "where": str(server.data), "fix": "look"}
        with catalog.write() as writer:
            start_job(writer, job)
            end_job(writer, job.id, "failed", error=error)
    assert look(server, job.id)["error"] == {"code": "storage", "message": "no", "fix": "look"}


def test_many_clients_are_answered_at_the_same_time(server: CheckedClient) -> None:
    with open_catalog(server.data) as catalog:
        job = submit(catalog, "followed", "index", {}, "cli")
        told: list[str] = []

        def follow() -> None:
            told.append(server.get(f"/v1/jobs/{job.id}/events").text)

        clients = [threading.Thread(target=follow) for _ in range(16)]
        for client in clients:
            client.start()
        with catalog.write() as writer:
            end_job(writer, job.id, "done")
        for client in clients:
            client.join()
    assert len(told) == 16
    for text in told:
        names = [name for _, name, _ in events(text)]
        assert names in (["progress", "done"], ["done"])  # as it was when the client came


def test_a_server_that_only_reads_runs_and_takes_none(hsv_data: Path, tmp_path: Path) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    with open_catalog(data) as catalog:
        job = submit(catalog, "default", "calibrate", {})
    with CheckedClient(data, read_only=True) as reader:
        assert look(reader, job.id)["state"] == "queued"
        assert_problem(ask_json(reader, {"kind": "calibrate"}, JOBS), 403, "read_only")
        assert_problem(reader.delete(f"/v1/jobs/{job.id}"), 403, "read_only")
