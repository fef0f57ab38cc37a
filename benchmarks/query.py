"""What a query over HTTP costs, alone and in a crowd, against its decoding and encoding alone.

    python -m benchmarks.query [--json] [--count N] [--runs R] [--seconds S]

A server of its own process holds N items. A client uploads photos of the clothing dataset and
asks for 10 neighbors: one query at a time, in turn with decoding and encoding the same photos in
this process; then 32 clients at once for S seconds; then at 80 % of that rate, arrivals drawn at
random (Poisson), latency counted from when a query was due. Clients and server share the cores.
No photo is sent twice alike: bytes behind its end differ, so that no embedding is remembered.
"""

import http.client
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.ingest import copy_photos
from benchmarks.machine import alternate, parser_of, report, spread
from benchmarks.scale import NAME, fill
from benchmarks.vectors import scale_vectors
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.images import ImageLimits, decode_pixels
from search_engine.storage.paths import DataPaths

K = 10
PHOTOS = 100
CLIENTS = 32
LOAD = 0.8
ENCODE_BATCH = 64
BOUNDARY = "eyedex-benchmark"
READY_S = 120
SEED = 1


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=15)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        work = Path(temporary)
        paths, dataset = copy_photos(work / "photos", PHOTOS)
        photos = [path.read_bytes() for path in paths]
        data = work / "data"
        encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER, cache=DataPaths(data).encoders))
        make_catalog(data, encoder, given.count)
        with serving(data) as port:
            rows = measure(port, photos, encoder, given.runs, given.seconds)
    report(rows, given.json, dataset=dataset, items=given.count, k=K)


