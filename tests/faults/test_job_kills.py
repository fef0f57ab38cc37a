"""Jobs whose process or server is killed: continued, never lost, never done twice."""

import json
import os
import random
import shutil
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexer.jobs.queue import MOST_DEATHS, find
from search_engine.catalog.store import Catalog
from search_engine.config import Settings
from search_engine.maintenance.check import check_data
from search_engine.storage.paths import DataPaths
from tests.conftest import LiveServer, index_folder, serve
from tests.images.pictures import png

ROWS = 12_000
PICTURES = 4_000
KILLS = 20
LONGEST_S = 10.0
"""So long a process or server may go on before it is killed."""
PATIENCE_S = 300.0
SEED = 5


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table that takes a while to index."""
    folder = tmp_path_factory.mktemp("source")
    for number, colour in enumerate(("red", "green", "blue")):
        (folder / f"{number}.png").write_bytes(png(Image.new("RGB", (20, 20), colour)))
    rows = (f"{number},{number % 3}.png,L{number % 7}" for number in range(ROWS))
    (folder / "t.csv").write_text("\n".join(["item_id,image,label", *rows]))
    return folder


def ask(server: LiveServer, path: str, body: Any = None) -> dict[str, Any]:
    request = urllib.request.Request(f"{server.url}{path}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as response:
        found: dict[str, Any] = json.load(response)
        return found


def workers_of(server: LiveServer) -> list[int]:
    """The processes of its jobs."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if b"indexer.jobs.work" in command and parent == server.process.pid:
            found.append(int(folder.name))
    return found


@contextmanager
def served(data: Path, source: Path, **env: str) -> Iterator[LiveServer]:
    with serve(data, env={"EYEDEX_SOURCES": str(source), "EYEDEX_WORKERS": "1", **env}) as server:
        yield server


def wait(server: LiveServer, job: str, *states: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while (found := ask(server, f"/v1/jobs/{job}"))["state"] not in states:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder that the network is at work on for half a minute or more."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(PICTURES):
        red, rest = divmod(number, 256)
        Image.new("RGB", (48, 48), (red * 10, rest, 128)).save(folder / f"{number:05}.png")
    return folder


@pytest.mark.slow
def test_an_index_job_survives_whatever_is_killed(pictures: Path, tmp_path: Path) -> None:
    """Its process and the server in turn, at random moments, also before it has begun."""
    whole, data = tmp_path / "whole", tmp_path / "data"
    index_folder(pictures, whole)
    shutil.copytree(DataPaths(whole).encoders, DataPaths(data).encoders)
    chance, job = random.Random(SEED), ""
    for _ in range(KILLS // 2):
        with served(data, pictures.parent) as server:
            if not job:
                body = {"kind": "index", "source": {"path": "pictures"}}
                job = ask(server, "/v1/collections/default/jobs", body)["id"]
            time.sleep(chance.uniform(0.0, LONGEST_S))
            for worker in workers_of(server):
                os.kill(worker, signal.SIGKILL)
            time.sleep(chance.uniform(0.0, LONGEST_S))
            found = ask(server, f"/v1/jobs/{job}")
            assert found["error"] is None, found
            server.process.kill()
    with served(data, pictures.parent) as server:
        found = wait(server, job, "done", "failed")
    assert found["error"] is None, found
    assert found["attempts"] > KILLS / 4
    undisturbed, disturbed = (check_data(Settings(data=each)) for each in (whole, data))
    assert disturbed.sound
    for name in ("items", "digest", "unsearchable"):
        assert disturbed.collections[0][name] == undisturbed.collections[0][name]
    assert disturbed.collections[0]["items"] == PICTURES


@pytest.mark.slow
def test_a_job_that_always_dies_has_failed(source: Path, tmp_path: Path) -> None:
    """And the jobs behind it are done."""
    data = tmp_path / "data"
    index_folder(source / "t.csv", data, encoder="hsv")
    with served(data, source, EYEDEX_FAULT="row_read:1:kill") as server:
        path = "/v1/collections/default/jobs"
        body = {"kind": "index", "source": {"path": "t.csv"}}
        job, behind = (ask(server, path, each)["id"] for each in (body, {"kind": "export"}))
        found = wait(server, job, "failed")
        assert found["error"]["code"] == "worker_lost"
        with Catalog(DataPaths(data), read_only=True) as catalog:
            assert find(catalog, job).deaths == MOST_DEATHS  # in a row, without getting further
        assert wait(server, behind, "done")["error"] is None


@pytest.mark.slow
def test_a_server_that_was_killed_is_followed_by_one_that_goes_on(
    source: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with served(data, source) as server:
        body = {"kind": "index", "source": {"path": "t.csv"}, "encoder": "hsv"}
        job = ask(server, "/v1/collections/default/jobs", body)["id"]
        deadline = time.monotonic() + PATIENCE_S
        while not ask(server, f"/v1/jobs/{job}")["done"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        (worker,) = workers_of(server)
        server.process.kill()
    with served(data, source) as server:
        found = wait(server, job, "running", "done")
        while found["attempts"] < 2:
            found = ask(server, f"/v1/jobs/{job}")
            time.sleep(0.1)
        assert not Path(f"/proc/{worker}").exists()
        assert found["state"] in ("running", "done")
