"""What indexing and serving hold in memory: flat however large the catalog, and within a budget.

    python -m benchmarks.memory [--json] [--ingest N] [--phone N] [--serve N] [--data DIR]
                                [--budget-mb M]

Memory is the proportional set size (PSS) of all processes together, in which a page that K of them
share counts one K-th in each; twice a second. `anonymous` are the processes' own data, `mapped` are
pages of files, which the system takes back when it needs them.

--ingest: a catalog of N rows names the photos of the clothing dataset again and again under ids of
their own, so every row is read, decoded, encoded and committed. The most of each tenth is shown.

--phone: the same with photos of 12 megapixels and 5 to 6 MB, as phones take them at their best.

--serve: N items of 1,280 dimensions with the index that Eyedex chooses, a server of its own, photos
one at a time and then from 32 clients at once. Its processes may hold M MB of data of their own
each (RLIMIT_DATA): beyond that an allocation fails. The files were put out of the page cache
before, so that `mapped` is what was touched. DIR keeps the catalog for another time; to bound what
is mapped as well, run that in a control group.
"""

import csv
import http.client
import json
import os
import resource
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.growth import family
from benchmarks.index_run import Row, evenly
from benchmarks.ingest import copy_photos, warm
from benchmarks.machine import parser_of, report
from benchmarks.phone_photos import phone_photo
from benchmarks.query import Client, in_a_crowd, make_catalog, started, timed
from benchmarks.scale import NAME, in_new_process
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.storage.paths import DataPaths

PHOTOS = 1_000
ASKED = 100
SAMPLE_S = 0.5
CROWD_S = 20.0
TENTHS = 10
INGEST_MB = 1_200
"""The most that we want an indexing run to hold, MB."""

PHONE_PHOTOS = 24
PHONE_QUALITY = 97


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--ingest", type=int, help="rows to index; 10,000 if nothing is named")
    parser.add_argument("--phone", type=int, help="rows of photos of 12 megapixels to index")
    parser.add_argument("--serve", type=int, help="items to serve")
    parser.add_argument("--data", type=Path, help="keep the served catalog here")
    parser.add_argument("--budget-mb", type=int, default=4_096)
    given = parser.parse_args()
    if given.ingest is None and given.phone is None and given.serve is None:
        given.ingest = 10_000
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        work = Path(temporary)
        photos, dataset = copy_photos(work / "photos", PHOTOS)
        rows: list[Row] = []
        if given.ingest is not None:
            rows += ingest_rows(work / "ordinary", photos, given.ingest)
        if given.phone is not None:
            large = phone_files(evenly(photos, PHONE_PHOTOS), work / "phone-photos")
            rows += ingest_rows(work / "phone", large, given.phone)
        if given.serve is not None:
            data = given.data or work / "served"
            if not DataPaths(data).catalog.exists():
                in_new_process(make_served, data, given.serve)
            chosen = evenly(photos, ASKED)
            rows.append(in_new_process(serve, data, chosen, given.budget_mb))
    report(rows, given.json, dataset=dataset, photos=len(photos))


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of some processes together; `total` is PSS, the others are its parts."""

    total: int
    anonymous: int
    mapped: int

    def megabytes(self) -> dict[str, int]:
        """For people."""
        return {
            "total_mb": round(self.total / 1e6),
            "anonymous_mb": round(self.anonymous / 1e6),
            "mapped_mb": round(self.mapped / 1e6),
        }


@dataclass(frozen=True, slots=True)
class Sample:
    """What was held when so many rows were done."""

    done: int
    memory: Memory


def memory_of(processes: Iterable[int]) -> Memory:
    """What these processes hold; those that are gone hold nothing."""
    parts = [rollup(process) for process in processes]
    return Memory(*(sum(part.get(name, 0) for part in parts) for name in ROLLUP_LINES))


ROLLUP_LINES = ("Pss", "Pss_Anon", "Pss_File")


def rollup(process: int) -> dict[str, int]:
    """The lines of `smaps_rollup`, in bytes."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return {}
    lines = (line.split() for line in text.splitlines()[1:])
    return {name.rstrip(":"): int(value) * 1_024 for name, value, *_ in lines}


