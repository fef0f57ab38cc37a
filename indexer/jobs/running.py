"""A run that tells how it goes, whoever started it: what kinds of jobs and verbs are given."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from indexer.change.request import Advance, Stage
from indexer.jobs.queue import REJECTS, submit
from indexer.jobs.recording import Counting, Recording
from search_engine.catalog.store import Catalog
from search_engine.config import Settings
from search_engine.errors import EyedexError, LockHeldError, NotFoundError, StorageError


class Running:
    """How a run tells its stages, its counts and its result; without a recording to nobody."""

    def __init__(self, recording: Recording | None = None, folder: Path | None = None) -> None:
        self.result: Mapping[str, Any] | None = None
        self.afterwards: list[Callable[[], None]] = []
        """What is to be done when the result is kept, and may be left undone."""
        self._recording = recording
        self._folder = folder
        self._since = time.time()

    @contextmanager
    def stage(self, name: str, steps: int) -> Iterator[Advance]:
        """Begin a stage of the work; gives the function that counts its steps."""
        if self._recording is None:
            yield lambda count: None
            return
        with self._recording.stage(name, steps) as advance:
            yield advance

    def counts(self, counting: Counting) -> None:
        """Name what tells the counts of the run; it is asked twice a second, by another thread."""
        if self._recording is not None:
            self._recording.counting = counting

    def file(self, name: str) -> Path:
        """Where the run writes a file of this name, to be kept with its job."""
        assert self._folder is not None
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder / name

    @contextmanager
    def keeping(self, rejects: Path, source: Path) -> Iterator[None]:
        """Keep the rejects that the block writes with the job, however the block ends.

        Args:
            rejects: The file.
            source: Where its rows come from; strangers who read the file shall not learn of it.
        """
        try:
            yield
        finally:
            self._keep(rejects, source if source.is_dir() else source.parent)

    def _keep(self, rejects: Path, folder: Path) -> None:
        if self._folder is None:
            return
        with suppress(OSError):
            state = rejects.stat()
            if state.st_mtime < self._since - 1 or not state.st_size:
                return  # of a run before, or nothing
            with rejects.open(encoding="utf-8") as lines:
                kept = self.file(REJECTS)
                with kept.open("w", encoding="utf-8") as file:
                    file.writelines(line.replace(f"{folder.resolve()}/", "") for line in lines)


@contextmanager
def recorded(
    settings: Settings,
    collection: str,
    kind: str,
    params: Mapping[str, Any],
    create: bool = False,
) -> Iterator[Running]:
    """Let a run of this process be among the jobs of its data directory.

    Where nothing can be written the run goes on all the same. With `create` the data directory is
    made if it is missing, as an indexing run would.
    """
    with ExitStack() as stack:
        recording = _recording(stack, settings, create, collection, kind, params)
        if recording is None:
            yield Running()
            return
        running = Running(recording, settings.paths.job_files(recording.job_id))
        try:
            yield running
        except EyedexError as error:
            recording.end("failed", error=error_record(error), result=running.result)
            raise
        except (SystemExit, KeyboardInterrupt):
            _end_early(recording, running)
            raise
        except BaseException as error:
            if running.result is not None:  # only telling it failed
                recording.end("done", result=running.result)
            else:
                recording.end("failed", error=bug_record(error))
            raise
        recording.end("done", result=running.result)


def both(one: Stage, other: Stage) -> Stage:
    """Stages that are told in two places."""

    @contextmanager
    def stage(name: str, steps: int) -> Iterator[Advance]:
        with one(name, steps) as first, other(name, steps) as second:

            def advance(count: int) -> None:
                first(count)
                second(count)

            yield advance

    return stage


def error_record(error: EyedexError) -> dict[str, Any]:
    """An error as a job keeps it."""
    told = {"message": error.what, "where": error.where, "fix": error.fix}
    return {"code": error.code, **{name: text for name, text in told.items() if text}}


def bug_record(error: BaseException) -> dict[str, Any]:
    """An error that nobody expected, as a job keeps it."""
    message = f"something is wrong on our side: {type(error).__name__}"
    return {"code": "bug", "message": message, "fix": "the log of the process has more"}


def _recording(
    stack: ExitStack,
    settings: Settings,
    create: bool,
    collection: str,
    kind: str,
    params: Mapping[str, Any],
) -> Recording | None:
    """A recording that began, of a job of its own; None where nothing can be written."""
    paths = settings.paths
    try:
        with Catalog(
            paths, settings.lock_wait_s, create=create, read_only=settings.read_only
        ) as catalog:
            if catalog.read_only:
                return None
            job = submit(catalog, collection, kind, params, "cli")
        recording = stack.enter_context(Recording(paths, job.id))
        recording.starts(job)
    except (NotFoundError, LockHeldError, StorageError):
        return None
    return recording


def _end_early(recording: Recording, running: Running) -> None:
    """The process is told to end, by a signal or as the job is cancelled."""
    if recording.is_cancelled():
        recording.end("cancelled", result=running.result)
        return
    error = {
        "code": "interrupted",
        "message": "it was stopped before its end",
        "fix": "run the command again: what was committed stays",
    }
    recording.end("interrupted", error=error, result=running.result)
