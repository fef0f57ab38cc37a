"""Threads that answer go first: what computes for them has a lower priority in a server."""

import os
import sys
import threading
from pathlib import Path

import pytest
from httpx2 import post

from search_engine import priorities
from search_engine.priorities import NICENESS, lower, put_computing_last, started
from tests.api.asking import DEFAULT
from tests.conftest import LiveServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="niceness of threads is Linux's")


@pytest.fixture(autouse=True)
def only_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priorities, "_computing_is_last", threading.Event())


def niceness() -> int:
    """Of the calling thread."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def of_a_thread_it_starts() -> int:
    found = []
    thread = threading.Thread(target=lambda: found.append(niceness()))
    thread.start()
    thread.join()
    return found[0]


def niceness_of(task: Path) -> int:
    return int((task / "stat").read_text().rpartition(")")[2].split()[16])


def test_only_where_computing_is_put_last_it_starts_with_a_lower_priority() -> None:
    usual = niceness()
    assert started(of_a_thread_it_starts) == usual
    put_computing_last()
    assert started(of_a_thread_it_starts) == max(usual, NICENESS)
    assert of_a_thread_it_starts() == niceness() == usual


def test_errors_come_from_the_other_thread_too() -> None:
    put_computing_last()
    with pytest.raises(ZeroDivisionError):
        started(lambda: 1 // 0)


def test_the_main_thread_keeps_its_priority() -> None:
    before = niceness()
    lower()
    assert niceness() == before


def test_who_answers_goes_before_decoding(live_server: LiveServer, shopper_photo: Path) -> None:
    asked = {"image": shopper_photo.read_bytes()}
    assert post(f"{live_server.url}{DEFAULT}/search", files=asked).status_code == 200
    process = Path("/proc") / str(live_server.process.pid)
    tasks = list((process / "task").iterdir())
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    assert niceness_of(process / "task" / str(live_server.process.pid)) == usual
    assert sum(niceness_of(task) == usual for task in tasks) > 1  # who answered
    children = "".join((task / "children").read_text() for task in tasks).split()
    below = [Path("/proc") / each for each in children]
    servers = [each for each in below if b"forkserver" in (each / "cmdline").read_bytes()]
    assert [niceness_of(each) for each in servers] == [NICENESS]
