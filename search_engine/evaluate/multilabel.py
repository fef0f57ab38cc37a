"""Pictures with several values at once (tags): read the values, and measure predictions.

Values are a list in an attribute, or one text split at a separator; each is voted on separately.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_engine.catalog.fields import as_label
from search_engine.records import Prediction

LabelSet = frozenset[str]
JOINED = "; "


def value_set(value: Any, separator: str | None = None) -> LabelSet | None:
    """Return the entries of a list, or the parts of a text; None without a value."""
    if isinstance(value, str) and separator:
        value = [part.strip() for part in value.split(separator)]
    entries = value if isinstance(value, list) else [value]
    found = frozenset(label for one in entries if (label := as_label(one)))
    return found or None


def joined(values: LabelSet) -> str:
    """Join the values to one text, in alphabetical order."""
    return JOINED.join(sorted(values))


def has_lists(values: Iterable[Any]) -> bool:
    """Return whether any picture has several values."""
    return any(isinstance(value, list) for value in values)


def multilabel_measures(
    truth: Sequence[LabelSet], predictions: Sequence[Prediction]
) -> dict[str, float | None]:
    """Compute scikit-learn's multilabel measures over the values that queries have.

    An abstention predicts no value. `label_map` is the mean over values of the average precision by
    probability, regardless of the answers; None if no value is both present and absent among the
    queries.
    """
    from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

    values = sorted(frozenset().union(*truth))
    has = _table(truth, values) > 0
    said = _table([frozenset(one.values or ()) for one in predictions], values) > 0
    score = _table(
        [{chance.value: chance.probability for chance in one.chances} for one in predictions],
        values,
    )
    # scikit-learn takes a single column for two classes, so an empty column is added and ignored.
    wide = np.pad(has, ((0, 0), (0, 1))), np.pad(said, ((0, 0), (0, 1)))
    asked: dict[str, Any] = {"labels": range(len(values)), "zero_division": 0}
    precision, recall, micro_f1, _ = precision_recall_fscore_support(
        *wide, average="micro", **asked
    )
    return {
        "accuracy": float(accuracy_score(*wide)),
        "macro_f1": float(f1_score(*wide, average="macro", **asked)),
        "micro_f1": float(micro_f1),
        "micro_precision": float(precision),
        "micro_recall": float(recall),
        "samples_f1": float(f1_score(*wide, average="samples", **asked)),
        "label_map": _mean_average_precision(has, score),
    }


def _mean_average_precision(has: NDArray[np.bool_], score: NDArray[np.float64]) -> float | None:
    from sklearn.metrics import average_precision_score

    both = has.any(axis=0) & ~has.all(axis=0)
    if not both.any():
        return None
    return float(average_precision_score(has[:, both], score[:, both], average="macro"))


def _table(
    rows: Sequence[LabelSet] | Sequence[Mapping[str, float]], values: Sequence[str]
) -> NDArray[np.float64]:
    column = {value: number for number, value in enumerate(values)}
    table = np.zeros((len(rows), len(values)))
    for number, row in enumerate(rows):
        for value in row:
            if value in column:
                table[number, column[value]] = row[value] if isinstance(row, Mapping) else 1.0
    return table
