"""What a catalog of N pictures needs: memory, disk, machines, hours and money.

    python -m benchmarks.capacity [--count N ...] [--dimension D ...]
    python -m benchmarks.capacity --check [--count N ...]

All is computed from `Costs`, whose figures were measured by the commands named there or come from
the source named there. Prices are assumptions: put in your own (`--price NAME=DOLLARS`).

--check builds real catalogs of these sizes and tells how far the prediction is off. Its vectors are
of a seeded manifold: among noise an index has to be searched whole before it finds the nearest, and
to find that out takes longer than all the rest.
"""

import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import parser_of, report
from benchmarks.scale import fill, in_new_process, opening
from benchmarks.vectors import manifold
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.config import Settings
from search_engine.indexes.choice import FLAT, choose_index
from search_engine.storage.paths import DataPaths

COUNTS = (1_000_000, 100_000_000, 1_000_000_000)
DIMENSIONS = (256, 1_280)
"""Of a collection that learned from its labels, and of the default network as it is."""
CHECKED = (10_000, 100_000, 1_000_000)
DIMENSION_CHECKED = 256
ALL_MEMORY = 2**62
FLOAT16 = 2
HOURS_A_MONTH = 730
GB = 1e9


@dataclass(frozen=True, slots=True)
class Costs:
    """What one picture costs, and what a machine offers."""

    decode_core_ms: float = 2.8
    """Decoding a photo of 0.2 megapixels (`benchmarks.ingest`, Xeon with AMX)."""
    encode_core_ms: float = 4.5
    """The default network in bfloat16 (the same run)."""
    overhead: float = 1.25
    """All the rest of an indexing run, as a factor; 1 / 0.8 of the limit in `benchmarks.ingest`."""
    gpu_images_s: float = 1_500.0
    """CLIP ViT-B/32 on one RTX 3080, as clip-retrieval's README tells."""
    row_bytes: float = 557.0
    """A row of the catalog with a label and three attributes, without its vector (`--check`)."""
    node_bytes: float = 64 * GB
    node_fill: float = 0.7
    """Share of a node's memory that may hold vectors (Milvus' documentation asks for < 0.9)."""
    serving_cores: int = 16


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars; assumptions."""

    core_hour: float = 0.04
    gpu_hour: float = 1.0
    node_hour: float = 0.25
    tb_month: float = 80.0


@dataclass(frozen=True, slots=True)
class Need:
    """What a size needs. Bytes are of the whole catalog."""

    count: int
    dimension: int
    kind: str
    index_bytes: float
    mapped_bytes: float
    catalog_bytes: float
    core_hours: float
    gpu_hours: float

    def nodes(self, costs: Costs) -> int:
        """Machines that hold the index, one replica."""
        return math.ceil(self.index_bytes / (costs.node_bytes * costs.node_fill))

    def monthly(self, costs: Costs, prices: Prices) -> float:
        """Dollars a month for machines and disk."""
        disk_tb = (self.mapped_bytes + self.catalog_bytes + self.index_bytes) / 1e12
        machines = self.nodes(costs) * prices.node_hour * HOURS_A_MONTH
        return machines + disk_tb * prices.tb_month

    def ingest(self, prices: Prices) -> float:
        """Dollars to index everything once on CPUs."""
        return self.core_hours * prices.core_hour


def need(count: int, dimension: int, costs: Costs) -> Need:
    """What so many pictures need, with the index that Eyedex chooses by itself."""
    plan = choose_index(count, dimension, ALL_MEMORY)
    core_ms = (costs.decode_core_ms + costs.encode_core_ms) * costs.overhead
    vector = FLOAT16 * dimension
    is_exact = plan.factory == FLAT
    return Need(
        count=count,
        dimension=dimension,
        kind="exact" if is_exact else "inverted file",
        index_bytes=plan.memory_bytes - is_exact * count * vector,  # which it reads mapped
        mapped_bytes=count * vector,
        catalog_bytes=count * (costs.row_bytes + vector),
        core_hours=count * core_ms / 3.6e6,
        gpu_hours=count / costs.gpu_images_s / 3_600,
    )


def row_of(found: Need, costs: Costs, prices: Prices) -> dict[str, Any]:
    """A row of the table."""
    return {
        "pictures": f"{found.count:,}",
        "dimension": found.dimension,
        "index": found.kind,
        "index, GB": round(found.index_bytes / GB, 2),
        "mapped vectors, GB": round(found.mapped_bytes / GB, 1),
        "catalog, GB": round(found.catalog_bytes / GB, 1),
        "nodes of 64 GB": found.nodes(costs),
        "core hours": round(found.core_hours, 1),
        "GPU hours": round(found.gpu_hours, 1),
        "indexing, $": round(found.ingest(prices), 2),
        "serving, $ a month": round(found.monthly(costs, prices)),
    }


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a table of Markdown."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([str(row[name]) for name in names] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def check(counts: Sequence[int], costs: Costs) -> Iterator[dict[str, Any]]:
    """Real catalogs: what they take, over what was predicted."""
    for count in counts:
        predicted = need(count, DIMENSION_CHECKED, costs)
        with tempfile.TemporaryDirectory(prefix="eyedex-capacity-") as folder:
            settings = Settings(data=Path(folder) / "data")
            memory, catalog = _measured(settings, count)
        yield {
            "pictures": count,
            "index memory, bytes a vector": memory / count,
            "over predicted": memory / predicted.index_bytes,
            "catalog, bytes an item": catalog / count,
            "catalog over predicted": catalog / predicted.catalog_bytes,
        }


def _measured(settings: Settings, count: int) -> tuple[float, float]:
    """Bytes of memory that an opened index takes, and bytes of the catalog on disk."""
    vectors, queries = manifold(count, 10, DIMENSION_CHECKED, np.random.default_rng(0))
    paths = DataPaths(settings.data)
    with Catalog(paths) as catalog:
        fill(catalog, vectors)
        LiveCollection(catalog, catalog.collections()[0], settings).compact()
    opened = in_new_process(opening, settings, queries)
    return opened["memory_bytes_per_vector"] * count, paths.catalog.stat().st_size


def main() -> None:
    """Compute, or measure, and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, nargs="+")
    parser.add_argument("--dimension", type=int, nargs="+", default=DIMENSIONS)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--cost", action="append", default=[], metavar="NAME=NUMBER")
    parser.add_argument("--price", action="append", default=[], metavar="NAME=DOLLARS")
    given = parser.parse_args()
    costs, prices = Costs(**_numbers(given.cost)), Prices(**_numbers(given.price))
    if given.check:
        report(list(check(given.count or CHECKED, costs)), given.json)
        return
    rows = [
        row_of(need(count, dimension, costs), costs, prices)
        for dimension in given.dimension
        for count in given.count or COUNTS
    ]
    print(json.dumps(rows) if given.json else markdown(rows))


def _numbers(given: Sequence[str]) -> dict[str, Any]:
    return {name: float(text) for name, _, text in (each.partition("=") for each in given)}


if __name__ == "__main__":
    main()
