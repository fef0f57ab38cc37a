"""How long a change of encoder takes when all is ready, and going back, with a server at work.

    python -m benchmarks.switching [--json] [--count N] [--runs R]

A collection of N items has embeddings by two encoders of 1,280 dimensions, the default one with two
poolings; the vectors are made up (`benchmarks.vectors`). The first change builds the index of the
new one. Then `eyedex switch --undo` goes back and forth, R times. A client asks the server all the
while, one query at a time: when does it answer by the other encoder, and how long did it have to
wait at most?
"""

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import parser_of, report, spread
from benchmarks.query import make_catalog, serving
from benchmarks.scale import ITEMS_A_COMMIT, NAME
from benchmarks.vectors import scale_vectors
from indexer.change.candidate import Candidate
from indexer.change.request import without_progress
from indexer.change.work import Work
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.engine import SearchEngine
from search_engine.storage.paths import DataPaths

GIVE_UP_S = 60.0
SEED = 2


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=6)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        data = Path(temporary) / "data"
        rows = [first_change(data, given.count)]
        with serving(data) as port, Asking(port) as asking:
            taken = [undo(data, asking) for _ in range(given.runs)]
    rows += [{"what": name, **spread([one[name] for one in taken])} for name in taken[0]]
    report(rows, given.json, items=given.count)


def first_change(data: Path, count: int) -> dict[str, Any]:
    """Give a collection another encoder whose embeddings are there; seconds."""
    request = EncoderRequest(DEFAULT_ENCODER, cache=DataPaths(data).encoders)
    make_catalog(data, create_encoder(request), count)
    other = create_encoder(EncoderRequest(DEFAULT_ENCODER, cache=request.cache, pooling="max"))
    vectors = scale_vectors(count, other.spec.dimension, seed=SEED).base
    with SearchEngine(data) as engine:
        keys = engine.catalog.keys(engine.catalog.collection(NAME))
        for start in range(0, count, ITEMS_A_COMMIT):
            part = slice(start, start + ITEMS_A_COMMIT)
            with engine.catalog.write() as writer:
                writer.add_vectors(other.spec.fingerprint, keys[part].tolist(), vectors[part])
        started = time.perf_counter()
        record = engine.catalog.collection(NAME)
        wanted = Candidate(other, {"pooling": "max"}).given_to(record)
        with engine.catalog.indexing(NAME, "changing its encoder"):
            work = Work(engine, record, wanted, lambda: other, without_progress)
            work.change_over()
        total_s = time.perf_counter() - started
    return {
        "what": "first change, s",
        "index and all": round(total_s, 2),
        "change itself": round(work.report.changeover_s, 3),
    }


def undo(data: Path, asking: "Asking") -> dict[str, float]:
    """Go back to the other encoder while the server is asked."""
    before = asking.encoder
    asking.slowest_s = 0.0
    started = time.perf_counter()
    command = [sys.executable, "-m", "api.cli.main", "switch", "--undo", "--json"]
    ran = subprocess.run([*command, "--data", str(data)], check=True, stdout=subprocess.PIPE)
    ended = time.perf_counter()
    while asking.encoder == before:
        if time.perf_counter() > ended + GIVE_UP_S:
            raise RuntimeError("the server does not take over the other encoder")
        time.sleep(0.005)
    return {
        "going back, s": json.loads(ran.stdout)["seconds"],
        "the command, s": ended - started,
        "until the server answers by it, s": max(0.0, asking.since - ended),
        "slowest answer meanwhile, s": asking.slowest_s,
    }


class Asking:
    """A client of the server that asks one query after the other for as long as the block lasts.

    `encoder` is that of the last answer, `since` when the first answer by it came.
    """

    def __init__(self, port: int) -> None:
        self.encoder = ""
        self.since = 0.0
        self.slowest_s = 0.0
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVE_UP_S)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Asking":
        self._thread.start()
        while not self.encoder:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._over.is_set():
            started = time.perf_counter()
            self._connection.request("GET", f"/v1/collections/{NAME}/similar/item-1")
            response = self._connection.getresponse()
            answer = json.loads(response.read())
            if response.status != 200:
                raise RuntimeError(str(answer))
            now = time.perf_counter()
            self.slowest_s = max(self.slowest_s, now - started)
            if answer["encoder"] != self.encoder:
                self.encoder, self.since = answer["encoder"], now


if __name__ == "__main__":
    main()
