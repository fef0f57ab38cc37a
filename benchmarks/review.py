"""What labels are worth that were chosen by `eyedex review`, against labels of random items.

    python -m benchmarks.review [--seeds 3] [--json]

A tenth of each training split is kept aside. Of the rest, `START` random items have a label at
first; then as many more are labelled as a row says, 50 at a time, by the list of `eyedex review` or
at random. `accuracy` is the share of the tenth that the vote of the 10 nearest labelled items gets
right; means over the seeds, and the difference to random with its least and greatest.
"""

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import DATASETS, parser_of, report
from benchmarks.mislabelled import embedded
from benchmarks.quality import SPLITS
from indexer.overviews.neighbors import NEIGHBORS
from search_engine.neighbors import nearest
from search_engine.overviews.label_errors import RULE
from search_engine.overviews.label_value import choose_next, doubt
from search_engine.records import Codes, Floats, Vectors
from search_engine.vote.tally import Ballots, VoteRule, tally

START, STEP = 50, 50
COUNTS = (100, 200, 400, 800)
"""Labelled items in all."""
ASIDE = 0.1


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    rows = []
    for name, (train, _) in SPLITS.items():
        vectors, codes = embedded(DATASETS / name / train)
        found = [_curves(vectors, codes, seed) for seed in range(given.seeds)]
        for place, count in enumerate(COUNTS):
            chosen, random = np.array([each[:, place] for each in found]).T
            gains = chosen - random
            rows.append(
                {
                    "dataset": name,
                    "labels": count,
                    "review": round(float(chosen.mean()), 3),
                    "random": round(float(random.mean()), 3),
                    "least gain": round(float(gains.min()), 3),
                    "greatest gain": round(float(gains.max()), 3),
                }
            )
    report(rows, given.json, start=START, step=STEP)


def _curves(vectors: Vectors, codes: Codes, seed: int) -> Floats:
    """Accuracies by review and at random, (2, len(COUNTS))."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(codes))
    aside, pool = np.split(order, [round(ASIDE * len(codes))])
    scores, rows = nearest(vectors[pool], vectors[pool], NEIGHBORS, np.arange(len(pool)))
    start = np.arange(len(pool)) < START
    curves = []
    for by_review in (True, False):
        labelled, reached = start.copy(), []
        for count in COUNTS:
            while labelled.sum() < count:
                if by_review:
                    labelled[_by_review(scores, rows, codes[pool], labelled)] = True
                else:
                    labelled[random.choice(np.flatnonzero(~labelled), STEP, replace=False)] = True
            known = pool[labelled]
            reached.append(_accuracy(vectors[aside], codes[aside], vectors[known], codes[known]))
        curves.append(reached)
    return np.array(curves)


def _by_review(scores: Floats, rows: Codes, codes: Codes, labelled: NDArray[np.bool_]) -> Codes:
    known = np.where(labelled, codes, -1)
    ballots = Ballots(scores, known[rows], _names(codes))
    return choose_next(scores, rows, labelled, doubt(tally(ballots, RULE)), STEP).rows


def _accuracy(asked: Vectors, truth: Codes, vectors: Vectors, codes: Codes) -> float:
    scores, rows = nearest(asked, vectors, 10)
    counted = tally(Ballots(scores, codes[rows], _names(codes)), VoteRule(support=None))
    return float((counted.codes[:, 0] == truth).mean())


def _names(codes: Codes) -> tuple[str, ...]:
    return tuple(f"{code:04d}" for code in range(int(codes.max()) + 1))


if __name__ == "__main__":
    main()
