"""Processes that decode: what their deaths cost, and that none outlives who started it."""

import multiprocessing.forkserver
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from PIL import Image

from search_engine.errors import TooComplexError, WorkerLostError
from search_engine.images import DecodedImage
from search_engine.images import decode_process as decoding
from search_engine.images.decode_pool import DecodePool
from tests.images.decoding.conftest import LIMITS, SQUASH
from tests.images.pictures import png

pytestmark = pytest.mark.long


class Deadly(bytes):
    """Kills the process that it is sent to."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return os.abort, ()


ORPHAN_WALL_S = 2.0
ORPHANS = """
import os, sys, time
sys.path[:0] = [os.getcwd()]
from search_engine.images import decode_process as decoding
from search_engine.images.decode_pool import DecodePool
from search_engine.images import ImageLimits, Preprocessing
from tests.images.pictures import jpeg

if __name__ == "__main__":
    pool = DecodePool(ImageLimits(), 2)
    futures = [pool.submit([jpeg()], Preprocessing(16, 16)) for _ in range(8)]
    for future in futures:
        future.result()
    if sys.argv[1] == "busy":
        decoding.DECODE_WALL_S = float(sys.argv[2])
        pool.start(time.sleep, 600)
        time.sleep(0.5)
    print("ready", flush=True)
    time.sleep(600)
"""


def children_of(pid: int) -> list[int]:
    """All processes below one, from /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    below = [pid]
    for one in below:
        below += [child for child, parent in parents.items() if parent == one]
    return below[1:]


def is_gone(pid: int) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return True
    return fields[0] == "Z"


def wait_for(happened: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happened():
            return True
        time.sleep(0.02)
    return happened()


def test_a_child_that_dies_idle_is_replaced(pool: DecodePool) -> None:
    pool.decode(png(), SQUASH)
    for _ in range(3):
        (pid,) = pool.pids
        os.kill(pid, signal.SIGKILL)
        assert pool.decode(png(), SQUASH).pixels.shape == (16, 16, 3)
        assert pool.pids != [pid]


def test_a_call_that_kills_its_child_costs_only_itself() -> None:
    with DecodePool(LIMITS, 2) as pool:
        deadly = pool.start(os.abort)
        others = [pool.submit([png()], SQUASH) for _ in range(20)]
        with pytest.raises(WorkerLostError):
            deadly.result(timeout=30)
        found = [one for future in others for one in future.result(timeout=30)]
        assert [type(one) for one in found] == [DecodedImage] * 20


def test_a_picture_that_kills_its_child_costs_none_of_those_beside_it() -> None:
    with DecodePool(LIMITS, 1) as pool:
        found = pool.submit([png(), Deadly(), png()], SQUASH).result(timeout=60)
    assert [type(one) for one in found] == [DecodedImage, WorkerLostError, DecodedImage]


def test_a_picture_that_takes_too_long_costs_none_of_those_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = png(Image.new("RGBA", (8_000, 5_000)), compress_level=1)
    with DecodePool(LIMITS, 1) as pool:
        pool.decode(png(), SQUASH)
        monkeypatch.setattr(decoding, "DECODE_WALL_S", 0.1)
        found = pool.submit([slow], SQUASH).result(timeout=60)
        assert [type(one) for one in found] == [TooComplexError]
        monkeypatch.setattr(decoding, "DECODE_WALL_S", 60.0)  # enough on a busy machine, too
        found = pool.submit([png(), slow, png()], SQUASH).result(timeout=120)
    assert [type(one) for one in found] == [DecodedImage] * 3


def test_a_call_is_tried_again_when_its_child_dies_by_chance() -> None:
    with DecodePool(LIMITS, 1) as pool:
        pool.decode(png(), SQUASH)
        waiting = pool.start(time.sleep, 1)
        (pid,) = pool.pids
        assert wait_for(waiting.running, 5)
        os.kill(pid, signal.SIGKILL)
        assert waiting.result(timeout=30) is None
        assert pool.pids != [pid]


def test_a_decoder_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "DECODE_WALL_S", 0.3)
    with DecodePool(LIMITS, 1) as pool:
        with pytest.raises(TooComplexError, match="longer than"):
            pool.call(time.sleep, 60)
        monkeypatch.undo()
        assert pool.decode(png(), SQUASH).pixels.shape == (16, 16, 3)


