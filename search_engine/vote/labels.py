"""Predict a label by the vote of the neighbors. Pure functions.

`tally` counts the votes of many queries at once; this module converts labels and scores to arrays,
and counts to answers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from search_engine.records import Prediction, Vote
from search_engine.vote.label_paths import levels_of, supported_level
from search_engine.vote.tally import Ballots, Tally, VoteRule, tally, voter_counts


def vote(
    labelled: Sequence[tuple[str | None, float]],
    rule: VoteRule | None = None,
    *,
    products: Sequence[str | None] | None = None,
    class_weights: Mapping[str, float] | None = None,
    least_score: float = -1.0,
) -> Prediction:
    """Return the label with the largest share of the votes, which `VoteRule` defines.

    Args:
        labelled: Label and score of each neighbor; unlabelled ones do not vote.
        rule: Weights and thresholds.
        products: The neighbors' products, for a rule that counts each product once.
        class_weights: Factors for the votes of labels; missing ones are 1.
        least_score: Abstain if no labelled neighbor has this score.
    """
    return votes_for(
        [labelled], rule, None if products is None else [products], class_weights, least_score
    )[0]


def votes_for(
    rows: Sequence[Sequence[tuple[str | None, float]]],
    rule: VoteRule | None = None,
    products: Sequence[Sequence[str | None]] | None = None,
    class_weights: Mapping[str, float] | None = None,
    least_score: float = -1.0,
) -> list[Prediction]:
    """Do the same for many queries, whose votes are counted at once."""
    rule = rule or VoteRule()
    ballots = ballots_of(rows, products)
    factors = None
    if class_weights is not None:
        factors = np.array([class_weights.get(label, 1.0) for label in ballots.labels])
    counted, voters = tally(ballots, rule, factors), voter_counts(ballots, rule)
    far = tally(ballots, replace(rule, min_score=-math.inf)) if (voters == 0).any() else counted
    best = np.where(ballots.codes >= 0, ballots.scores, -np.inf).max(axis=1, initial=-np.inf)
    found = []
    for query, count in enumerate(voters.tolist()):
        votes = votes_of(counted, ballots.labels, query)
        if not votes:
            reason = "too_far" if (far.codes[query] >= 0).any() else "too_few"
            found.append(Prediction(None, 0.0, True, reason, ()))
        elif best[query] < least_score:
            found.append(Prediction(None, 0.0, True, "too_far", votes, voters=count))
        else:
            found.append(replace(_answer(votes, rule), voters=count))
    return found


def _answer(votes: tuple[Vote, ...], rule: VoteRule) -> Prediction:
    """Return the level of the winner that the rule supports."""
    if rule.support is None:
        levels = levels_of(votes)
        found = levels[-1]
    else:
        found, levels = supported_level(votes, max(rule.support, rule.min_confidence))
    if found.confidence < rule.min_confidence:
        return Prediction(None, votes[0].share, True, "disagree", votes, levels)
    return Prediction(found.label, found.confidence, False, None, votes, levels)


def ballots_of(
    rows: Sequence[Sequence[tuple[str | None, float]]],
    products: Sequence[Sequence[str | None]] | None = None,
) -> Ballots:
    """Convert labels and scores of the neighbors of several queries, in any order, to arrays."""
    labels = tuple(sorted({label for row in rows for label, _ in row if label is not None}))
    number = {label: code for code, label in enumerate(labels)}
    width = max((len(row) for row in rows), default=0)
    scores = np.full((len(rows), width), -np.inf)
    codes = np.full((len(rows), width), -1, dtype=np.int64)
    groups = None if products is None else np.full((len(rows), width), -1, dtype=np.int64)
    for place, row in enumerate(rows):
        found = np.array([score for _, score in row], dtype=np.float64)
        said = np.array([-1 if label is None else number[label] for label, _ in row], np.int64)
        order = np.lexsort((said, -found))
        scores[place, : len(row)], codes[place, : len(row)] = found[order], said[order]
        if products is not None and groups is not None:
            groups[place, : len(row)] = _numbers(products[place])[order]
    return Ballots(scores, codes, labels, groups)


def votes_of(counted: Tally, labels: Sequence[str], query: int) -> tuple[Vote, ...]:
    """Return the votes of one query, best first."""
    return tuple(
        Vote(labels[code], share)
        for code, share in zip(
            counted.codes[query].tolist(), counted.shares[query].tolist(), strict=True
        )
        if code >= 0
    )


def _numbers(products: Sequence[str | None]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Number the products of each row; -1 for none."""
    seen: dict[str, int] = {}
    return np.array(
        [-1 if one is None else seen.setdefault(one, len(seen)) for one in products], np.int64
    )
