"""Photos as phones take them, 12 megapixels: how fast they are decoded, and what it costs.

The photos of the dataset are enlarged to 3024 x 4032 and get grain and JPEG quality of a phone, so
that a file is some megabytes large. A decoder that makes use of JPEG's scales is held against one
that decodes every pixel, in time and in the embedding that comes of it.
"""

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.index_run import OURS, Row, WholeRun, evenly, ratio_row
from benchmarks.limits import LIMITS
from benchmarks.machine import alternate, spread
from search_engine.encoders.base import Encoder
from search_engine.images import Preprocessing, decode_pixels, load_rgb
from search_engine.records import Pixels

SIZE_PX = (3_024, 4_032)
QUALITY = 90
GRAIN = 3.5
"""Standard deviation of the noise, of 255, on each pixel and on blocks of two: files of 3 MB."""

PHOTOS = 12
FILES = 120
TIMES_FULL_SIZE = 4.0
LEAST_COSINE = 0.995
"""The least that we want."""


def phone_photo(photo: Path, seed: int, quality: int = QUALITY) -> bytes:
    """A JPEG of 12 megapixels, upright or lying as the photo is."""
    image = Image.open(photo).convert("RGB")
    size = SIZE_PX if image.width <= image.height else SIZE_PX[::-1]
    pixels = np.asarray(image.resize(size, Image.Resampling.LANCZOS), dtype=np.float32)
    file = io.BytesIO()
    grained = np.clip(pixels + grain(size, seed)[:, :, None], 0, 255).astype(np.uint8)
    Image.fromarray(grained).save(file, "JPEG", quality=quality)
    return file.getvalue()


def grain(size: tuple[int, int], seed: int) -> np.ndarray:
    """Noise of brightness, (height, width), float32: fine, and as coarse as denoising leaves it."""
    random = np.random.default_rng(seed)
    width, height = size
    fine = random.standard_normal((height, width), dtype=np.float32)
    coarse = random.standard_normal((height // 2, width // 2), dtype=np.float32)
    return GRAIN * (fine + np.kron(coarse, np.ones((2, 2), dtype=np.float32)))


def full_size_pixels(content: bytes, preprocessing: Preprocessing) -> Pixels:
    """As `decode_pixels` gives them, (size_px, size_px, 3), but from every pixel of the file."""
    image, _ = load_rgb(content, LIMITS, min_side_px=None)
    side = min(image.size) * preprocessing.size_px / preprocessing.resize_px
    left, top = (image.width - side) / 2, (image.height - side) / 2
    resampling = Image.Resampling[preprocessing.interpolation.upper()]
    size = (preprocessing.size_px, preprocessing.size_px)
    return np.asarray(image.resize(size, resampling, box=(left, top, left + side, top + side)))


def scaled_pixels(content: bytes, preprocessing: Preprocessing) -> Pixels:
    """As an indexing run decodes them."""
    return decode_pixels(content, preprocessing, LIMITS).pixels


Decode = Callable[[bytes, Preprocessing], Pixels]


def decode_rate(decode: Decode, contents: Sequence[bytes], preprocessing: Preprocessing) -> float:
    """Photos a second of one core."""
    started = time.process_time()
    for content in contents:
        decode(content, preprocessing)
    return len(contents) / (time.process_time() - started)


def cosines(contents: Sequence[bytes], encoder: Encoder) -> np.ndarray:
    """Of the embeddings of both ways to decode, (N,), by the same encoder."""
    both = [
        encoder.encode(np.stack([decode(each, encoder.spec.preprocessing) for each in contents]))
        for decode in (scaled_pixels, full_size_pixels)
    ]
    return np.asarray(np.einsum("nd,nd->n", *both))


def phone_rows(work: Path, photos: Sequence[Path], encoder: Encoder, runs: int) -> list[Row]:
    """Photos of 12 megapixels: indexing them, and decoding them scaled and at full size."""
    chosen = evenly(photos, PHOTOS)
    contents = [phone_photo(photo, seed) for seed, photo in enumerate(chosen)]
    source = write_files(contents, work / "phone", FILES)
    preprocessing = encoder.spec.preprocessing
    found = alternate(
        runs,
        {
            "index": WholeRun(source, work).measure,
            "scaled": lambda: decode_rate(scaled_pixels, contents, preprocessing),
            "full": lambda: decode_rate(full_size_pixels, contents, preprocessing),
        },
    )
    cosine = cosines(contents, encoder)
    scaled, full = "decoding scaled", "decoding at full size"
    return [
        {
            "what": f"{OURS} of 12 megapixels, images/s",
            **spread(found["index"]),
            "mb_a_photo": round(sum(map(len, contents)) / len(contents) / 1e6, 2),
        },
        {"what": f"{scaled}, images/s of a core", **spread(found["scaled"])},
        {"what": f"{full}, images/s of a core", **spread(found["full"])},
        ratio_row(scaled, found["scaled"], full, found["full"], TIMES_FULL_SIZE),
        {
            "what": "cosine to full size",
            "mean": round(float(cosine.mean()), 5),
            "min": round(float(cosine.min()), 5),
            "wanted": LEAST_COSINE,
        },
    ]


def write_files(contents: Sequence[bytes], folder: Path, wanted: int) -> Path:
    """So many files of these photos; bytes behind their end differ."""
    folder.mkdir()
    for number in range(wanted):
        content = contents[number % len(contents)]
        (folder / f"{number}.jpg").write_bytes(content + number.to_bytes(4, "big"))
    return folder
