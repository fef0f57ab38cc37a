"""Servers, indexing runs and PostgreSQL itself are killed at random while items are put.

`python -m tests.torture --only PG` kills for two minutes: two API servers, to which items are put
without end, two indexing runs of a collection each, and the database server. What was acknowledged
has to be there in the end, and everything has to be sound.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image

from api.client import ApiError, Client, Retries
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.maintenance.check import check_data
from tests import postgres
from tests.conftest import answers, free_port
from tests.torture.goals import Goal, Reached, tries

SECONDS = 120
SERVERS, INDEXERS = 2, 2
INDEXED = 60
READY_S = 120.0
PAUSE_S = (1.0, 5.0)
PATIENCE_S = 20.0
"""So long something has to be acknowledged between two kills, or there is another."""


@dataclass
class Tally:
    """What happened."""

    acknowledged: list[str] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)
    bugs: int = 0

    def note(self, counted: dict[str, int], name: str) -> None:
        counted[name] = counted.get(name, 0) + 1


class Process:
    """A command that is started again whenever it has ended."""

    def __init__(self, env: dict[str, str], *arguments: str) -> None:
        self._command = [sys.executable, "-m", "api.cli.main", *arguments]
        self._env = env
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command, env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def measure(scale: float, seed: int) -> Reached:
    """Kill for a while, then look at what is left."""
    if postgres.programs() is None:
        return Reached(False, "PostgreSQL's programs are not installed")
    folder = Path(tempfile.mkdtemp(prefix="eyedex-kills-"))
    try:
        with postgres.running() as cluster:
            return _measure(cluster, folder, tries(SECONDS, scale, 15), random.Random(seed))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(
    cluster: postgres.Cluster, folder: Path, seconds: float, chance: random.Random
) -> Reached:
    url = cluster.url(cluster.new_database())
    env = {**os.environ, "EYEDEX_DATABASE_URL": url, "EYEDEX_DATA": str(folder / "data")}
    settings = Settings.from_env({name: env[name] for name in env if name.startswith("EYEDEX_DA")})
    pictures = _draw(folder / "pictures")
    first = ("index", str(pictures), "--collection", "puts", "--encoder", "hsv")
    Process(env, *first).process.wait()  # so that putting items needs no network
    ports = [free_port() for _ in range(SERVERS)]
    processes = {f"server {port}": Process(env, "serve", "--port", str(port)) for port in ports} | {
        f"indexer {number}": Process(
            env, "index", str(pictures), "--collection", f"run-{number}", "--encoder", "hsv"
        )
        for number in range(INDEXERS)
    }
    tally, stop = Tally(), threading.Event()
    threads = [threading.Thread(target=_put, args=(port, tally, stop)) for port in ports]
    try:
        _wait_for(ports)
        for thread in threads:
            thread.start()
        _kill(cluster, processes, tally, time.monotonic() + seconds, chance)
    finally:
        stop.set()
        for thread in threads:
            if thread.is_alive():
                thread.join()
        for process in processes.values():
            process.kill()
    return _judge(settings, env, pictures, tally)


def _kill(
    cluster: postgres.Cluster,
    processes: dict[str, Process],
    tally: Tally,
    until: float,
    chance: random.Random,
) -> None:
    while time.monotonic() < until:
        _wait_for_more(tally, min(until, time.monotonic() + PATIENCE_S))
        time.sleep(chance.uniform(*PAUSE_S))
        name = chance.choice([*processes, "database"])
        port = name.removeprefix("server ")
        if port.isdigit() and not answers(f"http://127.0.0.1:{port}/readyz"):
            continue  # it would never come to answer anything
        tally.note(tally.kills, name.split()[0])
        if name == "database":
            cluster.stop("immediate")
            cluster.start()
        else:
            processes[name].kill()
            processes[name].start()
        for name, process in processes.items():
            if name.startswith("indexer") and process.process.poll() is not None:
                process.start()


def _wait_for_more(tally: Tally, until: float) -> None:
    before = len(tally.acknowledged)
    while len(tally.acknowledged) == before and time.monotonic() < until:
        time.sleep(0.1)


def _put(port: int, tally: Tally, stop: threading.Event) -> None:
    """Put items one after another; what is answered with success counts as acknowledged."""
    number = 0
    with Client(
        f"http://127.0.0.1:{port}", collection="puts", retries=Retries(times=0), timeout_s=20
    ) as client:
        while not stop.is_set():
            number += 1
            name = f"{port}-{number}"
            try:
                client.put_item(name, draw_picture(number))
            except ApiError as error:
                tally.note(tally.refused, error.code)
                tally.bugs += error.status == 500
                stop.wait(0.2)
            else:
                tally.acknowledged.append(name)


def _judge(settings: Settings, env: dict[str, str], pictures: Path, tally: Tally) -> Reached:
    """Let the indexing runs end in peace, then count."""
    for number in range(INDEXERS):
        run = Process(
            env, "index", str(pictures), "--collection", f"run-{number}", "--encoder", "hsv"
        )
        run.process.wait()
    with SearchEngine(settings=settings) as engine:
        there = [item.item_id for item in engine.items(collection="puts")]
        indexed = [len(list(engine.items(collection=f"run-{n}"))) for n in range(INDEXERS)]
    lost = set(tally.acknowledged) - set(there)
    twice = len(there) - len(set(there))
    found = check_data(settings).findings
    errors = [f"{one.where}: {one.what}" for one in found if one.level == "error"]
    killed = ", ".join(f"{name} {count}x" for name, count in sorted(tally.kills.items()))
    refused = ", ".join(f"{name} {count}" for name, count in sorted(tally.refused.items()))
    whole = indexed == [INDEXED] * INDEXERS and tally.acknowledged != []
    return Reached(
        not lost and not twice and not errors and whole and not tally.bugs,
        f"{len(lost)} of {len(tally.acknowledged):,} acknowledged lost, {twice} twice; killed: "
        f"{killed or 'nothing'}; refused: {refused or 'nothing'}; 500s: {tally.bugs}; indexed: "
        f"{indexed}; {'; '.join(errors[:3]) or 'sound'}",
    )


def _wait_for(ports: list[int]) -> None:
    deadline = time.monotonic() + READY_S
    while not all(answers(f"http://127.0.0.1:{port}/readyz") for port in ports):
        if time.monotonic() > deadline:
            raise TimeoutError("the servers did not start")
        time.sleep(0.2)


def _draw(folder: Path) -> Path:
    folder.mkdir()
    for number in range(INDEXED):
        (folder / f"{number}.png").write_bytes(draw_picture(number))
    return folder


def draw_picture(number: int) -> bytes:
    image = Image.new("RGB", (48, 48), (number * 37 % 256, number * 91 % 256, number * 53 % 256))
    image.paste((number * 17 % 256, 40, 200), (0, 0, 10 + number % 30, 20))
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


GOALS = [
    Goal(
        "PG",
        "PostgreSQL, two servers and two indexing runs killed at random: 0 acknowledged lost",
        measure,
    )
]