def make_catalog(data: Path, encoder: Encoder, items: int) -> None:
    """A collection of the encoder, with vectors that behave like its own."""
    spec = encoder.spec
    with Catalog(DataPaths(data)) as catalog:
        vectors = scale_vectors(items, spec.dimension)
        fill(catalog, vectors.base, encoder=spec.name, fingerprint=spec.fingerprint)
        LiveCollection(catalog, catalog.collection(NAME), Settings(data=data)).compact()


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens, and the number of its process."""

    port: int
    process: int


@contextmanager
def serving(data: Path) -> Iterator[int]:
    """A server on a data directory; gives its port when it is ready."""
    with started(data) as server:
        yield server.port


@contextmanager
def started(data: Path, tree: Path | None = None) -> Iterator[Server]:
    """A server on a data directory, by the code of a working tree, when it is ready."""
    command = [sys.executable, "-m", "api.cli.main", "serve", "--data", str(data), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tree)
    try:
        assert process.stderr is not None
        found = re.search(r":(\d+) ", process.stderr.readline())
        assert found, "the server does not say where it listens"
        server = Server(int(found[1]), process.pid)
        wait_until_ready(server.port)
        yield server
    finally:
        process.terminate()
        process.wait()


def wait_until_ready(port: int) -> None:
    """Ask until the server says so."""
    give_up = time.monotonic() + READY_S
    while time.monotonic() < give_up:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_S)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError("the server does not become ready")


def measure(
    port: int, photos: list[bytes], encoder: Encoder, runs: int, seconds: float
) -> list[dict[str, object]]:
    """All rows of the report."""
    client = Client(port)
    for photo in photos[:10]:
        client.ask(photo)
        decode_and_encode(encoder, photo)
    medians = alternate(
        runs,
        {
            "here": lambda: median(timed(lambda p: decode_and_encode(encoder, p), photos)),
            "http": lambda: median(timed(Client(port).ask, photos)),  # idle ones are closed
        },
    )
    ratios = [http / here for here, http in zip(*medians.values(), strict=True)]
    encode_rate = encode_only(encoder, photos)
    rate, refused = crowd_rate(port, photos, seconds)
    loaded = np.array(under_load(port, photos, LOAD * rate, seconds))
    half, nearly_all = np.percentile(loaded, (50, 99))
    return [
        {"what": "decode and encode one photo in process, ms", **spread(medians["here"])},
        {"what": "one query over HTTP, ms", **spread(medians["http"])},
        {"what": "ratio of the two", **spread(ratios)},
        {"what": "encode only, photos/s", "median": round(encode_rate, 1)},
        {"what": f"{CLIENTS} clients, queries/s", "median": round(rate, 1)},
        {"what": "refused of them", "median": refused},
        {"what": "share of the encode rate", "median": round(rate / encode_rate, 3)},
        {"what": f"p50 at {LOAD:.0%} load, ms", "median": round(half, 2)},
        {"what": f"p99 at {LOAD:.0%} load, ms", "median": round(nearly_all, 2)},
        {"what": "ratio of the two", "median": round(nearly_all / half, 2)},
    ]


class Client:
    """One connection that is kept; every photo is new to the server."""

    _sent = count()

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_S)

    def ask(self, photo: bytes) -> bool:
        """Upload a photo and read the answer; whether the server did not refuse, being busy."""
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        path = f"/v1/collections/{NAME}/search"
        new = photo + next(self._sent).to_bytes(8, "big")
        self._connection.request("POST", path, multipart(new), headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status not in (200, 503):
            raise RuntimeError(f"{response.status}: {body[:300]!r}")
        return response.status == 200


def multipart(photo: bytes) -> bytes:
    """The form that asks for the neighbors of a photo."""
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="k"\r\n\r\n{K}\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode() + b"%s\r\n--%s--\r\n" % (photo, BOUNDARY.encode())


def decode_and_encode(encoder: Encoder, photo: bytes) -> None:
    """The least that a query needs."""
    decoded = decode_pixels(photo, encoder.spec.preprocessing, ImageLimits())
    encoder.encode(decoded.pixels[None])


def timed(ask: Callable[[bytes], object], photos: list[bytes]) -> list[float]:
    """Milliseconds of each."""
    taken = []
    for photo in photos:
        started = time.perf_counter()
        ask(photo)
        taken.append((time.perf_counter() - started) * 1_000)
    return taken


def encode_only(encoder: Encoder, photos: list[bytes]) -> float:
    """Photos a second that are encoded in batches, as an indexing run does it."""
    pixels = [
        decode_pixels(photo, encoder.spec.preprocessing, ImageLimits()).pixels for photo in photos
    ]
    batch = np.stack((pixels * ENCODE_BATCH)[:ENCODE_BATCH])
    rates = []
    for _ in range(7):
        started = time.perf_counter()
        encoder.encode(batch)
        rates.append(len(batch) / (time.perf_counter() - started))
    return median(rates[1:])


def crowd_rate(port: int, photos: list[bytes], seconds: float) -> tuple[float, int]:
    """Queries a second that many clients get together, each asking again at once; how many are
    refused."""
    ends = time.perf_counter() + seconds
    counts, refused = [0] * CLIENTS, [0] * CLIENTS

    def visit(number: int) -> None:
        client = Client(port)
        while time.perf_counter() < ends:
            if client.ask(photos[(number + counts[number]) % len(photos)]):
                counts[number] += 1
            else:
                refused[number] += 1

    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(visit, range(CLIENTS)))
    return sum(counts) / (time.perf_counter() - started), sum(refused)


def under_load(port: int, photos: list[bytes], rate: float, seconds: float) -> list[float]:
    """Milliseconds from when a query was due to its answer, at random arrivals of a rate."""
    random = np.random.default_rng(SEED)
    due = np.cumsum(random.exponential(1 / rate, max(1, int(rate * seconds))))
    of_thread = threading.local()
    started = time.perf_counter()

    def ask(number: int) -> float:
        if not hasattr(of_thread, "client"):
            of_thread.client = Client(port)
        of_thread.client.ask(photos[number % len(photos)])
        return float((time.perf_counter() - started - due[number]) * 1_000)

    futures = []
    with ThreadPoolExecutor(2 * CLIENTS) as pool:
        for number, when in enumerate(due):
            time.sleep(max(0.0, when - (time.perf_counter() - started)))
            futures.append(pool.submit(ask, number))
        return [future.result() for future in futures]


if __name__ == "__main__":
    main()
