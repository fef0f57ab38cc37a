"""Concurrent callers of a network share its batches.

A runtime has lanes: so many runs at a time keep all cores busy. A caller that finds a lane free
runs at once. Whoever comes while all are busy waits, and the next free lane takes its share of all
who wait as one batch: a batch costs less than its pictures one by one, and nobody ever waits for a
batch to fill.
"""

import math
import threading
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.runtime.base import Runtime
from search_engine.records import Pixels

MOST_PICTURES = 64
"""At once, unless a single caller brings more."""


@dataclass(slots=True, eq=False)
class _Job:
    """The pictures of one caller. Whoever takes it away sees to it that it gets done."""

    pixels: Pixels
    is_taken: bool = False
    done: threading.Event = field(default_factory=threading.Event)
    features: NDArray[np.float32] | None = None
    error: BaseException | None = None


class BatchedRuntime:
    """A runtime for any number of threads, over one for as many as it has lanes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lanes = threading.BoundedSemaphore(runtime.lanes)
        self._listing = threading.Lock()
        self._waiting: list[_Job] = []

    @property
    def description(self) -> str:
        """See Runtime."""
        return self._runtime.description

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        """See Runtime; every caller gets the features, or the error, of its own pictures."""
        job = _Job(pixels)
        with self._listing:
            self._waiting.append(job)
        with self._lanes:
            while jobs := self._take(job):
                self._run_together(jobs)
        job.done.wait()
        if job.error is not None:
            raise job.error
        assert job.features is not None
        return job.features

    def _take(self, own: _Job) -> list[_Job]:
        """A lane's share of those who wait, in their order; nobody once its own job is taken."""
        with self._listing:
            if own.is_taken:
                return []
            share = math.ceil(sum(len(job.pixels) for job in self._waiting) / self._runtime.lanes)
            jobs: list[_Job] = []
            pictures = 0
            for job in self._waiting:
                pictures += len(job.pixels)
                if jobs and pictures > min(share, MOST_PICTURES):
                    break
                job.is_taken = True
                jobs.append(job)
            del self._waiting[: len(jobs)]
        return jobs

    def _run_together(self, jobs: list[_Job]) -> None:
        try:
            features = self._runtime.run(_joined([job.pixels for job in jobs]))
        except BaseException as error:  # noqa: BLE001 - raised again by whom it concerns
            if len(jobs) > 1:
                for job in jobs:  # one of them is to blame, not all
                    self._run_together([job])
                return
            jobs[0].error = error
        else:
            ends = np.cumsum([len(job.pixels) for job in jobs]).tolist()
            for job, end in zip(jobs, ends, strict=True):
                job.features = features[end - len(job.pixels) : end]
        for job in jobs:
            job.done.set()


def _joined(parts: list[Pixels]) -> Pixels:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
