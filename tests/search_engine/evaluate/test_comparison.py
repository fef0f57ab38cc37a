"""Two runs side by side."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_engine.errors import ParameterError
from search_engine.evaluate.comparison import Comparison, compare, mcnemar, read_run
from search_engine.evaluate.results import Answers, QueryResults, to_columns

COUNT = 200
TRUTH = ["a", "b"] * (COUNT // 2)


def run_with(right: np.ndarray, precision: np.ndarray | None = None) -> QueryResults:
    """A run in which these queries are right."""
    other = {"a": "b", "b": "a"}
    return QueryResults(
        [f"q{row}" for row in range(len(right))],
        Answers(
            TRUTH[: len(right)],
            [one if good else other[one] for one, good in zip(TRUTH, right, strict=False)],
            np.full(len(right), 0.8),
        ),
        np.arange(len(right)),
        {
            "map": np.full(len(right), 0.5) if precision is None else precision,
            "hit_rate@1": right.astype(float),
        },
    )


def against(before: QueryResults, now: QueryResults, **settings: Any) -> Comparison:
    earlier = {"accuracy": 0.0, "k": 10, **settings, "per_query": to_columns(before)}
    return compare(earlier, {"accuracy": 0.0, "k": 10}, now, "old.json", 500, 0)


def by_name(comparison: Comparison) -> dict[str, Any]:
    return {one.measure: one for one in comparison.differences}


def test_mcnemar_by_hand() -> None:
    """Five queries changed sides, all to the better: 2 * (1/2)^5. One of two: no news at all."""
    before = np.array([False] * 5 + [True] * 10)
    assert mcnemar(before, np.ones(15, dtype=bool)) == pytest.approx(2 * 0.5**5)
    assert mcnemar(np.array([True, False]), np.array([False, True])) == 1.0
    assert mcnemar(before, before) == 1.0


def test_the_same_run_differs_in_nothing() -> None:
    right = np.random.default_rng(0).random(COUNT) < 0.7
    values = np.random.default_rng(1).random(COUNT) / 3  # more decimals than JSON keeps
    found = against(run_with(right, values), run_with(right, values))
    assert found.common == COUNT
    for one in found.differences:
        assert one.difference == 0
        assert one.verdict == "no clear difference"


def test_a_clear_gain_is_called_better_and_a_clear_loss_worse() -> None:
    rng = np.random.default_rng(0)
    poor, good = rng.random(COUNT) < 0.5, rng.random(COUNT) < 0.9
    up = by_name(against(run_with(poor), run_with(good)))
    down = by_name(against(run_with(good), run_with(poor)))
    assert up["accuracy"].verdict == "better"
    assert up["accuracy"].test == "mcnemar"
    assert up["accuracy"].interval.low > 0
    assert down["accuracy"].verdict == "worse"
    assert up["macro_f1"].verdict == "better"
    assert up["macro_f1"].test == "bootstrap"
    assert up["map"].verdict == "no clear difference"


def test_less_calibration_error_is_better() -> None:
    """All sure 0.8: honest when 160 of 200 are right, boastful when 80 are."""
    honest, boastful = np.arange(COUNT) < 160, np.arange(COUNT) < 80
    found = by_name(against(run_with(boastful), run_with(honest)))
    assert found["ece"].difference < 0
    assert found["ece"].verdict == "better"


def test_two_lucky_queries_are_no_clear_difference() -> None:
    right = np.arange(COUNT) < 150
    found = by_name(against(run_with(right), run_with(np.arange(COUNT) < 152)))
    assert found["accuracy"].difference == pytest.approx(0.01)
    assert found["accuracy"].verdict == "no clear difference"


def test_only_common_queries_with_the_same_truth_count() -> None:
    before, now = run_with(np.ones(10, dtype=bool)), run_with(np.ones(8, dtype=bool))
    columns = to_columns(before)
    columns["truth"][0] = "relabelled"
    found = compare({"accuracy": 1, "per_query": columns}, {}, now, "old.json", 50, 0)
    assert found.common == 7


def test_queries_of_one_product_are_not_taken_for_independent() -> None:
    now = run_with(np.arange(COUNT) < 150)
    grouped = replace(now, groups=np.arange(COUNT) // 4)
    assert by_name(against(grouped, grouped))["accuracy"].test == "bootstrap"


def test_settings_that_differ_are_named() -> None:
    right = np.ones(5, dtype=bool)
    assert against(run_with(right), run_with(right), k=5).settings == {"k": (5, 10)}


def test_without_single_queries_nothing_is_tested() -> None:
    found = compare(
        {"accuracy": 0.5, "map": None, "queries": 9, "k": 10},
        {"accuracy": 0.75, "map": 0.1, "queries": 9, "k": 10},
        run_with(np.ones(3, dtype=bool)), "old.json", 50, 0,
    )  # fmt: skip
    (one,) = found.differences
    assert (one.measure, one.difference, one.verdict) == ("accuracy", 0.25, "not tested")
    assert found.common is None


def test_runs_without_common_queries_are_refused() -> None:
    other = run_with(np.ones(3, dtype=bool))
    columns = {**to_columns(other), "query": ["x", "y", "z"]}
    with pytest.raises(ParameterError, match="none of these queries"):
        compare({"per_query": columns}, {}, other, "old.json", 50, 0)


@pytest.mark.parametrize(
    "damage",
    [
        {"query": None},
        {"truth": ["a"]},
        {"confidence": ["sure"]},
        {"group": ["x"] * 3},
        {"map": 7},
        {"query": [1, 2, 3]},
        {"confidence": [0.5, None, 0.5]},
        {"confidence": [0.5, 1e308, 0.5]},
        {"mrr": [0.5, float("inf"), 0.5]},
        {"mrr": [0.5, -0.5, None]},
    ],
)
def test_damaged_columns_are_refused(damage: dict[str, Any]) -> None:
    now = run_with(np.ones(3, dtype=bool))
    with pytest.raises(ParameterError, match="per_query is not as"):
        compare({"per_query": {**to_columns(now), **damage}}, {}, now, "old.json", 50, 0)


@pytest.mark.parametrize("text", ["", "[1]", "{}", "not json", '{"map": 1}', "\x00", "[" * 100_000])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(ParameterError, match=r"not JSON|not the result"):
        read_run(path)


def test_a_missing_file_is_refused_and_a_run_is_read(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="cannot be read"):
        read_run(tmp_path / "nothing.json")
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"accuracy": 0.5}))
    assert read_run(path)["accuracy"] == 0.5
