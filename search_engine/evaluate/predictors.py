"""Predictors of an evaluation: the calibrated vote, or a plain one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from search_engine.collections.labelled import Labelled
from search_engine.evaluate.multilabel import LabelSet
from search_engine.evaluate.ranking import CURVE_DEPTH, Ranking
from search_engine.neighbors import nearest
from search_engine.records import Codes, Prediction, Vectors
from search_engine.vote.calibration.record import Calibration
from search_engine.vote.labels import ballots_of, votes_for
from search_engine.vote.tally import WHOLE_LABEL, VoteRule
from search_engine.vote.values import predict_values, value_table

Rows = Sequence[Sequence[tuple[str | None, float]]]
"""For each query, the labels and scores of its neighbors, best first."""
ValuedRows = Sequence[Sequence[tuple[LabelSet | None, float]]]
"""The same with all values of each neighbor; None if they are unknown."""
Products = Sequence[Sequence[str | None]]
"""The products of the same neighbors."""


class Predictor(Protocol):
    """Predicts classes from neighbors."""

    @property
    def k(self) -> int:
        """Number of neighbors that vote."""
        ...

    @property
    def depth(self) -> int:
        """Number of neighbors to pass, so that k of them can vote."""
        ...

    @property
    def about(self) -> str:
        """Description of the vote for people."""
        ...

    def labels(self, rows: Rows, products: Products) -> list[Prediction]:
        """Predict a class for each query."""
        ...

    def values(self, rows: ValuedRows, products: Products) -> list[Prediction]:
        """Predict the values of each query, for pictures with several."""
        ...


@dataclass(frozen=True, slots=True)
class PlainVote:
    """An uncalibrated vote; see `vote.labels.vote`."""

    k: int
    rule: VoteRule = WHOLE_LABEL
    class_weights: Mapping[str, float] | None = None
    least_score: float = -1.0

    @property
    def depth(self) -> int:
        """See Predictor."""
        return max(self.k, CURVE_DEPTH) if self.rule.per_product else self.k

    @property
    def about(self) -> str:
        """See Predictor."""
        return f"vote of {self.k}{' products' if self.rule.per_product else ''}, not calibrated"

    def labels(self, rows: Rows, products: Products) -> list[Prediction]:
        """See Predictor."""
        return votes_for(rows, self.rule, products, self.class_weights, self.least_score)

    def values(self, rows: ValuedRows, products: Products) -> list[Prediction]:
        """See Predictor."""
        return [
            predict_values(
                value_table(_listed(row), known), self.rule, least_score=self.least_score
            )
            for row, known in zip(rows, products, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class CalibratedVote:
    """The calibrated vote of a collection; it abstains below `min_confidence`."""

    fitted: Calibration
    min_confidence: float | None = None

    @property
    def k(self) -> int:
        """See Predictor."""
        return self.fitted.rule.k or CURVE_DEPTH

    @property
    def depth(self) -> int:
        """See Predictor."""
        return max(self.k, CURVE_DEPTH) if self.fitted.rule.per_product else self.k

    @property
    def about(self) -> str:
        """See Predictor."""
        voters = " products" if self.fitted.rule.per_product else ""
        return f"calibrated vote of {self.k}{voters}" + (
            f", answers from a confidence of {self.min_confidence:.3f}"
            if self.min_confidence
            else ""
        )

    def labels(self, rows: Rows, products: Products) -> list[Prediction]:
        """See Predictor."""
        return self.fitted.predict(ballots_of(rows, products), self.min_confidence or 0.0)

    def values(self, rows: ValuedRows, products: Products) -> list[Prediction]:
        """See Predictor."""
        return [
            self.fitted.vote_values(
                _listed(row), products=known, min_confidence=self.min_confidence
            )
            for row, known in zip(rows, products, strict=True)
        ]


def predict_labels(predictor: Predictor, ranking: Ranking, gallery: Labelled) -> list[Prediction]:
    """Predict a class for each query of a ranking."""
    queries = range(len(ranking.neighbors))
    rows = [ranking.neighbors_with(row, gallery.labels, predictor.depth) for row in queries]
    return predictor.labels(rows, _products(predictor, ranking, gallery))


def predict_nearest(
    predictor: Predictor, queries: Vectors, gallery: Labelled, own: Codes | None = None
) -> list[Prediction]:
    """Predict a class for each query (Q, D) by its nearest items; see `neighbors.nearest`."""
    scores, places = nearest(queries, gallery.vectors, predictor.depth, own)
    products = gallery.products or [None] * len(gallery.keys)
    return predictor.labels(
        [
            [(gallery.labels[item], score) for item, score in zip(*row, strict=True)]
            for row in zip(places.tolist(), scores.tolist(), strict=True)
        ],
        [[products[item] for item in row] for row in places.tolist()],
    )


def predict_value_sets(
    predictor: Predictor, ranking: Ranking, gallery: Labelled, values: Sequence[LabelSet | None]
) -> list[Prediction]:
    """Predict the values of each query of a ranking; `values` are those of the gallery's items."""
    queries = range(len(ranking.neighbors))
    rows = [ranking.neighbors_with(row, values, predictor.depth) for row in queries]
    return predictor.values(rows, _products(predictor, ranking, gallery))


def _products(predictor: Predictor, ranking: Ranking, gallery: Labelled) -> Products:
    known = gallery.products or [None] * len(gallery.keys)
    return [
        [product for product, _ in ranking.neighbors_with(row, known, predictor.depth)]
        for row in range(len(ranking.neighbors))
    ]


def _listed(
    row: Sequence[tuple[LabelSet | None, float]],
) -> list[tuple[Sequence[str] | None, float]]:
    return [(None if values is None else sorted(values), score) for values, score in row]
