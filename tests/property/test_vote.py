"""Invariants of the vote; and that it is scikit-learn's where it is set to be."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from search_engine.names import prefixes
from search_engine.records import Prediction
from search_engine.vote.calibration.fit import known_labels
from search_engine.vote.label_paths import node_shares
from search_engine.vote.labels import vote, votes_of
from search_engine.vote.tally import Ballots, VoteRule, tally

steady = settings(deadline=None, derandomize=True, database=None, max_examples=60)

labels = st.sampled_from(["a", "b", "c", "d"])
paths = st.sampled_from(["a", "a/b", "a/b/c", "a/b/d", "a/e", "f/g", "f/h"])
distinct_scores = st.lists(st.integers(-1000, 1000), min_size=3, max_size=12, unique=True).map(
    lambda whole: sorted((each / 1000 for each in whole), reverse=True)
)


def shares(prediction: Prediction) -> dict[str, float]:
    return {one.label: one.share for one in prediction.votes}


def sklearn_vote(
    scores: Sequence[float], said: Sequence[str], k: int, weights: str
) -> tuple[str, dict[str, float]]:
    """What scikit-learn says of neighbors at these cosines, as distances of unit vectors."""
    distances = np.sqrt(2.0 - 2.0 * np.array([scores]))
    model = KNeighborsClassifier(k, weights=weights, metric="precomputed")
    model.fit(np.zeros((len(said), len(said))), said)
    return str(model.predict(distances)[0]), dict(
        zip(model.classes_.tolist(), model.predict_proba(distances)[0].tolist(), strict=True)
    )


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@steady
@given(scores=distinct_scores, data=st.data())
def test_the_vote_is_that_of_scikit_learn(
    weights: str, scores: list[float], data: st.DataObject
) -> None:
    said = data.draw(st.lists(labels, min_size=len(scores), max_size=len(scores)))
    k = data.draw(st.integers(1, len(scores)))
    rule = VoteRule(k=k, weights="uniform" if weights == "uniform" else "distance")
    mine = vote(list(zip(said, scores, strict=True)), rule)
    wanted, probabilities = sklearn_vote(scores, said, k, weights)
    found = shares(mine)
    assert found == pytest.approx({one: p for one, p in probabilities.items() if p > 0}, abs=1e-9)
    best = sorted(probabilities.values(), reverse=True)
    if weights == "uniform" or len(best) < 2 or best[0] - best[1] > 1e-9:
        assert mine.label == wanted


def test_neighbors_without_any_distance_vote_alone_as_in_scikit_learn() -> None:
    scores, said = [1.0, 1.0, 0.5], ["b", "c", "a"]
    mine = vote(list(zip(said, scores, strict=True)), VoteRule(weights="distance"))
    wanted, probabilities = sklearn_vote(scores, said, 3, "distance")
    assert (mine.label, shares(mine)) == (wanted, {"b": 0.5, "c": 0.5})
    assert probabilities == {"a": 0.0, "b": 0.5, "c": 0.5}


@steady
@given(scores=distinct_scores, data=st.data())
def test_many_queries_are_counted_as_each_alone(scores: list[float], data: st.DataObject) -> None:
    count = len(scores)
    said = data.draw(
        st.lists(st.lists(labels, min_size=count, max_size=count), min_size=1, max_size=4)
    )
    rule = VoteRule(k=data.draw(st.integers(1, count)), temperature=0.1)
    names, codes = known_labels([one for row in said for one in row])
    ballots = Ballots(np.tile(scores, (len(said), 1)), codes.reshape(len(said), -1), names)
    counted = tally(ballots, rule)
    for row, each in enumerate(said):
        alone = vote(list(zip(each, scores, strict=True)), rule)
        assert votes_of(counted, names, row) == alone.votes


@steady
@given(scores=distinct_scores, data=st.data())
def test_more_photos_of_a_product_change_nothing(scores: list[float], data: st.DataObject) -> None:
    """Each product's nearest photo votes, wherever the others stand."""
    said = data.draw(st.lists(labels, min_size=len(scores), max_size=len(scores)))
    rule = VoteRule(k=3, per_product=True, temperature=0.1)
    products = [f"p{place}" for place in range(len(scores))]
    once = vote(list(zip(said, scores, strict=True)), rule, products=products)
    again = data.draw(st.lists(st.integers(0, len(scores) - 1), max_size=8))
    more = [(said[place], scores[place] - 1e-4) for place in again]
    many = vote(
        [*zip(said, scores, strict=True), *more],
        rule,
        products=[*products, *(products[place] for place in again)],
    )
    assert many == once


@steady
@given(
    labelled=st.lists(st.tuples(paths, st.floats(-1, 1)), min_size=1, max_size=12),
    temperature=st.floats(0.02, 1),
)
def test_the_share_of_a_node_is_that_of_its_children(
    labelled: list[tuple[str | None, float]], temperature: float
) -> None:
    prediction = vote(labelled, VoteRule(temperature=temperature))
    nodes = node_shares(prediction.votes)
    own = shares(prediction)
    roots = [node for node in nodes if "/" not in node]
    assert math.fsum(nodes[root] for root in roots) == pytest.approx(1)
    for node, share in nodes.items():
        children = [each for each in nodes if prefixes(each)[:-1][-1:] == (node,)]
        below = math.fsum(nodes[child] for child in children)
        assert share == pytest.approx(below + own.get(node, 0.0))
    levels = [level.confidence for level in prediction.levels]
    assert levels == sorted(levels, reverse=True)
    assert prediction.label in [level.label for level in prediction.levels]
    assert prediction.confidence == nodes[prediction.label or ""]
    deeper = [share for node, share in nodes.items() if node.count("/") > depth_of(prediction)]
    assert max(deeper, default=0.0) < 0.5


def depth_of(prediction: Prediction) -> int:
    return (prediction.label or "").count("/")
