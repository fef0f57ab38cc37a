"""The event loop goes first: what computes answers has a lower priority."""

import os
import sys
from pathlib import Path

import pytest
from httpx2 import post

from api.priorities import NICENESS
from tests.api.asking import DEFAULT
from tests.conftest import LiveServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="niceness of threads is Linux's")


def niceness_of(task: Path) -> int:
    return int((task / "stat").read_text().rpartition(")")[2].split()[16])


def test_what_computes_lets_the_loop_go_first(live_server: LiveServer, shopper_photo: Path) -> None:
    asked = {"image": shopper_photo.read_bytes()}
    assert post(f"{live_server.url}{DEFAULT}/search", files=asked).status_code == 200
    process = Path("/proc") / str(live_server.process.pid)
    tasks = {int(task.name): niceness_of(task) for task in (process / "task").iterdir()}
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    assert tasks[live_server.process.pid] == usual
    assert NICENESS in tasks.values()
    started = "".join((task / "children").read_text() for task in (process / "task").iterdir())
    children = [Path("/proc") / each for each in started.split()]
    servers = [each for each in children if b"forkserver" in (each / "cmdline").read_bytes()]
    assert [niceness_of(each) for each in servers] == [NICENESS]
