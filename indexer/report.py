"""What a run did: counts, stages, and a file of what was refused."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from indexer.sources import Reject


@dataclass(slots=True)
class RunReport:
    """Counts of items by outcome, and seconds by stage as seen by the driving thread."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    rejected: int = 0
    encoded: int = 0
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    encoder: str = ""
    runtime: str = ""
    generation: str | None = None
    dry_run: bool = False

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of a block."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - started

    def summary(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "added": self.added,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "rejected": self.rejected,
            "encoded": self.encoded,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.encoded / self.seconds, 1) if self.seconds else 0.0,
            "stages": {name: round(seconds, 3) for name, seconds in self.stages.items()},
            "encoder": self.encoder,
            "runtime": self.runtime,
            "generation": self.generation,
            "dry_run": self.dry_run,
        }


class RejectsFile:
    """`rejects.jsonl`: a line for each refused row, written as it happens.

    The file of the run before is replaced when this run ends, however it ends.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._aside = path.with_name(f".{path.name}.new")
        self._file: IO[str] = self._aside.open("w", encoding="utf-8")
        os.chmod(self._aside, 0o600)

    def write(self, reject: Reject) -> None:
        """Add a line."""
        line = {
            "line": reject.line,
            "item_id": reject.item_id,
            "code": reject.code,
            "reason": reject.reason,
        }
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Put the file in its place."""
        self._file.close()
        os.replace(self._aside, self._path)
