"""Evaluate labelled queries against a gallery: rank every item for every query, and vote.

The whole ranking is computed exactly: this is for measuring, not for serving. Ranking measures
depend on the embeddings only; those of classification on truth and predictions only.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from search_engine import metrics
from search_engine.collections.labelled import Labelled, take
from search_engine.errors import ParameterError
from search_engine.evaluate import classification, multilabel
from search_engine.evaluate.bootstrap import RESAMPLES, Interval, interval, samples_of
from search_engine.evaluate.hierarchy import (
    hierarchical_scores,
    level_accuracy,
    level_confidences,
)
from search_engine.evaluate.multilabel import LabelSet, joined
from search_engine.evaluate.predictors import (
    PlainVote,
    Predictor,
    predict_labels,
    predict_value_sets,
)
from search_engine.evaluate.ranking import (
    CURVE_DEPTH,
    Hiding,
    IsRelevant,
    Ranking,
    Space,
    rank,
    same_label,
    shared_value,
)
from search_engine.evaluate.results import (
    Answers,
    QueryResults,
    answers_of,
    results_of,
    statistics,
)
from search_engine.evaluate.splits import labelled_rows
from search_engine.metrics import expected_calibration_error
from search_engine.records import Floats, Prediction
from search_engine.vote.calibration.reliability import expected_ece
from search_engine.vote.tally import WHOLE_LABEL, VoteRule

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DEPTHS = (1, 5, 10)
"""The k of hit_rate@k, precision@k and recall@k, besides the requested one."""
CUT = 10
"""The k of mAP@k and nDCG@k."""
SURE = 0.95
WITHOUT_INTERVAL = ("ece",)
"""Measures without an interval: resamples are always calibrated worse than the queries
themselves."""


@dataclass(frozen=True, slots=True)
class ValueSets:
    """The values of each query, empty without a label, and of each item, None without a label."""

    queries: Sequence[LabelSet]
    gallery: Sequence[LabelSet | None]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Rankings and predictions of labelled queries, and the measures of each query.

    `queries` are the labelled ones, in the order of all other fields; `asked` are their rows among
    all queries. `values` are those of each query if pictures have several.
    """

    queries: Labelled
    gallery: Labelled
    asked: Sequence[int]
    unlabelled: int
    k: int
    ranking: Ranking
    predictions: Sequence[Prediction]
    results: QueryResults
    values: Sequence[LabelSet] | None
    seconds: float

    @property
    def answers(self) -> Answers | None:
        """The predicted classes; None if pictures have several values."""
        return self.results.answers if self.values is None else None

    @property
    def is_hierarchical(self) -> bool:
        """Whether labels are paths."""
        return self.values is None and any("/" in label for label in self.results.answers.truth)


def evaluate(
    queries: Labelled, gallery: Labelled, k: int, rule: VoteRule | None = None
) -> dict[str, Any]:
    """Measure classification by a vote of k neighbors, and the ranking; see `measures`.

    Raises:
        ParameterError: There is no labelled query or an empty gallery.
    """
    return measures(examine(queries, gallery, PlainVote(k, rule or WHOLE_LABEL)))


def examine(
    queries: Labelled,
    gallery: Labelled,
    predictor: Predictor,
    *,
    k: int | None = None,
    hiding: Hiding | None = None,
    values: ValueSets | None = None,
    advance: Callable[[int], None] = lambda count: None,
    spaces: Sequence[Space] = (),
) -> Evaluation:
    """Rank the gallery for every labelled query and predict its class from its neighbors.

    Queries without a label are left out; ranking measures also leave out queries whose label no
    other item of the gallery has. Both are counted. An abstention counts as wrong.

    Args:
        queries: All queries.
        gallery: The items to search.
        predictor: Predicts classes from neighbors.
        k: A depth to measure besides `DEPTHS`; None for the number of voters.
        hiding: Items that queries must not find besides themselves; rows as in `queries`.
        values: Several values a picture, instead of labels.
        advance: Called with the number of queries done since the last call.
        spaces: As for `rank`.

    Raises:
        ParameterError: There is no labelled query or an empty gallery.
    """
    started = time.perf_counter()
    asked = labelled_queries(queries, gallery)
    chosen = take(queries, asked)
    if hiding is not None:
        hiding = replace(hiding, queries=hiding.queries[asked])
    if values is not None:
        values = replace(values, queries=[values.queries[row] for row in asked])
    k = predictor.k if k is None else k
    depth = max(predictor.depth, CURVE_DEPTH, k)
    relevance = _relevance(chosen, gallery, values)
    ranking = rank(chosen, gallery, relevance, depth, hiding, advance, spaces=spaces)
    predictions, answers = _predicted(predictor, ranking, chosen, gallery, values)
    return Evaluation(
        chosen, gallery, asked.tolist(), len(queries.labels) - len(asked), k, ranking, predictions,
        results_of(chosen, answers, ranking_columns(ranking, k)),
        None if values is None else values.queries, time.perf_counter() - started,
    )  # fmt: skip


def _relevance(queries: Labelled, gallery: Labelled, values: ValueSets | None) -> IsRelevant:
    if values is None:
        return same_label(queries, gallery)
    return shared_value(values.queries, [found or frozenset() for found in values.gallery])


def _predicted(
    predictor: Predictor,
    ranking: Ranking,
    queries: Labelled,
    gallery: Labelled,
    values: ValueSets | None,
) -> tuple[list[Prediction], Answers]:
    """Return predictions, and the answers to compare with the truth; several values are joined."""
    if values is None:
        predictions = predict_labels(predictor, ranking, gallery)
        return predictions, answers_of([str(label) for label in queries.labels], predictions)
    predictions = predict_value_sets(predictor, ranking, gallery, values.gallery)
    return predictions, Answers(
        [joined(truth) for truth in values.queries],
        [joined(frozenset(one.values or ())) or None for one in predictions],
        np.full(len(predictions), np.nan),
    )


