"""How many pictures a second each runtime encodes, and how well it agrees with float32 torch.

    python -m benchmarks.encode [--json] [--runs N] [--pictures N] [--encoder NAME]

int8 is calibrated with up to 300 photos more; it is left out where NNCF is not installed.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import DATASETS, alternate, parser_of, report, spread
from data.sample_catalog.writer import write_catalog
from search_engine.adapt.int8 import CALIBRATION_PICTURES, calibration_rows
from search_engine.encoders.base import Encoder
from search_engine.encoders.cnn import CnnEncoder
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.encoders.runtime import RuntimeChoice, present_choices
from search_engine.encoders.runtime.int8 import calibrated
from search_engine.images import CATALOG_FORMATS, ImageLimits, decode_pixels
from search_engine.records import Pixels

REFERENCE: RuntimeChoice = "torch-float32"


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=128)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as cache:
        encoder = create_encoder(EncoderRequest(arguments.encoder, cache=Path(cache)))
        assert isinstance(encoder, CnnEncoder)
        pixels, dataset = load_pixels(encoder, arguments.pictures + CALIBRATION_PICTURES)
        used = calibration_rows(len(pixels))
        if find_spec("nncf"):
            with calibrated(encoder.source, pixels[used]) as int8:
                int8.keep()
        encoders = {
            choice: create_encoder(EncoderRequest(arguments.encoder, None, choice, Path(cache)))
            for choice in present_choices(encoder.source)
        }
    pixels = np.delete(pixels, used, axis=0)
    rows = measure(encoders, pixels, arguments.runs)
    report(
        rows,
        arguments.json,
        encoder=arguments.encoder,
        dataset=dataset,
        pictures=len(pixels),
    )


def measure(
    encoders: Mapping[RuntimeChoice, Encoder], pixels: Pixels, runs: int
) -> list[dict[str, Any]]:
    """A row for each runtime: its rates in turns with the others, and its cosines."""
    reference = encoders[REFERENCE].encode(pixels)
    times = alternate(runs, {name: timer(each, pixels) for name, each in encoders.items()})
    rows = []
    for name, encoder in encoders.items():
        cosine = np.vecdot(encoder.encode(pixels), reference)
        rows.append(
            {
                "runtime": encoder.runtime,
                **{f"images_per_second_{key}": one for key, one in spread(times[name]).items()},
                "cosine_min": round(float(cosine.min()), 5),
                "cosine_p1": round(float(np.percentile(cosine, 1)), 5),
                "below_0.999": int((cosine < 0.999).sum()),
                "cosine_mean": round(float(cosine.mean()), 5),
            }
        )
    return rows


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
