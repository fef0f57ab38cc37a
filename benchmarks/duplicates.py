"""Duplicates: what the tier `near` finds of changed pictures, what it takes for one, and how fast.

    python -m benchmarks.duplicates [--json] [--photos N] [--datasets NAME ...] [--made N]

Photos of the validation split, which no threshold was chosen on, are changed in each way and stored
beside photos of the training split and the originals. A pair is right if both came of one photo.
`recall` counts changed pictures that are in the group of their original; `precision` counts pairs
of groups with a changed picture or an original in them. Pairs within the training split, which may
be real duplicates, are counted as `found_in_training`.

`--made` instead compares so many made-up items: each the mixture of two of some hundred photos, in
its spectrum as in its embedding, every hundredth the mirror image of the one before. `missed`
counts those that were not found.
"""

import io
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from benchmarks.borders import LIMITS, embedded, photos
from benchmarks.index_run import Row
from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.quality import SPLITS
from indexer.change.request import without_progress
from indexer.duplicates.finding import Duplicates, find_duplicates
from indexer.duplicates.pairs import MEMORY_BYTES, RECALL, compared
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.encoders.base import unit_rows
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.engine import SearchEngine
from search_engine.images import decode_pixels
from search_engine.images.spectrum import PREPROCESSING, Spectra, spectra_of
from search_engine.indexes.choice import choose_index
from search_engine.indexes.live import LiveIndex
from search_engine.indexes.registry import backend_of
from search_engine.records import Vectors
from search_engine.storage.paths import DEFAULT_COLLECTION

SEED = 0
MIRRORED = 100
"""One item in so many is the mirror image of the one before."""
PHOTOS_MIXED = 400
ORIGINAL, TRAINING = "original", "training"
Change = Callable[[Image.Image, np.random.Generator], Image.Image]


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--training", type=int, default=1_000)
    parser.add_argument("--datasets", nargs="+", choices=SPLITS, default=list(SPLITS))
    parser.add_argument("--made", type=int, default=0)
    given = parser.parse_args()
    rows: list[Row] = [made_row(given.made)] if given.made else []
    if given.made:
        given.datasets = []
    for dataset in given.datasets:
        rows += near_rows(dataset, given.photos, given.training)
    report(rows, given.json, encoder=DEFAULT_ENCODER)


