"""What a run tells of itself while it works: written at most twice a second, by a thread.

The thread waits for nobody: where the one writer lock is taken, most likely by the run itself, it
tries again half a second later. It also sees that the job shall stop, and tells the process.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar

from search_engine.catalog.job_rows import Job, State, job_in
from search_engine.catalog.job_writer import change_job, end_job, start_job
from search_engine.catalog.store import Catalog
from search_engine.catalog.writer import CatalogWriter
from search_engine.errors import EyedexError, LockHeldError, StorageBusyError
from search_engine.storage.locks import exclusive
from search_engine.storage.paths import DataPaths

Advance = Callable[[int], None]
Counting = Callable[[], tuple[Mapping[str, Any], Mapping[str, int]]]
"""What came of the run so far: counts by name, and refused rows by code."""
T = TypeVar("T")

WRITE_S = 0.5
PASSING_WAIT_S = 0.05
LAST_WAIT_S = 60.0
"""So long the end of a run waits for its turn to write that it ended."""
DOING = "running this job"


def nothing_counted() -> tuple[Mapping[str, Any], Mapping[str, int]]:
    """Of a run that counts nothing."""
    return {}, {}


class Recording:
    """The row of a running job, kept up to date from its process.

    `with Recording(paths, job_id) as recording:` holds the lock of the job, so that others can tell
    whether it lives. It says nothing of how the run ended: that is for `end`.
    """

    def __init__(self, paths: DataPaths, job_id: str) -> None:
        self.job_id = job_id
        self.counting: Counting = nothing_counted
        self.cancelled = False
        self._paths = paths
        self._catalog = Catalog(paths, PASSING_WAIT_S, create=False)
        self._lock = exclusive(paths.job_lock(job_id), 0.0, DOING)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="recording", daemon=True)
        self._stage: dict[str, Any] = {}
        self._written: dict[str, Any] = {}

    def __enter__(self) -> Self:
        """Begin to tell.

        Raises:
            LockHeldError: Another process is running this job.
        """
        self._lock.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        """Tell no more; the lock file goes with the lock."""
        self._stop.set()
        self._thread.join()
        with suppress(OSError):
            self._paths.job_lock(self.job_id).unlink()
        self._lock.__exit__(None, None, None)
        with suppress(EyedexError):
            self._catalog.close()

    @contextmanager
    def stage(self, name: str, steps: int) -> Iterator[Advance]:
        """Begin a stage of the work; gives the function that counts its steps."""
        made: dict[str, Any] = {"stage": name, "done": 0, "total": steps, "staged": time.time()}
        self._stage = made

        def advance(count: int) -> None:
            made["done"] += count

        yield advance

    def starts(self, job: Job) -> None:
        """Say that the run begins."""
        self._patiently(lambda writer: start_job(writer, job))

    def job(self) -> Job:
        """The job as it was last written."""
        with self._catalog.read() as connection:
            return job_in(connection, self.job_id)

    def is_cancelled(self) -> bool:
        """Whether the job shall stop."""
        return self.job().cancel_requested

    def waits(self) -> None:
        """Say that the job waits again, to be gone on with by another process."""
        self._patiently(
            lambda writer: change_job(writer, self.job_id, state="queued", **self._state())
        )

    def end(self, state: State, **values: Any) -> None:
        """Say how the run ended."""
        told = {**self._state(), **values}
        self._patiently(lambda writer: end_job(writer, self.job_id, state, **told))

    def _state(self) -> dict[str, Any]:
        counts, reasons = self.counting()
        return {**self._stage, "counts": dict(counts), "reasons": dict(reasons)}

    def _follow(self) -> None:
        while not self._stop.wait(WRITE_S):
            with suppress(EyedexError):  # said again half a second later
                self._write()
                self._look()

    def _write(self) -> None:
        state = self._state()
        if state == self._written:
            return
        with suppress(LockHeldError, StorageBusyError):
            with self._catalog.write(in_turn=False) as writer:
                change_job(writer, self.job_id, only=("running",), **state)
            self._written = state

    def _look(self) -> None:
        """Stop the process, as on Ctrl-C, where the job shall be cancelled."""
        if self.cancelled:
            return
        self.cancelled = self.is_cancelled()
        if self.cancelled:
            os.kill(os.getpid(), signal.SIGINT)

    def _patiently(self, change: Callable[[CatalogWriter], T]) -> T:
        """What a change gives; others that write have their turn first.

        Raises:
            LockHeldError: They take far too long.
        """
        deadline = time.monotonic() + LAST_WAIT_S
        while True:
            try:
                with self._catalog.write(in_turn=False) as writer:
                    return change(writer)
            except (LockHeldError, StorageBusyError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(PASSING_WAIT_S)
