"""Publishing a catalog and following it: how long it takes, and what is sent.

    python -m benchmarks.following [--json] [--count 20000] [--dimension 256]

A catalog of random vectors is published to a folder of this disk: for the first time, unchanged,
and after one more item; each is pulled with the shared key, by which a follower takes the indexes,
and without it, where it has to build them. A store elsewhere adds the time of its network.
"""

import tempfile
import time
from pathlib import Path

from benchmarks.machine import parser_of, report
from benchmarks.scale import fill
from benchmarks.vectors import scale_vectors
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.config import Settings
from search_engine.maintenance.follow import Follower
from search_engine.maintenance.publish import publish
from search_engine.storage.paths import DataPaths

KEY = "0123456789abcdef"


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=256)
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="eyedex-following-") as name:
        folder = Path(name)
        url = f"file://{folder}/published"
        origin = Settings.model_validate({"data": folder / "origin", "publish_key": KEY})
        followers = {
            "pull with key, s": _follower(folder / "with", url, KEY),
            "pull without, s": _follower(folder / "without", url, None),
        }
        vectors = scale_vectors(given.count + 1, given.dimension, 1).base
        with Catalog(DataPaths(origin.data)) as catalog:
            fill(catalog, vectors[:-1])
            LiveCollection(catalog, catalog.collections()[0], origin).compact()
        for state in ("first", "unchanged", "one item more"):
            if state == "one item more":
                with Catalog(DataPaths(origin.data)) as catalog:
                    fill(catalog, vectors[-1:], first=given.count)
            made = publish(origin, url)
            row = {
                "state": state,
                "publish, s": round(made.seconds, 2),
                "MB": round(made.size_bytes / 1e6, 1),
                "sent, MB": round(made.sent_bytes / 1e6, 1),
            }
            for said, follower in followers.items():
                started = time.perf_counter()
                follower.pull()
                row[said] = round(time.perf_counter() - started, 2)
            rows.append(row)
    report(rows, given.json, count=given.count, dimension=given.dimension)


def _follower(folder: Path, url: str, key: str | None) -> Follower:
    return Follower(Settings.model_validate({"data": folder, "follow": url, "publish_key": key}))


if __name__ == "__main__":
    main()
