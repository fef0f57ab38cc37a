"""The calibration of a collection's vote on one target, and how answers use it.

A `Calibration` turns the shares of a vote into the probability of being right. `fit` finds it,
`store` keeps it, and using it only needs NumPy.

The probability is that of a logistic regression on the winner's share and its lead over the next
(Platt, "Probabilistic outputs for support vector machines", 1999, with two features), one for
photos that have a twin in the catalog and one for others (`held_out`). For label paths there is one
at each level, given that the level above is right; their product is the probability of a node, so
it can only fall from level to level.

A picture that the catalog has is looked up, not guessed: what all its copies say is as sure as
labels are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import floor
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from search_engine.errors import ParameterError
from search_engine.names import prefixes
from search_engine.records import Floats, Level, Prediction, Vote
from search_engine.vote.calibration.alike import Alike
from search_engine.vote.calibration.familiar import Familiar
from search_engine.vote.calibration.known import Known
from search_engine.vote.label_paths import (
    LevelShares,
    PathTable,
    level_shares,
    path_table,
)
from search_engine.vote.labels import ballots_of, votes_of
from search_engine.vote.tally import Ballots, Tally, VoteRule, tally, voter_counts
from search_engine.vote.values import ValueModel, predict_values, value_table

FORMAT = 1
LEAST_SHARE = 1e-3
MOST_UNITS = 1.0
"""Farther than that few held-out photos are, and a weight found for them does not hold beyond."""
TENTHS = 10
SAME_PICTURE = 0.9995
"""The cosine of a picture and itself, embedded twice and kept in float16, is no lower."""
LABELS_RIGHT = 0.967
"""So many labels of ten well-known datasets are right, at most (Northcutt et al., "Pervasive label
errors in test sets destabilize machine learning benchmarks", NeurIPS 2021)."""


class Logistic(BaseModel):
    """1 / (1 + exp(-(bias + share * logit(share) + lead * (share - next) + close * closeness))).

    `close` is not below 0, so that a photo that is farther than others is less sure, however much
    its neighbors agree.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bias: float
    share: float
    lead: float
    close: float = 0.0

    def __call__(self, features: Floats) -> Floats:
        """Probabilities of features (N, 3), see `level_features`; of (N, 2) without `close`."""
        weights = np.array([self.share, self.lead, self.close])
        score = self.bias + features @ weights[: features.shape[1]]
        return np.asarray(1.0 / (1.0 + np.exp(-score)))


class LevelModels(BaseModel):
    """The two regressions for one level of the label path."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    near: Logistic
    far: Logistic


class CurvePoint(BaseModel):
    """Accuracy and coverage, 0 to 1, of the answers with at least this confidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    confidence: float
    accuracy: float
    coverage: float


class LevelFigures(BaseModel):
    """Quality of one level of the path, over the held-out items with labels that deep."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: int
    accuracy: float
    ece: float
    ece_expected: float | None = None


class Figures(BaseModel):
    """The data of the fit, and its quality on items it did not see (cross-fitted).

    It is that of items without all that was left out with them. From `accuracy_low` to
    `accuracy_high` is the 95 % interval of the accuracy, which counts photos of one thing as one;
    None if values are lists, where it is the precision of the values that are answered, or an
    earlier version measured it. `easy_accuracy` is that of items
    held out one by one, beside photos that look like them; None if none were.
    `ece_expected` is what a perfect confidence would show on so many items: the error is measured
    with noise, and an `ece_after` up to this cannot be improved upon. `unknown_turned_away` is the
    share of photos of unknown classes that would be `too_far`; None if no item has neighbors of
    another label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    queries: int
    near_share: float
    left_out: Literal["one", "product", "scene", "group"]
    accuracy: float
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    easy_accuracy: float | None = None
    ece_before: float
    ece_after: float
    ece_expected: float
    levels: tuple[LevelFigures, ...] = ()
    unknown_turned_away: float | None = None


class Calibration(BaseModel):
    """The fitted vote of one target of one collection.

    `group_by` is the field whose values were held out together. `rule` has the fitted k and
    temperature. Photos have a twin from `twin_score` on, and resemble nothing below `least_score`.
    `curve` ascends in confidence. `alike` is of pairs with one value or product; None where values
    are lists. `familiar` tells photos of another world, `known` those of other classes where a
    projection was learned from the target. `score_tenths` are the bounds between tenths of the
    held-out photos by their nearest score, empty where that was not kept. `seq` and `items`
    describe the collection at the time of the fit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    target: str
    group_by: str | None = None
    collection_uid: str
    fingerprint: str
    seq: int
    items: int
    rule: VoteRule
    twin_score: float
    least_score: float
    levels: tuple[LevelModels, ...] = Field(default=())
    curve: tuple[CurvePoint, ...]
    class_weights: dict[str, float] | None = None
    values: ValueModel | None = None
    alike: Alike | None = None
    familiar: Familiar | None = None
    known: Known | None = None
    score_tenths: tuple[float, ...] = ()
    figures: Figures

    def threshold(self, accuracy: float) -> CurvePoint:
        """Return the least confidence from which on this share of the answers is right.

        Raises:
            ParameterError: No confidence of this catalog guarantees that.
        """
        found = self.point(accuracy)
        if found is not None:
            return found
        best = max((point.accuracy for point in self.curve), default=0.0)
        raise ParameterError(
            f"no confidence promises an accuracy of {accuracy:g}",
            where="accept_accuracy",
            fix=f"give at most {floor(best * 1000) / 1000:g}",  # rounded up it would be refused
        )

    def point(self, accuracy: float) -> CurvePoint | None:
        """Return the point of the curve with this accuracy, or None if none reaches it."""
        return next((point for point in self.curve if point.accuracy >= accuracy), None)

    def vote(
        self,
        labelled: Sequence[tuple[str | None, float]],
        *,
        products: Sequence[str | None] | None = None,
        min_confidence: float = 0.0,
    ) -> Prediction:
        """Vote like `labels.vote`, by the fitted rule, with the probability of being right."""
        ballots = ballots_of([labelled], None if products is None else [products])
        return self.predict(ballots, min_confidence)[0]

    def vote_values(
        self,
        valued: Sequence[tuple[Sequence[str] | None, float]],
        *,
        products: Sequence[str | None] | None = None,
        min_confidence: float | None = None,
    ) -> Prediction:
        """Predict the values of a picture that may have several, if `values` were calibrated."""
        assert self.values is not None
        table = value_table(valued, products)
        return predict_values(table, self.rule, self.values, self.least_score, min_confidence)

    def predict(self, ballots: Ballots, min_confidence: float = 0.0) -> list[Prediction]:
        """Answer Q queries with the deepest level of the path that is confident enough."""
        counted, confidence = self.confidences(ballots)
        voters = voter_counts(ballots, self.rule).tolist()
        best = np.where(ballots.codes >= 0, ballots.scores, -np.inf).max(axis=1, initial=-np.inf)
        answers = []
        for query in range(len(ballots.scores)):
            votes = votes_of(counted, ballots.labels, query)
            if not votes:
                found = _unsupported("too_few", votes)
            elif best[query] < self.least_score:
                found = _unsupported("too_far", votes)
            else:
                found = _answer(votes, confidence[query], min_confidence)
            answers.append(replace(found, voters=voters[query]))
        return answers

    def confidences(self, ballots: Ballots) -> tuple[Tally, Floats]:
        """Return votes, and the probability of each level of the winner's path (Q, D), else NaN."""
        counted = tally(ballots, self.rule, self.weights_of(ballots.labels))
        table = path_table(ballots.labels)
        near, close = is_near(ballots, self.twin_score), closeness(ballots, self.score_tenths)
        found = chances(level_shares(counted, table), self.levels, near, close)
        known = known_levels(ballots, counted, table)
        return counted, np.where(known, np.maximum(found, LABELS_RIGHT), found)

    def weights_of(self, labels: Sequence[str]) -> Floats | None:
        """Return the factor of each label's votes, if votes are balanced."""
        return weights_of(self.class_weights, labels)


def chances(
    shares: LevelShares, models: Sequence[LevelModels], near: NDArray[np.bool_], close: Floats
) -> Floats:
    """Return the probability that the winner's path is right down to each level, (Q, D).

    Levels deeper than any that was fitted use the regression of the deepest.

    Args:
        shares: Of the winner and the next at each level.
        models: The regressions of each level.
        near: Whether each photo has a twin, (Q,).
        close: Its `closeness`, (Q,).
    """
    found: Floats = np.full(shares.share.shape, np.nan)
    above: Floats = np.ones(len(found))
    for depth in range(shares.share.shape[1]):
        model = models[min(depth, len(models) - 1)]
        features = level_features(shares, depth, close)
        above = above * np.where(near, model.near(features), model.far(features))
        found[:, depth] = np.where(np.isfinite(shares.share[:, depth]), above, np.nan)
    return found


def score_tenths(scores: Floats) -> tuple[float, ...]:
    """Return the bounds between tenths of items (Q, K) by their best score; () of none."""
    if not len(scores):
        return ()
    bounds = np.arange(1, TENTHS) / TENTHS
    return tuple(np.quantile(scores.max(axis=1, initial=-1.0), bounds).tolist())


def closeness(ballots: Ballots, tenths: Sequence[float]) -> Floats:
    """Return how near photos are, (Q,), 0 being in the middle of the held-out ones.

    The unit is the distance between the first and the last of the tenths, and none is more than one
    away; all are 0 where the tenths are not known.
    """
    if not tenths:
        return np.zeros(len(ballots.scores))
    best = ballots.scores.max(axis=1, initial=-1.0)
    unit = max(tenths[-1] - tenths[0], LEAST_SHARE)
    return np.asarray(np.clip((best - tenths[len(tenths) // 2]) / unit, -MOST_UNITS, MOST_UNITS))


def level_features(shares: LevelShares, depth: int, close: Floats) -> Floats:
    """Return log-odds of the winner's share and its lead at one level, and closeness, (Q, 3)."""
    share = np.nan_to_num(shares.share[:, depth], nan=0.5)
    rival = np.nan_to_num(shares.rival[:, depth], nan=0.5)
    clipped = np.clip(share, LEAST_SHARE, 1.0 - LEAST_SHARE)
    return np.stack([np.log(clipped / (1.0 - clipped)), share - rival, close], axis=1)


def is_near(ballots: Ballots, twin_score: float) -> NDArray[np.bool_]:
    """Return whether the catalog has a twin of the photo, labelled or not, (Q,)."""
    return np.asarray(ballots.scores.max(axis=1, initial=-np.inf) >= twin_score)


def known_levels(ballots: Ballots, counted: Tally, table: PathTable) -> NDArray[np.bool_]:
    """Return the levels of the winner's path that all labelled copies of a photo have, (Q, D)."""
    copied: NDArray[np.bool_] = (ballots.scores >= SAME_PICTURE) & (ballots.codes >= 0)
    known = np.repeat(copied.any(axis=1, keepdims=True), table.depth, axis=1)
    for column in np.flatnonzero(copied.any(axis=0)):
        agreed = agreement(counted, table, ballots.codes[:, column])
        known &= agreed | ~copied[:, column, None]
    return known


def agreement(counted: Tally, table: PathTable, truth: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether the winner's path is right down to each level, (Q, D)."""
    winners = counted.codes[:, 0] if counted.codes.shape[1] else np.full(len(truth), -1)
    return table.agree(winners, truth)


def weights_of(class_weights: Mapping[str, float] | None, labels: Sequence[str]) -> Floats | None:
    """Return the factors of some labels, 1 if missing; None without any factors."""
    if class_weights is None:
        return None
    return np.array([class_weights.get(label, 1.0) for label in labels], dtype=np.float64)


def _answer(votes: tuple[Vote, ...], confidence: Floats, min_confidence: float) -> Prediction:
    """Return the deepest level with enough confidence, or the confidence of the whole label."""
    levels = tuple(
        Level(path, float(sure))
        for path, sure in zip(prefixes(votes[0].label), confidence, strict=False)
    )
    supported = [level for level in levels if level.confidence >= min_confidence]
    if supported:
        deepest = supported[-1]
        return Prediction(
            deepest.label, deepest.confidence, False, None, votes, levels, calibrated=True
        )
    return Prediction(None, levels[-1].confidence, True, "disagree", votes, levels, calibrated=True)


def _unsupported(reason: str, votes: tuple[Vote, ...]) -> Prediction:
    return Prediction(None, 0.0, True, reason, votes, calibrated=True)
