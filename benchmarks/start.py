"""How long a user waits for commands to begin and end, as seen from the shell.

    python -m benchmarks.start [--json] [--count N] [--runs R]

`eyedex --help`; `eyedex search` of one photo in a catalog of N items; `eyedex serve` until
`/readyz` says that catalog, index and encoder are usable, and until the first answer. Every run is
a new process; the files are in the page cache and the exported network is at hand.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.ingest import copy_photos
from benchmarks.machine import alternate, parser_of, report, spread
from benchmarks.query import Client, make_catalog, serving
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.storage.paths import DataPaths


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        work = Path(temporary)
        (photo, *_), dataset = copy_photos(work / "photos", 10)
        data = work / "data"
        cache = DataPaths(data).encoders
        make_catalog(
            data, create_encoder(EncoderRequest(DEFAULT_ENCODER, cache=cache)), given.count
        )
        waits: dict[str, Callable[[], float]] = {
            "eyedex --help": lambda: command_s("--help"),
            "eyedex search": lambda: command_s("search", str(photo), "--data", str(data)),
            "eyedex serve, ready": lambda: serve_s(data),
            "eyedex serve, first answer": lambda: serve_s(data, photo.read_bytes()),
        }
        for wait in waits.values():
            wait()
        taken = alternate(given.runs, waits)
    rows = [{"what": f"{name}, s", **spread(seconds)} for name, seconds in taken.items()]
    report(rows, given.json, dataset=dataset, items=given.count)


def command_s(*arguments: str) -> float:
    """Seconds from start to end of a command."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "api.cli.main", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return time.perf_counter() - started


def serve_s(data: Path, photo: bytes | None = None) -> float:
    """Seconds from start of a server until it is ready, or has answered a first photo."""
    started = time.perf_counter()
    with serving(data) as port:
        if photo is not None:
            Client(port).ask(photo)
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
