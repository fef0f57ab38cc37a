"""What a query over HTTP costs in processor time, and of what: decoding, network, all the rest.

    python -m benchmarks.http [--json] [--count N] [--runs R] [--photos P] [--against TREE]

A server of its own process holds N items. One client uploads photos of the clothing dataset over
one connection, one after the other, then four clients at once; a query's cost is the time that all
processes of the server together spent on the cores. In turn with it the same photos are decoded and
encoded in this process: what the server needs beyond that is the rest, of which the search of the
index, measured here too, grows with the catalog. With --against, the server of
another working tree is asked in turn as well. No photo is sent twice alike.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.core_time import core_ms, family
from benchmarks.ingest import copy_photos
from benchmarks.machine import parser_of, report, spread
from benchmarks.query import Client, K, Server, make_catalog, started, timed
from benchmarks.scale import NAME
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.images import ImageLimits, decode_pixels
from search_engine.indexes.live import Snapshot
from search_engine.storage.paths import DataPaths

CLIENTS = 4
TREE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one query: milliseconds on the cores, and how long it took."""

    core_ms: float
    p50_ms: float


@dataclass(frozen=True, slots=True)
class Here:
    """Of one query in this process: milliseconds on the cores by stage, and how long decoding and
    encoding took."""

    decode_ms: float
    encode_ms: float
    search_ms: float
    p50_ms: float


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--against", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary, ExitStack() as stack:
        work = Path(temporary)
        paths, dataset = copy_photos(work / "photos", given.photos)
        photos = [path.read_bytes() for path in paths]
        data = work / "data"
        encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER, cache=DataPaths(data).encoders))
        make_catalog(data, encoder, given.count)
        trees = {"this": TREE, **({"other": given.against} if given.against else {})}
        servers = {name: stack.enter_context(started(data, tree)) for name, tree in trees.items()}
        with Catalog(DataPaths(data)) as catalog:
            snapshot = LiveCollection(
                catalog, catalog.collection(NAME), Settings(data=data)
            ).snapshot()
            assert snapshot is not None
            here = partial(in_process, photos, encoder, snapshot)
            rows = [*measure(servers, photos, here, given.runs)]
    report(rows, given.json, dataset=dataset, items=given.count, photos=given.photos)


def measure(
    servers: dict[str, Server], photos: list[bytes], here: Callable[[], Here], runs: int
) -> Iterator[dict[str, object]]:
    """All rows of the report."""
    contestants: dict[str, Callable[[], Any]] = {"here": here}
    for name, server in servers.items():
        contestants[f"{name}, one client"] = partial(alone, server, photos)
        contestants[f"{name}, {CLIENTS} clients"] = partial(together, server, photos)
    for ask in contestants.values():
        ask()
    found: dict[str, list[Any]] = {name: [] for name in contestants}
    for _ in range(runs):
        for name, ask in contestants.items():
            found[name].append(ask())
    own: list[Here] = found.pop("here")
    for stage in ("decode", "encode", "search"):
        values = [getattr(each, f"{stage}_ms") for each in own]
        yield {"what": f"{stage} in process, core-ms", **spread(values)}
    yield {"what": "decode and encode in process, p50 ms", **spread([each.p50_ms for each in own])}
    for name, costs in found.items():
        pairs = [*zip(costs, own, strict=True)]
        rest = [one.core_ms - at.decode_ms - at.encode_ms for one, at in pairs]
        beyond = [each - at.search_ms for each, at in zip(rest, own, strict=True)]
        yield {"what": f"{name}: core-ms a query", **spread([one.core_ms for one in costs])}
        yield {"what": f"{name}: the rest, core-ms", **spread(rest)}
        yield {"what": f"{name}: the rest without the search, core-ms", **spread(beyond)}
        yield {"what": f"{name}: p50 ms", **spread([one.p50_ms for one in costs])}
        ratios = [one.p50_ms / at.p50_ms for one, at in pairs]
        yield {"what": f"{name}: p50 to decode and encode in process", **spread(ratios)}


def in_process(photos: list[bytes], encoder: Encoder, snapshot: Snapshot) -> Here:
    """The stages of one query in this process, each on the cores."""
    took, cores = [], [0.0, 0.0, 0.0]
    for photo in photos:
        started, at = time.perf_counter(), time.process_time()
        pixels = decode_pixels(photo, encoder.spec.preprocessing, ImageLimits()).pixels
        decoded = time.process_time()
        vector = encoder.encode(pixels[None])
        took.append((time.perf_counter() - started) * 1_000)
        encoded = time.process_time()
        snapshot.search(vector, K + 1)
        ends = (decoded, encoded, time.process_time())
        for number, (end, start) in enumerate(zip(ends, (at, *ends), strict=False)):
            cores[number] += end - start
    decoding, encoding, searching = (each / len(photos) * 1_000 for each in cores)
    return Here(decoding, encoding, searching, median(took))


def alone(server: Server, photos: list[bytes]) -> Cost:
    """One client asks, one photo after the other."""
    client = Client(server.port)
    return cost(server, len(photos), lambda: timed(client.ask, photos))


def together(server: Server, photos: list[bytes]) -> Cost:
    """Several clients ask at once, each a share of the photos."""
    parts = [photos[number::CLIENTS] for number in range(CLIENTS)]

    def ask() -> list[float]:
        with ThreadPoolExecutor(CLIENTS) as pool:
            taken = pool.map(lambda part: timed(Client(server.port).ask, part), parts)
            return [one for each in taken for one in each]

    return cost(server, len(photos), ask)


def cost(server: Server, queries: int, ask: Callable[[], list[float]]) -> Cost:
    """What a server spends on queries."""
    processes = family(server.process)
    before = core_ms(processes)
    taken = ask()
    return Cost((core_ms(processes) - before) / queries, median(taken))


if __name__ == "__main__":
    main()
