"""The part of a server that runs jobs: one process each, one at a time a collection.

Of several servers on one data directory one does it, and another when that one is gone. The table
of jobs is the queue: whatever is lost with a server is found there by the next.
"""

import json
import logging
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from indexer.jobs.queue import is_alive, note_death, remove_old
from indexer.jobs.uploads import keep_uploads, staging_of
from search_engine.catalog.job_rows import UNFINISHED, Job, JobQuery, jobs_in
from search_engine.catalog.job_writer import change_job, start_job
from search_engine.catalog.store import Catalog
from search_engine.config import Settings
from search_engine.errors import EyedexError, LockHeldError
from search_engine.storage.locks import exclusive

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "indexer.jobs.work")
LOOK_S = 0.25
TURN_S = 2.0
"""So often another server is asked whether it still runs jobs."""
STOP_S = 1.5
"""So long a job that shall stop may take for it; then it is killed."""
TIDY_S = 600.0
STARTING_S = 60.0
"""So long after its row was written a run of the command line may take to begin."""


@dataclass(slots=True)
class _Worker:
    """The process of a job, and when it was told to stop."""

    job: Job
    process: "subprocess.Popen[bytes]"
    stopping_since: float | None = None

    def is_gone(self) -> bool:
        return self.process.poll() is not None

    def stop(self) -> None:
        """Tell it to stop; the second time, after a while, make it."""
        now = time.monotonic()
        if self.stopping_since is None:
            self.stopping_since = now
            self.process.terminate()
        elif now > self.stopping_since + STOP_S:
            self.process.kill()


class Supervisor:
    """Runs the jobs of a data directory from a thread, until it is closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._paths = settings.paths
        self._workers: dict[str, _Worker] = {}
        self._closing = False
        self._awake = threading.Event()
        self._tidied = -TIDY_S
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin to run jobs."""
        self._thread.start()

    def wake(self) -> None:
        """Look at once: a job was added or shall stop."""
        self._awake.set()

    def close(self) -> None:
        """Stop the jobs at work, which go on with the next server, and run no more."""
        self._closing = True
        self.wake()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closing:
            lock = exclusive(self._paths.supervisor_lock, 0.0, "running jobs")
            with suppress(LockHeldError), lock:
                self._serve()
            self._pause(TURN_S)

    def _serve(self) -> None:
        """Run jobs; this server is the one that does."""
        with Catalog(self._paths, self._settings.lock_wait_s, create=False) as catalog:
            try:
                while not self._closing:
                    self._look(catalog)
                    self._pause(LOOK_S)
            finally:
                self._end_all(catalog)

    def _pause(self, seconds: float) -> None:
        self._awake.wait(0 if self._closing else seconds)
        self._awake.clear()

    def _look(self, catalog: Catalog) -> None:
        """Do what is to be done now; what cannot be is tried again at the next look."""
        try:
            with catalog.read() as connection:
                jobs = jobs_in(connection, JobQuery(states=UNFINISHED))[::-1]
            self._stop_cancelled(jobs)
            self._note_deaths(catalog, jobs)
            self._start_waiting(catalog)
            self._tidy(catalog)
        except EyedexError as error:
            log.warning("jobs: %s", error)

    def _stop_cancelled(self, jobs: list[Job]) -> None:
        for job in jobs:
            worker = self._workers.get(job.id)
            if worker is not None and job.cancel_requested:
                worker.stop()

    def _note_deaths(self, catalog: Catalog, jobs: list[Job]) -> None:
        """Take leave of processes that ended, and note of jobs that theirs died."""
        for job_id, worker in list(self._workers.items()):
            if worker.is_gone():
                _shut(worker)
                del self._workers[job_id]
        for job in jobs:
            if job.id not in self._workers and self._has_died(job):
                log.warning("job %s (%s): its process died", job.id, job.kind)
                note_death(catalog, job)

    def _has_died(self, job: Job) -> bool:
        if job.state == "running":
            return not is_alive(self._paths, job)
        late = time.time() - job.updated > STARTING_S
        return job.origin == "cli" and late and not is_alive(self._paths, job)

    def _start_waiting(self, catalog: Catalog) -> None:
        """Start the oldest jobs that wait, as far as there is room."""
        with catalog.read() as connection:
            jobs = jobs_in(connection, JobQuery(states=UNFINISHED))[::-1]
        busy = {job.collection for job in jobs if job.state == "running"}
        busy |= {worker.job.collection for worker in self._workers.values()}
        for job in jobs:
            if len(self._workers) >= self._settings.job_workers:
                return
            waits = job.state == "queued" and job.origin == "http"
            if waits and job.collection not in busy and job.id not in self._workers:
                busy.add(job.collection)
                self._start(catalog, job)

    def _start(self, catalog: Catalog, job: Job) -> None:
        with catalog.write(in_turn=False) as writer:
            if not start_job(writer, job):
                return
        order = {"job": job.id, "settings": self._settings.told()}
        process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        self._workers[job.id] = _Worker(job, process)
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it is noted as died at the next look
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()

    def _tidy(self, catalog: Catalog) -> None:
        now = time.monotonic()
        if now > self._tidied + TIDY_S:
            self._tidied = now
            remove_old(catalog)
            with catalog.read() as connection:
                keep_uploads(self._settings, jobs_in(connection, JobQuery(states=UNFINISHED)))
            staging_of(self._settings).expire()

    def _end_all(self, catalog: Catalog) -> None:
        """Stop all processes; those that take too long are killed, and their jobs wait again."""
        for worker in self._workers.values():
            worker.stop()
        while any(not worker.is_gone() for worker in self._workers.values()):
            for worker in self._workers.values():
                worker.stop()
            time.sleep(0.05)
        for worker in self._workers.values():
            _shut(worker)
            with suppress(EyedexError), catalog.write(in_turn=False) as writer:
                change_job(writer, worker.job.id, only=("running",), state="queued")
        self._workers.clear()


def _shut(worker: _Worker) -> None:
    """Close the pipe and collect the process."""
    if worker.process.stdin is not None:
        with suppress(BrokenPipeError):
            worker.process.stdin.close()
    worker.process.wait()
