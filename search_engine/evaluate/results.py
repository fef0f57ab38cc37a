"""Results by query, as columns: the basis of measures, intervals and comparisons.

`Answers` are the predicted classes, `QueryResults` add the measures of each query's ranking.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine import metrics
from search_engine.collections.labelled import Labelled
from search_engine.errors import ParameterError
from search_engine.evaluate.bootstrap import Statistic, Weights
from search_engine.evaluate.hierarchy import holds
from search_engine.evaluate.splits import product_groups
from search_engine.records import Codes, Floats, Prediction

TEXT_COLUMNS = ("query", "truth", "predicted")
DIGITS = 6


@dataclass(frozen=True)  # no slots: cached properties need a __dict__
class Answers:
    """The class predicted for each of Q queries, with the true one.

    `predicted` is None for abstentions. `confidence` (Q,) is NaN if pictures have several values,
    as no single class is predicted.
    """

    truth: Sequence[str]
    predicted: Sequence[str | None]
    confidence: Floats

    @cached_property
    def answered(self) -> NDArray[np.bool_]:
        """Whether a class was predicted, (Q,)."""
        return np.array([label is not None for label in self.predicted], dtype=bool)

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the prediction is the true class, (Q,)."""
        both = zip(self.predicted, self.truth, strict=True)
        return np.array([got == wanted for got, wanted in both], dtype=bool)

    @cached_property
    def holds(self) -> NDArray[np.bool_]:
        """Whether the prediction is the true label or above it in its path, (Q,).

        This is what the confidence is the probability of.
        """
        both = zip(self.predicted, self.truth, strict=True)
        return np.array([holds(got, wanted) for got, wanted in both], dtype=bool)

    def take(self, rows: Sequence[int]) -> "Answers":
        """Select queries, in the given order."""
        return Answers(
            [self.truth[row] for row in rows],
            [self.predicted[row] for row in rows],
            self.confidence[np.array(rows, dtype=np.int64)],
        )


@dataclass(frozen=True, slots=True)
class QueryResults:
    """Columns with one entry for each of Q queries.

    `ranking` holds measures of each query's ranking by name, (Q,), NaN if undefined. `groups`
    numbers the queries to resample together, (Q,).
    """

    names: Sequence[str]
    answers: Answers
    groups: Codes
    ranking: Mapping[str, Floats]

    def take(self, rows: Sequence[int]) -> "QueryResults":
        """Select queries, in the given order."""
        where = np.array(rows, dtype=np.int64)
        _, groups = np.unique(self.groups[where], return_inverse=True)
        return QueryResults(
            [self.names[row] for row in rows],
            self.answers.take(rows),
            groups,
            {name: values[where] for name, values in self.ranking.items()},
        )

    def column(self, measure: str) -> Floats:
        """Return accuracy, or a measure of the ranking, of each query, (Q,)."""
        if measure == "accuracy":
            return self.answers.correct.astype(np.float64)
        return self.ranking[measure]

    def mean(self, measure: str) -> float:
        """Return the mean of a column over the queries for which it is defined; NaN without any."""
        mean = metrics.defined_mean(self.column(measure))
        return float("nan") if mean is None else mean


def answers_of(truth: Sequence[str], predictions: Sequence[Prediction]) -> Answers:
    """Combine predictions with the truth."""
    return Answers(
        list(truth),
        [prediction.label for prediction in predictions],
        np.array([prediction.confidence for prediction in predictions], dtype=np.float64),
    )


def results_of(
    queries: Labelled, answers: Answers, ranking_measures: Mapping[str, Floats]
) -> QueryResults:
    """Combine answers and measures of queries; pictures of one product are resampled together."""
    names = list(queries.names) or [str(row) for row in range(len(queries.keys))]
    return QueryResults(names, answers, product_groups(queries), ranking_measures)


def joined(parts: Sequence[QueryResults]) -> QueryResults:
    """Join results of several sets of queries, whose groups stay separate."""
    counts = [int(part.groups.max(initial=-1)) + 1 for part in parts]
    before = np.cumsum([0, *counts])
    answers = [part.answers for part in parts]
    return QueryResults(
        [name for part in parts for name in part.names],
        Answers(
            [label for one in answers for label in one.truth],
            [label for one in answers for label in one.predicted],
            np.concatenate([one.confidence for one in answers]),
        ),
        np.concatenate([part.groups + start for part, start in zip(parts, before, strict=False)]),
        {name: np.concatenate([part.ranking[name] for part in parts]) for name in parts[0].ranking},
    )


def to_columns(results: QueryResults) -> dict[str, Any]:
    """Return columns for JSON; null if a measure is undefined."""
    answers = results.answers
    return {
        "query": list(results.names),
        "truth": list(answers.truth),
        "predicted": list(answers.predicted),
        "confidence": None if _is_undefined(answers.confidence) else _numbers(answers.confidence),
        "group": results.groups.tolist(),
        **{name: _numbers(values) for name, values in results.ranking.items()},
    }


