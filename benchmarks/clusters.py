"""Clusters of a labelled folder: how far they are classes, and how good proposed labels are.

    python -m benchmarks.clusters FOLDER [--json]

The folder is embedded with the default encoder. Labels are proposed with four fifths of the labels
taken away: `proposed` is the share of those items that got one, `right` that of the proposals.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import report
from benchmarks.vote import load_gallery
from search_engine.clustering import METHODS, Clusters, agreement, propose_labels
from search_engine.collections.labelled import Labelled
from search_engine.config import Settings
from search_engine.records import Vectors

KEPT_LABELS = 0.2
SEED = 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as data:
        gallery = load_gallery(arguments.folder, Settings(data=Path(data)))
    rows = [by_method(name, method, gallery) for name, method in METHODS.items()]
    report(rows, arguments.json, folder=arguments.folder.name, pictures=len(gallery.keys))


def by_method(
    name: str, method: Callable[[Vectors], Clusters], gallery: Labelled
) -> dict[str, Any]:
    """The figures of one method."""
    started = time.perf_counter()
    found = method(gallery.vectors)
    seconds = time.perf_counter() - started
    agreed = agreement(found, gallery.labels)
    kept = np.random.default_rng(SEED).random(len(gallery.keys)) < KEPT_LABELS
    known = [label if keep else None for label, keep in zip(gallery.labels, kept, strict=True)]
    right = [
        one.label == label
        for one, label in zip(propose_labels(found, known), gallery.labels, strict=True)
        if one is not None and one.support > 0
    ]
    return {
        "method": name,
        "clusters": len(found),
        "in_none": round(found.noise / len(gallery.keys), 3),
        "purity": round(agreed.purity, 4) if agreed else None,
        "nmi": round(agreed.nmi, 4) if agreed else None,
        "proposed": round(len(right) / int((~kept).sum()), 3),
        "right": round(float(np.mean(right)), 4) if right else None,
        "seconds": round(seconds, 2),
    }


if __name__ == "__main__":
    main()