def labelled_queries(queries: Labelled, gallery: Labelled) -> NDArray[np.int64]:
    """Return the rows of the queries that have a label.

    Raises:
        ParameterError: No query has a label, or the gallery is empty.
    """
    asked = labelled_rows(queries)
    if len(gallery.keys) == 0:
        raise ParameterError(
            "nothing to evaluate: the gallery is empty", fix="index labelled pictures first"
        )
    if not len(asked):
        raise ParameterError(
            f"nothing to evaluate: of {len(queries.keys):,} pictures none tells what is asked for",
            fix="put each into a folder named by its label, or name a table with a column label; "
            "for another target, a table with a column of its name",
        )
    return asked


def measures(found: Evaluation) -> dict[str, Any]:
    """Return every measure by name, flat if it is one number; None if it is undefined."""
    return {
        "queries": len(found.queries.keys),
        "unlabelled": found.unlabelled,
        "without_relevant": int((~found.ranking.answerable).sum()),
        "gallery": len(found.gallery.keys),
        "k": found.k,
        **_class_measures(found),
        **{
            name: rounded(metrics.defined_mean(values))
            for name, values in found.results.ranking.items()
        },
        "seconds": round(found.seconds, 3),
    }


def intervals(found: Evaluation, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Interval]:
    """Return 95 % bootstrap intervals of the measures that have one, over the queries."""
    wanted = {
        name: statistic
        for name, statistic in statistics(found.results).items()
        if name not in WITHOUT_INTERVAL
    }
    drawn = samples_of(wanted, found.results.groups, resamples, seed)
    spans = {name: interval(samples) for name, samples in drawn.items()}
    return {name: span for name, span in spans.items() if span is not None}


def ranking_columns(ranking: Ranking, k: int) -> dict[str, Floats]:
    """Return the ranking measures of each query by name, (Q,), NaN without a relevant item."""
    relevant, total = ranking.relevant, ranking.total
    undefined = np.where(ranking.answerable, 0.0, np.nan)
    depths = sorted({*DEPTHS, k})
    return {
        **{f"hit_rate@{depth}": metrics.hit_rate(relevant, depth) + undefined for depth in depths},
        **{
            f"recall@{depth}": metrics.recall(relevant, total, depth) + undefined
            for depth in depths
        },
        **{
            f"precision@{depth}": metrics.precision(relevant, depth) + undefined for depth in depths
        },
        "map": ranking.average_precision,
        f"map@{CUT}": metrics.average_precision(relevant, total, CUT) + undefined,
        "ndcg": ranking.ndcg,
        f"ndcg@{CUT}": metrics.ndcg(relevant, total, CUT) + undefined,
        "r_precision": ranking.r_precision,
        "mrr": ranking.reciprocal_rank,
    }


def rounded(value: Any) -> Any:
    """Round numbers to five decimals; return anything else unchanged."""
    return round(float(value), 5) if isinstance(value, float) else value


def rounded_row(row: "DataclassInstance") -> dict[str, Any]:
    """Return the columns of a row by name, rounded."""
    return {name: rounded(value) for name, value in asdict(row).items()}


def _class_measures(found: Evaluation) -> dict[str, Any]:
    answers = found.results.answers
    if found.values is None:
        return _answer_measures(answers, found.predictions)
    scores = multilabel.multilabel_measures(found.values, found.predictions)
    scores["coverage"] = float(answers.answered.mean())
    return {
        **{name: rounded(value) for name, value in scores.items()},
        "values": len(frozenset().union(*found.values)),
        "ece": None,
        "per_level": {},
        "ece_per_level": {},
        "ece_expected_per_level": {},
    }


def _answer_measures(found: Answers, predictions: Sequence[Prediction]) -> dict[str, Any]:
    macro = classification.averages(found, "macro")
    weighted = classification.averages(found, "weighted")
    areas = classification.areas(found.truth, predictions)
    paths = hierarchical_scores(found.truth, found.predicted)
    flat = {
        "accuracy": float(found.correct.mean()),
        "baseline_accuracy": classification.most_frequent_share(found.truth),
        "balanced_accuracy": macro.recall,
        "top5_accuracy": classification.top_accuracy(found.truth, predictions),
        **{f"macro_{name}": value for name, value in asdict(macro).items()},
        **{f"weighted_{name}": value for name, value in asdict(weighted).items()},
        "roc_auc": areas.roc_auc,
        "pr_auc": areas.pr_auc,
        "coverage": float(found.answered.mean()),
        "answered_accuracy": classification.answered_accuracy(found),
        "ece": classification.reliability_of(found).expected_calibration_error,
        "ece_expected": expected_ece(found.confidence[found.answered]),
        "brier": classification.brier_score(found),
        "coverage_at_95": classification.coverage_of(found).coverage_at(SURE),
        **{f"hierarchical_{name}": value for name, value in asdict(paths).items()},
    }
    levels = level_accuracy(found.truth, found.predicted)
    said = level_confidences(found.truth, predictions)
    return {
        **{name: rounded(value) for name, value in flat.items()},
        "per_level": _by_level(levels),
        "ece_per_level": _by_level(
            {depth: expected_calibration_error(*pair) for depth, pair in said.items()}
        ),
        "ece_expected_per_level": _by_level(
            {depth: expected_ece(sure) for depth, (sure, _) in said.items()}
        ),
    }


def _by_level(values: Mapping[int, float]) -> dict[str, float]:
    return {str(depth): rounded(value) for depth, value in values.items()}
