"""How good the vote and its confidence are, on labelled folders.

    python -m benchmarks.vote FOLDER [--queries FOLDER] [--hold-out N] [--json]

FOLDER is indexed with the default encoder. The first table is the accuracy by temperature, each
picture held out in turn; its last row counts neighbors without weighing. The second is the vote as
`eyedex calibrate` finds it from FOLDER alone, on the photos of `--queries`: accuracy and error of
the confidence at each level of the label path, beside the error that a perfect confidence would
show on as many photos; and accuracy and coverage where answers are accepted for an accuracy. The
third is whether photos of N classes that were taken out can be told from the others.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import report
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.collections.labelled import Labelled, read_gallery
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluate.evaluation import evaluate
from search_engine.metrics import expected_calibration_error
from search_engine.neighbors import nearest
from search_engine.records import Prediction
from search_engine.vote.calibration.collection import calibrate_collection, gallery_voters
from search_engine.vote.calibration.held_out import NEIGHBORS as CALIBRATED_WITH
from search_engine.vote.calibration.held_out import ballots_at
from search_engine.vote.calibration.record import Calibration
from search_engine.vote.calibration.reliability import expected_ece
from search_engine.vote.calibration.unknown import unknown_auroc
from search_engine.vote.tally import VoteRule

NEIGHBORS = 10
TEMPERATURES = (0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15)
PLAIN_COUNTING = 1e9
ACCEPTED = (0.9, 0.95, 0.99)
QUERIES = "queries"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--hold-out", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as data:
        settings = Settings(data=Path(data))
        gallery = load_gallery(arguments.folder, settings)
        asked = load_gallery(arguments.queries, settings, QUERIES) if arguments.queries else None
        with SearchEngine(settings=settings) as engine:
            calibrated = calibrate_collection(engine.catalog, "default")
    facts = {"folder": arguments.folder.name, "pictures": len(gallery.keys)}
    report(list(by_temperature(gallery)), arguments.json, **facts)
    if asked is not None:
        found = answers(calibrated, gallery, asked)
        rows = [*levels(found, asked.labels), *accepted(calibrated, gallery, asked)]
        about = {"k": calibrated.rule.k, "temperature": calibrated.rule.temperature}
        report(rows, arguments.json, queries=len(asked.keys), **about)
    if arguments.hold_out:
        row = asdict(unknown_auroc(gallery, arguments.hold_out))
        report([row], arguments.json, **facts)


def load_gallery(folder: Path, settings: Settings, collection: str = "default") -> Labelled:
    """Embeddings and labels of every picture below the folder."""
    index_source(open_source(folder), IndexRequest(collection), settings)
    with SearchEngine(settings=settings) as engine:
        return read_gallery(engine.catalog, collection)


def by_temperature(gallery: Labelled) -> Iterator[dict[str, Any]]:
    """Accuracy of the plain vote, each picture held out in turn."""
    for temperature in (*TEMPERATURES, PLAIN_COUNTING):
        measures = evaluate(gallery, gallery, NEIGHBORS, VoteRule(temperature=temperature))
        yield {"temperature": temperature, "accuracy": measures["accuracy"]}


def answers(
    calibrated: Calibration, gallery: Labelled, asked: Labelled, min_confidence: float = 0.0
) -> list[Prediction]:
    """The calibrated vote on some photos."""
    scores, places = nearest(asked.vectors, gallery.vectors, CALIBRATED_WITH)
    return calibrated.predict(ballots_at(gallery_voters(gallery), scores, places), min_confidence)


def levels(found: Sequence[Prediction], truth: Sequence[str | None]) -> Iterator[dict[str, Any]]:
    """Accuracy and calibration of each level; a photo that was too far has confidence 0 there."""
    depth = max(str(label).count("/") + 1 for label in truth)
    for level in range(depth):
        pairs = [
            (one.levels[level].confidence, _is_at(str(label), one.levels[level].label))
            for one, label in zip(found, truth, strict=True)
            if len(one.levels) > level
        ]
        sure, right = np.array([each[0] for each in pairs]), np.array([each[1] for each in pairs])
        yield _row(f"level {level + 1}", sure, right)
    whole = [one.levels[-1].confidence if one.levels else 0.0 for one in found]
    right = np.array([one.label == label for one, label in zip(found, truth, strict=True)])
    yield _row("label", np.array(whole), right)


def accepted(
    calibrated: Calibration, gallery: Labelled, asked: Labelled
) -> Iterator[dict[str, Any]]:
    """What `--accept-accuracy` gives and what it costs."""
    for wanted in ACCEPTED:
        try:
            point = calibrated.threshold(wanted)
        except ParameterError:
            continue
        found = answers(calibrated, gallery, asked, point.confidence)
        hits = [
            _is_at(str(label), one.label)
            for one, label in zip(found, asked.labels, strict=True)
            if one.label is not None
        ]
        yield {
            "what": f"accepted at {wanted:g}",
            "accuracy": round(float(np.mean(hits)), 4) if hits else None,
            "coverage": round(len(hits) / len(found), 4),
            "promised coverage": round(point.coverage, 4),
        }


def _is_at(truth: str, node: str) -> bool:
    return f"{truth}/".startswith(f"{node}/")


def _row(what: str, sure: Any, right: Any) -> dict[str, Any]:
    return {
        "what": what,
        "photos": len(sure),
        "accuracy": round(float(right.mean()), 4),
        "confidence": round(float(sure.mean()), 4),
        "ece": round(expected_calibration_error(sure, right), 4),
        "ece if perfect": round(expected_ece(sure), 4),
    }


if __name__ == "__main__":
    main()
