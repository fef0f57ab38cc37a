"""Whether what is promised comes true: accuracy, confidence and coverage on photos to come.

    python -m benchmarks.trust [--datasets NAME ...] [--keep FOLDER] [--json]

The training photos of a dataset are the catalog, as it comes (`raw`) and after `eyedex tune`, and
everything is learned and calibrated from these alone; then its validation photos are asked.
`promise` sets the accuracy that hard and easy folds expect beside the one that came true, and the
seconds that calibrating and tuning took. Each level of the label has the error of its confidence
beside what a perfect confidence would show on as many photos. `accepted` is what
`accept-accuracy` gives, with the coverage that was stated for it and the one that came true.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.quality import SPLITS, embedded, labelled
from benchmarks.vote import accepted, answers, levels
from indexer.change.report import Report
from indexer.change.tune import tune_collection
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.collections.labelled import Labelled, read_gallery
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.engine import SearchEngine
from search_engine.vote.calibration.collection import calibrate_collection
from search_engine.vote.calibration.record import Calibration

COLLECTION = "default"
Row = dict[str, Any]


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--datasets", nargs="+", choices=SPLITS, default=list(SPLITS))
    parser.add_argument("--keep", type=Path, help="Folder for the catalogs; else they are deleted.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as folder:
        rows = [
            row
            for name in given.datasets
            for row in steps(name, Settings(data=(given.keep or Path(folder)) / name))
        ]
    report(rows, given.json)


def steps(dataset: str, settings: Settings) -> Iterator[Row]:
    """The figures of a catalog as it comes, and tuned."""
    train, asked = (DATASETS / dataset / part for part in SPLITS[dataset])
    index_source(open_source(train), IndexRequest(), settings)
    for step in ("raw", "tuned"):
        with SearchEngine(settings=settings) as engine:
            tuned = tune_collection(engine, COLLECTION) if step == "tuned" else None
        with SearchEngine(settings=settings) as engine:
            started = time.process_time()
            calibrated = calibrate_collection(engine.catalog, COLLECTION)
            spent = time.process_time() - started
            encoder = engine.live(COLLECTION).encoder()
            assert encoder is not None
            photos = queries_of(asked, encoder)
            gallery = read_gallery(engine.catalog, COLLECTION)
        for row in measured(calibrated, gallery, photos, tuned):
            yield {"dataset": dataset, "step": step, **row}
        print(f"{dataset} {step}: calibrated in {spent:.1f} core-s", flush=True)


def queries_of(folder: Path, encoder: Encoder) -> Labelled:
    """The photos of a folder, with labels."""
    rows = embedded(folder, encoder)
    return labelled(rows, [])


def measured(
    calibrated: Calibration, gallery: Labelled, photos: Labelled, tuned: Report | None
) -> Iterator[Row]:
    """The rows of one step."""
    found = answers(calibrated, gallery, photos)
    rows = list(levels(found, photos.labels))
    promise: Row = {"what": "promise", "calibration": round(calibrated.figures.accuracy, 4)}
    if tuned is not None and tuned.verdict is not None:
        promise["gate"] = round(tuned.verdict.changes["accuracy"].after, 4)
        promise["held by"] = tuned.verdict.held_by
        promise |= {name: round(each[1], 4) for name, each in tuned.verdict.easier.items()}
        promise["tune seconds"] = round(tuned.seconds, 1)
    yield {**promise, "came true": rows[-1]["accuracy"]}
    yield from rows
    yield from accepted(calibrated, gallery, photos)


if __name__ == "__main__":
    main()