class Watch:
    """Samples what processes hold until it is left; `done` is told by whoever works."""

    def __init__(self, processes: Callable[[], Iterable[int]]) -> None:
        self.done = 0
        self.samples: list[Sample] = []
        self._processes = processes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def advance(self, count: int) -> None:
        """So many more rows are done."""
        self.done += count

    def most(self) -> Memory:
        """The sample with the largest total."""
        return max((sample.memory for sample in self.samples), key=lambda memory: memory.total)

    def _sample(self) -> None:
        while True:
            self.samples.append(Sample(self.done, memory_of(self._processes())))
            if self._ended.wait(SAMPLE_S):
                return


def phone_files(photos: Sequence[Path], folder: Path) -> list[Path]:
    """A large photo of each of these."""
    folder.mkdir()
    files = [folder / f"{number}.jpg" for number in range(len(photos))]
    for seed, (photo, file) in enumerate(zip(photos, files, strict=True)):
        file.write_bytes(phone_photo(photo, seed, PHONE_QUALITY))
    return files


def ingest_rows(work: Path, photos: Sequence[Path], count: int) -> list[Row]:
    """One row for each tenth of an indexing run, and one for all of it."""
    source, data = work.parent / f"{work.name}.csv", work / "indexed"
    with source.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["item_id", "image"])
        names = [photo.relative_to(source.parent) for photo in photos]
        lines.writerows([f"item-{n}", names[n % len(names)]] for n in range(count))
    shutil.copytree(warm(work), data / "encoders")
    size = sum(photo.stat().st_size for photo in photos) / len(photos)
    found = in_new_process(index, source, data, count)
    return [{**row, "mb_a_photo": round(size / 1e6, 2)} for row in found["rows"]]


def index(source: Path, data: Path, count: int) -> dict[str, list[Row]]:
    """One run, in this process, and what it held."""
    with Watch(family) as watch:
        done = index_source(open_source(source), IndexRequest(), Settings(data=data), watch.advance)
    whole = {
        "ingest": count,
        "part": "whole run",
        **watch.most().megabytes(),
        "wanted_mb": INGEST_MB,
        "images_per_second": round(done.encoded / done.seconds, 1),
    }
    return {"rows": [*tenths(watch.samples, count), whole]}


def tenths(samples: Sequence[Sample], count: int) -> list[Row]:
    """The largest sample of each tenth of the rows; a tenth without a sample is left out."""
    largest: dict[int, Memory] = {}
    for sample in samples:
        tenth = min(TENTHS - 1, sample.done * TENTHS // count)
        known = largest.get(tenth)
        if known is None or sample.memory.total > known.total:
            largest[tenth] = sample.memory
    return [
        {"ingest": count, "part": f"{tenth * 10} to {tenth * 10 + 10} %", **memory.megabytes()}
        for tenth, memory in sorted(largest.items())
    ]


def make_served(data: Path, count: int) -> dict[str, Any]:
    """A catalog with its index; in a process of its own, which gives the memory back."""
    encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER, cache=DataPaths(data).encoders))
    make_catalog(data, encoder, count)
    return {}


def serve(data: Path, photos: Sequence[Path], budget_mb: int) -> Row:
    """What a server holds that is asked for the neighbors of photos."""
    contents = [photo.read_bytes() for photo in photos]
    forget(data)
    with limited(budget_mb * 2**20), started(data) as server, Watch(children) as watch:
        ready = memory_of(children())
        client = Client(server.port)
        alone_ms = timed(client.ask, contents)
        alone = memory_of(children())
        rate = in_a_crowd(server, contents, CROWD_S).rate
        facts = collection_facts(server.port)
    return {
        "serve": facts["items"],
        "index": facts["index"],
        "budget_mb": round(budget_mb * 2**20 / 1e6),
        "most": watch.most().megabytes(),
        "ready": ready.megabytes(),
        "after_single_queries": alone.megabytes(),
        "query_ms": round(median(alone_ms), 2),
        "crowd_queries_per_second": round(rate, 1),
    }


def children() -> Iterator[int]:
    """All processes below this one."""
    return (process for process in family() if process != os.getpid())


@contextmanager
def limited(most_bytes: int) -> Iterator[None]:
    """Processes that are started now may each hold so much data of their own, and no more."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def forget(folder: Path) -> None:
    """Put the files below a folder out of the page cache, as after a restart of the machine."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())  # what is not on disk yet would stay
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def collection_facts(port: int) -> dict[str, Any]:
    """What the server says of the collection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", f"/v1/collections/{NAME}")
    facts: dict[str, Any] = json.loads(connection.getresponse().read())
    return facts


if __name__ == "__main__":
    main()
