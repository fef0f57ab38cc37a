"""How many pictures a second each runtime encodes, and how well it agrees with float32 torch.

python -m benchmarks.encode [--json] [--runs N] [--pictures N]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.machine import DATASETS, alternate, report, spread
from data.sample_catalog.writer import write_catalog
from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.encoders.runtime import RuntimeChoice
from search_engine.images import CATALOG_FORMATS, ImageLimits, decode_pixels
from search_engine.records import Pixels

RUNTIMES: tuple[RuntimeChoice, ...] = ("torch", "openvino")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=128)
    arguments = parser.parse_args()
    encoders = {
        runtime: create_encoder(EncoderRequest(DEFAULT_ENCODER, runtime=runtime))
        for runtime in RUNTIMES
    }
    pixels, dataset = load_pixels(encoders["torch"], arguments.pictures)
    reference = encoders["torch"].encode(pixels)
    times = alternate(
        arguments.runs, {name: timer(encoder, pixels) for name, encoder in encoders.items()}
    )
    rows = []
    for name, encoder in encoders.items():
        cosine = np.einsum("nd,nd->n", encoder.encode(pixels), reference)
        rows.append(
            {
                "runtime": encoder.runtime,
                **{f"images_per_second_{key}": one for key, one in spread(times[name]).items()},
                "cosine_min": round(float(cosine.min()), 5),
                "below_0.999": int((cosine < 0.999).sum()),
                "cosine_mean": round(float(cosine.mean()), 5),
            }
        )
    report(rows, arguments.json, dataset=dataset, pictures=len(pixels))


def load_pixels(encoder: Encoder, wanted: int) -> tuple[Pixels, str]:
    """Decoded photos of the clothing dataset, else of the drawn catalog."""
    photos = sorted((DATASETS / "clothing" / "train").rglob("*.jpg"))
    dataset = "clothing"
    if not photos:
        folder = Path(tempfile.mkdtemp(prefix="eyedex-bench-"))
        write_catalog(folder)
        photos, dataset = sorted((folder / "images").rglob("*.jpg")), "drawn catalog"
    chosen = photos[:: max(1, len(photos) // wanted)][:wanted]
    limits = ImageLimits(formats=CATALOG_FORMATS)
    preprocessing = encoder.spec.preprocessing
    decoded = [decode_pixels(path.read_bytes(), preprocessing, limits) for path in chosen]
    return np.stack([each.pixels for each in decoded]), dataset


def timer(encoder: Encoder, pixels: Pixels) -> Callable[[], float]:
    """Pictures a second of one pass."""

    def measure() -> float:
        started = time.perf_counter()
        encoder.encode(pixels)
        return len(pixels) / (time.perf_counter() - started)

    encoder.encode(pixels)
    return measure


if __name__ == "__main__":
    main()
