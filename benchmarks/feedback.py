"""What likes and dislikes bring: a simulated shopper marks neighbors by their true label.

    python -m benchmarks.feedback FOLDER [--queries FOLDER] [--rounds 2] [--grid] [--json]
    python -m benchmarks.feedback FOLDER --visits 300 1000 [--queries FOLDER] [--json]

FOLDER is indexed; photos of `--queries`, or without them every tenth item of FOLDER, ask for their
label. A round marks the first two right and the first two wrong of the ten neighbors shown; all
that were marked are examples from then on, and are not shown again. `plain` asks without examples,
and leaves out what was marked just so: what examples bring is the difference to it in the same
round. With
`--grid` shares other than the default are tried, which is for choosing them; do that without
`--queries`, so that they are not chosen on the photos that the figures are of.

With `--visits` it is about what is learned from clicks (`eyedex rerank learn`): so many visits ask
with items of FOLDER and are shown ten neighbors; the one in place p is looked at with probability
1 / p and then clicked with 0.9 if it has the label of the query, with 0.1 if not. Then photos of
`--queries`, or without them the items of a fifth of the things of FOLDER, with which nobody had
asked, ask with and without `rerank=learned`. `random` clicks without regard to labels, which
has to be refused.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clicks import learned_rows
from benchmarks.machine import parser_of, report
from benchmarks.vote import load_gallery
from search_engine.collections.labelled import Labelled
from search_engine.config import Settings
from search_engine.records import Floats, Vectors
from search_engine.search.mixes import SHARES, Mix, Shares, best_scores, rocchio

SHOWN, MARKED, EVERY = 10, 2, 10
GRID = [
    Shares(1.0, likes, unlikes)
    for likes in (0.0, 0.5, 1.0, 2.0, 4.0)
    for unlikes in (0, 0.3, 0.5, 1.0)
]

Rank = Callable[[Mix, Vectors], Floats]
"""Scores (N,) of the vectors (N, D) for a mix."""


def main() -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--grid", action="store_true")
    parser.add_argument("--visits", type=int, nargs="+", default=[])
    parser.add_argument("--data", type=Path, help="keep what is indexed here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as made:
        settings = Settings(data=arguments.data or Path(made))
        if arguments.visits:
            rows = list(learned_rows(arguments, settings))
        else:
            rows = list(measured(arguments, settings))
    report(rows, arguments.json, folder=arguments.folder.name)


def measured(arguments: argparse.Namespace, settings: Settings) -> Iterator[dict[str, Any]]:
    """A row for each way to rank: precision@10 before, and after each round."""
    gallery = load_gallery(arguments.folder, settings)
    asked, own = gallery, np.arange(len(gallery.keys))[::EVERY]
    if arguments.queries:
        asked = load_gallery(arguments.queries, settings, "queries")
        own = np.full(len(asked.keys), -1)
    rows = range(len(asked.keys)) if arguments.queries else own.tolist()
    for name, rank in ways(arguments.grid):
        found = [
            session(
                rank, gallery, asked.vectors[[row]], asked.labels[row], int(at), arguments.rounds
            )
            for row, at in zip(rows, own, strict=True)
        ]
        means = np.mean(found, axis=0)
        yield {"way": name, **{f"round {n}": round(float(p), 4) for n, p in enumerate(means)}}


def ways(grid: bool) -> Iterator[tuple[str, Rank]]:
    """Ways to rank by name."""
    yield "plain", lambda mix, vectors: vectors @ mix.subject[0]
    for shares in [SHARES, *(GRID if grid else [])]:
        yield f"rocchio {tuple(shares)}", _by_rocchio(shares)
    for share in sorted({SHARES.unlikes, *(each.unlikes for each in (GRID if grid else []))}):
        yield f"best {share}", _by_best(share)


def session(
    rank: Rank, gallery: Labelled, query: Vectors, label: str | None, own: int, rounds: int
) -> list[float]:
    """Precision among the items shown first, and after each round of marks; `own` is not shown."""
    right = np.array([each == label for each in gallery.labels])
    hidden = {own} - {-1}
    likes: list[int] = []
    unlikes: list[int] = []
    found = []
    for _ in range(rounds + 1):
        mix = Mix.of([query], _rows(gallery, likes), _rows(gallery, unlikes))
        scores = rank(mix, gallery.vectors)
        scores[list(hidden)] = -np.inf
        shown = np.argsort(-scores, kind="stable")[:SHOWN]
        found.append(float(right[shown].mean()))
        likes += shown[right[shown]][:MARKED].tolist()
        unlikes += shown[~right[shown]][:MARKED].tolist()
        hidden |= {*likes, *unlikes}
    return found


def _by_rocchio(shares: Shares) -> Rank:
    return lambda mix, vectors: np.asarray(vectors @ rocchio(mix, shares)[0], dtype=np.float64)


def _by_best(share: float) -> Rank:
    return lambda mix, vectors: best_scores(mix, vectors, share)


def _rows(gallery: Labelled, places: list[int]) -> list[Vectors]:
    return [gallery.vectors[[place]] for place in places]


if __name__ == "__main__":
    main()
