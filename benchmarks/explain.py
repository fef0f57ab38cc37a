"""Whether explanations point at what makes a score, by hiding it (deletion test).

    python -m benchmarks.explain [--json] [--photos 300] [--gallery 1000] [--pooling NAME]
    python -m benchmarks.explain --cost [--json] [--gallery 1000]

Validation photos of both datasets ask for their nearest training photo. Of each pair the hottest
tenth of one picture is hidden under its mean colour, and a random tenth of it, in turn: `right` is
the share of pairs in which the hottest lowers the cosine more. The same in the picture that was
found. `sum_error` is the largest difference between a score and the sum of its grid; `core_ms` what
a grid takes of the processor, by all threads, and `times` how often an encoding of one picture.

With `--cost`: what 10 neighbors cost that are searched for with a photo embedded before, in core
milliseconds of all processes; `explained` first, and `again` when their pictures are known.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.processor_time import watched
from benchmarks.quality import SPLITS
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.encoders.poolings import SIDE
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.engine import SearchEngine
from search_engine.images import ImageLimits, decode_pixels
from search_engine.records import Pixels, Vectors
from search_engine.search.heat import PictureParts
from search_engine.search.hiding import without_places

TENTH = round(SIDE * SIDE / 10)
ASKED, NEIGHBORS = 20, 10
"""Photos, and neighbors of each: together as many as `explaining.KEPT`."""
SUFFIXES = (".jpg", ".jpeg", ".png")
Row = dict[str, Any]


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--gallery", type=int, default=1_000)
    parser.add_argument("--pooling")
    parser.add_argument("--cost", action="store_true")
    given = parser.parse_args()
    if given.cost:
        report([cost(dataset, given.gallery) for dataset in SPLITS], given.json)
        return
    encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER, pooling=given.pooling))
    rows: list[Row] = []
    for dataset, (train, validation) in SPLITS.items():
        gallery = middles(some_photos(DATASETS / dataset / train, given.gallery), encoder)
        queries = middles(some_photos(DATASETS / dataset / validation, given.photos), encoder)
        rows += measure(dataset, encoder, queries, gallery)
    report(rows, given.json, encoder=DEFAULT_ENCODER, pooling=encoder.spec.pooling)


def some_photos(folder: Path, count: int) -> list[Path]:
    """At most so many photos below a folder, the same each time."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    order = np.random.default_rng(7).permutation(len(paths))[:count]
    return [paths[number] for number in sorted(order)]


def middles(photos: Sequence[Path], encoder: Encoder) -> Pixels:
    """The middles of photos as an encoder takes them."""
    wanted = encoder.spec.preprocessing
    return np.stack(
        [decode_pixels(path.read_bytes(), wanted, ImageLimits()).pixels for path in photos]
    )


def measure(dataset: str, encoder: Encoder, queries: Pixels, gallery: Pixels) -> list[Row]:
    """A row for the hidden query and one for the hidden result."""
    found, asked = encoder.encode(gallery), encoder.encode(queries)
    nearest = (asked @ found.T).argmax(axis=1)
    partners = found[nearest]
    return [
        {"dataset": dataset, "hidden in": "query", **deletion(encoder, queries, partners)},
        {"dataset": dataset, "hidden in": "result", **deletion(encoder, gallery[nearest], asked)},
    ]


def deletion(encoder: Encoder, pictures: Pixels, partners: Vectors) -> Row:
    """Hide the hottest and a random tenth of each picture, and compare it with its partner."""
    before = np.vecdot(encoder.encode(pictures), partners)
    grids_of(encoder, pictures[:1], partners[:1])  # loads the network
    started = process_time()
    grids = grids_of(encoder, pictures, partners)
    grid_s = process_time() - started
    started = process_time()
    for picture in pictures:
        encoder.encode(picture[None])
    embed_s = process_time() - started
    rng = np.random.default_rng(11)
    hottest = np.argsort(-grids, axis=1)[:, :TENTH]
    anywhere = np.stack([rng.permutation(SIDE * SIDE)[:TENTH] for _ in pictures])
    after = [
        np.vecdot(encoder.encode(hidden(pictures, cells)), partners)
        for cells in (hottest, anywhere)
    ]
    return {
        "pairs": len(pictures),
        "right": round(float((after[0] < after[1]).mean()), 3),
        "score": round(float(before.mean()), 3),
        "hottest hidden": round(float(after[0].mean()), 3),
        "random hidden": round(float(after[1].mean()), 3),
        "sum_error": round(float(np.abs(grids.sum(axis=1) - before).max()), 4),
        "core_ms": round(grid_s / len(pictures) * 1000, 1),
        "times": round(grid_s / embed_s, 1),
    }


def cost(dataset: str, gallery: int) -> Row:
    """Core milliseconds of a search, with explanations and without."""
    train, validation = (DATASETS / dataset / split for split in SPLITS[dataset])
    asked = [path.read_bytes() for path in some_photos(validation, ASKED)]
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as folder:
        settings = Settings(data=Path(folder) / "data")
        (photos := Path(folder) / "photos").mkdir()
        for number, path in enumerate(some_photos(train, gallery)):
            shutil.copy(path, photos / f"{number}{path.suffix}")
        index_source(open_source(photos), IndexRequest(), settings)
        with SearchEngine(settings=settings) as engine:
            engine.search(asked[0], k=1, explain="grid")  # loads the network
            spent: list[float] = []
            for explain in (None, None, "grid", "grid"):
                with watched(spent):
                    for photo in asked:
                        engine.search(photo, k=NEIGHBORS, explain=explain)
    ms = [round(each / ASKED * 1_000, 1) for each in spent[1:]]
    return {"dataset": dataset, **dict(zip(("search", "explained", "again"), ms, strict=True))}


def grids_of(encoder: Encoder, pictures: Pixels, partners: Vectors) -> NDArray[np.float32]:
    """What each place adds to the cosine to the partner of its picture, (N, places)."""
    found = []
    for picture, partner in zip(pictures, partners, strict=True):
        views = without_places(encoder, picture)[None]
        found.append(PictureParts.of(views, ((0, 0, 1, 1),)).heat(partner).grid.ravel())
    return np.stack(found)


def hidden(pictures: Pixels, cells: NDArray[np.int64]) -> Pixels:
    """Pictures with some of their SIDE x SIDE cells, (N, C), under their mean colour."""
    found = pictures.copy()
    edges = np.linspace(0, pictures.shape[1], SIDE + 1).round().astype(int)
    for picture, some in zip(found, cells, strict=True):
        colour = picture.mean(axis=(0, 1)).round()
        for row, column in zip(*np.divmod(some, SIDE), strict=True):
            rows = slice(edges[row], edges[row + 1])
            picture[rows, edges[column] : edges[column + 1]] = colour
    return found


if __name__ == "__main__":
    main()
