"""Thumbnails and turned photos: whether a copy of a catalog's photo finds its original first.

    python -m benchmarks.thumbnails [--json] [--photos 150] [--gallery 1000] [--datasets NAME ...]

Photos of the validation split, which no threshold was chosen on, are indexed beside photos of the
training split, and asked for by copies: in two sizes, turned, both, mirrored, coded anew. `first`
is the share of copies whose original is the first neighbor, `by_score` that of those whose original
has the highest cosine, as it was before there were hashes, `told` that of those that are told to be
the same picture. `wrong` counts other items that are told so, in all answers together, but for
items whose file is the same.

Then what looking up copies takes of a query among 100,000 and 1,000,000 made-up hashes, and what
hashing takes of decoding a photo, in turns.
"""

import io
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.borders import photos
from benchmarks.duplicates import some, store
from benchmarks.index_run import Row
from benchmarks.machine import DATASETS, alternate, parser_of, report, spread
from benchmarks.quality import SPLITS
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.encoders.registry import DEFAULT_ENCODER
from search_engine.engine import SearchEngine
from search_engine.images import ImageLimits, load_rgb
from search_engine.images.picture_hash import STORED, picture_hash
from search_engine.indexes.hashes import HashTable

TURNED = Image.Transpose.ROTATE_90
CHANGES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda image: image,
    "64 px": lambda image: ImageOps.contain(image, (64, 64)),
    "32 px": lambda image: ImageOps.contain(image, (32, 32)),
    "90 degrees": lambda image: image.transpose(TURNED),
    "90 degrees, 64 px": lambda image: ImageOps.contain(image.transpose(TURNED), (64, 64)),
    "mirror": ImageOps.mirror,
    "jpeg 30": lambda image: image,
}
SIZES = (100_000, 1_000_000)
RUNS = 200


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--photos", type=int, default=150)
    parser.add_argument("--gallery", type=int, default=1_000)
    parser.add_argument("--datasets", nargs="+", choices=SPLITS, default=list(SPLITS))
    given = parser.parse_args()
    rows: list[Row] = []
    for dataset in given.datasets:
        rows += found_rows(dataset, given.photos, given.gallery)
    rows += [looking_up(size) for size in SIZES]
    rows.append(hashing(photos(DATASETS / given.datasets[0] / SPLITS[given.datasets[0]][1])[0]))
    report(rows, given.json, encoder=DEFAULT_ENCODER)


def copy_of(photo: bytes, name: str) -> bytes:
    """The file of a copy, a JPEG of quality 85, or 30 where that is the change."""
    file = io.BytesIO()
    with Image.open(io.BytesIO(photo)) as image:
        made = CHANGES[name](ImageOps.exif_transpose(image).convert("RGB"))
    made.save(file, "JPEG", quality=30 if name == "jpeg 30" else 85)
    return file.getvalue()


def found_rows(dataset: str, count: int, others: int) -> Iterator[Row]:
    """A row for each kind of copy."""
    training, validation = (photos(DATASETS / dataset / split) for split in SPLITS[dataset])
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        for number in some(len(training), others):
            store(pictures, "other", number, training[number].read_bytes())
        chosen = some(len(validation), count)
        for number in chosen:
            store(pictures, "original", number, validation[number].read_bytes())
        settings = Settings(data=Path(folder) / "data")
        index_source(open_source(pictures), IndexRequest(), settings)
        originals = {f"original/{number}.jpg": validation[number].read_bytes() for number in chosen}
        with SearchEngine(settings=settings, create=False) as engine:
            for name in CHANGES:
                yield {"dataset": dataset, "copy": name, **_found(engine, originals, name)}


def _found(engine: SearchEngine, originals: Mapping[str, bytes], name: str) -> Row:
    first = by_score = told = wrong = 0
    for item_id, photo in originals.items():
        neighbors = engine.search(copy_of(photo, name), k=20).neighbors
        equal = {each for each, other in originals.items() if other == photo}
        best = max(neighbors, key=lambda each: each.score)
        same = {each.item.item_id for each in neighbors if each.same_picture}
        first += neighbors[0].item.item_id in equal
        by_score += best.item.item_id in equal
        told += item_id in same
        wrong += len(same - equal)
    shares = {"first": first, "by_score": by_score, "told": told}
    total = len(originals)
    return {"copies": total, **{k: round(v / total, 3) for k, v in shares.items()}, "wrong": wrong}


def looking_up(size: int) -> Row:
    """Milliseconds to look up the copies of a picture."""
    random = np.random.default_rng(0)
    made = np.zeros(size, dtype=STORED)
    made["signs"] = random.integers(0, 2**64, made["signs"].shape, dtype=np.uint64)
    table = HashTable().with_changes(
        0, np.arange(size, dtype=np.int64), [each.tobytes() for each in made]
    )
    asked = made[size // 2].tobytes()
    times = alternate(RUNS, {"look_up_ms": partial(_ms, lambda: table.copies_of(asked))})
    return {"hashes": size, **{name: spread(each) for name, each in times.items()}}


def hashing(photo: Path) -> Row:
    """Milliseconds to decode a photo, and to hash it once it is decoded."""
    data, limits = photo.read_bytes(), ImageLimits()
    image, _ = load_rgb(data, limits, 256)
    ways: dict[str, Callable[[], float]] = {
        "decode_ms": partial(_ms, lambda: load_rgb(data, limits, 256)),
        "hash_ms": partial(_ms, lambda: picture_hash(image)),
    }
    times = alternate(RUNS, ways)
    return {"photo": photo.name, **{name: spread(each) for name, each in times.items()}}


def _ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
