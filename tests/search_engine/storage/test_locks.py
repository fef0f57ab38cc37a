"""One holder at a time, among threads and processes; a dead holder holds nothing."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search_engine.errors import LockHeldError
from search_engine.storage.locks import exclusive

ROOT = Path(__file__).parents[3]

HOLD = """
import sys, time
from pathlib import Path
from search_engine.storage.locks import exclusive
with exclusive(Path(sys.argv[1]), 0.0, "testing"):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def holding_process(path: Path) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_holder_is_refused_by_name_and_place(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    with exclusive(path, 0.0, "writing"):
        with (
            pytest.raises(LockHeldError, match="another process is writing") as caught,
            exclusive(path, 0.0, "writing"),
        ):
            pytest.fail("two holders")
        assert caught.value.where == str(path)


def test_folders_that_are_missing_are_made_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "very" / "deep" / "lock"
    with exclusive(path, 0.0, "testing"):
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_it_is_free_again_after_the_block_and_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError), exclusive(path, 0.0, "testing"):
        _ = 1 / 0
    with exclusive(path, 0.0, "testing"):
        pass
    with exclusive(path, 0.0, "testing"):
        pass


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    path, inside, most = tmp_path / "lock", [], []

    def work() -> None:
        for _ in range(5):
            with exclusive(path, 30.0, "testing"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 20
    assert max(most) == 1


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holding_process(path) as process:
        with pytest.raises(LockHeldError), exclusive(path, 0.05, "testing"):
            pytest.fail("two holders")
        process.send_signal(signal.SIGKILL)
        process.wait()
        with exclusive(path, 0.0, "testing"):
            pass


def test_a_waiting_holder_gets_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with exclusive(path, 0.0, "testing"):
            held.set()
            release.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    timer = threading.Timer(0.1, release.set)
    timer.start()
    with exclusive(path, 10.0, "testing"):
        assert release.is_set()
    thread.join()
    timer.join()


def test_waiting_ends_when_the_time_is_over(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with exclusive(path, 0.0, "testing"):
        started = time.monotonic()
        with pytest.raises(LockHeldError), exclusive(path, 0.1, "testing"):
            pytest.fail("two holders")
        assert time.monotonic() - started >= 0.1


def test_the_lock_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with exclusive(path, 0.0, "testing"):
        assert path.stat().st_mode & 0o777 == 0o600
