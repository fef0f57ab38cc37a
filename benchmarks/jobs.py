"""What a job beside a server costs its queries: latency quiet, and while an index job runs.

    python -m benchmarks.jobs [--json] [--items N] [--photos N] [--rate R] [--seconds S]

A server holds N items. Photos of the clothing dataset are sent at random times, R a second, first
alone; then while a job indexes other photos by the default network into another collection, with
64 clients that follow its events and 100 jobs that wait behind it. Everything shares the cores.
"""

import http.client
import json
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ingest import copy_photos
from benchmarks.machine import parser_of, report
from benchmarks.query import Client, make_catalog, serving, under_load
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.storage.paths import DataPaths

ASKED = 100
FOLLOWERS = 64
WAITING = 100
BUSY = "/v1/collections/busy/jobs"
START_S = 60


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--photos", type=int, default=3_000)
    parser.add_argument("--rate", type=float, default=8)
    parser.add_argument("--seconds", type=float, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        work = Path(temporary)
        paths, dataset = copy_photos(work / "photos", given.photos)
        photos = [path.read_bytes() for path in paths[:ASKED]]
        encoder = create_encoder(
            EncoderRequest(DEFAULT_ENCODER, cache=DataPaths(work / "data").encoders)
        )
        make_catalog(work / "data", encoder, given.items)
        os.environ["EYEDEX_SOURCES"] = str(work)
        with serving(work / "data") as port:
            rows = measure(port, photos, given.rate, given.seconds)
    report(rows, given.json, dataset=dataset, items=given.items, rate=given.rate)


def measure(port: int, photos: list[bytes], rate: float, seconds: float) -> list[dict[str, object]]:
    """All rows of the report."""
    client = Client(port)
    for photo in photos[:10]:
        client.ask(photo)
    quiet = np.percentile(under_load(port, photos, rate, seconds), (50, 99))
    job = ask(port, "POST", BUSY, {"kind": "index", "source": {"path": "photos"}})["id"]
    for _ in range(WAITING):
        ask(port, "POST", BUSY, {"kind": "index", "source": {"path": "photos"}})
    told = follow(port, job)
    wait_for_progress(port, job)
    busy = np.percentile(under_load(port, photos, rate, seconds), (50, 99))
    state = ask(port, "GET", f"/v1/jobs/{job}")
    if state["state"] != "running":
        raise RuntimeError(
            f"the job was {state['state']} before the queries were; give more --photos"
        )
    waiting = ask(port, "GET", "/v1/jobs?state=queued&limit=200")["jobs"]
    ask(port, "DELETE", f"/v1/jobs/{job}")
    return [
        {"what": "p50 quiet, ms", "median": round(quiet[0], 1)},
        {"what": "p99 quiet, ms", "median": round(quiet[1], 1)},
        {"what": "p50 beside the job, ms", "median": round(busy[0], 1)},
        {"what": "p99 beside the job, ms", "median": round(busy[1], 1)},
        {"what": "ratio of the p99", "median": round(busy[1] / quiet[1], 2)},
        {"what": f"job: {state['state']}, photos/s", "median": round(state["per_second"] or 0, 1)},
        {"what": "jobs that wait", "median": len(waiting)},
        {"what": "events received by all followers", "median": sum(told)},
    ]


def ask(port: int, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """The JSON of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
    sent = None if body is None else json.dumps(body)
    connection.request(method, path, sent, {"Content-Type": "application/json"})
    response = connection.getresponse()
    found: dict[str, Any] = json.loads(response.read())
    if response.status >= 400:
        raise RuntimeError(found)
    return found


def follow(port: int, job: str) -> list[int]:
    """Let many clients follow the events of a job; gives how many each has received so far."""
    told = [0] * FOLLOWERS

    def listen(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", f"/v1/jobs/{job}/events")
        for line in connection.getresponse():
            told[number] += line.startswith(b"event:")

    for number in range(FOLLOWERS):
        threading.Thread(target=listen, args=(number,), daemon=True).start()
    return told


def wait_for_progress(port: int, job: str) -> None:
    """Wait until a job has done something."""
    give_up = time.monotonic() + START_S
    while not ask(port, "GET", f"/v1/jobs/{job}")["done"]:
        if time.monotonic() > give_up:
            raise TimeoutError("the job does not get on")
        time.sleep(0.2)


if __name__ == "__main__":
    main()
