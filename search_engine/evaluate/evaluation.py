"""Labelled queries against a gallery: every item is ranked for every query, and classes are voted.

The whole ranking is used, exactly: this is for measuring, not for serving. Ranking measures follow
from the embeddings alone; those of classes from truth and predictions alone, whoever predicts.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine import metrics
from search_engine.collections.labelled import Labelled
from search_engine.errors import ParameterError
from search_engine.evaluate import classification, multilabel
from search_engine.evaluate.bootstrap import RESAMPLES, Interval, interval, samples_of
from search_engine.evaluate.classification import Answers
from search_engine.evaluate.hierarchy import hierarchical_scores, level_accuracy
from search_engine.evaluate.multilabel import LabelSet, MultilabelScores, joined
from search_engine.evaluate.predictors import (
    PlainVote,
    Predictor,
    predict_labels,
    predict_value_sets,
)
from search_engine.evaluate.ranking import (
    CURVE_DEPTH,
    Hiding,
    Ranking,
    rank,
    same_label,
    shared_value,
)
from search_engine.evaluate.results import QueryResults, statistics
from search_engine.evaluate.splits import labelled_rows, product_groups, take
from search_engine.records import Floats, Prediction
from search_engine.vote.calibration.fit import expected_ece
from search_engine.vote.tally import WHOLE_LABEL, VoteRule

DEPTHS = (1, 5, 10)
"""The k of hit_rate@k, precision@k and recall@k, besides the one that is asked for."""
CUT = 10
"""The k of mAP@k and nDCG@k."""
SURE = 0.95
WITHOUT_INTERVAL = ("ece",)
"""A sample drawn with replacement is always calibrated worse than what it is drawn from."""


@dataclass(frozen=True, slots=True)
class ValueSets:
    """The values of each query and item where pictures have several; None where there are none."""

    queries: Sequence[LabelSet | None]
    gallery: Sequence[LabelSet | None]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that was found out.

    `queries` are the labelled ones only, in the order of everything else; `asked` are their rows
    among all queries. With several values a picture, `tags` are there and `answers` is None.
    """

    queries: Labelled
    gallery: Labelled
    asked: Sequence[int]
    unlabelled: int
    k: int
    ranking: Ranking
    predictions: Sequence[Prediction]
    answers: Answers | None
    tags: MultilabelScores | None
    results: QueryResults
    seconds: float

    @property
    def is_hierarchical(self) -> bool:
        """Whether labels are paths."""
        return self.answers is not None and any("/" in label for label in self.results.truth)


