"""G3: the server is killed at random moments while clients add items."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.client import ApiError, Client, Retries
from search_engine import SearchEngine
from search_engine.config import Settings
from search_engine.maintenance.check import check_data
from tests.conftest import free_port
from tests.images.pictures import jpeg, photo
from tests.torture.goals import Goal, Reached, tries, with_progress
from tests.torture.network_tools import SERVER, copied, wait_until_ready

CLIENTS = 8
LONGEST_S = 2.0
READY_S = 10.0
PUBLISHED = 0.5
"""From this scale on times count too."""


def kill_servers(scale: float, seed: int) -> Reached:
    """Kill a server again and again, each time started on what the one before left."""
    kills, chosen = tries(1_000, scale, at_least=2), random.Random(seed)
    acknowledged: list[str] = []
    bugs: list[str] = []
    slowest = 0.0
    with copied() as data:
        for number in with_progress(range(kills)):
            started = time.monotonic()
            with _killed(data) as port:
                slowest = max(slowest, time.monotonic() - started)
                threads = [
                    threading.Thread(
                        target=_add, args=(port, f"{number}-{each}", acknowledged, bugs)
                    )
                    for each in range(CLIENTS)
                ]
                for each in threads:
                    each.start()
                _wait_for_one_more(acknowledged)
                time.sleep(LONGEST_S * chosen.random())
            for each in threads:
                each.join()
        with SearchEngine(settings=Settings(data=data), create=False) as engine:
            there = {item.item_id for item in engine.items()}
        found = [one for one in check_data(Settings(data=data)).findings if one.level == "error"]
    lost = set(acknowledged) - there
    figures = (
        f"{kills:,} kills: {len(lost)} of {len(acknowledged):,} acknowledged lost, slowest start "
        f"{slowest:.1f} s, {len(bugs)} answers of 500, {found[0].what if found else 'sound'}"
    )
    is_quick = scale < PUBLISHED or slowest <= READY_S
    return Reached(not (lost or found or bugs) and is_quick and bool(acknowledged), figures)


@contextmanager
def _killed(data: Path) -> Iterator[int]:
    """The port of a server that is ready; it is killed at the end of the block."""
    port = free_port()
    with (data.parent / "errors.txt").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", SERVER, "1", str(data), str(port)], stderr=errors
        )
        try:
            wait_until_ready(process, port)
            yield port
        finally:
            process.kill()
            process.wait()


def _add(port: int, name: str, acknowledged: list[str], bugs: list[str]) -> None:
    """Put items until the server is gone; what was answered with success is acknowledged."""
    picture = jpeg(photo(24, 16))
    server = f"http://127.0.0.1:{port}"
    with Client(server, collection="default", retries=Retries(times=0)) as client:
        for number in range(10**6):
            item_id = f"{name}-{number}"
            try:
                client.put_item(item_id, picture)
            except ApiError as error:
                if error.status == 500:
                    bugs.append(item_id)
                if error.status is None or error.status == 0:
                    return
            else:
                acknowledged.append(item_id)


def _wait_for_one_more(acknowledged: list[str]) -> None:
    """A kill before anything was acknowledged would show nothing."""
    before, ends = len(acknowledged), time.monotonic() + 60
    while len(acknowledged) == before and time.monotonic() < ends:
        time.sleep(0.01)


GOALS = [
    Goal(
        "G3",
        "1,000 kills of a server that 8 clients add to: 0 acknowledged lost, ready within 10 s",
        kill_servers,
    )
]
