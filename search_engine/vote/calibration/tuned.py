"""Query a tuned gallery with its own items as if they were new photos.

Items that a projection learned from are nearer to their class than new photos will be. So each is
queried in a space learned without it and without all photos of the same thing. This is
cross-fitting as in Chernozhukov et al., "Double/debiased machine learning", The Econometrics
Journal 2018.
"""

import numpy as np

from search_engine.encoders.projection import project
from search_engine.encoders.projection_learning import learn
from search_engine.neighbors import Advance, nearest
from search_engine.records import Codes, Floats, Vectors
from search_engine.things import FOLDS, fold_of
from search_engine.vote.calibration.held_out import (
    NEIGHBORS,
    HeldOut,
    Voters,
    ballots_at,
    draw,
    twin_score,
)

ENOUGH = 1_000
"""Items to ask, in whole folds."""


def hold_out_tuned(
    voters: Voters,
    learned: Codes,
    shrinkage: float,
    things: Codes,
    queries: int,
    seed: int = 0,
    unseen: Codes | None = None,
    advance: Advance = lambda count: None,
) -> HeldOut:
    """Do the same as `held_out.hold_out` for a gallery that is searched through a projection.

    Each fold learns with all dimensions, as the projection did. By fewer, which are enough to judge
    by (`projection_learning.Learner`), cosines are lower, and new photos would look closer than all
    that confidence was learned from. So only as many folds are asked as have `ENOUGH` items.

    Args:
        voters: The gallery with its embeddings before the projection.
        learned: The classes that the projection learns from, (N,), -1 for none.
        shrinkage: The shrinkage that it learns with.
        things: What each item shows, (N,).
        queries: Items to query, at most.
        seed: Selects the items.
        unseen: Rows that a fine-tuned network did not learn from: only these are queried, all at
            once, as nothing that shows the same things was learned from either.
        advance: Called with the number of queries done since the last call.
    """
    fold = fold_of(learned, things)
    if unseen is not None:
        fold[:], fold[unseen] = -1, 0
    sizes = np.bincount(fold[fold >= 0], minlength=FOLDS)
    folds = min(FOLDS, int(np.searchsorted(np.cumsum(sizes), ENOUGH)) + 1)
    asked_codes = np.where((fold >= 0) & (fold < folds), voters.codes, -1)
    rows = draw(asked_codes, queries, seed)
    scores, places = _neighbors(voters.vectors, learned, shrinkage, fold, rows, advance)
    twin = twin_score(voters.codes, rows, scores, places)
    ballots = ballots_at(voters, scores, places)
    truth = voters.codes[rows]
    easy = np.zeros(len(rows), dtype=np.bool_)
    sample = unseen is not None
    return HeldOut(ballots, places, rows, truth, things[rows], easy, twin, voters.leave_out, sample)


def _neighbors(
    vectors: Vectors,
    learned: Codes,
    shrinkage: float,
    fold: Codes,
    rows: Codes,
    advance: Advance,
) -> tuple[Floats, Codes]:
    """Find the neighbors of rows (Q,) in spaces learned without the fold of each, (Q, K)."""
    kept = min(NEIGHBORS, len(fold) - int(np.bincount(fold[fold >= 0], minlength=1).max()))
    scores = np.full((len(rows), kept), -np.inf)
    places = np.zeros((len(rows), kept), dtype=np.int64)
    for number in np.unique(fold[rows]):
        asked, rest = np.flatnonzero(fold[rows] == number), np.flatnonzero(fold != number)
        ((mean, matrix),) = learn(vectors[rest], learned[rest], (shrinkage,))
        away = project(vectors[rows[asked]], mean, matrix)
        others = project(vectors[rest], mean, matrix)
        best, found = nearest(away, others, NEIGHBORS, advance=advance)
        scores[asked], places[asked] = best[:, :kept], rest[found[:, :kept]]
    return scores, places