def from_columns(columns: Mapping[str, Any], where: str) -> QueryResults:
    """Read columns from JSON.

    Raises:
        ParameterError: They do not come from `to_columns`.
    """
    try:
        names, truth, predicted = ([*columns[name]] for name in TEXT_COLUMNS)
        numbers = {
            name: np.array([np.nan if one is None else float(one) for one in values])
            for name, values in columns.items()
            if name not in (*TEXT_COLUMNS, "group") and values is not None
        }
        groups = np.array(columns["group"], dtype=np.int64)
        lengths = {len(names), len(truth), len(predicted), len(groups)}
        lengths |= {len(values) for values in numbers.values()}
        confidence = numbers.pop("confidence", np.full(len(names), np.nan))
        texts = (*names, *truth, *(one for one in predicted if one is not None))
        if len(lengths) > 1 or not all(isinstance(one, str) for one in texts):
            raise ValueError("columns differ in length, or hold something else")
        if np.isnan(confidence).any() and not _is_undefined(confidence):
            raise ValueError("some answers have no confidence")
        if any(((values < 0) | (values > 1)).any() for values in (confidence, *numbers.values())):
            raise ValueError("measures are shares")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ParameterError(
            "per_query is not as `eyedex evaluate --json --per-query` writes it", where=where
        ) from error
    return QueryResults(names, Answers(truth, predicted, confidence), groups, numbers)


def statistics(results: QueryResults) -> dict[str, Statistic]:
    """Return every measure that has an interval, as a function of how often queries are drawn."""
    answers = results.answers
    found: dict[str, Statistic] = {
        "accuracy": mean_of(answers.correct.astype(np.float64)),
        "coverage": mean_of(answers.answered.astype(np.float64)),
    }
    if not _is_undefined(answers.confidence):
        found.update(_class_statistics(answers))
        found["ece"] = _calibration_error(answers)
        found["answered_accuracy"] = mean_of(np.where(answers.answered, answers.holds, np.nan))
    found.update({name: mean_of(values) for name, values in results.ranking.items()})
    return found


def mean_of(values: Floats) -> Statistic:
    """Return the mean over the queries for which the value is defined."""
    defined = np.isfinite(values)
    filled = np.where(defined, values, 0.0)

    def statistic(weights: Weights) -> Floats:
        return _ratio(weights @ filled, weights @ defined)

    return statistic


def _class_statistics(answers: Answers) -> dict[str, Statistic]:
    """Average over classes, from counts of each class in each sample.

    Classes missing from a resample are ignored.
    """
    counts = _class_counts(answers)

    def macro(of: Any) -> Statistic:
        def statistic(weights: Weights) -> Floats:
            support, named, right = counts(weights)
            return _ratio((of(support, named, right) * (support > 0)).sum(1), (support > 0).sum(1))

        return statistic

    def weighted_f1(weights: Weights) -> Floats:
        support, named, right = counts(weights)
        return _ratio((_f1(support, named, right) * support).sum(1), support.sum(1))

    return {
        "balanced_accuracy": macro(lambda support, named, right: _share(right, support)),
        "macro_f1": macro(_f1),
        "weighted_f1": weighted_f1,
    }


def _class_counts(answers: Answers) -> Callable[[Weights], tuple[Floats, ...]]:
    """How often each class is true, named and rightly named, by how often queries are drawn."""
    from scipy.sparse import csr_array

    classes = {label: number for number, label in enumerate(sorted(set(answers.truth)))}
    rows = np.arange(len(answers.truth))
    is_true = np.array([classes[label] for label in answers.truth], dtype=np.int64)
    is_said = np.array(
        [classes.get(label or "", -1) for label in answers.predicted], dtype=np.int64
    )

    def indicator(columns: NDArray[np.int64], where: NDArray[np.bool_]) -> Any:
        shape = (len(rows), len(classes))
        return csr_array((np.ones(int(where.sum())), (rows[where], columns[where])), shape=shape)

    true = indicator(is_true, is_true >= 0)
    said = indicator(is_said, is_said >= 0)
    both = indicator(is_true, is_true == is_said)

    def counts(weights: Weights) -> tuple[Floats, ...]:
        return weights @ true, weights @ said, weights @ both

    return counts


def _f1(support: Floats, named: Floats, right: Floats) -> Floats:
    return _share(2 * right, support + named)


def _calibration_error(answers: Answers) -> Statistic:
    which = metrics.confidence_bins(answers.confidence)
    answered = answers.answered
    bins = (which[:, None] == np.arange(metrics.CALIBRATION_BINS)) & answered[:, None]
    gaps = bins * (answers.confidence - answers.holds)[:, None]

    def statistic(weights: Weights) -> Floats:
        return _share(np.abs(weights @ gaps).sum(axis=1), weights @ answered)

    return statistic


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Divide; NaN if the denominator is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(whole > 0, part / whole, np.nan))


def _share(part: Floats, whole: Floats) -> Floats:
    """Divide; 0 if the denominator is 0."""
    return np.asarray(np.nan_to_num(_ratio(part, whole)))


def _is_undefined(confidence: Floats) -> bool:
    return bool(np.isnan(confidence).all())


def _numbers(values: Floats) -> list[float | None]:
    return [round(value, DIGITS) if np.isfinite(value) else None for value in values.tolist()]
