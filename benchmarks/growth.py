"""Whether indexing stays as fast, and as small, however large the catalog: seconds and memory.

    python -m benchmarks.growth [--json] [--count N ...] [--out FILE]

A catalog of N rows is a CSV that names the photos of the clothing dataset again and again under
ids of their own, so every row is read, decoded, encoded and committed. Each size is indexed into a
fresh data directory by a new process, and then again without a change. Memory is the resident set
of that process and its children together, sampled every half second (shared pages count in each).
"""

import csv
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.ingest import copy_photos, warm
from benchmarks.machine import parser_of, report
from benchmarks.scale import in_new_process
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings

PHOTOS = 1_000
SAMPLE_S = 0.5


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--out", type=Path, help="append rows to this file as they come")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        work = Path(temporary)
        photos, dataset = copy_photos(work / "photos", PHOTOS)
        cache = warm(work)
        for count in given.count:
            for row in measure(work, cache, photos, count):
                rows.append(row)
                if given.out:
                    with given.out.open("a") as file:
                        file.write(json.dumps(row) + "\n")
    report(rows, given.json, dataset=dataset, photos=len(photos))


def measure(work: Path, cache: Path, photos: list[Path], count: int) -> Iterator[dict[str, Any]]:
    """A first run and one without a change."""
    source = work / f"catalog-{count}.csv"
    with source.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["item_id", "image"])
        names = [photo.relative_to(work) for photo in photos]
        rows.writerows([f"item-{n}", names[n % len(names)]] for n in range(count))
    data = work / "data"
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(cache, data / "encoders")
    for run in ("first", "unchanged"):
        yield {"n": count, "run": run, **in_new_process(index, source, data)}


def index(source: Path, data: Path) -> dict[str, Any]:
    """One run, in this process, and what it took."""
    peak = Peak()
    summary = index_source(open_source(source), IndexRequest(), Settings(data=data)).summary()
    rows = summary["added"] + summary["unchanged"]
    return {
        "seconds": summary["seconds"],
        "seconds_per_1000": round(summary["seconds"] / rows * 1_000, 3),
        "images_per_second": summary["images_per_second"],
        "peak_mb": round(peak.end() / 10**6),
        "bottleneck": summary["bottleneck"],
        "utilisation": summary["utilisation"],
    }


class Peak:
    """The most memory that this process and its children held together, from now to the end."""

    def __init__(self) -> None:
        self._most = 0
        self._ended = threading.Event()
        self._sampling = threading.Thread(target=self._sample, daemon=True)
        self._sampling.start()

    def end(self) -> int:
        """Bytes."""
        self._ended.set()
        self._sampling.join()
        return self._most

    def _sample(self) -> None:
        while True:
            self._most = max(self._most, sum(map(resident, family())))
            if self._ended.wait(SAMPLE_S):
                return


def family() -> Iterator[int]:
    """This process and all below it."""
    waiting = [os.getpid()]
    while waiting:
        pid = waiting.pop()
        yield pid
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                waiting += map(int, task.read_text().split())
            except OSError:
                continue


def resident(pid: int) -> int:
    """Bytes of the resident set; 0 for a process that is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


if __name__ == "__main__":
    main()
