"""What each option of a search costs beside a plain one: the table of costs.

    python -m benchmarks.orders [--json] [--count N] [--runs R]

The last row is what all of it adds to a search that asks for none of it: `plain` over the same
search (`bare`) of a copy of the catalog without colours, shapes and a learned order.

N items with a label, three attributes, colours, a shape and vectors of 256 dimensions, drawn. The
learned order is made up, with all that one can have. Options that look at photos have benchmarks of
their own (`regions`, `turns`, `explain`). The engine is asked by the stored embedding of an item,
so that nothing is decoded or encoded. All ways take turns; milliseconds are those of the processor,
of all threads together, so that what else runs on the machine hardly counts.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import alternate, parser_of, report, spread
from benchmarks.scale import NAME, fill
from indexer.feedback.learning import DIRECTIONS, MOST_POPULAR
from search_engine.catalog.reranker_rows import keep_reranker
from search_engine.catalog.store import Catalog
from search_engine.engine import SearchEngine
from search_engine.images import PictureColors
from search_engine.images.color_names import names_in
from search_engine.images.palette import swatches
from search_engine.images.shape import SHAPE_BYTES
from search_engine.search.rerank.features import FEATURES, Metric
from search_engine.search.rerank.learned import Reranker
from search_engine.storage.paths import DataPaths

DIMENSION, SEED = 256, 1
LIKES, UNLIKES = ["item-1", "item-2"], ["item-3", "item-4"]
ASKED: dict[str, dict[str, Any]] = {
    "plain": {},
    "2 likes, 2 unlikes": {"like": LIKES, "unlike": UNLIKES},
    "2 likes, 2 unlikes, best": {"like": LIKES, "unlike": UNLIKES, "mix": "best"},
    "boost by 2 fields": {"boost": {"price": -0.02, "stock": 0.1}},
    "diversity": {"diversity": 0.3},
    "diversity, k=200": {"diversity": 0.3, "k": 200},
    "plain, k=200": {"k": 200},
    "groups by brand, with views": {"group_by": "brand"},
    "color beside it": {"color": "teal"},
    "shape beside it": {"parts": {"shape": 0.5}},
    "shape and colours beside it": {"parts": {"shape": 0.3, "color": 0.3}},
    "filter": {"filter": "price < 100"},
    "fold": {"fold": True},
    "rerank=aqe": {"rerank": "aqe"},
    "rerank=dba": {"rerank": "dba"},
    "rerank=k-reciprocal": {"rerank": "k-reciprocal"},
    "rerank=learned": {"rerank": "learned"},
    "vectors of all": {"include": "vector"},
    "q beside it, 100 items have it": {"q": "7 brand"},
    "q beside it, all have it": {"q": "brand"},
}
ALONE: dict[str, dict[str, Any]] = {
    "color alone under a filter": {"color": "teal", "filter": "price < 100"},
    "q alone, 100 items have it": {"q": "7 brand"},
    "q alone, all have it": {"q": "brand"},
}


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        bare, data = Path(temporary) / "bare", Path(temporary) / "data"
        rows = np.random.default_rng(SEED).normal(size=(given.count, DIMENSION)).astype(np.float32)
        with Catalog(DataPaths(bare)) as catalog:
            fill(catalog, rows / np.linalg.norm(rows, axis=1, keepdims=True))
        with SearchEngine(bare) as engine:
            engine.live(NAME).compact(force=True)
        shutil.copytree(bare, data)
        with Catalog(DataPaths(data)) as catalog:
            _draw_colors(catalog)
            _make_up_order(catalog)
        with SearchEngine(data) as engine, SearchEngine(bare) as other:
            found = alternate(
                given.runs, {"bare": _asking(other.similar, "item-0"), **ways(engine)}
            )
    shares = [one / two for one, two in zip(found["plain"], found["bare"], strict=True)]
    report(
        [
            *({"what": name, **spread(ms)} for name, ms in found.items()),
            {"what": "plain over bare", **spread(shares)},
        ],
        given.json,
        items=given.count,
    )


def ways(engine: SearchEngine) -> dict[str, Callable[[], float]]:
    """Milliseconds of a search in each way."""
    beside = {name: _asking(engine.similar, "item-0", **asked) for name, asked in ASKED.items()}
    return beside | {name: _asking(engine.search, **asked) for name, asked in ALONE.items()}


def _asking(ask: Callable[..., object], *subject: str, **asked: Any) -> Callable[[], float]:
    return partial(_ms, partial(ask, *subject, **asked))


def _draw_colors(catalog: Catalog) -> None:
    """Give each item a palette of three drawn colours."""
    keys = catalog.keys(catalog.collection(NAME)).tolist()
    drawn = np.random.default_rng(SEED).integers(0, 256, size=(len(keys), 24), dtype=np.uint8)
    drawn[:, 3::4] = (128, 85, 42, 0, 0, 0)
    shapes = np.random.default_rng(SEED).integers(
        0, 256, size=(len(keys), SHAPE_BYTES), dtype=np.uint8
    )
    with catalog.write() as writer:
        writer.set_colors(
            {
                key: PictureColors(
                    row.tobytes(), tuple(names_in(swatches(row.tobytes()))), shape.tobytes()
                )
                for key, row, shape in zip(keys, drawn, shapes, strict=True)
            }
        )


def _make_up_order(catalog: Catalog) -> None:
    """Keep an order that looks at everything."""
    record = catalog.collection(NAME)
    matrix = np.random.default_rng(SEED).normal(size=(DIMENSION, DIRECTIONS))
    metric = Metric(np.zeros(DIMENSION, dtype=np.float32), matrix.astype(np.float32))
    weights = dict.fromkeys(FEATURES, 1.0)
    popularity = dict.fromkeys(catalog.keys(record).tolist()[:MOST_POPULAR], 0.5)
    order = Reranker(record.fingerprint or "", weights, metric, popularity)
    with catalog.write() as writer:
        keep_reranker(writer.connection, record.id, order.stored())


def _ms(ask: Callable[[], object]) -> float:
    started = time.process_time()
    ask()
    return (time.process_time() - started) * 1_000


if __name__ == "__main__":
    main()
