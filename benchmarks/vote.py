"""Accuracy of the vote by temperature: each picture of a labelled folder held out in turn.

    python -m benchmarks.vote FOLDER [--json]

The folder is indexed with the default encoder. The last row counts neighbors without weighing.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.machine import report
from indexer.local import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.evaluation.evaluate import evaluate
from search_engine.gallery import Labelled
from search_engine.voting import VoteRule

NEIGHBORS = 10
TEMPERATURES = (0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15)
PLAIN_COUNTING = 1e9


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as data:
        gallery = load_gallery(arguments.folder, Settings(data=Path(data)))
    rows = []
    for temperature in (*TEMPERATURES, PLAIN_COUNTING):
        measures = evaluate(gallery, gallery, NEIGHBORS, VoteRule(temperature=temperature))
        rows.append({"temperature": temperature, "accuracy": measures["accuracy"]})
    report(rows, arguments.json, folder=arguments.folder.name, pictures=len(gallery.keys))


def load_gallery(folder: Path, settings: Settings) -> Labelled:
    """Embeddings and labels of every picture below the folder."""
    index_source(open_source(folder), IndexRequest(), settings)
    with SearchEngine(settings=settings) as engine:
        collection = engine.catalog.collection("default")
        changes = engine.catalog.changes_since(collection, -1)
        items = engine.catalog.by_keys(changes.keys.tolist())
    labels = [items[key].label for key in changes.keys.tolist()]
    return Labelled(changes.vectors.astype(np.float32), labels, changes.keys)


if __name__ == "__main__":
    main()
