"""Whether the photos asked about lately are like those that the confidence was calibrated on.

A calibration keeps the tenths of the score that its held-out photos have with their nearest item.
Here it is counted, tenth by tenth, how the photos of users fall into them: counts alone are kept,
in one small file beside the index. Photos that are farther than was calibrated make confidences
too high. How far the distributions are apart is the population stability index (Kullback's
symmetrised divergence; its customary limit of 0.25 for a major shift is from credit scoring).
"""

import json
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from search_engine.catalog.collection_rows import Collection
from search_engine.errors import EyedexError, LockHeldError
from search_engine.storage.durable import replace_synced
from search_engine.storage.locks import exclusive
from search_engine.storage.paths import DataPaths
from search_engine.vote.calibration.record import TENTHS, Calibration
from search_engine.vote.calibration.store import asked_file, calibration_file

AT_ONCE = 64
"""Photos that are counted together: the file is written once for so many."""
LAST_WAIT_S = 1.0
"""How long a process that ends waits for another to count."""
LATELY = 2_000
"""Counts are halved when they reach this, so that what was asked long ago fades."""
LEAST_PHOTOS = 200
MAJOR = 0.25
Place = tuple[str, str, str]
"""The collection, encoder and target of a calibration."""


class Lately(BaseModel):
    """How many photos fell into each tenth of the calibrated scores, the farthest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection_uid: str
    edges: tuple[float, ...]
    counts: tuple[float, ...] = (0.0,) * TENTHS

    def with_scores(self, scores: Sequence[float]) -> "Lately":
        """Return the counts with more photos, halved until they are few enough."""
        counts = np.array(self.counts)
        counts += np.bincount(np.searchsorted(self.edges, scores), minlength=TENTHS)
        while counts.sum() >= LATELY:
            counts /= 2
        return self.model_copy(update={"counts": tuple(counts.tolist())})

    @property
    def shift(self) -> float | None:
        """The population stability index; None for too few photos."""
        counts = np.array(self.counts)
        if counts.sum() < LEAST_PHOTOS:
            return None
        shares = (counts + 0.5) / (counts.sum() + 0.5 * TENTHS)
        return float(((shares - 1 / TENTHS) * np.log(shares * TENTHS)).sum())

    @property
    def farther(self) -> float:
        """The share of the photos that is farther than the middle one of the calibration."""
        return sum(self.counts[: TENTHS // 2]) / max(sum(self.counts), 1.0)

    @property
    def drifted(self) -> str | None:
        """A sentence if photos are so much farther that confidences no longer hold."""
        shift = self.shift
        if shift is None or shift <= MAJOR or self.farther <= 0.5:
            return None
        return (
            f"{self.farther:.0%} of the photos asked about lately are farther from the catalog "
            "than half of those that the confidence was calibrated on: it may be too high"
        )


def read_lately(paths: DataPaths, record: Collection, fitted: Calibration) -> Lately:
    """Return what was counted for a calibration; nothing where that is another one now."""
    fresh = Lately(collection_uid=record.uid, edges=fitted.score_tenths)
    with suppress(OSError, ValidationError):
        found = Lately.model_validate_json(_file(paths, record, fitted).read_bytes())
        if found.model_copy(update={"counts": fresh.counts}) == fresh:
            return found
    return fresh


class DriftCounter:
    """Counts the photos that a process is asked about. For several threads.

    Threads meet at deques only, so that a fork may happen at any time.
    """

    def __init__(self, paths: DataPaths, read_only: bool) -> None:
        self._paths, self._read_only = paths, read_only
        self._waiting: dict[Place, deque[float]] = {}
        self._calibrated: dict[Place, tuple[Collection, Calibration]] = {}
        self._known: dict[Place, Lately] = {}

    def note(self, record: Collection, fitted: Calibration, scores: Sequence[float]) -> None:
        """Count photos by the score of their nearest item."""
        if not fitted.score_tenths or not scores:
            return
        place = _place(fitted)
        self._calibrated[place] = record, fitted
        waiting = self._waiting.setdefault(place, deque(maxlen=LATELY))
        waiting.extend(scores)
        if len(waiting) >= AT_ONCE:
            self._count(place, wait_s=0.0)

    def finish(self) -> None:
        """Count the photos that still wait to be counted together with others."""
        for place, waiting in list(self._waiting.items()):
            if waiting:
                self._count(place, LAST_WAIT_S)

    def drifted(self, record: Collection, fitted: Calibration) -> str | None:
        """Return what to warn of, as far as photos were counted."""
        if not fitted.score_tenths:
            return None
        return self._known_of(record, fitted).drifted

    def lately(self, record: Collection, fitted: Calibration) -> Lately:
        """Return what is counted: what all processes stored, or where nothing is written, what
        this one added."""
        if self._read_only:
            return self._known_of(record, fitted)
        return read_lately(self._paths, record, fitted)

    def _known_of(self, record: Collection, fitted: Calibration) -> Lately:
        known = self._known.get(_place(fitted))
        if known is None or known.edges != fitted.score_tenths:
            known = self._known[_place(fitted)] = read_lately(self._paths, record, fitted)
        return known

    def _count(self, place: Place, wait_s: float) -> None:
        record, fitted = self._calibrated[place]
        waiting = self._waiting[place]
        scores = []
        with suppress(IndexError):
            while True:
                scores.append(waiting.popleft())
        if self._read_only:
            self._known[place] = self._known_of(record, fitted).with_scores(scores)
            return
        path = _file(self._paths, record, fitted)
        if not path.parent.is_dir():  # the collection is gone
            return
        try:
            with exclusive(path.with_suffix(".lock"), wait_s, "counting photos"):
                found = read_lately(self._paths, record, fitted).with_scores(scores)
                replace_synced(path, json.dumps(found.model_dump(mode="json")).encode())
            self._known[place] = found
        except LockHeldError:
            waiting.extend(scores)  # they are counted with the next ones
        except (EyedexError, OSError):  # counts are worth no failed answer
            pass


def _place(fitted: Calibration) -> Place:
    return fitted.collection_uid, fitted.fingerprint, fitted.target


def _file(paths: DataPaths, record: Collection, fitted: Calibration) -> Path:
    path = calibration_file(paths.index(record.name), fitted.target, fitted.fingerprint)
    return asked_file(path)
