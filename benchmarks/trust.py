"""Whether what is promised comes true: accuracy, confidence and coverage on photos to come.

    python -m benchmarks.trust [--datasets NAME ...] [--splits N] [--keep FOLDER] [--json]

The training photos of a dataset are the catalog, as it comes (`raw`) and as a first `eyedex index`
tunes it, and everything is learned and calibrated from these alone; then its validation photos are
asked. `promise` sets the accuracy that hard folds expect, and items held out one by one, beside the
one that came true, each with its 95 % interval, in which photos of one thing count once; it `holds`
where both differ by no more than these allow. With `--keep` another run finds the pictures
embedded; the seconds of processor time that each step took are told as it ends. Each level of the
label has the error of its confidence beside what a perfect confidence would show on as many
photos. `accepted` is what `accept-accuracy` gives, with the coverage that was stated for it and the
one that came true. With `--splits` a fifth of the catalog as it comes is taken for photos to come,
N times by lot, in whole things and photo by photo: `pretended` tells in how many cases the promise
holds, how far it was from what came true, and the error of the confidence.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.quality import SPLITS, embedded, labelled
from benchmarks.vote import accepted, answers, levels
from indexer.change.automatic import learn_from_labels
from indexer.change.report import Report
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.collections.labelled import Labelled, read_gallery
from search_engine.config import Settings
from search_engine.encoders.base import Encoder
from search_engine.engine import SearchEngine
from search_engine.metrics import expected_calibration_error
from search_engine.neighbors import nearest
from search_engine.records import Codes, Prediction
from search_engine.things import FOLDS, things_of
from search_engine.vote.calibration.collection import calibrate_collection, gallery_voters
from search_engine.vote.calibration.fit import Fit, fit_labels
from search_engine.vote.calibration.held_out import NEIGHBORS as CALIBRATED_WITH
from search_engine.vote.calibration.held_out import ballots_at
from search_engine.vote.calibration.record import Calibration
from search_engine.vote.calibration.reliability import accuracy_interval, label_chances
from search_engine.vote.calibration.store import load_calibration

COLLECTION = "default"
Row = dict[str, Any]


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--datasets", nargs="+", choices=SPLITS, default=list(SPLITS))
    parser.add_argument("--splits", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="Folder for the catalogs; else they are deleted.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as folder:
        rows = [
            row
            for name in given.datasets
            for row in steps(name, Settings(data=(given.keep or Path(folder)) / name), given.splits)
        ]
    report(rows, given.json)


def steps(dataset: str, settings: Settings, splits: int) -> Iterator[Row]:
    """The figures of a catalog as it comes, and tuned."""
    train, asked = (DATASETS / dataset / part for part in SPLITS[dataset])
    index_source(open_source(train), IndexRequest(), settings)
    tuned = None
    for step in ("raw", "tuned"):
        started = time.process_time()
        with SearchEngine(settings=settings) as engine:
            if step == "tuned":
                tuned = learn_from_labels(engine, COLLECTION)
            calibrated = calibration(engine, step)
        with SearchEngine(settings=settings) as engine:
            encoder = engine.live(COLLECTION).encoder()
            assert encoder is not None
            photos = queries_of(asked, encoder)
            gallery = read_gallery(engine.catalog, COLLECTION)
        for row in measured(calibrated, gallery, photos, tuned):
            yield {"dataset": dataset, "step": step, **row}
        if splits and step == "raw":
            for row in pretended(gallery, splits):
                yield {"dataset": dataset, "step": step, **row}
        print(f"{dataset} {step}: {time.process_time() - started:.0f} core-s", flush=True)


def calibration(engine: SearchEngine, step: str) -> Calibration:
    """The calibration of a step; tuning leaves one, if the catalog had one before."""
    record = engine.live(COLLECTION).record
    found = load_calibration(engine.catalog, record, "label") if step == "tuned" else None
    return found or calibrate_collection(engine.catalog, COLLECTION)


def queries_of(folder: Path, encoder: Encoder) -> Labelled:
    """The photos of a folder, with labels."""
    rows = embedded(folder, encoder)
    return labelled(rows, [])


def measured(
    calibrated: Calibration, gallery: Labelled, photos: Labelled, tuned: Report | None
) -> Iterator[Row]:
    """The rows of one step."""
    found = answers(calibrated, gallery, photos)
    yield promise(calibrated, tuned, photos, found)
    yield from levels(found, photos.labels)
    yield from accepted(calibrated, gallery, photos)


def promise(
    calibrated: Calibration, tuned: Report | None, photos: Labelled, found: Sequence[Prediction]
) -> Row:
    """What was promised, beside what came true."""
    figures = calibrated.figures
    row: Row = {"what": "promise", "calibration": round(figures.accuracy, 4)}
    row["from, to"] = between(promised_by(calibrated))
    if figures.easy_accuracy is not None:
        row["one by one"] = round(figures.easy_accuracy, 4)
    if tuned is not None and tuned.verdict is not None and tuned.verdict.expected is not None:
        row["gate"] = round(tuned.verdict.changes["accuracy"].after, 4)
        row["gate from, to"] = between(tuned.verdict.expected)
        row["held by"] = tuned.verdict.held_by
    right = np.array([one.label == label for one, label in zip(found, photos.labels, strict=True)])
    things = things_of(photos.vectors, gallery_voters(photos).codes)
    true = accuracy_interval(right, things)
    row |= {"came true": round(float(right.mean()), 4), "true from, to": between(true)}
    return {**row, "holds": is_within_chance(promised_by(calibrated), true)}


def pretended(gallery: Labelled, splits: int) -> Iterator[Row]:
    """How promises fare if a part of a gallery is taken for photos to come, over and over."""
    things = things_of(gallery.vectors, gallery_voters(gallery).codes)
    for what, groups in (("things", things), ("photos", np.arange(len(things)))):
        tried = [split(gallery, things, groups, seed) for seed in range(splits)]
        mean = {name: float(np.mean([one[name] for one in tried])) for name in tried[0]}
        apart = np.array([one["calibration"] - one["came true"] for one in tried])
        yield {
            "what": f"pretended: other {what}, {splits} times",
            **{name: round(value, 4) for name, value in mean.items()},
            "apart, root mean square": round(float(np.sqrt((apart**2).mean())), 4),
        }


def split(gallery: Labelled, things: Codes, groups: Codes, seed: int) -> dict[str, float]:
    """What was promised without a fifth of the groups, and what came true of these."""
    voters = gallery_voters(gallery)
    drawn = np.random.default_rng(seed).permutation(np.unique(groups))
    away = np.isin(groups, drawn[: len(drawn) // FOLDS])
    known = np.isin(voters.codes, np.unique(voters.codes[~away]))
    rest, asked = np.flatnonzero(~away), np.flatnonzero(away & known)
    left = replace(voters, vectors=voters.vectors[rest], codes=voters.codes[rest])
    left = replace(left, products=voters.products[rest])
    calibrated = of_fit(fit_labels(left))
    scores, places = nearest(voters.vectors[asked], left.vectors, CALIBRATED_WITH)
    counted, chances = calibrated.confidences(ballots_at(left, scores, places))
    sure, right = label_chances(chances), counted.codes[:, 0] == voters.codes[asked]
    true = accuracy_interval(right, things[asked])
    return {
        "calibration": calibrated.figures.accuracy,
        "came true": float(right.mean()),
        "holds": is_within_chance(promised_by(calibrated), true),
        "confidence": float(sure.mean()),
        "ece": expected_calibration_error(sure, right),
    }


def of_fit(fit: Fit) -> Calibration:
    """A calibration of no collection."""
    return Calibration(
        target="label",
        collection_uid="",
        fingerprint="",
        seq=0,
        items=0,
        rule=fit.rule,
        twin_score=fit.twin_score,
        least_score=fit.least_score,
        levels=fit.levels,
        curve=fit.curve,
        score_tenths=fit.score_tenths,
        figures=fit.figures,
    )


def promised_by(calibrated: Calibration) -> tuple[float, float]:
    """The interval of the accuracy."""
    low, high = calibrated.figures.accuracy_low, calibrated.figures.accuracy_high
    assert low is not None
    assert high is not None
    return low, high


def between(ends: tuple[float, float]) -> str:
    """An interval to read."""
    return f"{ends[0]:.3f} to {ends[1]:.3f}"


def is_within_chance(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two figures with 95 % intervals differ by no more than both allow together."""
    apart = abs(sum(one) - sum(other)) / 2
    return apart <= float(np.hypot(one[1] - one[0], other[1] - other[0])) / 2


if __name__ == "__main__":
    main()
