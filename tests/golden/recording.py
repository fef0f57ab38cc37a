"""What the golden file holds, and how it is made: `python -m tests.golden.recording`.

Record anew only when embeddings are meant to change, and say so in the change log: stored
catalogs then no longer fit.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.images import ImageLimits, decode_pixels
from search_engine.records import Pixels, Vectors
from tests.conftest import draw

GOLDEN = Path(__file__).with_name("embeddings.json")
ENCODERS = ("efficientnet_lite0", "hsv")
PICTURES = ("backpack-0001-a", "mug-0001-a", "sneaker-0001-a")
DIRECTIONS = 16


def reference_encoder(name: str) -> Encoder:
    """In float32, where there is a choice."""
    return create_encoder(EncoderRequest(name, runtime="torch-float32"))


def computed_pixels(encoder: Encoder) -> Pixels:
    """Three pictures by integer arithmetic: a ramp, tiles and stripes; no decoder is involved."""
    size = encoder.spec.preprocessing.size_px
    y, x = np.mgrid[:size, :size]
    ramp = np.stack([x * 255 // size, y * 255 // size, (x + y) * 127 // size], axis=-1)
    tiles = np.stack([x // 16 % 2 * 200, y // 16 % 2 * 160, (x // 32 + y // 32) % 2 * 90], axis=-1)
    stripes = np.stack([(x + 2 * y) % 64 * 4, (3 * x - y) % 96 * 2, x * 0 + 40], axis=-1)
    return np.stack([ramp, tiles, stripes]).astype(np.uint8)


def drawn_pixels(encoder: Encoder, images: Path) -> Pixels:
    """Three drawn products, decoded from JPEG."""
    preprocessing, limits = encoder.spec.preprocessing, ImageLimits()
    files = [(images / f"{name}.jpg").read_bytes() for name in PICTURES]
    return np.stack([decode_pixels(data, preprocessing, limits).pixels for data in files])


def described(vectors: Vectors) -> dict[str, Any]:
    """Products with fixed directions, in which every component has a part, and with each other."""
    wide = vectors.astype(np.float64)
    component, direction = np.mgrid[1 : wide.shape[1] + 1, 1 : DIRECTIONS + 1]
    return {
        "projections": np.round(wide @ np.cos(component * direction), 6).tolist(),
        "cosines": np.round(wide @ wide.T, 6).tolist(),
    }


def record(images: Path) -> dict[str, Any]:
    golden = {}
    for name in ENCODERS:
        encoder = reference_encoder(name)
        golden[name] = {
            "fingerprint": encoder.spec.fingerprint,
            "computed": described(encoder.encode(computed_pixels(encoder))),
            "drawn": described(encoder.encode(drawn_pixels(encoder, images))),
        }
    return golden


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder))
        GOLDEN.write_text(json.dumps(record(Path(folder) / "images"), indent=1) + "\n")
