"""Find which classes are confused most often, with example queries."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from search_engine.collections.labelled import Labelled
from search_engine.evaluate.hierarchy import holds
from search_engine.evaluate.ranking import Ranking
from search_engine.evaluate.results import Answers

MOST = 10
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Example:
    """A wrong answer: the query's row, its confidence, and the item that misled it.

    `item` is the position in the gallery of the nearest neighbor with the predicted label or one
    below it, None if no kept neighbor has it.
    """

    query: int
    confidence: float
    item: int | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """Queries of one class that got another; `share` is relative to all queries of the class."""

    truth: str
    predicted: str
    count: int
    share: float
    examples: tuple[Example, ...]


def worst_confusions(
    found: Answers, ranking: Ranking, gallery: Labelled, most: int = MOST
) -> list[Confusion]:
    """Return the most frequent mistakes, then by label; examples are the most confident of each.

    An answer above the true label in its path is not a mistake.
    """
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, (truth, predicted) in enumerate(zip(found.truth, found.predicted, strict=True)):
        if predicted is not None and not found.holds[row]:
            rows[truth, predicted].append(row)
    totals = {label: found.truth.count(label) for label in {truth for truth, _ in rows}}
    order = sorted(rows, key=lambda pair: (-len(rows[pair]), pair))[:most]
    return [
        Confusion(
            truth,
            predicted,
            len(rows[truth, predicted]),
            len(rows[truth, predicted]) / totals[truth],
            tuple(
                Example(
                    row, float(found.confidence[row]), _misled_by(row, predicted, ranking, gallery)
                )
                for row in _surest(rows[truth, predicted], found)
            ),
        )
        for truth, predicted in order
    ]


def _surest(rows: list[int], found: Answers) -> list[int]:
    return sorted(rows, key=lambda row: (-found.confidence[row], row))[:EXAMPLES]


def _misled_by(query: int, label: str, ranking: Ranking, gallery: Labelled) -> int | None:
    neighbors = ranking.neighbors[query]
    return next(
        (
            item
            for item in neighbors[neighbors >= 0].tolist()
            if holds(label, gallery.labels[item] or "")
        ),
        None,
    )


def class_examples(found: Answers, label: str, most: int) -> list[int]:
    """Return rows of queries of a class, to show it; right answers come first."""
    rows = np.flatnonzero([truth == label for truth in found.truth])
    chosen: list[int] = rows[np.argsort(~found.correct[rows], kind="stable")][:most].tolist()
    return chosen
