"""How long feeds without pictures take: planning a large one, and taking in new prices.

    python -m benchmarks.feeds [--json] [--count N ...]

A catalog of N items is made with drawn embeddings. Then a feed of six columns, an id and a price
among them, is indexed by a new process each time: in a dry run without a change (columns, types
and plan), with a new price for every item, and again without a change. Memory is the largest
resident set of that process.
"""

import csv
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import parser_of, report
from benchmarks.scale import in_new_process
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.catalog.writer import ItemDraft
from search_engine.config import Settings
from search_engine.encoders.base import unit_rows
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.engine import SearchEngine

ENCODER = "edges"
"""Of few dimensions: embeddings are not what is measured."""
A_PART = 10_000
COLUMNS = ("item_id", "price", "stock", "brand", "size", "since")
BRANDS = ("Aster", "Birk", "Calla", "Dorn")
RUNS = {"plan": (0.0, True), "new prices": (1.0, False), "unchanged": (1.0, False)}
"""What is added to each price, and whether it is a dry run."""


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, nargs="+", default=[100_000])
    given = parser.parse_args()
    rows = []
    for count in given.count:
        with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
            work = Path(temporary)
            in_new_process(make, work / "data", count)
            for name, (added, dry_run) in RUNS.items():
                write(work / "feed.csv", count, added)
                found = in_new_process(run, work / "data", work / "feed.csv", dry_run)
                rows.append({"items": count, "run": name, **found})
    report(rows, given.json)


def make(data: Path, count: int) -> dict[str, Any]:
    """A catalog as the feed without anything added leaves it."""
    spec = create_encoder(EncoderRequest(ENCODER)).spec
    random = np.random.default_rng(0)
    with SearchEngine(settings=Settings(data=data)) as engine:
        engine.create_collection("default")
        collection = engine.catalog.collection("default")
        with engine.catalog.write() as writer:
            writer.set_encoder(collection.id, spec.name, {}, spec.fingerprint, spec.dimension)
        for start in range(0, count, A_PART):
            numbers = range(start, min(count, start + A_PART))
            drawn = random.standard_normal((len(numbers), spec.dimension), dtype=np.float32)
            drafts = [
                ItemDraft(f"item-{number}", f"{number:064x}", vector, attributes=said(number, 0.0))
                for number, vector in zip(numbers, unit_rows(drawn), strict=True)
            ]
            with engine.catalog.write() as writer:
                writer.put(collection.id, spec.fingerprint, drafts)
        engine.live("default").compact()
    return {}


def said(number: int, added: float) -> dict[str, Any]:
    """What the feed says of an item."""
    return {
        "price": round(number % 900 + 0.95 + added, 2),
        "stock": number % 40,
        "brand": BRANDS[number % 4],
        "size": f"{number % 7}/{number % 10}",
        "since": f"2025-{number % 12 + 1:02}-{number % 28 + 1:02}",
    }


def write(table: Path, count: int, added: float) -> None:
    """The feed, with prices as shops write them."""
    with table.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for number in range(count):
            values = said(number, added)
            rows.writerow([f"item-{number}", f"{values.pop('price'):.2f}", *values.values()])


def run(data: Path, table: Path, dry_run: bool) -> dict[str, Any]:
    """Index the feed."""
    started = time.perf_counter()
    source = open_source(table)
    opened = time.perf_counter() - started
    done = index_source(source, IndexRequest(dry_run=dry_run), Settings(data=data, workers=1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "columns_s": round(opened, 1),
        "updated": done.updated,
        "unchanged": done.unchanged,
        "rejected": done.rejected,
        "encoded": done.encoded,
        "memory_mib": round(peak),
    }


if __name__ == "__main__":
    main()
