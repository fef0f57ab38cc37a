"""Intervals by drawing queries anew."""

import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import balanced_accuracy_score, f1_score

from search_engine.evaluate.bootstrap import draws, interval, p_value, samples_of
from search_engine.evaluate.evaluation import examine, intervals, measures
from search_engine.evaluate.predictors import PlainVote
from search_engine.evaluate.results import (
    Answers,
    QueryResults,
    from_columns,
    mean_of,
    statistics,
    to_columns,
)
from tests.search_engine.evaluate.test_evaluation import labelled

RNG = np.random.default_rng(5)
TRUTH = RNG.choice(["a", "b", "c"], 80).tolist()
PREDICTED = [one if RNG.random() < 0.6 else str(RNG.choice(["a", "b", "z"])) for one in TRUTH]


def results(
    truth: list[str] = TRUTH, predicted: list[str | None] | list[str] = PREDICTED
) -> QueryResults:
    count = len(truth)
    return QueryResults(
        [str(row) for row in range(count)],
        Answers(truth, predicted, np.linspace(0.3, 1, count)),
        np.arange(count),
        {"map": np.linspace(0, 1, count)},
    )


def test_every_query_once_gives_the_measure_itself() -> None:
    once = np.ones((1, len(TRUTH)))
    found = {name: float(one(once)[0]) for name, one in statistics(results()).items()}
    assert found["accuracy"] == pytest.approx(np.mean(np.array(TRUTH) == np.array(PREDICTED)))
    classes = sorted(set(TRUTH))
    for name, average in (("macro_f1", "macro"), ("weighted_f1", "weighted")):
        wanted = f1_score(TRUTH, PREDICTED, labels=classes, average=average, zero_division=0)
        assert found[name] == pytest.approx(wanted)
    with pytest.warns(UserWarning, match="y_pred contains classes"):
        assert found["balanced_accuracy"] == pytest.approx(
            balanced_accuracy_score(TRUTH, PREDICTED)
        )
    assert found["map"] == pytest.approx(0.5)


def test_weights_are_as_if_queries_were_repeated() -> None:
    """Drawing the first ten queries twice and nothing else is evaluating twenty queries."""
    weights = np.zeros((1, len(TRUTH)))
    weights[0, :10] = 2
    doubled = results([*TRUTH[:10], *TRUTH[:10]], [*PREDICTED[:10], *PREDICTED[:10]])
    once = np.ones((1, 20))
    for name in ("accuracy", "macro_f1", "weighted_f1", "balanced_accuracy"):
        drawn = statistics(results())[name](weights)[0]
        assert drawn == pytest.approx(statistics(doubled)[name](once)[0]), name


def test_interval_of_a_mean_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).random(60)
    drawn = samples_of({"mean": mean_of(values)}, np.arange(60), 4_000, seed=1)["mean"]
    found = interval(drawn)
    wanted = bootstrap(
        (values,), np.mean, n_resamples=4_000, method="percentile", rng=2
    ).confidence_interval
    assert found is not None
    assert found.low == pytest.approx(wanted.low, abs=0.01)
    assert found.high == pytest.approx(wanted.high, abs=0.01)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        values = (rng.random(100) < 0.7).astype(float)
        found = interval(samples_of({"m": mean_of(values)}, np.arange(100), 300, seed=1)["m"])
        held += found is not None and found.low <= 0.7 <= found.high
    assert 0.9 <= held / 200 <= 0.99


def test_what_belongs_together_is_drawn_together() -> None:
    groups = np.array([0, 0, 1, 1, 1, 2])
    for weights in draws(groups, 250, seed=3):
        assert (weights[:, 0] == weights[:, 1]).all()
        assert (weights[:, 2] == weights[:, 4]).all()
        assert (weights[:, [0, 2, 5]].sum(axis=1) == 3).all()


def test_pictures_of_one_product_say_less_than_as_many_products() -> None:
    values = np.repeat(np.random.default_rng(1).random(20), 10)
    alone, together = (
        samples_of({"m": mean_of(values)}, groups, 1_000, seed=1)["m"].std()
        for groups in (np.arange(200), np.repeat(np.arange(20), 10))
    )
    assert together > 2 * alone


def test_same_seed_same_samples() -> None:
    first, second = (np.concatenate(list(draws(np.arange(9), 150, seed=8))) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape == (150, 9)


def test_an_undefined_measure_has_no_interval() -> None:
    drawn = samples_of({"m": mean_of(np.full(5, np.nan))}, np.arange(5), 50, seed=0)["m"]
    assert interval(drawn) is None
    assert p_value(drawn) is None


def test_p_values_by_hand() -> None:
    assert p_value(np.array([1.0, 2.0, -1.0, 3.0])) == pytest.approx(0.5)
    assert p_value(np.ones(1_000)) == pytest.approx(1 / 1_000)
    assert p_value(np.zeros(10)) == 1.0


def test_an_evaluation_has_intervals_around_its_measures() -> None:
    degrees = np.random.default_rng(2).uniform(0, 180, 120)
    gallery = labelled(degrees.tolist(), [str(int(one // 30)) for one in degrees])
    found = examine(gallery, gallery, PlainVote(3))
    figures = measures(found)
    for name, span in intervals(found, resamples=400).items():
        assert span.low <= figures[name] <= span.high, name
    assert {"accuracy", "macro_f1", "map", "hit_rate@1", "mrr"} <= set(intervals(found, 10))
    assert "ece" not in intervals(found, 10)


def test_columns_come_back_as_they_were() -> None:
    columns = to_columns(results([*TRUTH[:3]], ["a", None, "b"]))
    again = from_columns(columns, "here")
    assert to_columns(again) == columns
    assert again.answers.predicted == ["a", None, "b"]
