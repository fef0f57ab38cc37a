"""What `turns=any` finds for photos that lie on their side, and what it costs upright ones.

    python -m benchmarks.turns [--json] [--photos 150] [--gallery 1000] [--datasets NAME ...]

Photos of the validation split ask photos of the training split, as they are and after a quarter
turn: alone; with all turns at the cost that is the default; and without the cost. Right is an item
of the same label. `ms` is a query's embedding and the comparison with all items.
"""

import io
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image, ImageOps

from benchmarks.explain import some_photos
from benchmarks.index_run import Row
from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.quality import SPLITS
from benchmarks.regions import LIMITS, SHOWN, embedded, label
from search_engine.encoders.base import Encoder, encode_picture
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.images import decode_pixels
from search_engine.records import Vectors
from search_engine.search.turns import COST, turned

WAYS: dict[str, float | None] = {"alone": None, "any": COST, "any without cost": 0.0}


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--photos", type=int, default=150)
    parser.add_argument("--gallery", type=int, default=1_000)
    parser.add_argument("--datasets", nargs="+", choices=SPLITS, default=list(SPLITS))
    given = parser.parse_args()
    encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER))
    rows: list[Row] = []
    for dataset in given.datasets:
        train, validation = (DATASETS / dataset / split for split in SPLITS[dataset])
        gallery = some_photos(train, given.gallery)
        queries = some_photos(validation, given.photos)
        vectors = np.concatenate([embedded(encoder, path.read_bytes()) for path in gallery])
        labels = np.array([label(path, train) for path in gallery])
        wanted = np.array([label(path, validation) for path in queries])
        for name in ("upright", "turned"):
            files = [photo(path, name == "turned") for path in queries]
            for way, cost in WAYS.items():
                started = perf_counter()
                scores = np.stack([scores_of(encoder, file, vectors, cost) for file in files])
                ms = (perf_counter() - started) * 1000 / len(files)
                right = labels[np.argsort(-scores, axis=1)[:, :SHOWN]] == wanted[:, None]
                rows.append(
                    {
                        "dataset": dataset,
                        "photos": name,
                        "turns": way,
                        "hit_rate@1": round(float(right[:, 0].mean()), 3),
                        f"precision@{SHOWN}": round(float(right.mean()), 3),
                        "ms": round(ms, 1),
                    }
                )
    report(rows, given.json, encoder=DEFAULT_ENCODER, cost=COST)


def photo(path: Path, on_its_side: bool) -> bytes:
    """The file of a photo, coded anew, perhaps after a quarter turn."""
    buffer = io.BytesIO()
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    made = upright.transpose(Image.Transpose.ROTATE_90) if on_its_side else upright
    made.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def scores_of(encoder: Encoder, file: bytes, gallery: Vectors, cost: float | None) -> Vectors:
    """The score of each item, (N,); None for a cost asks with the photo alone."""
    decoded = decode_pixels(file, encoder.spec.preprocessing, LIMITS)
    whole = encode_picture(encoder, decoded) @ gallery.T
    if cost is None:
        return np.asarray(whole[0])
    turns = turned(encoder, decoded) @ gallery.T - np.float32(cost)
    return np.asarray(np.concatenate([whole, turns]).max(axis=0))


if __name__ == "__main__":
    main()
