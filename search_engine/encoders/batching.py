"""Concurrent callers of a network share its batches.

A caller that finds the network idle runs at once. Whoever comes while it is busy waits, and all
who wait are run together next: a batch costs less than its pictures one by one, and nobody ever
waits for a batch to fill.
"""

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.runtime.base import Runtime
from search_engine.records import Pixels

MOST_PICTURES = 64
"""At once, unless a single caller brings more."""


@dataclass(slots=True, eq=False)
class _Job:
    pixels: Pixels
    features: NDArray[np.float32] | None = None
    error: BaseException | None = None

    @property
    def done(self) -> bool:
        return self.features is not None or self.error is not None


class BatchedRuntime:
    """A runtime for several threads, over one for a single thread at a time."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._busy = threading.Lock()
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
        with self._busy:
            while not job.done:  # unless a caller before has taken it along
                self._run_together(self._next())
        if job.error is not None:
            raise job.error
        assert job.features is not None
        return job.features

    def _next(self) -> list[_Job]:
        """Take from the waiting, in their order, as many as go together."""
        with self._listing:
            taken = pictures = 0
            for job in self._waiting:
                pictures += len(job.pixels)
                if taken and pictures > MOST_PICTURES:
                    break
                taken += 1
            jobs, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return jobs

    def _run_together(self, jobs: list[_Job]) -> None:
        try:
            features = self._runtime.run(_joined([job.pixels for job in jobs]))
        except BaseException as error:  # noqa: BLE001 - raised again by whom it concerns
            if len(jobs) == 1:
                jobs[0].error = error
                return
            for job in jobs:  # one of them is to blame, not all
                self._run_together([job])
            return
        ends = np.cumsum([len(job.pixels) for job in jobs]).tolist()
        for job, end in zip(jobs, ends, strict=True):
            job.features = features[end - len(job.pixels) : end]


def _joined(parts: list[Pixels]) -> Pixels:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
