"""What a run did: counts, stages, and a file of what was refused."""

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from indexer.change.report import Report
from indexer.change.report_json import report_json
from indexer.patches import PatchReport
from indexer.sources import Reject
from search_engine.errors import SourceError
from search_engine.storage.durable import storage_error

LISTED_A_REASON = 3
MOST_LISTED = 60

OVERLAPPING = ("decode", "encode")
"""Stages that work beside the driving thread."""


@dataclass(slots=True)
class RunReport:
    """Counts of items by outcome, and where the time went.

    `moved` items have another id now and the picture that they had. `gone` are the items that the
    source gave before and does not have any more, but that were not removed. `others` are items
    that another source gave or that came by HTTP, which pruning leaves; counted where it is wanted.

    `same_picture` are rows whose picture an earlier row has too, under another id.

    `hashed` are pictures from before there were hashes: looked at again, so that copies are found.

    `from_elsewhere` are items that had another picture from another source, or by HTTP.

    `taken_over` are pictures that a cluster had embedded for a run that was interrupted.

    `reasons` are the rejected rows by code; `refused` the first of them in a dry run, which writes
    no file of them. `warnings` count the pictures that were taken, but not as they are, by code.
    `stages` are the seconds that each stage was at work, in `decode` of all processes together, so
    that stages which overlap add up to more than `seconds`. `workers` processes decode, and
    `encoders` networks encode. `waits` are the seconds that the
    driving thread did nothing but wait for another stage. `learned` is what was learned from the
    labels at the end; None if that was not tried. `patches` tells of crops of pictures; None in a
    collection without.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    moved: int = 0
    removed: int = 0
    gone: int = 0
    others: int = 0
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    encoded: int = 0
    same_picture: int = 0
    hashed: int = 0
    from_elsewhere: int = 0
    taken_over: int = 0
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    waits: dict[str, float] = field(default_factory=dict)
    workers: int = 1
    encoders: int = 1
    encoder: str = ""
    runtime: str = ""
    generation: str | None = None
    dry_run: bool = False
    refused: list[Reject] = field(default_factory=list)
    learned: Report | None = None
    patches: PatchReport | None = None

    def reject(self, code: str) -> None:
        """Count a row that is refused for a reason."""
        self.rejected += 1
        self.reasons[code] = self.reasons.get(code, 0) + 1

    def warn(self, codes: Iterable[str]) -> None:
        """Count what is to be said of a picture that was taken."""
        for code in codes:
            self.warnings[code] = self.warnings.get(code, 0) + 1

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Count the time of a block as work of a stage."""
        return _counted(self.stages, name)

    def waiting_for(self, name: str) -> AbstractContextManager[None]:
        """Count the time of a block as waiting for a stage."""
        return _counted(self.waits, name)

    def utilisation(self) -> dict[str, float]:
        """Share of the run, 0 to 1, that each stage was at work; the mean of all that share it."""
        if not self.seconds:
            return {}
        capacity = {"decode": self.workers * self.seconds, "encode": self.encoders * self.seconds}
        return {
            name: seconds / capacity.get(name, self.seconds)
            for name, seconds in self.stages.items()
        }

    def bottleneck(self) -> str:
        """The stage that took most of the driving thread's time, by its work or by waiting."""
        own = {name: time for name, time in self.stages.items() if name not in OVERLAPPING}
        taken = {**own, **self.waits}
        return max(taken, key=lambda name: taken[name], default="start")

    def counts(self) -> dict[str, int]:
        """The items by outcome, while the run goes on too."""
        names = ("added", "updated", "unchanged", "moved", "removed", "rejected")
        return {name: getattr(self, name) for name in names}

    def summary(self) -> dict[str, Any]:
        """For `--json`."""
        names = ("taken_over", "others", "from_elsewhere")
        at_times = {name: getattr(self, name) for name in names}
        return {
            "added": self.added,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "moved": self.moved,
            "removed": self.removed,
            "gone": self.gone,
            "rejected": self.rejected,
            "reasons": self.reasons,
            "warnings": self.warnings,
            "encoded": self.encoded,
            "same_picture": self.same_picture,
            "hashed": self.hashed,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.encoded / self.seconds, 1) if self.seconds else 0.0,
            "stages": _rounded(self.stages),
            "waits": _rounded(self.waits),
            "utilisation": _rounded(self.utilisation()),
            "bottleneck": self.bottleneck(),
            "encoder": self.encoder,
            "runtime": self.runtime,
            "generation": self.generation,
            "dry_run": self.dry_run,
            "learned": report_json(self.learned) if self.learned else None,
            "patches": self.patches.summary() if self.patches else None,
            **{name: count for name, count in at_times.items() if count},
        }


class PruneRefusedError(SourceError):
    """More items would have been removed than the owner can have meant.

    `report` is what the run did before; None if it did nothing.
    """

    code = "prune_refused"
    report: RunReport | None = None


@contextmanager
def _counted(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}


class ListedRejects:
    """The first refused rows of each reason, for a run that writes nothing."""

    def __init__(self, rows: list[Reject]) -> None:
        self._rows = rows

    def write(self, reject: Reject) -> None:
        """Add a row, unless there are enough of its reason."""
        alike = sum(row.code == reject.code for row in self._rows)
        if alike < LISTED_A_REASON and len(self._rows) < MOST_LISTED:
            self._rows.append(reject)

    def close(self) -> None:
        """Nothing to put in its place."""


class RejectsFile:
    """A line of JSON for each refused row, written as it happens.

    The file of the run before is replaced when this run ends, however it ends. The caller sees to
    it that there is no other run of the collection.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._aside = path.with_name(f".{path.name}.new")
        self._file: IO[str] = self._aside.open("w", encoding="utf-8")
        os.chmod(self._aside, 0o600)

    def write(self, reject: Reject) -> None:
        """Add a line.

        Raises:
            StorageError: It cannot be written; the file of the run before stays then.
        """
        line = {
            "line": reject.line,
            "item_id": reject.item_id,
            "code": reject.code,
            "reason": reject.reason,
        }
        try:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            self._give_up()
            raise storage_error(error, "writing what was rejected", self._path) from error

    def close(self) -> None:
        """Put the file in its place, unless it could not be written."""
        if not self._file.closed:
            self._file.close()
            os.replace(self._aside, self._path)

    def _give_up(self) -> None:
        with suppress(OSError):  # what is not written yet has no room either
            self._file.close()
        self._aside.unlink(missing_ok=True)
