"""What many questions, or many items, cost in one request, against one after the other.

    python -m benchmarks.batches [--json] [--count N] [--size S] [--runs R]

A server of its own process holds N items. A client asks for 10 neighbors of S photos of the
clothing dataset, one after the other over a connection that is kept, then in one request; it puts S
photos as items both ways, too. In turns. Client and server share the cores. No photo is sent twice
alike, so that no embedding is remembered.
"""

import base64
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.ingest import copy_photos
from benchmarks.machine import alternate, parser_of, report, spread
from benchmarks.query import K, make_catalog, serving
from benchmarks.scale import NAME
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.storage.paths import DataPaths

HEADERS = {"Content-Type": "application/json"}
COLLECTION = f"/v1/collections/{NAME}"


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        work = Path(temporary)
        paths, dataset = copy_photos(work / "photos", given.size)
        photos = [path.read_bytes() for path in paths]
        data = work / "data"
        encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER, cache=DataPaths(data).encoders))
        make_catalog(data, encoder, given.count)
        with serving(data) as port:
            rows = measure(_Client(port), photos, given.runs)
    report(rows, given.json, dataset=dataset, items=given.count, size=given.size, k=K)


def measure(client: "_Client", photos: Sequence[bytes], runs: int) -> list[dict[str, Any]]:
    """A row for each way, and for each pair how many times faster the batch is."""
    ways: dict[str, Callable[[], float]] = {
        "photos, one by one": lambda: timed(client.search_each, client.new(photos)),
        "photos, one request": lambda: timed(client.search_all, client.new(photos)),
        "items put, one by one": lambda: timed(client.put_each, client.new(photos)),
        "items put, one request": lambda: timed(client.put_all, client.new(photos)),
    }
    for measure_once in ways.values():
        measure_once()
    found = alternate(runs, ways)
    rows: list[dict[str, Any]] = [
        {"what": f"{name}, ms each", **spread([1_000 * each / len(photos) for each in seconds])}
        for name, seconds in found.items()
    ]
    for kind in ("photos", "items put"):
        pairs = zip(found[f"{kind}, one by one"], found[f"{kind}, one request"], strict=True)
        rows.append(
            {"what": f"{kind}, times faster", **spread([one / many for one, many in pairs])}
        )
    return rows


def timed(ask: Callable[[Sequence[str]], None], photos: Sequence[str]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    ask(photos)
    return time.perf_counter() - started


class _Client:
    """Sends photos in base64, each unlike all before."""

    _sent = count()

    def __init__(self, port: int) -> None:
        self._port = port

    def new(self, photos: Sequence[bytes]) -> list[str]:
        """Photos as the server has not seen them: bytes behind their end differ."""
        unseen = (photo + next(self._sent).to_bytes(8, "big") for photo in photos)
        return [base64.b64encode(photo).decode() for photo in unseen]

    def search_each(self, photos: Sequence[str]) -> None:
        """One request for each."""
        bodies = [("POST", "/search", {"image_base64": each, "k": K}) for each in photos]
        self._ask(bodies)

    def search_all(self, photos: Sequence[str]) -> None:
        """One request for all."""
        queries = [{"image_base64": each} for each in photos]
        self._ask([("POST", "/search:batch", {"queries": queries, "k": K})])

    def put_each(self, photos: Sequence[str]) -> None:
        """One request for each."""
        self._ask([("PUT", f"/items/{n}", {"image_base64": each}) for n, each in enumerate(photos)])

    def put_all(self, photos: Sequence[str]) -> None:
        """One request for all."""
        operations = [
            {"op": "put", "item_id": str(n), "image_base64": each} for n, each in enumerate(photos)
        ]
        self._ask([("POST", "/items:batch", {"operations": operations})])

    def _ask(self, requests: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=120)
        for method, path, body in requests:
            connection.request(method, f"{COLLECTION}{path}", json.dumps(body), HEADERS)
            response = connection.getresponse()
            answer = response.read()
            if response.status not in (200, 201) or b'"urn:eyedex:problem' in answer:
                raise RuntimeError(f"{response.status}: {answer[:300]!r}")
        connection.close()


if __name__ == "__main__":
    main()
