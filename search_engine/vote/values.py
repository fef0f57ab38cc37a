"""Targets with several values a picture (a JSON list): each value is voted on separately.

A neighbor votes for all of its values; a value's share is relative to all votes, so shares do not
add up to 1. Neighbors without the attribute do not vote, those with an empty list vote for no
value.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from search_engine.records import Codes, Floats, Prediction, ValueChance, Vote
from search_engine.vote.tally import Ballots, VoteRule, group_sums, vote_weights, voter_counts

MAJORITY = 0.5
LEAST_SHARE = 1e-3


@dataclass(frozen=True, slots=True)
class ValueTable:
    """The neighbors of Q queries, and the values of each.

    The codes of `ballots` are 0 for neighbors with the attribute, else -1. Each of E entries is a
    value of a neighbor: `rows` and `columns` identify the neighbor, `codes` are positions in
    `values`, which ascend.
    """

    ballots: Ballots
    rows: Codes
    columns: Codes
    codes: Codes
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ValueShares:
    """The share of each value that got a vote, by query and value; (G,) each."""

    rows: Codes
    codes: Codes
    shares: Floats


class ValueModel(BaseModel):
    """Turns shares into probabilities, with the probability from which on a value is answered.

    `thresholds` are for values with enough pictures to fit one; `threshold` is for the others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bias: float
    share: float
    threshold: float
    thresholds: dict[str, float]

    def probabilities(self, shares: Floats) -> Floats:
        """Return the probability of values with these shares."""
        return 1.0 / (1.0 + np.exp(-(self.bias + self.share * log_odds(shares))))


def value_table(
    valued: Sequence[tuple[Sequence[str] | None, float]],
    products: Sequence[str | None] | None = None,
) -> ValueTable:
    """Make the table of one query from its neighbors, in any order."""
    order = sorted(range(len(valued)), key=lambda place: -valued[place][1])
    found = [valued[place][0] for place in order]
    values = tuple(sorted({value for each in found for value in each or ()}))
    number = {value: code for code, value in enumerate(values)}
    entries = [(column, number[value]) for column, each in enumerate(found) for value in each or ()]
    groups: dict[str, int] = {}
    products = [None if products is None else products[place] for place in order]
    numbers = [-1 if one is None else groups.setdefault(one, len(groups)) for one in products]
    ballots = Ballots(
        np.array([[valued[place][1] for place in order]], dtype=np.float64).reshape(1, -1),
        np.array([[-1 if each is None else 0 for each in found]], dtype=np.int64).reshape(1, -1),
        ("",),
        np.array([numbers], dtype=np.int64).reshape(1, -1),
    )
    pairs = np.array(entries, dtype=np.int64).reshape(-1, 2)
    return ValueTable(ballots, np.zeros(len(pairs), np.int64), pairs[:, 0], pairs[:, 1], values)


def value_shares(table: ValueTable, rule: VoteRule) -> ValueShares:
    """Compute the share of the votes for each value, by row and value."""
    weights = vote_weights(table.ballots, rule)
    cast = weights[table.rows, table.columns]
    heard = cast > 0
    scores = table.ballots.scores[table.rows[heard], table.columns[heard]]
    sums = group_sums(table.rows[heard], table.codes[heard], cast[heard], scores)
    whole = weights.sum(axis=1)
    return ValueShares(sums.rows, sums.codes, np.minimum(sums.totals / whole[sums.rows], 1.0))


def log_odds(shares: Floats) -> Floats:
    """Return the logarithm of the odds, kept finite."""
    clipped = np.clip(shares, LEAST_SHARE, 1.0 - LEAST_SHARE)
    return np.asarray(np.log(clipped / (1.0 - clipped)))


def predict_values(
    table: ValueTable,
    rule: VoteRule,
    model: ValueModel | None = None,
    least_score: float = -1.0,
    min_confidence: float | None = None,
) -> Prediction:
    """Predict the values of the first query of a table.

    Without a model the share is the probability, and a majority of the votes is required.

    Args:
        table: The neighbors.
        rule: Voters and weights.
        model: Gives probabilities and thresholds.
        least_score: Abstain if no neighbor has this score.
        min_confidence: Answer only values with this probability, whatever their threshold.
    """
    voters = table.ballots.codes[0] >= 0
    calibrated = model is not None
    if not voters.any():
        return Prediction(None, 0.0, True, "too_few", (), values=(), calibrated=calibrated)
    heard = int(voter_counts(table.ballots, rule)[0])
    votes, chances = _heard(table, rule, model)
    if table.ballots.scores[0][voters].max() < max(least_score, rule.min_score):
        return Prediction(
            None, 0.0, True, "too_far", votes, values=(), calibrated=calibrated, voters=heard
        )
    answered = [one for one in chances if one.probability >= _needed(one, model, min_confidence)]
    values = tuple(one.value for one in answered)
    best = chances[0].probability if chances else 0.0
    return Prediction(
        label=None,
        confidence=min((one.probability for one in answered), default=best),
        abstained=not values,
        reason=None if values else "disagree",
        votes=votes,
        values=values,
        chances=chances,
        calibrated=calibrated,
        voters=heard,
    )


def _heard(
    table: ValueTable, rule: VoteRule, model: ValueModel | None
) -> tuple[tuple[Vote, ...], tuple[ValueChance, ...]]:
    """Return votes and probabilities of the first query's values, those with most votes first."""
    found = value_shares(table, rule)
    mine = found.rows == 0
    shares, codes = found.shares[mine], found.codes[mine]
    sure = shares if model is None else model.probabilities(shares)
    order = np.lexsort((codes, -shares))
    names = [table.values[code] for code in codes[order]]
    votes = tuple(map(Vote, names, shares[order].tolist()))
    return votes, tuple(map(ValueChance, names, sure[order].tolist()))


def _needed(chance: ValueChance, model: ValueModel | None, wanted: float | None) -> float:
    """Return the probability from which on a value is answered."""
    if wanted is not None:
        return wanted
    if model is None:
        return MAJORITY
    return model.thresholds.get(chance.value, model.threshold)
