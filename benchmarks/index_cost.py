"""Processor time of a search in an index, in this tree and in another one.

    python -m benchmarks.index_cost --before TREE [--json] [--count 50000] [--rounds 20]

TREE is a checkout of another commit; its code runs with the packages installed here. A process of
each tree fills a catalog with the same vectors of 256 dimensions and has Eyedex choose an index,
then both answer the same questions in turn, one at a time on one thread: `snapshot()` and
`search`, which is what a search does between encoding a photo and reading the items. `times` is
this tree's processor time over the other's, the median of the rounds, and `from` and `to` are its
quartiles.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.machine import parser_of, report
from benchmarks.vectors import manifold

HERE = Path(__file__).parents[1]
DIMENSION, QUERIES, SEED = 256, 50, 0
PROGRAM = """
import sys, time
from pathlib import Path
import numpy as np
from benchmarks import scale

folder = Path(sys.argv[1])
vectors, queries = np.load(folder / "vectors.npy"), np.load(folder / "queries.npy")
settings = scale.Settings(data=folder / sys.argv[2])
with scale.Catalog(scale.DataPaths(settings.data)) as catalog:
    scale.fill(catalog, vectors)
    live = scale.LiveCollection(catalog, catalog.collection(scale.NAME), settings)
    live.compact()
    scale.search(live, queries[:1])
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.process_time()
        for query in queries:
            scale.search(live, query[None])
        print(time.process_time() - started, flush=True)
"""


class Tree:
    """A process with the code of a tree, which answers all questions whenever it is asked to."""

    def __init__(self, tree: Path, folder: Path, name: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"},
        )

    def told(self) -> str:
        """The next line that it says."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def seconds(self) -> float:
        """Processor time of one round."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self.told())

    def end(self) -> None:
        """Let it end."""
        self._process.communicate()


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    vectors, queries = manifold(given.count, QUERIES, DIMENSION, np.random.default_rng(SEED))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eyedex-bench-")))
        np.save(folder / "vectors.npy", vectors)
        np.save(folder / "queries.npy", queries)
        trees = [
            Tree(tree, folder, name)
            for tree, name in ((HERE, "now"), (given.before.resolve(), "before"))
        ]
        for tree in trees:
            stack.callback(tree.end)
        if any(tree.told() != "ready" for tree in trees):
            raise SystemExit("a tree cannot do this")
        measured = np.array([[tree.seconds() for tree in trees] for _ in range(given.rounds)])
    ratios = measured[:, 0] / measured[:, 1]
    now_ms, before_ms = np.median(measured, axis=0) * 1_000 / QUERIES
    low, median, high = np.quantile(ratios, (0.25, 0.5, 0.75)).round(3).tolist()
    row = {"now_ms": now_ms, "before_ms": before_ms, "times": median, "from": low, "to": high}
    report([{name: round(float(value), 3) for name, value in row.items()}], given.json)


if __name__ == "__main__":
    main()
