"""What each query gave, as columns: what intervals are drawn from and runs are compared by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine import metrics
from search_engine.errors import ParameterError
from search_engine.evaluate.bootstrap import Statistic, Weights
from search_engine.evaluate.hierarchy import holds

TEXT_COLUMNS = ("query", "truth", "predicted")
DIGITS = 6


@dataclass(frozen=True, slots=True)
class QueryResults:
    """One entry a query in every column, Q entries.

    `predicted` is None where the vote abstained. `confidence` is None when pictures have several
    values each, and no single class was named. `ranking` holds measures of each query's ranking
    by name, (Q,), NaN where undefined. `groups` numbers what is drawn together, (Q,).
    """

    names: Sequence[str]
    truth: Sequence[str]
    predicted: Sequence[str | None]
    confidence: NDArray[np.float64] | None
    groups: NDArray[np.int64]
    ranking: Mapping[str, NDArray[np.float64]]

    def take(self, rows: Sequence[int]) -> "QueryResults":
        """Some of the queries, in the order that is given."""
        where = np.array(rows, dtype=np.int64)
        _, groups = np.unique(self.groups[where], return_inverse=True)
        return QueryResults(
            [self.names[row] for row in rows],
            [self.truth[row] for row in rows],
            [self.predicted[row] for row in rows],
            None if self.confidence is None else self.confidence[where],
            groups,
            {name: values[where] for name, values in self.ranking.items()},
        )

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the prediction is the truth, (Q,)."""
        both = zip(self.predicted, self.truth, strict=True)
        return np.array([got == wanted for got, wanted in both], dtype=bool)

    @property
    def holds(self) -> NDArray[np.bool_]:
        """Whether the prediction is right as far as it goes, (Q,)."""
        both = zip(self.predicted, self.truth, strict=True)
        return np.array([holds(got, wanted) for got, wanted in both], dtype=bool)


def to_columns(results: QueryResults) -> dict[str, list[Any]]:
    """Columns for JSON; null where a measure is undefined."""
    return {
        "query": list(results.names),
        "truth": list(results.truth),
        "predicted": list(results.predicted),
        "confidence": None if results.confidence is None else _numbers(results.confidence),
        "group": results.groups.tolist(),
        **{name: _numbers(values) for name, values in results.ranking.items()},
    }


def from_columns(columns: Mapping[str, Any], where: str) -> QueryResults:
    """Columns read from JSON.

    Raises:
        ParameterError: They are not what `to_columns` makes.
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
        confidence = numbers.pop("confidence", None)
        texts = (*names, *truth, *(one for one in predicted if one is not None))
        if len(lengths) > 1 or not all(isinstance(one, str) for one in texts):
            raise ValueError("columns differ in length, or hold something else")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ParameterError(
            "per_query is not as `eyedex evaluate --json --per-query` writes it", where=where
        ) from error
    return QueryResults(names, truth, predicted, confidence, groups, numbers)


def statistics(results: QueryResults) -> dict[str, Statistic]:
    """Every measure that an interval is given for, as a function of how often queries are drawn."""
    correct = results.correct.astype(np.float64)
    answered = np.array([label is not None for label in results.predicted])
    found: dict[str, Statistic] = {
        "accuracy": mean_of(correct),
        "coverage": mean_of(answered.astype(np.float64)),
    }
    if results.confidence is not None:
        found.update(_class_statistics(results))
        right = results.holds.astype(np.float64)
        found["ece"] = _calibration_error(results.confidence, right, answered)
        found["answered_accuracy"] = mean_of(np.where(answered, right, np.nan))
    found.update({name: mean_of(values) for name, values in results.ranking.items()})
    return found


def mean_of(values: NDArray[np.float64]) -> Statistic:
    """Mean over the queries for which the value is defined."""
    defined = np.isfinite(values)
    filled = np.where(defined, values, 0.0)

    def statistic(weights: Weights) -> NDArray[np.float64]:
        return _ratio(weights @ filled, weights @ defined)

    return statistic


def _class_statistics(results: QueryResults) -> dict[str, Statistic]:
    """Averages over classes, from counts of each class in each sample.

    Classes missing from a resample are ignored.
    """
    from scipy.sparse import csr_array

    classes = {label: number for number, label in enumerate(sorted(set(results.truth)))}
    rows = np.arange(len(results.truth))
    is_true = np.array([classes[label] for label in results.truth], dtype=np.int64)
    is_said = np.array(
        [classes.get(label or "", -1) for label in results.predicted], dtype=np.int64
    )

    def indicator(columns: NDArray[np.int64], where: NDArray[np.bool_]) -> Any:
        shape = (len(rows), len(classes))
        return csr_array((np.ones(int(where.sum())), (rows[where], columns[where])), shape=shape)

    true = indicator(is_true, is_true >= 0)
    said = indicator(is_said, is_said >= 0)
    both = indicator(is_true, is_true == is_said)

    def counts(weights: Weights) -> tuple[NDArray[np.float64], ...]:
        return weights @ true, weights @ said, weights @ both

    def macro(of: Any) -> Statistic:
        def statistic(weights: Weights) -> NDArray[np.float64]:
            support, named, right = counts(weights)
            return _ratio((of(support, named, right) * (support > 0)).sum(1), (support > 0).sum(1))

        return statistic

    def weighted_f1(weights: Weights) -> NDArray[np.float64]:
        support, named, right = counts(weights)
        return _ratio((_f1(support, named, right) * support).sum(1), support.sum(1))

    return {
        "balanced_accuracy": macro(lambda support, named, right: _share(right, support)),
        "macro_f1": macro(_f1),
        "weighted_f1": weighted_f1,
    }


def _f1(
    support: NDArray[np.float64], named: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    return _share(2 * right, support + named)


def _calibration_error(
    confidence: NDArray[np.float64], right: NDArray[np.float64], answered: NDArray[np.bool_]
) -> Statistic:
    which = metrics.confidence_bins(confidence)
    bins = (which[:, None] == np.arange(metrics.CALIBRATION_BINS)) & answered[:, None]
    gaps = bins * (confidence - right)[:, None]

    def statistic(weights: Weights) -> NDArray[np.float64]:
        return _share(np.abs(weights @ gaps).sum(axis=1), weights @ answered)

    return statistic


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN where there is nothing to divide by."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(whole > 0, part / whole, np.nan))


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 where there is nothing to divide by."""
    return np.asarray(np.nan_to_num(_ratio(part, whole)))


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [round(value, DIGITS) if np.isfinite(value) else None for value in values.tolist()]
