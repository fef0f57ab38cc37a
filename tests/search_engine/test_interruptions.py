"""A signal that ends a command waits for what is written, and not for whoever waits to write."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from search_engine import interruptions
from search_engine.storage.locks import exclusive

CODE = 143


@pytest.fixture(autouse=True)
def _ended_by_a_signal() -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, lambda *_: interruptions.held.end(CODE))
    yield
    signal.signal(signal.SIGUSR1, before)


def stop() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)


def test_it_ends_at_once_where_nothing_is_held() -> None:
    with pytest.raises(SystemExit) as ended:
        stop()
    assert ended.value.code == CODE


def test_it_waits_for_the_outermost_block() -> None:
    done = []
    with pytest.raises(SystemExit) as ended:  # noqa: PT012
        with interruptions.held:
            with interruptions.held:
                stop()
                done.append("inner")
            done.append("outer")
        done.append("behind")
    assert (ended.value.code, done) == (CODE, ["inner", "outer"])
    with interruptions.held:
        pass  # nothing is left of it


def test_blocks_of_other_threads_do_not_count() -> None:
    with pytest.raises(SystemExit), interruptions.held:  # noqa: PT012
        thread = threading.Thread(target=_hold_and_leave)
        thread.start()
        stop()
        thread.join()
    with pytest.raises(SystemExit):
        stop()


def _hold_and_leave() -> None:
    with interruptions.held:
        pass


def test_who_waits_for_a_lock_ends(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with exclusive(lock, 0.0, "testing"), interruptions.held:
        stop()
        with pytest.raises(SystemExit), exclusive(lock, 60.0, "testing"):
            pass