def evaluate(
    queries: Labelled, gallery: Labelled, k: int, rule: VoteRule | None = None
) -> dict[str, Any]:
    """Measures of classification by vote over k neighbors, and of the ranking; see `measures`.

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
) -> Evaluation:
    """Rank the gallery for every labelled query and predict its class from its neighbors.

    Queries without a label are left out; so are, for the ranking measures, queries whose label no
    other item of the gallery has. Both are counted. An abstained query counts as wrong.

    Args:
        queries: Who asks.
        gallery: What is searched.
        predictor: Who answers.
        k: Ranks that are measured besides `DEPTHS`; None for as many as vote.
        hiding: Items that queries must not see besides themselves; rows as in `queries`.
        values: Several values a picture, instead of labels.
        advance: Called with the number of queries done.

    Raises:
        ParameterError: There is no labelled query or an empty gallery.
    """
    started = time.perf_counter()
    asked = labelled_queries(queries, gallery)
    chosen = take(queries, asked)
    if hiding is not None:
        hiding = replace(hiding, queries=hiding.queries[asked])
    sets = [values.queries[row] or frozenset() for row in asked] if values is not None else []
    relevant = same_label(chosen, gallery)
    if values is not None:
        relevant = shared_value(sets, [found or frozenset() for found in values.gallery])
    k = predictor.k if k is None else k
    kept = max(predictor.depth, CURVE_DEPTH, k)
    ranking = rank(chosen, gallery, relevant, kept, hiding, advance)
    found = Evaluation(
        chosen, gallery, asked.tolist(), len(queries.labels) - len(asked), k, ranking,
        (), None, None, _no_results(chosen, ranking, k), 0.0,
    )  # fmt: skip
    if values is not None:
        found = _with_tags(found, sets, values.gallery, predictor)
    else:
        found = _with_classes(found, predictor)
    return replace(found, seconds=time.perf_counter() - started)


def labelled_queries(queries: Labelled, gallery: Labelled) -> NDArray[np.int64]:
    """Rows of the queries that have a label.

    Raises:
        ParameterError: There is none, or the gallery is empty.
    """
    asked = labelled_rows(queries)
    if not len(asked) or len(gallery.keys) == 0:
        raise ParameterError(
            "nothing to evaluate: "
            + ("the gallery is empty" if len(asked) else "no labelled query"),
            fix="index labelled pictures first, and name queries that have labels",
        )
    return asked


def measures(found: Evaluation) -> dict[str, Any]:
    """Every measure by name, flat where it is one number; None where it is undefined."""
    return {
        "queries": len(found.queries.keys),
        "unlabelled": found.unlabelled,
        "without_relevant": int((~found.ranking.answerable).sum()),
        "gallery": len(found.gallery.keys),
        "k": found.k,
        **_class_measures(found),
        **{name: _mean(values) for name, values in found.results.ranking.items()},
        "seconds": round(found.seconds, 3),
    }


def intervals(found: Evaluation, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Interval]:
    """95 % bootstrap intervals of the measures that have one, over the queries asked."""
    wanted = {
        name: statistic
        for name, statistic in statistics(found.results).items()
        if name not in WITHOUT_INTERVAL
    }
    drawn = samples_of(wanted, found.results.groups, resamples, seed)
    spans = {name: interval(samples) for name, samples in drawn.items()}
    return {name: span for name, span in spans.items() if span is not None}


def class_rows(found: Evaluation) -> list[dict[str, Any]]:
    """Precision, recall, F1 and counts of each class, for JSON."""
    if found.answers is None:
        return []
    return [
        {name: rounded(value) for name, value in asdict(one).items()}
        for one in classification.per_class(found.answers)
    ]


def ranking_columns(ranking: Ranking, k: int) -> dict[str, Floats]:
    """The ranking measures of each query by name, (Q,), NaN where it has no relevant item."""
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
    """Numbers with five decimals; anything else as it is."""
    return round(float(value), 5) if isinstance(value, float) else value


def _no_results(queries: Labelled, ranking: Ranking, k: int) -> QueryResults:
    """The columns of the queries, before anything is predicted."""
    count = len(queries.keys)
    groups = product_groups(queries)
    return QueryResults(
        list(queries.names) or [str(row) for row in range(count)],
        [str(label) for label in queries.labels],
        [None] * count,
        None,
        groups,
        ranking_columns(ranking, k),
    )


def _with_classes(found: Evaluation, predictor: Predictor) -> Evaluation:
    predictions = predict_labels(predictor, found.ranking, found.gallery)
    answers = classification.answers(found.results.truth, predictions)
    results = replace(found.results, predicted=answers.predicted, confidence=answers.confidence)
    return replace(found, predictions=predictions, answers=answers, results=results)


def _with_tags(
    found: Evaluation,
    truth: Sequence[LabelSet],
    known: Sequence[LabelSet | None],
    predictor: Predictor,
) -> Evaluation:
    predictions = predict_value_sets(predictor, found.ranking, found.gallery, known)
    results = replace(
        found.results,
        truth=[joined(values) for values in truth],
        predicted=[joined(frozenset(one.values or ())) or None for one in predictions],
    )
    return replace(
        found,
        predictions=predictions,
        tags=multilabel.multilabel_scores(truth, predictions),
        results=results,
    )


def _class_measures(found: Evaluation) -> dict[str, Any]:
    if found.tags is not None:
        return _tag_measures(found.tags, found.results)
    assert found.answers is not None
    return _answer_measures(found.answers, found.predictions)


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
    return {
        **{name: rounded(value) for name, value in flat.items()},
        "per_level": {str(depth): rounded(value) for depth, value in levels.items()},
    }


def _tag_measures(scores: MultilabelScores, results: QueryResults) -> dict[str, Any]:
    named = [values is not None for values in results.predicted]
    flat = {
        "accuracy": scores.subset_accuracy,
        "macro_f1": scores.macro_f1,
        "micro_f1": scores.micro_f1,
        "micro_precision": scores.micro_precision,
        "micro_recall": scores.micro_recall,
        "samples_f1": scores.samples_f1,
        "label_map": scores.mean_average_precision,
        "coverage": float(np.mean(named)),
    }
    return {
        **{name: rounded(value) for name, value in flat.items()},
        "values": scores.values,
        "ece": None,
        "per_level": {},
    }


def _mean(values: Floats) -> float | None:
    defined = values[np.isfinite(values)]
    return rounded(float(defined.mean())) if len(defined) else None
