"""Whether colours of pictures are those that their shop names, and what finding them costs.

    python -m benchmarks.colors [--json] [--products N] [--seed S] [--photos N] [--runs R]

The drawn catalog names a colour of each product. A name of ours agrees with a shop's if that colour
may be called so (`CALLED`). Then photos of each kind of product are asked about together with
another colour that products of its label come in: right is an item with both. The costs are those
of decoding photos of clothes with and without their colours, in turns, in processor time.
"""

import csv
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.machine import DATASETS, alternate, parser_of, report, spread
from data.sample_catalog.writer import write_catalog
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.images import ImageLimits, Preprocessing
from search_engine.images.color_names import NAMES, names_in
from search_engine.images.decoder import PICTURES_A_CALL, decode_each
from search_engine.images.palette import swatches

CALLED = {
    "teal": "teal", "red": "red", "mustard": "yellow", "navy": "navy blue", "sage": "green grey",
    "coral": "pink orange red", "lilac": "purple", "cream": "beige white", "sky blue": "blue",
    "forest green": "green", "pink": "pink", "charcoal": "grey black", "orange": "orange",
    "terracotta": "brown orange red", "plum": "purple", "white": "white grey", "ash": "beige",
    "black": "black grey", "grey": "grey", "mint": "green", "cobalt": "blue", "tan": "brown beige",
    "cognac": "brown orange", "chestnut": "brown", "burgundy": "red brown purple",
    "olive": "green brown", "sand": "beige", "oak": "beige brown", "walnut": "brown",
    "maple": "beige", "cherry": "brown red", "ebony": "brown black", "honey": "orange yellow brown",
    "sunburst": "orange brown red", "indigo": "navy blue", "mid-blue": "blue", "light blue": "blue",
    "khaki": "beige brown green", "steel": "grey", "copper": "brown orange", "blue": "blue",
    "graphite": "grey black",
}  # fmt: skip
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7)
TOP = 3
Row = dict[str, Any]
Shop = list[dict[str, str]]


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--products", type=int, default=184)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        sample, data = Path(temporary) / "sample", Path(temporary) / "data"
        write_catalog(sample, seed=given.seed, products=given.products, photos=0, workers=2)
        index_source(open_source(sample / "catalog.csv"), IndexRequest(), Settings(data=data))
        with (sample / "catalog.csv").open(newline="", encoding="utf-8") as file:
            shop = list(csv.DictReader(file))
        with SearchEngine(data) as engine:
            rows = [*_names(engine, shop), _by_color(engine, shop), *_beside(engine, shop)]
    photos = sorted((DATASETS / "clothing" / "train").rglob("*.jpg"))[::15][: given.photos]
    if photos:
        rows += _costs([each.read_bytes() for each in photos], given.runs)
    report(rows, given.json, pictures=len(shop), photos=len(photos))


def _names(engine: SearchEngine, shop: Shop) -> Iterator[Row]:
    """How often the shop's colour is among ours, and is the first of them."""
    found, first, count = [], [], []
    record = engine.catalog.collection("default")
    items = engine.catalog.get_many(record, [each["item_id"] for each in shop])
    palettes = engine.catalog.palettes([item.key for item in items.values()])
    for each in shop:
        names = names_in(swatches(palettes[items[each["item_id"]].key]))
        called = CALLED[each["color"]].split()
        found.append(not set(names).isdisjoint(called))
        first.append(names[0] in called)
        count.append(len(names))
    yield {"what": "shop's colour among those found, share", "value": round(mean(found), 3)}
    yield {"what": "shop's colour is the first, share", "value": round(mean(first), 3)}
    yield {"what": "colours a picture", "value": round(mean(count), 2)}


def _by_color(engine: SearchEngine, shop: Shop) -> Row:
    """precision@10 of colours alone, those that at least ten pictures have."""
    of = {each["item_id"]: CALLED[each["color"]].split() for each in shop}
    hits = []
    for name in NAMES:
        if sum(name in called for called in of.values()) >= 10:
            found = engine.search(color=name, k=10).neighbors
            hits += [name in of[each.item.item_id] for each in found]
    return {"what": "precision@10 of a colour alone", "value": round(mean(hits), 3)}


def _beside(engine: SearchEngine, shop: Shop) -> Iterator[Row]:
    """Whether a picture and another colour find the same kind of thing in that colour."""
    right = defaultdict(set)
    for each in shop:
        for name in CALLED[each["color"]].split():
            right[each["label"], name].add(each["item_id"])
    asked = [
        (each["item_id"], name, wanted)
        for each in shop
        if each["item_id"].endswith("-a")
        for (label, name), wanted in right.items()
        if label == each["label"]
        and name not in CALLED[each["color"]].split()
        and len(wanted) >= TOP
    ]
    for weight in WEIGHTS:
        hits = []
        for item, name, wanted in asked:
            found = engine.similar(item, color=name, color_weight=weight, k=TOP).neighbors
            hits.append(mean(each.item.item_id in wanted for each in found))
        what = f"precision@{TOP} of a picture and another colour, weight {weight:g}"
        yield {"what": what, "value": round(mean(hits), 3), "questions": len(asked)}


def _costs(photos: Sequence[bytes], runs: int) -> list[Row]:
    """Processor milliseconds a photo of decoding, with and without colours."""

    def ms(with_colors: bool) -> float:
        started = time.process_time()
        for start in range(0, len(photos), PICTURES_A_CALL):
            some = photos[start : start + PICTURES_A_CALL]
            decode_each(some, Preprocessing(224, 256), ImageLimits(), with_colors)
        return (time.process_time() - started) * 1_000 / len(photos)

    found = alternate(runs, {"without": partial(ms, False), "with": partial(ms, True)})
    more = [one - other for one, other in zip(found["with"], found["without"], strict=True)]
    return [
        {"what": "decoding a photo, ms", **spread(found["without"])},
        {"what": "its colours, ms more", **spread(more)},
    ]


if __name__ == "__main__":
    main()
