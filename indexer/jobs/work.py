"""The process of one job: `python -m indexer.jobs.work`, started by a server, and gone with it.

It is told what to do in a line of JSON on its standard input, which stays open: its end is the end
of the server. It works at low priority and leaves a core to answers. Told to stop, it does so
between two steps; whatever was committed stays.
"""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from indexer.jobs.recording import Recording
from search_engine import interruptions
from search_engine.catalog.job_rows import Job
from search_engine.config import Settings
from search_engine.errors import EyedexError, LockHeldError
from search_engine.processes import LOW_PRIORITY, spare_cores

log = logging.getLogger(__name__)

LOCK_WAIT_S = 60.0
"""So long a job waits for another run of its collection, or for the build of its index."""
LOCK_LOOK_S = 0.5
ORPHAN_S = 10.0
"""So long a job may take to stop after its server is gone."""


def main() -> None:
    """Do one job, as the line on standard input says."""
    logging.basicConfig(level=logging.WARNING, format="job: %(message)s")
    with open(0, "rb", buffering=0, closefd=False) as server:
        order = json.loads(server.readline())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    threading.Thread(target=_end_with_server, name="server", daemon=True).start()
    cores = _leave_room()
    settings = Settings.model_validate(order["settings"])
    fewer = {"workers": min(settings.workers, cores)}
    run_job(settings.model_copy(update=fewer), order["job"])


def run_job(settings: Settings, job_id: str) -> None:
    """Do a job that a server has set to work, and note how it ended.

    Raises:
        SystemExit: The process was told to stop; the job waits again, unless it is cancelled.
        LockHeldError: Another process does it.
    """
    paths = settings.paths
    with Recording(paths, job_id) as recording:
        job = recording.job()
        if job.state == "running":
            _record(settings, job, recording)


def _record(settings: Settings, job: Job, recording: Recording) -> None:
    from indexer.jobs.running import Running, bug_record, error_record

    running = Running(recording, settings.paths.job_files(job.id))
    try:
        result = _do(settings, job, running)
    except SystemExit:
        if recording.is_cancelled():
            recording.end("cancelled", result=running.result)
        else:
            recording.waits()
        raise
    except EyedexError as error:
        recording.end("failed", error=error_record(error), result=running.result)
    except Exception as error:
        log.exception("job %s failed", job.id)
        recording.end("failed", error=bug_record(error), result=running.result)
    else:
        recording.end("done", result=result)
        for follow in running.afterwards:
            follow()


def _do(settings: Settings, job: Job, running: Any) -> Mapping[str, Any]:
    """The result of a job; heavy libraries are loaded only now, when it is told to be at work."""
    from indexer.jobs.kinds import run_kind
    from indexer.jobs.parameters import read_job
    from indexer.jobs.task import Task

    request = read_job({**job.params, "kind": job.kind})
    task = Task(settings, job.collection, running)
    return _when_free(lambda: run_kind(request, task))


def _when_free(work: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """What the work gives, begun again while somebody else is at the collection."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return work()
        except LockHeldError:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOCK_LOOK_S)


def _leave_room() -> int:
    """Low priority, and not on the first of several cores; says how many are left."""
    os.nice(LOW_PRIORITY)
    cores = sorted(os.sched_getaffinity(0))[-spare_cores() :]
    os.sched_setaffinity(0, cores)
    return len(cores)


def _end_with_server() -> None:
    """Stop this process when the server is gone; in order, if it can."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN_S)
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # it is stopping
    interruptions.held.end(1)


if __name__ == "__main__":
    main()
