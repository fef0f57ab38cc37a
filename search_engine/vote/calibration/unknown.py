"""Measure whether photos of classes that the catalog lacks can be recognised.

Classes are removed from the gallery; their items are then unknown. This is evaluated as
out-of-distribution detection: Hendrycks and Gimpel, "A baseline for detecting misclassified and
out-of-distribution examples in neural networks", ICLR 2017.
"""

from dataclasses import dataclass

import numpy as np

from search_engine.collections.labelled import Labelled
from search_engine.errors import ParameterError
from search_engine.metrics import auroc
from search_engine.neighbors import nearest
from search_engine.records import Codes, Floats
from search_engine.vote.calibration.collection import gallery_voters
from search_engine.vote.calibration.held_out import NEIGHBORS, Voters, ballots_at, draw
from search_engine.vote.tally import VoteRule, tally

QUERIES = 5_000
SHARE_WEIGHT = 0.2
"""Weight of a unanimous vote in familiarity, in units of cosine."""


@dataclass(frozen=True, slots=True)
class UnknownAuroc:
    """Areas under the ROC curve of known against unknown photos, mean over the repeats.

    They are by the cosine of the best neighbor, the winner's share of the votes, and `familiarity`.
    """

    best_score: float
    share: float
    familiarity: float
    classes: int
    repeats: int


def familiarity(best_scores: Floats, shares: Floats) -> Floats:
    """Return how much photos resemble the catalog; higher is more familiar.

    Close neighbors make a photo familiar, and so do neighbors that agree: together they detect
    unknown classes better than either alone (clothing 0.76 against 0.74 and 0.68, groceries 0.92
    against 0.91 and 0.83).

    Args:
        best_scores: Cosine of the nearest neighbor, (Q,).
        shares: The winner's share of the votes, (Q,).
    """
    return np.asarray(best_scores + SHARE_WEIGHT * shares)


def unknown_auroc(
    gallery: Labelled,
    classes: int = 10,
    repeats: int = 5,
    seed: int = 0,
    rule: VoteRule | None = None,
) -> UnknownAuroc:
    """Measure how well unknown classes are recognised, by removing random ones repeatedly.

    Known photos are items of the other classes, each left out of its own search.

    Args:
        gallery: Labelled items.
        classes: Classes to remove at once.
        repeats: Number of random selections.
        seed: Selects the classes.
        rule: The vote; None for k = 20 and temperature 0.07.

    Raises:
        ParameterError: There are not more classes than `classes`.
    """
    voters = gallery_voters(gallery)
    if not 0 < classes < len(voters.labels):
        raise ParameterError(
            f"{len(voters.labels)} classes, of which {classes} shall be taken out",
            fix="take out fewer than there are",
        )
    rule = rule or VoteRule(k=20, temperature=0.07)
    random = np.random.default_rng(seed)
    areas = []
    for _ in range(repeats):
        away = random.choice(len(voters.labels), classes, replace=False)
        evidence, known = _evidence(voters, away, rule, seed)
        areas.append([auroc(known == 1, each) for each in evidence])
    best, share, both = np.mean(areas, axis=0)
    return UnknownAuroc(float(best), float(share), float(both), classes, repeats)


def _evidence(
    voters: Voters, away: Codes, rule: VoteRule, seed: int
) -> tuple[tuple[Floats, Floats, Floats], Codes]:
    """Return best score, share and familiarity of known (1), then unknown (0) items."""
    gone = np.isin(voters.codes, away)
    left = Voters(voters.vectors[~gone], voters.codes[~gone], voters.labels, voters.products[~gone])
    known = draw(left.codes, QUERIES, seed)
    strange = np.flatnonzero(gone)[:QUERIES]
    best, share = [], []
    for asked, own in ((left.vectors[known], known), (voters.vectors[strange], None)):
        scores, places = nearest(asked, left.vectors, NEIGHBORS, own)
        counted = tally(ballots_at(left, scores, places), rule)
        best.append(scores.max(axis=1, initial=-1.0))
        share.append(counted.shares.max(axis=1, initial=0.0))
    scores, shares = np.concatenate(best), np.concatenate(share)
    is_known = np.r_[np.ones(len(known), np.int64), np.zeros(len(strange), np.int64)]
    return (scores, shares, familiarity(scores, shares)), is_known
