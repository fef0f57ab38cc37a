"""Whether wrong labels and foreign pictures come first in the lists of suspects.

    python -m benchmarks.mislabelled [--seeds 3] [--learned] [--json]

Of the pictures of each training split, 5 % get another label: `any` one at random, or the one that
is `likely`, that of the most similar picture of another class (of the next class where the 50
nearest are all of its own). `top_tenth` is the share of these in the first tenth of the list,
`first` their share among as many as there are, `suggested` how often the right label is suggested;
`found` and `right` are recall and precision of what is called a probable error. In the second table
pictures of the other dataset are planted: `first` is their share among as many, `auroc` how well
the score separates them. Figures are means over the seeds, `least` is the worst seed's.

With `--learned` there is one table: features of several layers, all their dimensions and their main
ones, and what a projection makes of them that was learned from all labels, wrong ones too.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.quality import SPLITS
from benchmarks.regions import embedded as encoded
from benchmarks.regions import label
from benchmarks.vote import load_gallery
from indexer.overviews.neighbors import NEIGHBORS
from search_engine.config import Settings
from search_engine.encoders.base import unit_rows
from search_engine.encoders.poolings import MULTI
from search_engine.encoders.projection import project
from search_engine.encoders.projection_learning import SHRINKAGES, learn
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.neighbors import nearest
from search_engine.overviews.label_errors import RULE, judge
from search_engine.overviews.outliers import mean_cosines
from search_engine.records import Codes, Floats, Vectors
from search_engine.vote.tally import Ballots, VoteRule

WRONG = 0.05
VOTERS = (10, 20, 50)
PLANTED = (15, 30, 150)
DIMENSIONS = (None, 1280, 640, 320)
Scores = Callable[[Floats, Codes], Floats]


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--learned", action="store_true")
    given = parser.parse_args()
    if given.learned:
        report([*learned_from_wrong_labels(range(given.seeds))], given.json, wrong=WRONG)
        return
    galleries = {name: embedded(DATASETS / name / train) for name, (train, _) in SPLITS.items()}
    seeds = range(given.seeds)
    wrong = [row for name, each in galleries.items() for row in wrong_labels(name, *each, seeds)]
    report(wrong, given.json, voters_of_the_verb=RULE.k, wrong=WRONG)
    foreign = [
        row
        for name, (vectors, _) in galleries.items()
        for other, (others, _) in galleries.items()
        if other != name
        for row in planted(name, vectors, others, seeds)
    ]
    report(foreign, given.json, neighbors_of_the_verb=NEIGHBORS)


def embedded(folder: Path) -> tuple[Vectors, Codes]:
    """Embeddings (N, D) and classes (N,) of the pictures below a folder."""
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as data:
        gallery = load_gallery(folder, Settings(data=Path(data)))
    codes = np.unique([str(label) for label in gallery.labels], return_inverse=True)[1]
    return gallery.vectors, codes.astype(np.int64)


def wrong_labels(
    name: str, vectors: Vectors, codes: Codes, seeds: range
) -> Iterator[dict[str, Any]]:
    """The figures of the list of mislabelled pictures."""
    scores, rows = nearest(vectors, vectors, NEIGHBORS, np.arange(len(vectors)))
    for kind in ("any", "likely"):
        for voters in VOTERS:
            rule = replace(RULE, k=voters)
            each = [_wrong_labels(scores, rows, codes, kind, rule, seed) for seed in seeds]
            means = {key: round(float(np.mean([one[key] for one in each])), 3) for key in each[0]}
            least = round(min(one["top_tenth"] for one in each), 3)
            yield {"dataset": name, "wrong": kind, "voters": voters, **means, "least": least}


def _wrong_labels(
    scores: Floats, rows: Codes, codes: Codes, kind: str, rule: VoteRule, seed: int
) -> dict[str, float]:
    random = np.random.default_rng(seed)
    classes = int(codes.max()) + 1
    wrong = random.choice(len(codes), round(WRONG * len(codes)), replace=False)
    given = codes.copy()
    if kind == "any":
        given[wrong] = (codes[wrong] + random.integers(1, classes, len(wrong))) % classes
    else:
        others = codes[rows[wrong]] != codes[wrong, None]
        nearest_other = rows[wrong, others.argmax(axis=1)]
        given[wrong] = np.where(
            others.any(axis=1), codes[nearest_other], (codes[wrong] + 1) % classes
        )
    return _found(scores, rows, codes, given, rule)


def _found(
    scores: Floats, rows: Codes, codes: Codes, given: Codes, rule: VoteRule = RULE
) -> dict[str, float]:
    """What the list of neighbors' votes says of given labels, some of which are wrong."""
    wrong = np.flatnonzero(given != codes)
    names = tuple(f"{code:04d}" for code in range(int(codes.max()) + 1))
    found = judge(Ballots(scores, given[rows], names), given, np.arange(len(codes)), rule)
    ranked, errors = found.ranked(), np.flatnonzero(found.errors)
    return {
        "top_tenth": float(np.isin(wrong, ranked[: len(codes) // 10]).mean()),
        "first": float(np.isin(wrong, ranked[: len(wrong)]).mean()),
        "suggested": float((found.suggested[wrong] == codes[wrong]).mean()),
        "found": float(found.errors[wrong].mean()),
        "right": float(np.isin(errors, wrong).mean()) if len(errors) else np.nan,
    }


def learned_from_wrong_labels(seeds: range) -> Iterator[dict[str, Any]]:
    """The figures with embeddings as they come, and behind what was learned from all labels."""
    layers = create_encoder(EncoderRequest(DEFAULT_ENCODER, pooling=MULTI))
    for name, (train, _) in SPLITS.items():
        folder = DATASETS / name / train
        photos = sorted(folder.rglob("*.jpg"))
        whole = np.concatenate([encoded(layers, photo.read_bytes()) for photo in photos])
        codes = np.unique([label(photo, folder) for photo in photos], return_inverse=True)[1]
        for dimension in DIMENSIONS:
            vectors = main_dimensions(whole, dimension)
            told = {"dataset": name, "dimension": vectors.shape[1]}
            told["items a dimension"] = round(len(codes) / vectors.shape[1], 1)
            each = [_learned(vectors, codes, seed) for seed in seeds]
            for by in each[0]:
                means = {
                    key: round(float(np.mean([one[by][key] for one in each])), 3)
                    for key in each[0][by]
                }
                yield {**told, "by": by, **means}


def _learned(vectors: Vectors, codes: Codes, seed: int) -> dict[str, dict[str, float]]:
    random = np.random.default_rng(seed)
    classes = int(codes.max()) + 1
    wrong = random.choice(len(codes), round(WRONG * len(codes)), replace=False)
    given = codes.copy()
    given[wrong] = (codes[wrong] + random.integers(1, classes, len(wrong))) % classes
    rows = np.arange(len(vectors))
    found = {"as they come": _found(*nearest(vectors, vectors, NEIGHBORS, rows), codes, given)}
    matrices = learn(vectors, given, SHRINKAGES)
    for shrinkage, (mean, matrix) in zip(SHRINKAGES, matrices, strict=True):
        learned = project(vectors, mean, matrix)
        by_learned = nearest(learned, learned, NEIGHBORS, rows)
        found[f"learned, shrinkage {shrinkage:g}"] = _found(*by_learned, codes, given)
    return found


def main_dimensions(vectors: Vectors, count: int | None) -> Vectors:
    """The main dimensions (N, count) of embeddings, unit rows; None for all."""
    if count is None:
        return unit_rows(vectors)
    centred = vectors - vectors.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :count]
    return unit_rows(centred @ axes)


def planted(name: str, vectors: Vectors, others: Vectors, seeds: range) -> Iterator[dict[str, Any]]:
    """The figures of the list of outliers, and of other scores for it."""
    for count in PLANTED:
        found: dict[str, list[tuple[float, float]]] = {}
        for seed in seeds:
            some = np.random.default_rng(seed).choice(len(others), count, replace=False)
            everything = np.concatenate([vectors, others[some]])
            foreign = np.arange(len(everything)) >= len(vectors)
            near = nearest(everything, everything, NEIGHBORS, np.arange(len(everything)))
            for score, measure in SCORES.items():
                found.setdefault(score, []).append(_separation(measure(*near), foreign))
        for score, each in found.items():
            first, auroc = np.mean(each, axis=0).round(4).tolist()
            least = round(min(one for one, _ in each), 4)
            yield {
                "dataset": name, "planted": count, "score": score,
                "first": first, "auroc": auroc, "least": least,
            }  # fmt: skip


def _separation(scores: Floats, foreign: NDArray[np.bool_]) -> tuple[float, float]:
    """How many of the foreign ones are among the first, and how well the scores separate them."""
    from sklearn.metrics import roc_auc_score

    order = np.argsort(scores, kind="stable")
    return (
        float(foreign[order[: foreign.sum()]].mean()),
        float(roc_auc_score(foreign, -scores)),
    )


def outlier_factor(cosines: Floats, rows: Codes) -> Floats:
    """The local outlier factor of Breunig et al., SIGMOD 2000, below 0; (N,)."""
    distances = np.sqrt(np.maximum(2 - 2 * cosines, 0))
    reached = np.maximum(distances, distances[rows, -1])
    density = 1 / np.maximum(reached.mean(axis=1), 1e-9)
    return -np.asarray(density[rows].mean(axis=1) / density)


SCORES: dict[str, Scores] = {
    "mean of 10": lambda cosines, rows: mean_cosines(cosines[:, :10]),
    "mean of 20": lambda cosines, rows: mean_cosines(cosines[:, :20]),
    "mean of 50": lambda cosines, rows: mean_cosines(cosines),
    "outlier factor": outlier_factor,
}


if __name__ == "__main__":
    main()
