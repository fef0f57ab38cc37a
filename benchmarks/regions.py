"""What `regions=auto` finds on cluttered photos, what it costs on plain ones, and in time.

    python -m benchmarks.regions [--json] [--photos 150] [--gallery 1000]

Cluttered: pictures of the gallery pasted small (a tenth to a third of the area) onto mosaics of
crops of validation photos; right is that very item. Plain: validation photos; right is an item of
the same label. Ways: the whole photo alone; the nine windows with their cost, as `auto` does it;
the windows without their cost; the regions that `propose` tells, with the cost. `ms` is a query's
embedding, decoding included.
"""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cluttered import cluttered
from benchmarks.explain import some_photos
from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.quality import SPLITS
from search_engine.encoders.base import Encoder, encode_picture, encode_possible
from search_engine.encoders.patches import WINDOWS
from search_engine.encoders.positions import positions_of
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.images import Box, ImageLimits, decode_pixels
from search_engine.records import Vectors
from search_engine.search.regions import COST, propose, whole_photo

SHOWN = 10
LIMITS = ImageLimits()
Boxes = Callable[[Encoder, bytes], Sequence[Box]]
Right = NDArray[np.bool_]


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--photos", type=int, default=150)
    parser.add_argument("--gallery", type=int, default=1_000)
    given = parser.parse_args()
    encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER))
    rows: list[dict[str, Any]] = []
    for dataset, (train, validation) in SPLITS.items():
        gallery = some_photos(DATASETS / dataset / train, given.gallery)
        plain = some_photos(DATASETS / dataset / validation, given.photos)
        vectors = np.concatenate([embedded(encoder, path.read_bytes()) for path in gallery])
        pasted = np.random.default_rng(1).permutation(len(gallery))[: given.photos]
        photos = [jpeg(gallery[number], plain, int(number)) for number in pasted]
        same = pasted[:, None] == np.arange(len(gallery))[None]
        rows += measure(f"{dataset}, cluttered", encoder, photos, vectors, same)
        labels = np.array([label(path, DATASETS / dataset / train) for path in gallery])
        wanted = np.array([label(path, DATASETS / dataset / validation) for path in plain])
        alike = wanted[:, None] == labels[None]
        photos = [path.read_bytes() for path in plain]
        rows += measure(f"{dataset}, plain", encoder, photos, vectors, alike)
    report(rows, given.json, encoder=DEFAULT_ENCODER, cost=COST)


def jpeg(thing: Path, others: Sequence[Path], seed: int) -> bytes:
    """A cluttered photo as a file."""
    buffer = io.BytesIO()
    cluttered(thing, others, seed).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def label(path: Path, root: Path) -> str:
    """The label of a photo: its folder."""
    return str(path.parent.relative_to(root))


def measure(
    name: str, encoder: Encoder, photos: Sequence[bytes], gallery: Vectors, right: Right
) -> list[dict[str, Any]]:
    """A row for each way to ask; `right` (photos, items) are the items that should be found."""
    ways: dict[str, tuple[Boxes, float]] = {
        "whole": (lambda encoder, photo: (), 0.0),
        "auto": (lambda encoder, photo: WINDOWS, COST),
        "windows without cost": (lambda encoder, photo: WINDOWS, 0.0),
        "proposed": (proposed, COST),
    }
    rows = []
    for way, (boxes, cost) in ways.items():
        started = perf_counter()
        scores = [
            scores_of(encoder, photo, boxes(encoder, photo), gallery, cost) for photo in photos
        ]
        ms = (perf_counter() - started) * 1000 / len(photos)
        found = np.take_along_axis(right, np.argsort(-np.stack(scores), axis=1), axis=1)
        shown = found[right.any(axis=1), :SHOWN]
        rows.append(
            {
                "photos": name,
                "way": way,
                "queries": len(shown),
                "hit_rate@1": round(float(shown[:, 0].mean()), 3),
                f"hit_rate@{SHOWN}": round(float(shown.any(axis=1).mean()), 3),
                f"precision@{SHOWN}": round(float(shown.mean()), 3),
                "ms": round(ms, 1),
            }
        )
    return rows


def scores_of(
    encoder: Encoder, photo: bytes, boxes: Sequence[Box], gallery: Vectors, cost: float
) -> Vectors:
    """The score of each item: the best of the whole photo and its parts."""
    whole: Vectors = (embedded(encoder, photo) @ gallery.T)[0]
    if not boxes:
        return whole
    middles = [
        decode_pixels(photo, encoder.spec.preprocessing, LIMITS, box).pixels for box in boxes
    ]
    _, parts = encode_possible(encoder, np.stack(middles))
    return np.asarray(np.maximum(whole, (parts @ gallery.T).max(axis=0) - cost))


def embedded(encoder: Encoder, photo: bytes) -> Vectors:
    """The embedding of a whole photo, (1, D)."""
    return encode_picture(encoder, decode_pixels(photo, encoder.spec.preprocessing, LIMITS))


def proposed(encoder: Encoder, photo: bytes) -> list[Box]:
    """The boxes that `regions=propose` tells."""
    pixels = decode_pixels(photo, whole_photo(encoder.spec.preprocessing), LIMITS).views
    energy = np.linalg.norm(positions_of(encoder, pixels, "regions")[0], axis=-1)
    return [each.box for each in propose(energy)]


if __name__ == "__main__":
    main()
