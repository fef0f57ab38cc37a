"""An indexing run on a cluster of Ray that loses a machine, and its driver, against a local run.

    python -m benchmarks.ray [--json] [--encoder hsv] [--pictures N]

Three raylets run on this machine. The 2,936 grocery photos (or N of them) are indexed by a local
run, by one on the cluster, and once more on the cluster: there one raylet is killed with its actor,
then the driver while it commits, and another run goes on with two raylets. The last catalog must
have each photo once, with the embeddings of the local one. It ends with 1 if it does not.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from api.cli.exits import Exit
from benchmarks.index_run import Row, evenly
from benchmarks.machine import DATASETS, parser_of, report
from search_engine.config import Settings
from search_engine.encoders.registry import DEFAULT_ENCODER
from search_engine.engine import SearchEngine

RAYLETS = 3
CPUS = 2
STORE_BYTES = 256 * 2**20
KILLED_COMMIT = 6
LIMIT_S = 480.0
LEAST_COSINE = 0.9999


def main() -> None:
    """Run and compare."""
    parser = parser_of(__doc__)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--pictures", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), options.encoder, options.pictures)
    report(rows, options.json, encoder=options.encoder)
    sys.exit(0 if rows[-1]["right"] else 1)


def measure(work: Path, encoder: str, count: int | None) -> list[Row]:
    """The rows of all runs; the last says what came out."""
    photos = sorted(
        path for part in ("train", "val") for path in (DATASETS / "grocery" / part).rglob("*.jpg")
    )
    listed = evenly(photos, count or len(photos))
    source = work / "photos"
    source.mkdir()
    for number, path in enumerate(listed):
        shutil.copyfile(path, source / f"{number:05d}.jpg")
    rows = [{"run": "local", **_row(_indexing(source, work / "local", encoder))}]
    with _cluster() as cluster:
        on_ray = ("--executor", "ray", "--ray-address", cluster.address)
        rows.append({"run": "on Ray", **_row(_indexing(source, work / "quiet", encoder, *on_ray))})
        killed = _indexing(
            source, work / "ray", encoder, *on_ray, fault=f"before_commit:{KILLED_COMMIT}:kill"
        )
        _kill_a_raylet(cluster, killed)
        _, complaints = killed.communicate(timeout=LIMIT_S)
        if killed.returncode != -signal.SIGKILL:
            raise RuntimeError(f"it ended with {killed.returncode}: {complaints}")
        before = _embeddings(work / "ray")
        rows.append({"run": "raylet and driver killed", "committed": len(before)})
        rows.append({"run": "again", **_row(_indexing(source, work / "ray", encoder, *on_ray))})
    rows.append(_compared(work, len(listed)))
    return rows


@contextmanager
def _cluster() -> Iterator[Any]:
    """Raylets that share this machine."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        from ray.cluster_utils import Cluster
    except ImportError:
        sys.exit("ray is not installed: pip install 'eyedex[ray]'")
    offered = {"num_cpus": CPUS, "object_store_memory": STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args={**offered, "include_dashboard": False})
    try:
        for _ in range(RAYLETS - 1):
            cluster.add_node(**offered)
        yield cluster
    finally:
        cluster.shutdown()


def _indexing(
    source: Path, data: Path, encoder: str, *flags: str, fault: str | None = None
) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "api.cli.main", "index", str(source), "--no-tune", "--json"]
    environ = {**os.environ, "EYEDEX_DATA": str(data)}
    if fault is not None:
        environ["EYEDEX_FAULT"] = fault
    return subprocess.Popen(
        [*command, "--encoder", encoder, *flags],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _row(running: "subprocess.Popen[str]") -> Row:
    """What a run tells when it is done."""
    said, complaints = running.communicate(timeout=LIMIT_S)
    if running.returncode not in (Exit.OK, Exit.SOME_REJECTED):
        raise RuntimeError(complaints)
    told = json.loads(said)
    row = {name: told[name] for name in ("added", "rejected", "seconds", "images_per_second")}
    return {**row, "taken_over": told.get("taken_over", 0)}


def _kill_a_raylet(cluster: Any, running: "subprocess.Popen[str]") -> None:
    """Kill a raylet with all its processes, once an actor on it is at work; not the head."""
    while not (victims := [each for each in cluster.worker_nodes if _has_actor(each)]):
        if running.poll() is not None:
            raise RuntimeError("the run ended before a raylet could be killed")
        time.sleep(0.05)
    cluster.remove_node(victims[0], allow_graceful=False)


def _has_actor(node: Any) -> bool:
    """Whether a child of a raylet is an actor of Eyedex, which Ray names so."""
    (raylet,) = node.all_processes["raylet"]
    pid = raylet.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return any(b"ShardWorker" in _command(child) for child in children)


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it is gone
        return b""


def _embeddings(data: Path) -> dict[str, Any]:
    """The embedding of every item by its id."""
    with SearchEngine(settings=Settings(data=data), create=False) as engine:
        record = engine.catalog.collection("default")
        items = list(engine.items())
        vectors = engine.catalog.vectors(record, [item.key for item in items])
        assert len(items) == len({item.item_id for item in items})
        return {item.item_id: vectors[item.key] for item in items}


def _compared(work: Path, wanted: int) -> Row:
    local, on_ray = _embeddings(work / "local"), _embeddings(work / "ray")
    cosines = [_cosine(local[each], on_ray[each]) for each in local.keys() & on_ray.keys()]
    least = min(cosines, default=0.0)
    same = local.keys() == on_ray.keys() and len(local) == wanted
    return {
        "items": len(on_ray),
        "of": wanted,
        "least_cosine": round(least, 6),
        "right": same and least >= LEAST_COSINE,
    }


def _cosine(one: Any, other: Any) -> float:
    """Of rows as they are stored, rounded to float16."""
    return float(np.dot(one, other) / np.linalg.norm(one) / np.linalg.norm(other))


if __name__ == "__main__":
    main()
