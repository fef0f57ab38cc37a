"""G25: a server under mixed load for long: memory and open files stay as they are, all is sound."""

import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from search_engine.config import Settings
from search_engine.maintenance.check import check_data
from search_engine.search.query_cache import KEPT
from tests.api.asking import DEFAULT, multipart, part
from tests.torture.goals import Goal, Reached
from tests.torture.network_tools import (
    PATIENCE_S,
    Server,
    damaged,
    pictures,
    question,
    request,
    served,
    status_of,
)

FULL_S = 1_800.0
CLIENTS = 4
KEPT_ITEMS = 50
LOOK_S = 1.0
WARM = 1 / 3
"""Share of the time after which memory is looked at: by then everything was used once."""
SLOPE_MB_H = 1.0
PARTS = 20
"""What is in use comes and goes with requests: what stays is the least of each part of the time."""
PUBLISHED = 0.5
EXPECTED = frozenset((503, 507))
KILL_EVERY = 200


@dataclass
class _Seen:
    statuses: Counter[int] = field(default_factory=Counter)
    moments: list[float] = field(default_factory=list)
    bytes_: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    kills: int = 0


def soak(scale: float, seed: int) -> Reached:
    """Search, add, change, remove, send damaged pictures, leave, and kill decoders meanwhile."""
    seconds, seen = max(5.0, FULL_S * scale), _Seen()
    with served() as server:
        if scale >= PUBLISHED:
            _fill(server)
        ends = time.monotonic() + seconds
        threads = _started(lambda each: _ask_on(server, f"{seed} {each}", ends, seen))
        while time.monotonic() < ends:
            seen.moments.append(time.monotonic())
            seen.bytes_.append(server.memory())
            seen.files.append(len(os.listdir(f"/proc/{server.process.pid}/fd")))
            time.sleep(LOOK_S)
        for each in threads:
            each.join()
        alive, said = server.process.poll() is None, "Traceback" in server.said()
        findings = check_data(Settings(data=server.data)).findings
    return _judged(
        seen, seconds, scale, alive and not said, [f for f in findings if f.level == "error"]
    )


def _fill(server: Server) -> None:
    """Ask with as many photos as a server remembers: until then its memory has to grow."""

    def ask(client: int) -> None:
        for number in range(client, KEPT, CLIENTS):
            with server.connect() as connection:
                connection.sendall(question(pictures()[0] + b"%d" % number))
                status_of(connection)

    for each in _started(ask):
        each.join()


def _started(work: Callable[[int], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, args=(each,)) for each in range(CLIENTS)]
    for each in threads:
        each.start()
    return threads


def _judged(
    seen: _Seen, seconds: float, scale: float, is_well: bool, errors: list[object]
) -> Reached:
    first = int(len(seen.moments) * WARM)
    slope = _slope_mb_h(seen.moments[first:], seen.bytes_[first:])
    grown = max(seen.files[first:]) - max(seen.files[: first + 1])
    bad = sum(count for status, count in seen.statuses.items() if status >= 500) - sum(
        seen.statuses[status] for status in EXPECTED
    )
    figures = (
        f"{seconds / 60:.0f} min, {seen.statuses.total():,} requests {dict(seen.statuses)}, "
        f"{seen.kills} decoders killed: RSS {seen.bytes_[-1] / 2**20:.0f} MB, {slope:+.1f} MB/h; "
        f"open files {seen.files[first]} to {seen.files[-1]}; {errors[0] if errors else 'sound'}"
    )
    is_flat = scale < PUBLISHED or (slope < SLOPE_MB_H and grown <= CLIENTS)
    return Reached(is_well and not errors and bad == 0 and is_flat, figures)


def _slope_mb_h(moments: list[float], sizes: list[int]) -> float:
    """What memory grows by in an hour, by a line through the least of each part."""
    parts = np.array_split(np.arange(len(sizes)), min(PARTS, len(sizes)))
    least = [part[np.array(sizes)[part].argmin()] for part in parts]
    hours, used = np.array(moments)[least] / 3_600, np.array(sizes)[least] / 2**20
    return float(np.polyfit(hours, used, 1)[0])


def _ask_on(server: Server, seed: str, ends: float, seen: _Seen) -> None:
    chosen = random.Random(seed)
    while time.monotonic() < ends:
        sent = _request(chosen)
        with suppress(OSError), server.connect() as connection:
            connection.settimeout(PATIENCE_S)
            connection.sendall(sent)
            if chosen.random() < 0.05:
                continue  # leave without the answer
            seen.statuses[status_of(connection)] += 1
        if chosen.randrange(KILL_EVERY) == 0:
            seen.kills += _kill_a_decoder(server, chosen)


def _request(chosen: random.Random) -> bytes:
    item = f"{DEFAULT}/items/s{chosen.randrange(KEPT_ITEMS)}"
    picture = chosen.choice(pictures())
    kind = chosen.random()
    if kind < 0.5:
        return question(picture)
    if kind < 0.6:
        return question(damaged(np.random.default_rng(chosen.randrange(2**31)), picture))
    if kind < 0.8:
        fields = part("image", picture, "a.jpg") + part("label", b"L%d" % chosen.randrange(5))
        return request("PUT", item, multipart(fields))
    if kind < 0.9:
        return request("DELETE", item, b"")
    return request("GET", f"{DEFAULT}/labels", b"")


def _kill_a_decoder(server: Server, chosen: random.Random) -> bool:
    """Kill one of the processes below the server that the fork server made."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            told = re.sub(r"^.*\) ", "", (entry / "stat").read_text()).split()
            below.setdefault(int(told[1]), []).append(int(entry.name))
    makers = below.get(server.process.pid, [])
    decoders = [child for maker in makers for child in below.get(maker, [])]
    if not decoders:
        return False
    with suppress(ProcessLookupError):
        os.kill(chosen.choice(decoders), signal.SIGKILL)
    return True


GOALS = [
    Goal(
        "G25",
        "30 minutes of mixed load, decoders killed: RSS < 1 MB/h, files flat, 0 unexplained 5xx, "
        "sound",
        soak,
    )
]
