"""Measures for labels that are paths (`Fruit/Apple/Gala`): near misses count less than far ones."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search_engine.metrics import PrecisionRecall
from search_engine.names import SEPARATOR, prefixes
from search_engine.records import Floats, Prediction


def ancestors(path: str | None) -> frozenset[str]:
    """Return the path itself and all above it; nothing for None."""
    return frozenset(prefixes(path) if path else ())


def holds(predicted: str | None, truth: str) -> bool:
    """Return whether an answer is the true label, or something above it."""
    return predicted is not None and (truth == predicted or truth.startswith(predicted + SEPARATOR))


def level_accuracy(truth: Sequence[str], predicted: Sequence[str | None]) -> dict[int, float]:
    """Return the accuracy of the first 1, 2, ... parts of paths, over queries of that depth."""
    found: dict[int, list[bool]] = {}
    for wanted, got in zip(truth, predicted, strict=True):
        above = ancestors(got)
        for depth, path in enumerate(prefixes(wanted), 1):
            found.setdefault(depth, []).append(path in above)
    return {depth: float(np.mean(hits)) for depth, hits in sorted(found.items())}


def level_confidences(
    truth: Sequence[str], predictions: Sequence[Prediction]
) -> dict[int, tuple[Floats, NDArray[np.bool_]]]:
    """Return, for each level of the paths of winners, confidences and whether they are right."""
    pairs: dict[int, list[tuple[float, bool]]] = {}
    for wanted, found in zip(truth, predictions, strict=True):
        for depth, level in enumerate(found.levels, 1):
            pairs.setdefault(depth, []).append((level.confidence, holds(level.label, wanted)))
    return {
        depth: (np.array([one[0] for one in each]), np.array([one[1] for one in each]))
        for depth, each in sorted(pairs.items())
    }


def hierarchical_scores(truth: Sequence[str], predicted: Sequence[str | None]) -> PrecisionRecall:
    """Score labels with all their ancestors; counts are summed over the queries.

    Kiritchenko, Matwin, Nock and Famili, "Learning and evaluation in the presence of class
    hierarchies", Canadian AI 2006; recommended by Silla and Freitas, "A survey of hierarchical
    classification across different application domains", DMKD 2011. An abstention predicts nothing.
    """
    common = said = wanted = 0
    for true_path, predicted_path in zip(truth, predicted, strict=True):
        true_nodes, predicted_nodes = ancestors(true_path), ancestors(predicted_path)
        common += len(true_nodes & predicted_nodes)
        said += len(predicted_nodes)
        wanted += len(true_nodes)
    precision, recall = common / max(said, 1), common / max(wanted, 1)
    total = precision + recall
    return PrecisionRecall(precision, recall, 2 * precision * recall / total if total else 0.0)
