"""Classifiers on the embeddings of a labelled folder, asked about the pictures of another.

    python -m benchmarks.classifiers FOLDER QUERIES [--json]
    python -m benchmarks.classifiers FOLDER --parameters [--json]

Both are embedded with the default encoder. `--parameters` tells how many items of the folder itself
are right when they are held out, for each parameter that was tried: the stated ones of
`search_engine.classifiers.estimators` were chosen by it.
"""

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.machine import report
from benchmarks.vote import load_gallery
from search_engine.classifiers import estimators
from search_engine.classifiers.heads import Head
from search_engine.classifiers.training import HeadClassifier
from search_engine.collections.labelled import Labelled
from search_engine.config import Settings
from search_engine.evaluate.classifiers import compare_classifiers
from search_engine.evaluate.evaluation import rounded_row

STRENGTHS: dict[str, tuple[Callable[..., Head], tuple[float, ...]]] = {
    "logistic": (estimators.logistic, (3.0, 10.0, 30.0, 100.0)),
    "linear-svm": (estimators.linear_svm, (0.3, 1.0, 3.0, 10.0)),
    "svm": (estimators.rbf_svm, (1.0, 3.0, 10.0, 30.0)),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("queries", type=Path, nargs="?")
    parser.add_argument("--parameters", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if (arguments.queries is None) != arguments.parameters:
        parser.error("name a folder of queries, or --parameters")
    gallery = _embedded(arguments.folder)
    if arguments.parameters:
        rows = by_parameter(gallery)
    else:
        queries = _embedded(arguments.queries)
        queries = Labelled(queries.vectors, queries.labels, queries.keys * 0 - 1)
        rows = [rounded_row(row) for row in compare_classifiers(gallery, queries)]
    report(rows, arguments.json, folder=arguments.folder.name, pictures=len(gallery.keys))


def by_parameter(gallery: Labelled) -> list[dict[str, Any]]:
    """Held-out accuracy of each classifier that has a parameter, by its values."""
    rows = []
    labels = [str(label) for label in gallery.labels]
    for name, (learn, strengths) in STRENGTHS.items():
        for strength in strengths:
            classifier = HeadClassifier(name, partial(learn, strength=strength))
            model = classifier.fit(gallery.vectors, labels, gallery.products)
            rows.append(
                {"classifier": name, "C": strength, "held_out_accuracy": model.held_out_accuracy}
            )
    return rows


def _embedded(folder: Path) -> Labelled:
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as data:
        return load_gallery(folder, Settings(data=Path(data)))


if __name__ == "__main__":
    main()