def cropped(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """A part that keeps 0.8 to 0.95 of each side, anywhere."""
    width, height = (int(side * random.uniform(0.8, 0.95)) for side in image.size)
    left, top = (
        int(random.integers(rest)) for rest in (image.width - width, image.height - height)
    )
    return image.crop((left, top, left + width, top + height))


def marked(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """A line of half transparent letters across."""
    layer = Image.new("RGBA", image.size)
    place = image.width // 12, int(image.height * random.uniform(0.2, 0.7))
    ImageDraw.Draw(layer).text(
        place, "SAMPLE SHOP", fill=(255, 255, 255, 130), font_size=image.width // 8
    )
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def recoloured(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Other brightness, contrast and saturation."""
    for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = kind(image).enhance(random.uniform(0.7, 1.4))
    return image


CHANGES: Mapping[str, Change] = {
    "resize": lambda image, _: image.resize((image.width // 2, image.height // 2)),
    "64 px": lambda image, _: ImageOps.contain(image, (64, 64)),
    "crop": cropped,
    "jpeg 30": lambda image, _: image,
    "watermark": marked,
    "border": lambda image, _: ImageOps.expand(image, image.width // 8, "white"),
    "mirror": lambda image, _: ImageOps.mirror(image),
    "90 degrees": lambda image, _: image.transpose(Image.Transpose.ROTATE_90),
    "180 degrees": lambda image, _: image.transpose(Image.Transpose.ROTATE_180),
    "colour": recoloured,
    "grey": lambda image, _: ImageOps.grayscale(image).convert("RGB"),
}


def changed(photo: Path, name: str, seed: int) -> bytes:
    """The file of a photo after a change, a JPEG of quality 85, or 30 where that is the change."""
    file = io.BytesIO()
    with Image.open(photo) as image:
        made = CHANGES[name](image.convert("RGB"), np.random.default_rng(seed))
    made.save(file, "JPEG", quality=30 if name == "jpeg 30" else 85)
    return file.getvalue()


def near_rows(dataset: str, count: int, others: int) -> Iterator[Row]:
    """Recall by change, precision of all, and seconds."""
    training, validation = (photos(DATASETS / dataset / split) for split in SPLITS[dataset])
    chosen = [validation[row] for row in some(len(validation), count)]
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        for number in some(len(training), others):
            store(pictures, TRAINING, number, training[number].read_bytes())
        for number, photo in enumerate(chosen):
            store(pictures, ORIGINAL, number, photo.read_bytes())
            for name in CHANGES:
                store(pictures, name, number, changed(photo, name, number))
        settings = Settings(data=Path(folder) / "data")
        index_source(open_source(pictures), IndexRequest(), settings)
        with SearchEngine(settings=settings, create=False) as engine:
            found, first = _timed(engine)
            _, again = _timed(engine)
    yield from _recalls(dataset, found, len(chosen))
    yield {
        "dataset": dataset,
        "items": found.items,
        "seconds": round(first, 1),
        "again_s": round(again, 1),
        **_precision(found),
    }


def made_row(count: int) -> Row:
    """Seconds and memory to compare made-up items, hashes and embeddings being there."""
    random = np.random.default_rng(SEED)
    spectra, vectors = _of_photos()
    one, other = random.integers(len(spectra), size=(2, count))
    share = random.uniform(0.3, 0.7, (count, 1)).astype(np.float32)
    mixed = spectra[one] * share[:, :, None] + spectra[other] * (1 - share)[:, :, None]
    rows = unit_rows(vectors[one] * share + vectors[other] * (1 - share))
    mixed[1::MIRRORED] = mixed[::MIRRORED][: len(mixed[1::MIRRORED])]
    mixed[1::MIRRORED, :, 1::2] *= -1
    rows[1::MIRRORED] = rows[::MIRRORED][: len(rows[1::MIRRORED])]
    keys = np.arange(count, dtype=np.int64)
    started = time.perf_counter()
    plan = choose_index(count, rows.shape[1], MEMORY_BYTES)
    base = backend_of(plan.factory).build(plan.factory, keys, rows, RECALL)
    indexed = time.perf_counter()
    snapshot = LiveIndex(rows.shape[1], base).snapshot
    found = compared(
        snapshot, lambda wanted: unit_rows(snapshot.vectors(wanted)), keys, mixed, lambda _: None
    )
    same = {tuple(pair) for pair in found.pairs[found.same].tolist()}
    return {
        "made": count,
        "index_s": round(indexed - started, 1),
        "compare_s": round(time.perf_counter() - indexed, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "pairs": len(found.pairs),
        "near": len(same),
        "missed": sum((key, key + 1) not in same for key in range(0, count - 1, MIRRORED)),
    }


def _of_photos() -> tuple[Spectra, Vectors]:
    """Spectra and embeddings of photos of clothes, (N, F, F) and (N, D)."""
    encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER))
    files = photos(DATASETS / "clothing" / SPLITS["clothing"][0])
    contents = [files[number].read_bytes() for number in some(len(files), PHOTOS_MIXED)]
    squares = [decode_pixels(each, PREPROCESSING, LIMITS).pixels for each in contents]
    vectors = embedded(encoder, contents, encoder.spec.preprocessing)
    return spectra_of(np.stack(squares)), vectors


def _timed(engine: SearchEngine) -> tuple[Duplicates, float]:
    started = time.perf_counter()
    found = find_duplicates(engine, DEFAULT_COLLECTION, None, without_progress)
    return found, time.perf_counter() - started


def _recalls(dataset: str, found: Duplicates, count: int) -> Iterator[Row]:
    together = {each: group for group in _near(found) for each in group}
    shares = []
    for name in CHANGES:
        hits = [
            f"{name}/{number}.jpg" in together.get(f"{ORIGINAL}/{number}.jpg", ())
            for number in range(count)
        ]
        shares.append(np.mean(hits))
        yield {"dataset": dataset, "change": name, "recall": round(float(shares[-1]), 3)}
    yield {"dataset": dataset, "change": "all", "recall": round(float(np.mean(shares)), 3)}


def _precision(found: Duplicates) -> Row:
    """Of pairs by origin; a pair of the training split is looked at by people."""
    right = wrong = training = 0
    for group in _near(found):
        for one, other in combinations([each.split("/") for each in group], 2):
            if one[0] == other[0] == TRAINING:
                training += 1
            elif TRAINING not in (one[0], other[0]) and one[1] == other[1]:
                right += 1
            else:
                wrong += 1
    share = round(right / max(1, right + wrong), 4)
    return {"pairs": right + wrong, "precision": share, "found_in_training": training}


def _near(found: Duplicates) -> Sequence[Sequence[str]]:
    return [group.items for group in found.groups if group.tier == "near"]


def some(total: int, count: int) -> Sequence[int]:
    """Numbers of so many of all, the same each time."""
    chosen: list[int] = np.random.default_rng(SEED).permutation(total)[:count].tolist()
    return chosen


def store(pictures: Path, name: str, number: int, content: bytes) -> None:
    """Write a picture as `name/number.jpg`."""
    file = pictures / name / f"{number}.jpg"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


if __name__ == "__main__":
    main()
