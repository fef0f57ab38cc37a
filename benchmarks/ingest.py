"""How fast `eyedex index` takes in a catalog, against a plain loop with the same network.

    python -m benchmarks.ingest [--json] [--runs N] [--pictures N]

The plain loop is what a user would write: Pillow, float32 torch, one picture at a time. Each run
of ours is a whole index of a fresh data directory with the exported network at hand; starting
the decoding processes and publishing the index are counted.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import DATASETS, alternate, report, spread
from data.sample_catalog.writer import write_catalog
from indexer.local import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.images import CATALOG_FORMATS, ImageLimits, decode_pixels

PLAIN_PICTURES = 100


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=1_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as temporary:
        work = Path(temporary)
        photos, dataset = copy_photos(work / "source", arguments.pictures)
        cache = warm(work)
        rates = alternate(
            arguments.runs,
            {
                "plain loop": lambda: plain_rate(photos),
                "eyedex index": lambda: our_rate(work, cache),
            },
        )
    ratios = [ours / plain for ours, plain in zip(*reversed(rates.values()), strict=True)]
    rows = [{"engine": name, "images_per_second": spread(values)} for name, values in rates.items()]
    report(rows, arguments.json, dataset=dataset, pictures=len(photos), ratio=spread(ratios))


def copy_photos(folder: Path, wanted: int) -> tuple[list[Path], str]:
    """Photos of the clothing dataset, else the drawn catalog, as a folder source."""
    photos = sorted((DATASETS / "clothing" / "train").rglob("*.jpg"))[:wanted]
    if not photos:
        write_catalog(folder)
        return sorted(folder.rglob("*.jpg")), "drawn catalog"
    for number, photo in enumerate(photos):
        target = folder / photo.parent.name / f"{number}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, target)
    return sorted(folder.rglob("*.jpg")), "clothing"


def warm(work: Path) -> Path:
    """A folder with the exported network."""
    cache = work / "encoders"
    create_encoder(EncoderRequest(DEFAULT_ENCODER, cache=cache))
    return cache


def our_rate(work: Path, cache: Path) -> float:
    """Pictures a second of one whole run."""
    data = work / "data"
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(cache, data / "encoders")
    report = index_source(open_source(work / "source"), IndexRequest(), Settings(data=data))
    return report.encoded / report.seconds


def plain_rate(photos: list[Path]) -> float:
    """Pictures a second of the plain loop."""
    encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER, runtime="torch"))
    limits = ImageLimits(formats=CATALOG_FORMATS)
    started = time.perf_counter()
    for path in photos[:PLAIN_PICTURES]:
        decoded = decode_pixels(path.read_bytes(), encoder.spec.preprocessing, limits)
        encoder.encode(np.asarray(decoded.pixels)[None])
    return len(photos[:PLAIN_PICTURES]) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