def test_a_decoder_that_others_hold_up_gets_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shares a processor with two busy processes of higher priority, as on a machine with too
    much to do, where good pictures would be refused."""
    (processor, *_) = os.sched_getaffinity(0)
    program = (
        f"import os; os.sched_setaffinity(0, {{{processor}}}); print(1, flush=True)\nwhile 1: 0"
    )
    busy = [sys.executable, "-c", program]
    with DecodePool(LIMITS, 1) as pool, ExitStack() as stack:
        pool.call(compute, 0.0)  # it imports this module
        monkeypatch.setattr(decoding, "DECODE_WALL_S", 0.4)
        monkeypatch.setattr(decoding, "MOST_WAITS", 100)
        (pid,) = pool.pids
        os.sched_setaffinity(pid, {processor})
        os.setpriority(os.PRIO_PROCESS, pid, 5)
        for _ in range(2):
            other = stack.enter_context(subprocess.Popen(busy, stdout=subprocess.PIPE))
            stack.callback(other.kill)
            assert other.stdout is not None
            assert other.stdout.read(1)
        began = time.monotonic()
        assert pool.call(compute, 0.1) > 0
        assert time.monotonic() - began > decoding.DECODE_WALL_S
        assert pool.pids == [pid]
        with pytest.raises(TooComplexError, match="longer than"):
            pool.call(compute, 10.0)


def compute(seconds: float) -> float:
    """Take so much of a processor."""
    ends = time.process_time() + seconds
    while time.process_time() < ends:
        pass
    return ends


def test_closing_leaves_no_child_and_drops_what_waits() -> None:
    pool = DecodePool(LIMITS, 2)
    pool.decode(png(), SQUASH)
    dropped = [pool.start(time.sleep, 600) for _ in range(4)]
    assert wait_for(lambda: len(pool.pids) == 2, 30)
    pids = pool.pids
    started = time.monotonic()
    pool.close()
    assert time.monotonic() - started < 300  # it waits for none of them
    assert all(is_gone(pid) for pid in pids)
    for future in dropped:
        with pytest.raises(WorkerLostError):
            future.result(timeout=1)


def test_a_closed_pool_says_so_and_closes_again() -> None:
    pool = DecodePool(LIMITS, 1)
    pool.close()
    pool.close()
    with pytest.raises(WorkerLostError):
        pool.decode(png(), SQUASH)


@contextmanager
def no_more_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def kill_fork_server() -> None:
    pid = multiprocessing.forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    os.kill(pid, signal.SIGKILL)
    assert wait_for(lambda: is_gone(pid), 5)


def test_a_start_that_fails_is_made_up_for_by_the_next_question() -> None:
    with DecodePool(LIMITS, 2) as pool:
        for _ in range(3):
            with no_more_files():
                for ask in (pool.check, lambda: pool.decode(png(), SQUASH)):
                    with pytest.raises(WorkerLostError, match="Too many open files"):
                        ask()
            opened = len(os.listdir("/proc/self/fd"))
            pool.check()
            assert len(pool.pids) == 2
            assert pool.decode(png(), SQUASH).pixels.shape == (16, 16, 3)
            for pid in pool.pids:
                os.kill(pid, signal.SIGKILL)
                assert wait_for(lambda pid=pid: is_gone(pid), 5)  # type: ignore[misc]
        assert len(os.listdir("/proc/self/fd")) - opened < 20


def test_all_are_started_anew_when_the_fork_server_is_killed() -> None:
    with DecodePool(LIMITS, 2) as pool:
        pool.check()
        before = pool.pids
        for _ in range(2):
            kill_fork_server()
            assert pool.decode(png(), SQUASH).pixels.shape == (16, 16, 3)
        kill_fork_server()
        pool.check()
        assert len(pool.pids) == 2
        assert wait_for(lambda: all(is_gone(pid) for pid in before), 5)


def test_everything_killed_at_once_is_started_anew() -> None:
    with DecodePool(LIMITS, 2) as pool:
        pool.check()
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)
        kill_fork_server()
        found = [pool.submit([png()], SQUASH) for _ in range(6)]
        outcomes = [one for future in found for one in future.result(timeout=60)]
        assert [type(one) for one in outcomes] == [DecodedImage] * 6


def test_a_check_leaves_the_pool_as_it_was_and_starts_what_is_missing() -> None:
    with DecodePool(LIMITS, 3) as pool:
        pool.check()
        pids = pool.pids
        assert len(pids) == 3
        pool.check()
        assert pool.pids == pids


def test_a_pool_that_is_not_used_starts_no_process() -> None:
    before = set(children_of(os.getpid()))
    with DecodePool(LIMITS, 4):
        assert set(children_of(os.getpid())) == before


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_children_do_not_outlive_a_killed_parent(state: str, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(ORPHANS)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, str(script), state, str(ORPHAN_WALL_S)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        children = children_of(parent.pid)
        assert len(children) >= 3
    finally:
        parent.kill()
        parent.communicate()
    limit_s = ORPHAN_WALL_S + decoding.ORPHAN_S + 4 if state == "busy" else 4
    assert wait_for(lambda: all(is_gone(pid) for pid in children), limit_s)
