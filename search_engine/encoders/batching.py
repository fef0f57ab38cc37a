"""Share batches of a network among concurrent callers.

A runtime has lanes, the number of simultaneous runs that keeps all cores busy. A caller runs at
once if a lane is free, else it waits. A lane that becomes free goes to the caller that has waited
longest, with a share of all waiting callers as its batch: a batch costs less than its pictures one
by one, and no caller ever waits for a batch to fill.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from search_engine import forks, priorities
from search_engine.encoders.runtime.base import Runtime
from search_engine.errors import ForkError
from search_engine.records import Pixels

MOST_PICTURES = 64
"""Pictures in a batch, at most, unless a single caller has more."""


@dataclass(slots=True, eq=False)
class _Job:
    """The pictures of one caller, woken when they are done, or to run a `batch`."""

    pixels: Pixels
    woken: threading.Event = field(default_factory=threading.Event)
    batch: "list[_Job] | None" = None
    features: NDArray[np.float32] | None = None
    error: BaseException | None = None


class BatchedRuntime:
    """A runtime for any number of threads, over one for as many as it has lanes.

    In a forked child it is loaded again on first use.
    """

    def __init__(self, load: Callable[[], Runtime]) -> None:
        self._load = load
        runtime = priorities.started(self._loaded)
        self.description = runtime.description
        self._torn = False
        self._begin(runtime)
        forks.follow(self)

    def _loaded(self) -> Runtime:
        with forks.gate:
            return self._load()

    def _begin(self, runtime: Runtime | None) -> None:
        self._runtime = runtime
        self._lanes = self._free_lanes = runtime.lanes if runtime else 0
        self._lock = threading.Lock()
        self._waiting: list[_Job] = []

    def before_fork(self) -> None:
        """See Follower."""

    def after_fork(self, torn: bool) -> None:
        """See Follower."""
        self._torn |= torn
        self._begin(None)

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        """See Runtime; each caller gets the features, or the error, of its own pictures."""
        if self._runtime is None:
            self._load_anew()
        job = _Job(pixels)
        with self._lock:
            if self._free_lanes:
                self._free_lanes -= 1
                job.batch = [job]
            else:
                self._waiting.append(job)
        if job.batch is None:
            job.woken.wait()
        if job.batch is not None:
            try:
                self._run_together(job.batch)
            finally:
                self._pass_lane_on()
        if job.error is not None:
            raise job.error
        assert job.features is not None
        return job.features

    def _load_anew(self) -> None:
        """Load the runtime again in a forked child.

        Raises:
            ForkError: It cannot be loaded there.
        """
        forks.check_whole(self._torn)
        with self._lock, forks.gate:
            if self._runtime is not None:
                return
            try:
                runtime = self._load()
            except RuntimeError as error:  # from torch, for GPUs
                raise ForkError(
                    f"the network cannot be loaded in a forked process: {error}",
                    fix="start the process by spawn instead of fork",
                ) from error
            self._lanes = self._free_lanes = runtime.lanes
            self._runtime = runtime

    def _pass_lane_on(self) -> None:
        """Wake the longest waiting caller to run a batch; without any the lane is free."""
        with self._lock:
            batch = self._share()
            if not batch:
                self._free_lanes += 1
                return
        batch[0].batch = batch
        batch[0].woken.set()

    def _share(self) -> list[_Job]:
        """Remove and return a lane's share of the waiting callers, in order."""
        share = math.ceil(sum(len(job.pixels) for job in self._waiting) / self._lanes)
        jobs: list[_Job] = []
        pictures = 0
        for job in self._waiting:
            pictures += len(job.pixels)
            if jobs and pictures > min(share, MOST_PICTURES):
                break
            jobs.append(job)
        del self._waiting[: len(jobs)]
        return jobs

    def _run_together(self, jobs: list[_Job]) -> None:
        assert self._runtime is not None
        try:
            with forks.gate:
                features = self._runtime.run(_joined([job.pixels for job in jobs]))
        except BaseException as error:  # noqa: BLE001 - raised again by whom it concerns
            if len(jobs) > 1:
                for job in jobs:  # the fault of one, not of all
                    self._run_together([job])
                return
            jobs[0].error = error
        else:
            ends = np.cumsum([len(job.pixels) for job in jobs]).tolist()
            for job, end in zip(jobs, ends, strict=True):
                job.features = features[end - len(job.pixels) : end]
        for job in jobs:
            job.woken.set()


def _joined(parts: list[Pixels]) -> Pixels:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
