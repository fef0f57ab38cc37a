"""Figures of an evaluation, held against scikit-learn."""

from collections.abc import Mapping
from typing import Any

import pytest
from sklearn import metrics

DIGITS = 2e-5
"""Figures are printed with five decimals."""


def assert_scores(figures: Mapping[str, Any], truth: Any, predicted: Any) -> None:
    """The figures are those that scikit-learn gives for these answers."""
    known: dict[str, Any] = {"labels": sorted(set(truth)), "zero_division": 0}
    f1 = metrics.f1_score(truth, predicted, average="macro", **known)
    recall = metrics.recall_score(truth, predicted, average="macro", **known)
    assert figures["accuracy"] == pytest.approx(
        metrics.accuracy_score(truth, predicted), abs=DIGITS
    )
    assert figures["macro_f1"] == pytest.approx(f1, abs=DIGITS)
    assert figures["balanced_accuracy"] == pytest.approx(recall, abs=DIGITS)


def spoken(body: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Truth and answers of the queries, abstentions as a text that no label is."""
    columns = body["per_query"]
    return columns["truth"], [each or "" for each in columns["predicted"]]
