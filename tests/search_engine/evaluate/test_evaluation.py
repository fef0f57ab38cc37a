"""Evaluation of a gallery small enough to rank by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from search_engine.collections.labelled import Labelled
from search_engine.errors import ParameterError
from search_engine.evaluate.evaluation import evaluate


def on_circle(degrees: Sequence[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Unit vectors by angle: the nearer in angle, the more alike."""
    angles = np.radians(np.array(degrees))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def labelled(
    degrees: Sequence[float], labels: Sequence[str | None], keys: Sequence[int] | None = None
) -> Labelled:
    """Vectors on a circle; without keys they count from 1."""
    if keys is None:
        keys = range(1, len(degrees) + 1)
    return Labelled(on_circle(degrees), labels, np.array(keys, dtype=np.int64))


GALLERY = labelled([0, 10, 50, 60, 180], ["a", "a", "b", "b", "c"])


def test_leaving_one_out_never_finds_the_query_itself() -> None:
    """Each a and b finds its like first; c, alone of its label, can only be wrong.

    With itself in the gallery, c would be found too and all would be right.
    """
    report = evaluate(GALLERY, GALLERY, k=1)
    assert report["accuracy"] == 0.8
    assert report["hit_rate@1"] == 1.0
    assert report["without_relevant"] == 1
    assert (report["queries"], report["gallery"], report["k"]) == (5, 5, 1)


def test_the_query_is_dropped_by_key_and_not_by_rank() -> None:
    """Two equal pictures with different labels: the other one is the first neighbor of each."""
    twins = labelled([0, 0, 90, 91], ["a", "b", "c", "c"])
    assert evaluate(twins, twins, k=1)["accuracy"] == 0.5


def test_queries_from_elsewhere_see_the_whole_gallery() -> None:
    queries = labelled([1, 52, 179], ["a", "b", "c"], keys=[-1, -1, -1])
    report = evaluate(queries, GALLERY, k=1)
    assert report["accuracy"] == report["hit_rate@1"] == 1.0
    assert report["without_relevant"] == 0


def test_mean_average_precision_and_precision_by_hand() -> None:
    """The query at 0 ranks a (10), b (50), b (60), c (180) and is an a: precision 1 at rank 1.

    The query at 100 ranks b (60), b (50), c (180), a (10), a (0) and is an a: relevant at ranks 4
    and 5, so (1/4 + 2/5) / 2 = 0.325. Precision@10 is (1/10 + 2/10) / 2.
    """
    queries = labelled([0, 100], ["a", "a"], keys=[1, -1])
    report = evaluate(queries, GALLERY, k=1)
    assert report["map"] == pytest.approx((1 + 0.325) / 2)
    assert report["precision@10"] == pytest.approx(0.15)
    assert report["hit_rate@1"] == 0.5
    assert report["hit_rate@10"] == 1.0


def test_unlabelled_queries_are_left_out_and_counted() -> None:
    queries = labelled([1, 2, 52], ["a", None, "b"], keys=[-1, -1, -1])
    report = evaluate(queries, GALLERY, k=1)
    assert (report["queries"], report["unlabelled"]) == (2, 1)
    assert report["accuracy"] == 1.0


def test_unanswerable_queries_count_as_wrong_and_not_for_the_ranking() -> None:
    queries = labelled([1, 52], ["a", "unheard of"], keys=[-1, -1])
    report = evaluate(queries, GALLERY, k=1)
    assert report["without_relevant"] == 1
    assert report["accuracy"] == 0.5
    assert report["map"] == evaluate(labelled([1], ["a"], keys=[-1]), GALLERY, k=1)["map"]


def test_without_any_answerable_query_the_ranking_has_no_measures() -> None:
    report = evaluate(labelled([1], ["unheard of"], keys=[-1]), GALLERY, k=3)
    assert report["map"] is None
    assert report["hit_rate@1"] is None
    assert report["accuracy"] == 0.0


def test_unlabelled_neighbors_are_never_relevant_and_do_not_vote() -> None:
    gallery = labelled([0, 5, 90], [None, None, "a"])
    report = evaluate(labelled([1], ["a"], keys=[-1]), gallery, k=3)
    assert report["hit_rate@1"] == 0.0
    assert report["map"] == pytest.approx(1 / 3, abs=1e-5)
    assert report["accuracy"] == 1.0


def test_an_abstention_is_wrong_and_lowers_the_coverage() -> None:
    gallery = labelled([0, 90], [None, "a"])
    report = evaluate(labelled([1, 89], ["a", "a"], keys=[-1, -1]), gallery, k=1)
    assert report["coverage"] == 0.5
    assert report["accuracy"] == 0.5
    assert report["ece"] == 0.0


def test_a_query_that_is_alone_in_the_gallery_abstains() -> None:
    alone = labelled([0], ["a"])
    report = evaluate(alone, alone, k=5)
    assert (report["accuracy"], report["coverage"]) == (0.0, 0.0)
    assert report["without_relevant"] == 1


def test_macro_f1_by_hand() -> None:
    """a: 2 of 2 found, 1 wrong besides: F1 = 2*2/(2*2+1) = 4/5. b: 0 of 1: F1 = 0."""
    queries = labelled([1, 2, 3], ["a", "a", "b"], keys=[-1, -1, -1])
    assert evaluate(queries, GALLERY, k=1)["macro_f1"] == pytest.approx(0.4)


def test_results_do_not_depend_on_blocks_of_queries() -> None:
    degrees = np.linspace(0, 180, 300).tolist()
    labels = [str(int(angle // 20)) for angle in degrees]
    many = labelled(degrees, labels)
    report = evaluate(many, many, k=3)
    one_by_one = [
        evaluate(Labelled(many.vectors[[row]], [labels[row]], many.keys[[row]]), many, k=3)
        for row in range(0, 300, 30)
    ]
    for row, single in zip(range(0, 300, 30), one_by_one, strict=True):
        wanted = Labelled(many.vectors[: row + 1], labels[: row + 1], many.keys[: row + 1])
        assert single["queries"] == 1
        assert evaluate(wanted, many, k=3)["queries"] == row + 1
    assert report["accuracy"] > 0.9


def test_nothing_to_evaluate_is_refused() -> None:
    with pytest.raises(ParameterError, match="none tells what is asked for"):
        evaluate(labelled([1], [None]), GALLERY, k=1)
    with pytest.raises(ParameterError, match="gallery is empty"):
        evaluate(labelled([1], ["a"]), labelled([], []), k=1)
