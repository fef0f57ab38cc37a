"""What `eyedex tune` brings on both datasets: before, after the quick way, after training.

    python -m benchmarks.tune [--datasets NAME ...] [--quality fast|best] [--finetune MINUTES]
        [--keep FOLDER] [--json]

The training photos of a dataset are the catalog, its validation photos are asked; nothing is
learned from those. Each figure is what `eyedex evaluate` says of them. Beside it: how near the
features of the default runtime are to those of float32 torch (the least cosine), and how fast it
encodes relative to the default encoder as it came, in turns. `iconic` asks the 81 clean pictures of
the groceries' catalog with the validation photos, by the encoder of that step. `promised` is the
accuracy that `tune` told to expect of new photos, `gate` that of the gate's plain vote, `easy` what
single items held out make it expect.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import DATASETS, report
from search_engine.collections.encoders import encoder_request
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.encoders.projection import ProjectedEncoder
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.engine import SearchEngine
from search_engine.images import Preprocessing, decode_pixels
from search_engine.neighbors import nearest
from search_engine.records import Pixels, Vectors

SPLITS = {"clothing": ("train", "validation"), "grocery": ("train", "val")}
COMMAND = (sys.executable, "-m", "api.cli.main")
MEASURES = ("accuracy", "map", "hit_rate@1", "ece", "ece_expected")
BATCH = 64
ROUNDS, CALLS = 6, 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", nargs="+", choices=SPLITS, default=list(SPLITS))
    parser.add_argument("--quality", choices=("fast", "best"), default="fast")
    parser.add_argument("--finetune", type=float, metavar="MINUTES")
    parser.add_argument("--keep", type=Path, help="Folder for the catalogs; else they are deleted.")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as folder:
        rows = [
            row
            for name in given.datasets
            for row in steps(
                name, (given.keep or Path(folder)) / name, given.quality, given.finetune
            )
        ]
    report(rows, given.json, quality=given.quality)


def steps(dataset: str, data: Path, quality: str, minutes: float | None) -> list[dict[str, Any]]:
    """The figures of each step."""
    train, asked = (DATASETS / dataset / part for part in SPLITS[dataset])
    eyedex("index", train, "--quality", quality, "--no-tune", data=data)
    rows = [measured(dataset, "raw", asked, data, 0.0)]
    quick = eyedex("tune", data=data)
    rows.append({**measured(dataset, "quick", asked, data, quick["seconds"]), **promised(quick)})
    if minutes is not None:
        trained = eyedex("tune", "--finetune", "--minutes", minutes, data=data)
        row = measured(dataset, "finetune", asked, data, trained["seconds"])
        rows.append({**row, **promised(trained)})
    return rows


def promised(told: dict[str, Any]) -> dict[str, float]:
    """What was expected of new photos, what the gate measured, and that of easy folds."""
    found = {"promised": round(told["promised_accuracy"], 3)}
    found["gate"] = round(told["gate"]["accuracy"]["after"], 3)
    if told["easy_accuracy"]:
        found["easy"] = round(told["easy_accuracy"]["after"], 3)
    return found


def eyedex(*arguments: object, data: Path) -> dict[str, Any]:
    """What a command answers."""
    command = [*COMMAND, *map(str, arguments), "--data", str(data), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measured(dataset: str, step: str, asked: Path, data: Path, seconds: float) -> dict[str, Any]:
    """One row."""
    found = eyedex("evaluate", asked, data=data)
    row = {"dataset": dataset, "step": step, "seconds": round(seconds, 1)}
    row |= {name: round(found[name], 3) for name in MEASURES}
    if found.get("per_level"):
        row["per_level"] = " ".join(f"{value:.3f}" for value in found["per_level"].values())
    with SearchEngine(settings=Settings(data=data)) as engine:
        live = engine.live("default")
        encoder = live.encoder()
        assert encoder is not None
        request = encoder_request(live.record, engine.settings, engine.catalog)
        wanted = encoder.spec.preprocessing
        files = pictures(asked)
        photos = decoded(files, wanted)
        exact = create_encoder(replace(request, runtime="torch-float32"))
        plain = encoder.base if isinstance(encoder, ProjectedEncoder) else encoder
        row["dimension"] = encoder.spec.dimension
        cosines = np.vecdot(encode(plain, photos), encode(exact, photos))
        row["least_cosine"] = round(float(cosines.min()), 4)
        row["speed"] = round(speed(encoder, files[:BATCH]), 3)
        if dataset == "grocery":
            row |= iconic(encoder, files, photos)
    return row


def pictures(folder: Path) -> list[Path]:
    """All of a folder, by name."""
    return sorted(folder.rglob("*.jpg"))


def decoded(files: Sequence[Path], wanted: Preprocessing) -> Pixels:
    """Pixels (N, S, S, 3) as an encoder wants them."""
    limits = Settings().catalog_limits()
    return np.stack([decode_pixels(file.read_bytes(), wanted, limits).pixels for file in files])


def encode(encoder: Encoder, photos: Pixels) -> Vectors:
    """Embeddings (N, D)."""
    parts = range(0, len(photos), BATCH)
    return np.concatenate([encoder.encode(photos[start : start + BATCH]) for start in parts])


def speed(encoder: Encoder, files: Sequence[Path]) -> float:
    """Photos a second, relative to the default encoder as it came.

    Each has several calls in a row, of which the first does not count: threads of the other one
    may still be waiting for work.
    """
    came = create_encoder(EncoderRequest(DEFAULT_ENCODER))
    pixels = {each.spec.name: decoded(files, each.spec.preprocessing) for each in (came, encoder)}
    taken: dict[str, list[float]] = {"came": [], "this": []}
    for _ in range(ROUNDS):
        for name, one in (("came", came), ("this", encoder)):
            photos = pixels[one.spec.name]
            one.encode(photos)
            for _ in range(CALLS):
                started = time.perf_counter()
                one.encode(photos)
                taken[name].append(time.perf_counter() - started)
    return median(taken["came"]) / median(taken["this"])


def iconic(encoder: Encoder, files: Sequence[Path], photos: Pixels) -> dict[str, float]:
    """How often the clean picture of the product is among the first 1 and 5 for a photo."""
    folder = DATASETS / "grocery" / "iconic" / "images"
    products = pictures(folder)
    gallery = encode(encoder, decoded(products, encoder.spec.preprocessing))
    _, order = nearest(encode(encoder, photos), gallery, 5)
    names = np.array([product.stem for product in products])
    right = names[order] == np.array([file.parent.name for file in files])[:, None]
    return {
        "iconic@1": round(float(right[:, 0].mean()), 3),
        "iconic@5": round(float(right.any(axis=1).mean()), 3),
    }


if __name__ == "__main__":
    main()
