"""Vectors that behave like real embeddings, by the hundred thousand.

Uniform noise has no neighbors worth finding and flatters nobody. Here each position of the CNN's
last feature map over real photos is a vector: 169 a photo. Photos whose positions are queries give
none to the base, as a shopper's photo is not in the catalog. They are of twice as many photos as
would give enough, rounded up to a power of two, or of all; each number of photos is computed once a
machine. Without the datasets a seeded low-dimensional manifold takes their place, and `origin` says
so.

python -m benchmarks.vectors [--count N] [--dimension D]
"""

import argparse
import hashlib
import math
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.index_run import evenly
from benchmarks.machine import DATASETS, report
from search_engine.encoders.base import unit_rows
from search_engine.encoders.lite import trained_lite
from search_engine.errors import ImageError
from search_engine.images import CATALOG_FORMATS, ImageLimits, Preprocessing, decode_pixels
from search_engine.neighbors import nearest

SIDE_PX = 416
POSITIONS = (SIDE_PX // 32) ** 2
"""Vectors of a photo."""
BATCH = 16
QUERY_EVERY = 20
"""One photo in so many gives queries instead of base vectors."""
SPARSELY = 2
"""So many times the photos that would give enough are taken."""
FIT_ROWS = 100_000
MANIFOLD_DIMENSION = 24
CACHE = Path(tempfile.gettempdir()) / "eyedex-benchmark-vectors"

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ScaleVectors:
    """`base` (N, D) and `queries` (Q, D), float32, unit rows, and where they come from."""

    base: Rows
    queries: Rows
    origin: str


def scale_vectors(count: int, dimension: int, queries: int = 1_000, seed: int = 0) -> ScaleVectors:
    """Base vectors and queries; the same arguments give the same vectors.

    Fewer than 1,280 dimensions are the leading principal components, as a tuned encoder gives.

    Raises:
        ValueError: The photos do not give so many.
    """
    random = np.random.default_rng(seed)
    if not DATASETS.is_dir():
        base, asked = manifold(count, queries, dimension, random)
        return ScaleVectors(base, asked, f"seeded manifold of {MANIFOLD_DIMENSION} dimensions")
    pool, query_pool, photos = _feature_pool(_photos_for(count, queries))
    if count > len(pool):
        raise ValueError(f"{photos} photos give {len(pool)} vectors, not {count}")
    chosen = np.sort(random.choice(len(pool), count, replace=False))
    asked = query_pool[np.sort(random.choice(len(query_pool), queries, replace=False))]
    if dimension == pool.shape[1]:
        base = unit_rows(pool[chosen].astype(np.float32))
    else:
        mean, axes = _principal_axes(pool, dimension)
        base = unit_rows(_project(pool[chosen], mean, axes))
        asked = _project(asked, mean, axes)
    return ScaleVectors(base, unit_rows(asked), f"feature map positions of {photos} photos")


def _photos_for(count: int, queries: int) -> int:
    """How many photos to take for so many base vectors and queries."""
    of_base = count / (1 - 1 / QUERY_EVERY)
    enough = max(of_base, queries * QUERY_EVERY) / POSITIONS
    return 1 << math.ceil(math.log2(SPARSELY * enough))


def _feature_pool(wanted: int) -> tuple[NDArray[np.float16], Rows, int]:
    """Base and query positions (., 1280) of at most so many photos, and how many these were."""
    every = sorted(path for path in DATASETS.rglob("*") if path.suffix in (".jpg", ".png"))
    photos = evenly(every, wanted)
    listing = "".join(f"{path.name}{path.stat().st_size}" for path in photos)
    stem = CACHE / hashlib.sha256(f"{SIDE_PX}{QUERY_EVERY}{listing}".encode()).hexdigest()[:16]
    files = (stem.with_suffix(".base.npy"), stem.with_suffix(".queries.npy"))
    if not all(file.exists() for file in files):
        CACHE.mkdir(parents=True, exist_ok=True)
        maps = np.concatenate(list(_feature_maps(photos)))
        is_query = np.arange(len(maps)) % QUERY_EVERY == 0
        for file, part in zip(files, (maps[~is_query], maps[is_query]), strict=True):
            rows = part.reshape(-1, part.shape[-1])
            np.save(file.with_suffix(".part.npy"), rows[rows.any(axis=1)])
            file.with_suffix(".part.npy").replace(file)
    base, asked = (np.load(file, mmap_mode="r") for file in files)
    return base, np.asarray(asked, dtype=np.float32), len(photos)


def _feature_maps(photos: list[Path]) -> Iterator[NDArray[np.float16]]:
    """The last feature maps of the default network, (n, positions, 1280), a batch at a time."""
    import openvino
    import torch

    example = torch.zeros(1, 3, SIDE_PX, SIDE_PX)
    network = openvino.convert_model(
        trained_lite(pool=""), example_input=example, input=[-1, 3, SIDE_PX, SIDE_PX]
    )
    compiled = openvino.compile_model(network, "CPU")
    for start in range(0, len(photos), BATCH):
        pixels = np.stack(list(_pixels(photos[start : start + BATCH])))
        samples = pixels.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
        maps = compiled(samples)[0]
        yield maps.reshape(*maps.shape[:2], -1).transpose(0, 2, 1).astype(np.float16)


def _pixels(photos: list[Path]) -> Iterator[NDArray[np.uint8]]:
    limits = ImageLimits(formats=CATALOG_FORMATS)
    preprocessing = Preprocessing(size_px=SIDE_PX, resize_px=SIDE_PX)
    for photo in photos:
        with suppress(ImageError):
            yield decode_pixels(photo.read_bytes(), preprocessing, limits).pixels


def _principal_axes(pool: NDArray[np.float16], dimension: int) -> tuple[Rows, Rows]:
    """Mean (1280,) and leading axes (1280, dimension) of an even sample of the pool."""
    step = max(1, len(pool) // FIT_ROWS)
    sample = unit_rows(pool[::step].astype(np.float32))
    mean = sample.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(sample - mean, rowvar=False))
    return mean, axes[:, ::-1][:, :dimension].astype(np.float32)


def _project(rows: NDArray[np.floating], mean: Rows, axes: Rows) -> Rows:
    """Unit rows, centred and projected, a block at a time."""
    return np.concatenate(
        [
            (unit_rows(rows[start : start + FIT_ROWS].astype(np.float32)) - mean) @ axes
            for start in range(0, len(rows), FIT_ROWS)
        ]
    )


def manifold(
    count: int, queries: int, dimension: int, random: np.random.Generator
) -> tuple[Rows, Rows]:
    """Points of a curved surface of few dimensions in clusters, with a little noise."""
    inner = min(MANIFOLD_DIMENSION, dimension)
    centres = random.normal(size=(max(1, count // 500), inner))
    maps = [random.normal(size=(inner, dimension)) / np.sqrt(inner) for _ in range(2)]

    def points(number: int) -> Rows:
        places = centres[random.integers(len(centres), size=number)]
        places = places + 0.5 * random.normal(size=places.shape)
        surface = np.tanh(places @ maps[0]) + np.sin(places @ maps[1])
        noise = 0.05 * random.normal(size=surface.shape)
        return unit_rows((surface + noise).astype(np.float32))

    base = np.concatenate(
        [points(min(FIT_ROWS, count - start)) for start in range(0, count, FIT_ROWS)]
    )
    return base, points(queries)


def main() -> None:
    """Make vectors and describe them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--count", type=int, default=450_000)
    parser.add_argument("--dimension", type=int, default=256)
    arguments = parser.parse_args()
    vectors = scale_vectors(arguments.count, arguments.dimension)
    cosines, _ = nearest(vectors.queries[:200], vectors.base, 10)
    quantiles = np.quantile(cosines.mean(axis=1), (0.05, 0.5, 0.95)).round(3).tolist()
    row = {
        "n": len(vectors.base),
        "dimension": vectors.base.shape[1],
        "mean_cosine_of_10_nearest_5_50_95": quantiles,
    }
    report([row], arguments.json, origin=vectors.origin)


if __name__ == "__main__":
    main()
