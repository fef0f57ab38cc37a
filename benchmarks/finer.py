"""What learning from coarse labels leaves of finer ones.

    python -m benchmarks.finer [--json] [--shares 0.05 ...]

The training photos of the groceries are learned from by the first part of their label path, by the
first two and by the whole of it, and asked for the whole one: a fifth is held out, in stretches of
the order of names, and asks the others by the default encoder as it comes and by what was learned
from the others. `accuracy` is that of the first neighbor in the labels that were learned from;
`hit_rate@1`, `precision@10` and `map` are of the whole path. `--shares` are values to try of
`LIKENESS_SHARE`, how much of what differs within classes is kept. No validation photo is looked at.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.index_run import Row
from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.regions import SHOWN, embedded, label
from search_engine.encoders.layered import LayeredEncoder
from search_engine.encoders.poolings import MULTI
from search_engine.encoders.projection import project
from search_engine.encoders.projection_learning import LIKENESS_SHARE, learn
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.records import Vectors

TRAIN = DATASETS / "grocery" / "train"
SHRINKAGE = 0.1
STRETCH, PARTS = 6, 5
"""So many photos with names that follow each other are held out together; one in so many is."""

Labels = NDArray[np.str_]


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--shares", type=float, nargs="+", default=[LIKENESS_SHARE])
    given = parser.parse_args()
    photos = sorted(TRAIN.rglob("*.jpg"))
    layers = create_encoder(EncoderRequest(DEFAULT_ENCODER, pooling=MULTI))
    plain = create_encoder(EncoderRequest(DEFAULT_ENCODER))
    features = np.concatenate([embedded(layers, path.read_bytes()) for path in photos])
    average = LayeredEncoder(layers, plain.spec.dimension).project(features)
    paths = [label(path, TRAIN) for path in photos]
    rows = list(measure(features, average, paths, given.shares))
    report(rows, given.json, photos=len(photos), encoder=DEFAULT_ENCODER, shrinkage=SHRINKAGE)


def measure(
    features: Vectors, average: Vectors, paths: Sequence[str], shares: Sequence[float]
) -> Iterator[Row]:
    """A row for each number of parts of the label path, before and after learning."""
    fine = np.array(paths)
    held = np.arange(len(fine)) // STRETCH % PARTS == 0
    for parts in (1, 2, None):
        labels = np.array(["/".join(path.split("/")[:parts]) for path in paths])
        classes, codes = np.unique(labels, return_inverse=True)
        told = {"learned from": f"{len(classes)} classes"}
        yield {**told, "by": "as it comes", **asked(average, held, labels, fine)}
        for share in shares:
            ((mean, matrix),) = learn(features[~held], codes[~held], (SHRINKAGE,), share)
            rows = project(features, mean, matrix)
            yield {**told, "by": f"share {share:g}", **asked(rows, held, labels, fine)}


def asked(vectors: Vectors, held: NDArray[np.bool_], labels: Labels, fine: Labels) -> Row:
    """What the photos that are held out find among the others."""
    order = np.argsort(-(vectors[held] @ vectors[~held].T), axis=1)
    right = fine[~held][order] == fine[held][:, None]
    hits = right.cumsum(axis=1)
    wanted = right.any(axis=1)
    precision = np.where(right, hits / np.arange(1, right.shape[1] + 1), 0).sum(axis=1)
    return {
        "accuracy": round(float((labels[~held][order[:, 0]] == labels[held]).mean()), 3),
        "hit_rate@1": round(float(right[:, 0].mean()), 3),
        f"precision@{SHOWN}": round(float(right[:, :SHOWN].mean()), 3),
        "map": round(float((precision[wanted] / hits[wanted, -1]).mean()), 3),
    }


if __name__ == "__main__":
    main()
