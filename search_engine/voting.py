"""A class by the vote of the neighbors. Pure functions, no state."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from search_engine.records import CatalogItem, Neighbor, Prediction, Vote

WEIGHT_DIGITS = 12
"""Decimals that count, so that neither rounding nor the order of summing decides a tie."""


@dataclass(frozen=True, slots=True)
class VoteRule:
    """How neighbors vote.

    A neighbor's weight is exp((score - best score) / temperature): the closer, the louder.
    Neighbors below `min_score` have no vote; a winner with less than `min_confidence` of the votes
    is not announced. Of eight temperatures tried by leaving one out of 3,068 clothing photos, 0.05
    and 0.06 are best and equal but for noise (0.842 and 0.843; plain counting 0.836;
    `python -m benchmarks.vote`).
    """

    temperature: float = 0.05
    min_score: float = -1.0
    min_confidence: float = 0.0


def predict(
    neighbors: Sequence[Neighbor], target: str = "label", rule: VoteRule | None = None
) -> Prediction:
    """The vote of neighbors, best first, on their value of a target (see `vote`)."""
    return vote([(value_of(one.item, target), one.score) for one in neighbors], rule)


def vote(labelled: Sequence[tuple[str | None, float]], rule: VoteRule | None = None) -> Prediction:
    """The label with the largest share of similarity-weighted votes.

    The weighting is that of the k-NN classifier in Wu et al., "Unsupervised feature learning via
    non-parametric instance discrimination", CVPR 2018. Equal shares go to the label whose best
    neighbor is closer, then to the first in the alphabet.

    Args:
        labelled: Label and score of each neighbor; those without a label do not vote.
        rule: Weights and thresholds.
    """
    rule = rule or VoteRule()
    known = [(label, score) for label, score in labelled if label is not None]
    voters = [(label, score) for label, score in known if score >= rule.min_score]
    if not voters:
        return _abstain("too_far" if known else "too_few", ())
    votes = _shares(voters, rule.temperature)
    if votes[0].share < rule.min_confidence:
        return _abstain("disagree", votes)
    return Prediction(votes[0].label, votes[0].share, False, None, votes)


def value_of(item: CatalogItem, target: str) -> str | None:
    """The item's value of a target, as text; None when it has none."""
    value: Any = item.attributes.get(target)
    if target in ("label", "product_id"):
        value = item.label if target == "label" else item.product_id
    return as_label(value)


def as_label(value: Any) -> str | None:
    """A value as the text that votes for it: 3.0 and 3 are one label."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value)


def _shares(voters: Sequence[tuple[str, float]], temperature: float) -> tuple[Vote, ...]:
    scores = np.array([score for _, score in voters], dtype=np.float64)
    weights = np.exp((scores - scores.max()) / temperature)
    said: dict[str, list[float]] = defaultdict(list)
    best: dict[str, float] = {}
    for (label, score), weight in zip(voters, weights, strict=True):
        said[label].append(float(weight))
        best[label] = max(score, best.get(label, score))
    total = {label: round(math.fsum(each), WEIGHT_DIGITS) for label, each in said.items()}
    whole = math.fsum(total.values())
    order = sorted(total, key=lambda label: (-total[label], -best[label], label))
    return tuple(Vote(label, total[label] / whole) for label in order)


def _abstain(reason: str, votes: tuple[Vote, ...]) -> Prediction:
    return Prediction(None, votes[0].share if votes else 0.0, True, reason, votes)
