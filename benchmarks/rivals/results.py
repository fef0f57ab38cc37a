"""Results of long runs: kept in a file as they come, told to whoever waits."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.rivals.child import EngineFailedError

PACKAGES = ("hnswlib", "usearch", "numkong", "pymilvus", "milvus-lite", "qdrant-client", "lancedb")


class Results:
    """JSON lines appended to a file, each complete when it is written; without a file, none.

    `failed` says why engines failed, by their names.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self.failed: dict[str, str] = {}

    def keep(self, event: str, values: dict[str, Any]) -> None:
        """Append one line."""
        if self._file is not None:
            with self._file.open("a") as lines:
                lines.write(json.dumps({"event": event, **values}) + "\n")

    @contextmanager
    def failures_of(self, engine: str, facts: dict[str, Any]) -> Iterator[None]:
        """Say and keep why an engine failed, and go on without it."""
        try:
            yield
        except EngineFailedError as error:
            tell(f"{engine}: failed: {error}")
            self.failed[engine] = str(error)
            self.keep("failed", {"engine": engine, **facts, "error": str(error)})


def tell(text: str) -> None:
    """Say on the error stream what is being done."""
    print(text, file=sys.stderr, flush=True)


def versions() -> dict[str, str]:
    """Those of the rivals that are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
