"""What a page of items or of neighbors takes as a catalog grows, in any order, at any depth.

    python -m benchmarks.pages [--json] [--count N] [--runs R]

N items with a label and three attributes and vectors of 64 dimensions, drawn. Pages of 50 items by
each order, the first one and one in the middle; the first page under a filter, and with a text that
is looked for: once anew, and once as it is kept until something is committed. Pages of 200
neighbors: the first one, and the last of 10,000.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.machine import parser_of, report
from benchmarks.scale import NAME, fill
from search_engine.catalog.filter_text import read_filter
from search_engine.catalog.store import Catalog
from search_engine.collections.listing import ItemQuestion
from search_engine.engine import SearchEngine
from search_engine.storage.paths import DataPaths

PAGE = 50
NEIGHBORS = 200
DIMENSION = 64
ORDERS = ("added", "-changed", "item_id", "label", "price", "-brand", "stock")
SEED = 1


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        data = Path(temporary) / "data"
        rows = np.random.default_rng(SEED).normal(size=(given.count, DIMENSION)).astype(np.float32)
        with Catalog(DataPaths(data)) as catalog:
            fill(catalog, rows / np.linalg.norm(rows, axis=1, keepdims=True))
        with SearchEngine(data) as engine:
            engine.live(NAME).compact(force=True)
            found = [*items(engine, given.runs), *neighbors(engine)]
    report(found, given.json, items=given.count)


def items(engine: SearchEngine, runs: int) -> Iterator[dict[str, object]]:
    """Rows on pages of items."""
    for order in ORDERS:
        question = ItemQuestion(sort=order)
        middle = half_way(engine, question)
        yield row(f"first page by {order}", runs, partial(engine.item_page, question, PAGE))
        ask = partial(engine.item_page, question, PAGE, middle)
        yield row(f"a page in the middle by {order}", runs, ask)
    cheap = ItemQuestion(read_filter("price < 300 and stock = 3"), sort="-price")
    yield row("under a filter by -price", runs, partial(engine.item_page, cheap, PAGE))
    for text in ("brand 99", "nothing has it"):
        ask = partial(engine.item_page, ItemQuestion(q=text), PAGE)
        yield row(f"with {text!r}, anew", 1, ask)
        yield row(f"with {text!r}, kept", runs, ask)


def half_way(engine: SearchEngine, question: ItemQuestion) -> str | None:
    """The cursor in the middle of all pages."""
    page = engine.item_page(question, 500)
    for _ in range(page.total // 1_000):
        page = engine.item_page(question, 500, page.next_cursor)
    return page.next_cursor


def neighbors(engine: SearchEngine) -> Iterator[dict[str, object]]:
    """Rows on pages of a search."""
    took, cursor = [], None
    while True:
        started = time.perf_counter()
        found = engine.similar("item-0", k=NEIGHBORS, cursor=cursor)
        took.append((time.perf_counter() - started) * 1_000)
        cursor = found.next_cursor
        if cursor is None:
            break
    yield {"what": f"first {NEIGHBORS} neighbors", "ms": round(median(took[:3]), 2)}
    yield {"what": f"neighbors up to {NEIGHBORS * len(took):,}", "ms": round(median(took[-3:]), 2)}


def row(what: str, runs: int, ask: Callable[[], object]) -> dict[str, object]:
    """The median of some calls in milliseconds."""
    took = []
    for _ in range(runs):
        started = time.perf_counter()
        ask()
        took.append((time.perf_counter() - started) * 1_000)
    return {"what": what, "ms": round(median(took), 2)}


if __name__ == "__main__":
    main()
