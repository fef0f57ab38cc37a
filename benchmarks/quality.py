"""What each runtime costs in quality: accuracy and mAP of both datasets against float32 torch.

    python -m benchmarks.quality [--json] [--datasets NAME ...]

The training photos of a dataset are the gallery, its validation photos the queries, as in
`eyedex evaluate`: a label by the vote of 10 neighbors, and the ranking of the whole gallery. Then
each photo of the gallery is asked about in turn, itself left out. Differences are in points of a
hundred; one more query answered right is worth `points_a_query`. int8 is calibrated with photos of
the gallery, as its owner would; it is left out where that is refused or NNCF is not installed.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import numpy as np

from benchmarks.index_run import Row
from benchmarks.machine import DATASETS, parser_of, report
from indexer.embed import EmbeddedRow, embed_source
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.adapt.int8 import calibrate_int8
from search_engine.collections.labelled import Labelled
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.encoders.runtime import RuntimeChoice
from search_engine.engine import SearchEngine
from search_engine.evaluate.evaluation import evaluate
from search_engine.images.decode_pool import DecodePool
from search_engine.storage.paths import DataPaths

SPLITS = {"clothing": ("train", "validation"), "grocery": ("train", "val")}
REFERENCE: RuntimeChoice = "torch-float32"
NEIGHBORS = 10
COMPARED = ("accuracy", "map")
WITHIN_POINTS = 0.3
"""The largest loss that we want to allow a runtime."""


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--datasets", nargs="+", choices=SPLITS, default=list(SPLITS))
    given = parser.parse_args()
    absent = [name for name in given.datasets if not (DATASETS / name).is_dir()]
    if absent:
        parser.exit(1, f"no photos of {' and '.join(absent)} on this machine\n")
    rows = []
    for dataset in given.datasets:
        with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as folder:
            encoders = encoders_of(dataset, Settings(data=Path(folder)))
            measured = {name: measure(dataset, encoder) for name, encoder in encoders.items()}
        for task in measured[REFERENCE]:
            rows += compared(task, {name: found[task] for name, found in measured.items()})
    report(rows, given.json, encoder=DEFAULT_ENCODER, k=NEIGHBORS)


def runtimes() -> list[RuntimeChoice]:
    """All that can be chosen by name."""
    return [runtime for runtime in get_args(RuntimeChoice) if runtime != "auto"]


def encoders_of(dataset: str, settings: Settings) -> dict[RuntimeChoice, Encoder]:
    """The default encoder on every runtime that is here."""
    present = set(runtimes())
    if not find_spec("nncf") or not calibrated(DATASETS / dataset / SPLITS[dataset][0], settings):
        present.discard("openvino-int8")
    request = EncoderRequest(DEFAULT_ENCODER, cache=DataPaths(settings.data).encoders)
    return {name: create_encoder(replace(request, runtime=name)) for name in sorted(present)}


def calibrated(gallery: Path, settings: Settings) -> bool:
    """Make int8 for a catalog of the gallery's photos; False, and said why, if it is refused."""
    index_source(open_source(gallery), IndexRequest(), settings)
    with SearchEngine(settings=settings) as engine:
        refusals = calibrate_int8(engine, "default").refusals
    if refusals:
        print(f"int8 is left out: {'; '.join(refusals)}", file=sys.stderr)
    return not refusals


def measure(dataset: str, encoder: Encoder) -> dict[str, dict[str, Any]]:
    """Measures by task, for what one runtime embedded."""
    photos, queries = (embedded(DATASETS / dataset / split, encoder) for split in SPLITS[dataset])
    gallery = labelled(photos, photos)
    return {
        dataset: evaluate(labelled(queries, photos), gallery, NEIGHBORS),
        f"{dataset}, one left out": evaluate(gallery, gallery, NEIGHBORS),
    }


def embedded(folder: Path, encoder: Encoder) -> list[EmbeddedRow]:
    """Every picture below the folder."""
    settings = Settings()
    with DecodePool(settings.catalog_limits(), settings.workers) as decoder:
        found = embed_source(
            open_source(folder), encoder, decoder, settings.batch_size, settings.catalog_max_bytes
        )
        return [row for row in found if isinstance(row, EmbeddedRow)]


def labelled(rows: Sequence[EmbeddedRow], gallery: Sequence[EmbeddedRow]) -> Labelled:
    """With the keys of the same pictures in the gallery, so that none finds itself."""
    keys = {row.content_hash: key for key, row in enumerate(gallery)}
    return Labelled(
        np.concatenate([row.vector for row in rows]),
        [row.row.label for row in rows],
        np.array([keys.get(row.content_hash, -1) for row in rows], dtype=np.int64),
    )


def compared(dataset: str, measured: Mapping[RuntimeChoice, Mapping[str, Any]]) -> list[Row]:
    """A row for each runtime, with its differences to the reference."""
    return [
        {
            "dataset": dataset,
            "runtime": runtime,
            **{name: measures[name] for name in COMPARED},
            **differences(measures, measured[REFERENCE]),
            "queries": measures["queries"],
            "points_a_query": round(100 / measures["queries"], 2),
            "gallery": measures["gallery"],
        }
        for runtime, measures in measured.items()
    ]


def differences(measures: Mapping[str, Any], reference: Mapping[str, Any]) -> Row:
    """Points of a hundred above the reference, and whether no loss is too large."""
    points = {name: 100 * (measures[name] - reference[name]) for name in COMPARED}
    return {
        **{f"{name}_points": round(value, 2) for name, value in points.items()},
        "within": min(points.values()) >= -WITHIN_POINTS,
    }


if __name__ == "__main__":
    main()
