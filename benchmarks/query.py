"""What a query over HTTP costs, alone and in a crowd, against its decoding and encoding alone.

    python -m benchmarks.query [--json] [--count N] [--runs R] [--seconds S]

A server of its own process holds N items. A client uploads photos of the clothing dataset and
asks for 10 neighbors: one query at a time, in turn with decoding and encoding the same photos in
this process; then 32 clients at once for S seconds; then at 80 % of that rate, arrivals drawn at
random (Poisson), latency counted from when a query was due. Clients and server share the cores, so
the client of the crowds is a light one (`benchmarks.load`), and what the server, its decoders and
the client spend on the cores is told apart. No photo is sent twice alike: bytes behind its end
differ, so that no embedding is remembered.
"""

import http.client
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.ingest import copy_photos
from benchmarks.load import LoadClient, Outcome, Question, beside, is_whole
from benchmarks.machine import alternate, parser_of, report, spread
from benchmarks.processor_time import core_ms, family
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
OK, REFUSED = 200, 503
PHOTOS = 100
CLIENTS = 32
LOAD = 0.8
ENCODE_BATCH = 64
BOUNDARY = "eyedex-benchmark"
MARK = b"0123456789abcdef"
READY_S = 120
SEED = 1


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, default=20_000)
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
        with started(data) as server:
            rows = measure(server, photos, encoder, given.runs, given.seconds)
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
    server: Server, photos: list[bytes], encoder: Encoder, runs: int, seconds: float
) -> list[dict[str, object]]:
    """All rows of the report."""
    port = server.port
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
    crowd = beside(in_a_crowd, server, photos, seconds)
    loaded = np.array(under_load(port, photos, LOAD * crowd.rate, seconds))
    half, nearly_all = np.percentile(loaded, (50, 99))
    return [
        {"what": "decode and encode one photo in process, ms", **spread(medians["here"])},
        {"what": "one query over HTTP, ms", **spread(medians["http"])},
        {"what": "ratio of the two", **spread(ratios)},
        {"what": "encode only, photos/s", "median": round(encode_rate, 1)},
        {"what": f"{CLIENTS} clients, queries/s", "median": round(crowd.rate, 1)},
        {"what": "refused of them", "median": crowd.refused},
        {"what": "share of the encode rate", "median": round(crowd.rate / encode_rate, 3)},
        *({"what": f"core-ms a query, {who}", "median": ms} for who, ms in crowd.core_ms.items()),
        {"what": f"p50 at {LOAD:.0%} load, ms", "median": round(half, 2)},
        {"what": f"p99 at {LOAD:.0%} load, ms", "median": round(nearly_all, 2)},
        {"what": "ratio of the two", "median": round(nearly_all / half, 2)},
    ]


class Client:
    """One connection that is kept; every photo is new to the server."""

    _sent = count()

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), READY_S)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, photo: bytes) -> bool:
        """Upload a photo and read the answer; whether the server did not refuse, being busy."""
        self._connection.sendall(question(photo).numbered(next(self._sent)))
        answer = bytearray()
        while not is_whole(answer):
            piece = self._connection.recv(2**16)
            if not piece:
                raise ConnectionError(f"the answer breaks off: {bytes(answer[:300])!r}")
            answer += piece
        status = int(answer[9:12])
        if status not in (OK, REFUSED):
            raise RuntimeError(bytes(answer[:600]).decode(errors="replace"))
        return status == OK


def question(photo: bytes, close: bool = False) -> Question:
    """A search with a photo, with room for a number behind its end; perhaps the last of its
    connection."""
    body = multipart(photo + MARK)
    request = (
        f"POST /v1/collections/{NAME}/search HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: {'close' if close else 'keep-alive'}\r\n\r\n"
    ).encode() + body
    head, _, tail = request.rpartition(MARK)
    return Question(head, tail)


def multipart(photo: bytes) -> bytes:
    """The form that asks for the neighbors of a photo."""
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="k"\r\n\r\n{K}\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode() + b"%s\r\n--%s--\r\n" % (photo, BOUNDARY.encode())


def decode_and_encode(encoder: Encoder, photo: bytes) -> None:
    """The least that a query needs; a tall photo is seen in more than one view."""
    encoder.encode(decode_pixels(photo, encoder.spec.preprocessing, ImageLimits()).views)


def timed(ask: Callable[[bytes], object], photos: list[bytes]) -> list[float]:
    """Milliseconds of each."""
    taken = []
    for photo in photos:
        started = time.perf_counter()
        ask(photo)
        taken.append((time.perf_counter() - started) * 1_000)
    return taken


def encode_only(encoder: Encoder, photos: list[bytes]) -> float:
    """Photos a second that are encoded in batches, all views of each, as an indexing run does."""
    views = np.concatenate(
        [decode_pixels(photo, encoder.spec.preprocessing, ImageLimits()).views for photo in photos]
    )
    batch = views[:ENCODE_BATCH]
    photos_a_batch = len(batch) * len(photos) / len(views)
    rates = []
    for _ in range(7):
        started = time.perf_counter()
        encoder.encode(batch)
        rates.append(photos_a_batch / (time.perf_counter() - started))
    return median(rates[1:])


@dataclass(frozen=True, slots=True)
class Crowd:
    """What many clients get together: answers a second, refusals, and what an answer takes."""

    rate: float
    refused: int
    core_ms: dict[str, float]
    """Of an answer, by who spends it."""


def in_a_crowd(server: Server, photos: Sequence[bytes], seconds: float) -> Crowd:
    """Ask as many clients do, each again at once; call it `beside` what else is measured."""
    client = LoadClient(server.port, [question(photo) for photo in photos], first=2**32)
    below = [each for each in family(server.process) if each != server.process]
    groups = {"server": [server.process], "decoders": below, "client": [os.getpid()]}
    before = {who: core_ms(each) for who, each in groups.items()}
    found = client.crowd(CLIENTS, seconds)
    spent = {who: core_ms(each) - before[who] for who, each in groups.items()}
    answered = sum(each.status == OK for each in found)
    refused = sum(each.status == REFUSED for each in found)
    if answered + refused < len(found):
        raise RuntimeError(f"{len(found) - answered - refused} questions got no answer")
    shares = {who: round(ms / max(1, answered), 2) for who, ms in spent.items()}
    return Crowd(answered / seconds, refused, shares)


def under_load(port: int, photos: Sequence[bytes], rate: float, seconds: float) -> list[float]:
    """Milliseconds from when a query was due to its answer, at random arrivals of a rate."""
    return [each.taken_ms for each in beside(at_random, port, photos, rate, seconds)]


def at_random(port: int, photos: Sequence[bytes], rate: float, seconds: float) -> list[Outcome]:
    """Ask at random moments, each time at a connection of its own."""
    client = LoadClient(port, [question(each, close=True) for each in photos], first=2**33)
    random = np.random.default_rng(SEED)
    due = np.cumsum(random.exponential(1 / rate, max(1, int(rate * seconds))))
    return client.at_moments(due.tolist())


if __name__ == "__main__":
    main()
