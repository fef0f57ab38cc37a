"""The gate of re-rankings: what it measures, and what it makes of that."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from search_engine.collections.labelled import Labelled, read_gallery
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluate import reranking
from search_engine.evaluate.bootstrap import Interval
from search_engine.evaluate.paired import Change
from search_engine.evaluate.photos import ItemPhotos
from search_engine.evaluate.ranking import Hiding, rank, same_label
from search_engine.evaluate.reranking import (
    RerankRow,
    RerankTask,
    VisibleGallery,
    judge_rerankings,
    queries_of,
    verdict_on,
)
from search_engine.evaluate.run import run_evaluation
from search_engine.evaluate.run_json import run_json
from search_engine.evaluate.task import Options
from search_engine.records import Keys
from search_engine.search.rerank import geometric
from search_engine.search.rerank.base import Candidates
from search_engine.search.rerank.registry import METHODS, Method
from tests.conftest import copy_data
from tests.sealing import execute, reseal
from tests.search_engine.evaluate.test_evaluation import labelled

Rows = NDArray[np.int64]


@pytest.fixture
def engine(hsv_data: Path) -> Iterator[SearchEngine]:
    """On the drawn catalog. Do not change it."""
    with SearchEngine(hsv_data) as engine:
        yield engine


def task_of(engine: SearchEngine, **options: Any) -> RerankTask:
    gallery = read_gallery(engine.catalog, "default")
    return RerankTask(gallery, gallery, ItemPhotos(engine, gallery.keys), "default", 5, **options)


def backwards(found: Candidates) -> Keys:
    """The worst order there is."""
    return found.keys[::-1]


def oracle(gallery: Labelled) -> Method:
    """Puts the query's own class first: the query is known by its place in the gallery."""

    def reorder(found: Candidates) -> Keys:
        own = int((gallery.vectors @ found.query[0]).argmax())
        same = np.array([gallery.labels[key] == gallery.labels[own] for key in found.keys.tolist()])
        return np.concatenate([found.keys[same], found.keys[~same]])

    return Method("k-reciprocal", reorder)  # under a name that the engine can time


class TestReordering:
    def test_scores_go_with_their_items(self) -> None:
        gallery = labelled([0, 10, 20, 30], ["a", "b", "a", "b"])
        query = labelled([1], ["a"], keys=[-1])
        relevant = same_label(query, gallery)

        def reorder(row: int, items: Rows, scores: Any, asked: Any, vectors: Any) -> Rows:
            assert row == 0
            assert items.tolist() == [0, 1, 2, 3]
            assert (asked.shape, vectors.shape) == ((1, 2), (4, 2))
            np.testing.assert_allclose(scores, np.cos(np.radians([1, 9, 19, 29])), rtol=1e-6)
            return items[[2, 0, 1, 3]]

        plain = rank(query, gallery, relevant, 3)
        found = rank(query, gallery, relevant, 3, reorder=reorder)
        assert found.neighbors.tolist() == [[2, 0, 1]]
        assert found.scores[0, 0] == np.float32(np.cos(np.radians(19)))
        assert found.relevant.tolist() == [[True, True, False]]
        assert found.average_precision.tolist() == [1.0]
        assert plain.average_precision[0] == pytest.approx((1 + 2 / 3) / 2)
        assert plain.neighbors.tolist() == [[0, 1, 2]]

    def test_what_is_hidden_is_not_there_to_be_moved(self) -> None:
        gallery = labelled([0, 1, 3, 50], ["a", "a", "b", "b"])
        seen: list[list[int]] = []

        def reorder(row: int, items: Rows, scores: Any, asked: Any, vectors: Any) -> Rows:
            seen.append(items.tolist())
            return items[::-1]

        hiding = Hiding(np.array([0, 1, 2, 3]), np.array([9, 9, 0, 9]))
        found = rank(gallery, gallery, same_label(gallery, gallery), 4, hiding, reorder=reorder)
        assert seen == [[1, 3], [0, 2, 3], [1, 0, 3], [2, 1, 0]]
        assert found.neighbors.tolist() == [
            [3, 1, -1, -1], [3, 2, 0, -1], [3, 0, 1, -1], [0, 1, 2, -1]
        ]  # fmt: skip

    def test_a_gallery_gives_only_what_is_seen(self) -> None:
        vectors = labelled([0, 10, 20, 30], ["a"] * 4).vectors
        gallery = VisibleGallery(vectors, np.array([0, 2, 3]))
        ((keys, scores),) = gallery.nearest(vectors[[1]], 2)
        assert keys.tolist() == [0, 2]
        np.testing.assert_allclose(scores, np.cos(np.radians([10, 10])), rtol=1e-6)
        assert [len(keys) for keys, _ in gallery.nearest(vectors[:2], 9)] == [3, 3]


class TestJudging:
    def test_what_helps_is_better(self, engine: SearchEngine) -> None:
        task = task_of(engine)
        (row,) = judge_rerankings(engine, task, [oracle(task.gallery)])
        assert row.verdict == "better"
        assert row.queries == 115
        assert row.changes["map"].after == row.changes["hit_rate@1"].after == 1.0
        assert row.changes["map"].is_better
        for change in row.changes.values():
            low, high = change.difference.low, change.difference.high
            assert low <= change.after - change.before <= high
        assert row.added_ms is not None
        assert row.added_ms > 0

    def test_what_harms_is_worse(self, engine: SearchEngine) -> None:
        (row,) = judge_rerankings(engine, task_of(engine), [Method("aqe", backwards)])
        assert row.verdict == "worse"
        assert row.changes["hit_rate@1"].is_worse

    def test_what_changes_nothing_is_no_better(self, engine: SearchEngine) -> None:
        idle = Method("aqe", lambda found: found.keys)
        (row,) = judge_rerankings(engine, task_of(engine), [idle])
        assert row.verdict == "no better"
        assert {change.after - change.before for change in row.changes.values()} == {0}

    def test_the_query_does_not_help_itself(self, engine: SearchEngine) -> None:
        """In no list of candidates is the item that asks."""
        task = task_of(engine)
        seen: list[int] = []

        def reorder(found: Candidates) -> Keys:
            own = int((task.gallery.vectors @ found.query[0]).argmax())
            ((near, _),) = found.gallery.nearest(found.query, 115)
            seen.append(own)
            assert own not in found.keys
            assert own not in near
            return found.keys

        judge_rerankings(engine, task, [Method("aqe", reorder)])
        assert seen == list(range(115))

    def test_those_that_look_are_judged_by_fewer_queries(
        self, engine: SearchEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reranking, "LOOKED_AT_QUERIES", 6)
        monkeypatch.setattr(geometric, "VERIFIED", 3)
        done: list[int] = []
        methods = [METHODS["geometric"], METHODS["aqe"]]
        rows = judge_rerankings(engine, task_of(engine), methods, done.append)
        assert [row.queries for row in rows] == [6, 115]
        assert [row.name for row in rows] == ["geometric", "aqe"]
        assert sum(done) == sum(queries_of(method, 115) for method in methods) == 121

    def test_the_same_seed_gives_the_same_rows(self, engine: SearchEngine) -> None:
        method = METHODS["k-reciprocal"]
        rows = [judge_rerankings(engine, task_of(engine, seed=3), [method])[0] for _ in range(2)]
        assert rows[0].changes == rows[1].changes

    def test_without_its_package_a_method_is_skipped(
        self, engine: SearchEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("search_engine.encoders.opencv_import.find_spec", lambda name: None)
        done: list[int] = []
        (row,) = judge_rerankings(engine, task_of(engine), [METHODS["geometric"]], done.append)
        assert row.skipped is not None
        assert "eyedex[classic]" in row.skipped
        assert done == [100]

    def test_pictures_that_are_gone_are_not_timed(self, hsv_data: Path, tmp_path: Path) -> None:
        copy_data(hsv_data, tmp_path / "data")
        with SearchEngine(tmp_path / "data") as engine:
            execute(tmp_path / "data", "UPDATE items SET picture = NULL")
            reseal(tmp_path / "data")
            (row,) = judge_rerankings(engine, task_of(engine), [METHODS["geometric"]])
        assert row.added_ms is None
        assert row.verdict == "no better"

    def test_where_nothing_is_relevant_ranking_measures_are_undefined(
        self, engine: SearchEngine
    ) -> None:
        task = task_of(engine)
        names = [f"only {row}" for row in range(115)]
        alone = Labelled(task.gallery.vectors, names, task.gallery.keys, (), task.gallery.names)
        lonely = RerankTask(alone, alone, task.photos, "default", 5)
        (row,) = judge_rerankings(engine, lonely, [METHODS["aqe"]])
        assert np.isnan(row.changes["map"].before)
        assert row.changes["accuracy"].before == 0
        assert row.verdict == "no better"


UP, SOME, DOWN, NOTHING = (0.02, 0.04), (-0.03, 0.001), (-0.04, -0.02), (-0.01, 0.01)


@pytest.mark.parametrize(
    ("spans", "verdict"),
    [
        ((UP, NOTHING, NOTHING), "better"),
        ((UP, UP, UP), "better"),
        ((NOTHING, NOTHING, NOTHING), "no better"),
        ((UP, SOME, NOTHING), "no better"),
        ((UP, DOWN, NOTHING), "no better"),
        ((NOTHING, DOWN, NOTHING), "worse"),
        (((0.001, 0.003), NOTHING, NOTHING), "no better"),
    ],
)
def test_better_is_a_gain_that_nothing_pays_for(
    spans: tuple[tuple[float, float], ...], verdict: str
) -> None:
    changes = [Change(0.5, 0.5 + sum(span) / 2, Interval(*span)) for span in spans]
    names = ("map", "accuracy", "hit_rate@1")
    assert RerankRow("aqe", 100, dict(zip(names, changes, strict=True))).verdict == verdict


def test_each_measure_has_its_verdict() -> None:
    said = [
        verdict_on(Change(0.5, 0.5 + sum(span) / 2, Interval(*span)))
        for span in (UP, SOME, DOWN, NOTHING)
    ]
    assert said == ["better", "no better", "worse", "no better"]


def test_a_run_tells_what_it_found(engine: SearchEngine) -> None:
    methods = METHODS["aqe"], METHODS["dba"]
    options = Options(sample=30, resamples=10, rerankings=methods)
    steps: list[int] = []

    class Progress:
        def __init__(self, name: str, count: int) -> None:
            self._count = count

        def __enter__(self) -> Any:
            return steps.append

        def __exit__(self, *_: object) -> None:
            pass

    run = run_evaluation(engine, None, options, Progress)
    rows = json.loads(json.dumps(run_json(run)))["rerankings"]
    assert [row["rerank"] for row in rows] == ["aqe", "dba"]
    assert {row["queries"] for row in rows} == {30}
    assert set(rows[0]) == {"rerank", "verdict", "queries", "added_ms", "measures"}
    assert set(rows[0]["measures"]) == {"accuracy", "map", "hit_rate@1"}
    assert set(rows[0]["measures"]["map"]) == {"before", "after", "difference", "verdict"}
    assert rows[0]["measures"]["map"]["before"] == run.measures["map"]


def test_folds_are_kept(engine: SearchEngine) -> None:
    """What is in the query's fold is no candidate; nor is, without folds, what shows its thing."""
    method = METHODS["k-reciprocal"]
    options = Options(sample=60, resamples=10, rerankings=(method,))
    whole, folded = (
        run_evaluation(engine, None, one, lambda name, count: _Silent())
        for one in (options, Options(sample=60, resamples=10, rerankings=(method,), folds=3))
    )
    for run in (folded, whole):
        before = run.rerankings[0].changes["map"].before
        assert before == pytest.approx(run.measures["map"], abs=1e-5)
    assert folded.measures["map"] != whole.measures["map"]


class _Silent:
    def __enter__(self) -> Any:
        return lambda count: None

    def __exit__(self, *_: object) -> None:
        pass


def test_several_values_a_picture_are_refused(engine: SearchEngine) -> None:
    options = Options(target="color", separator="e", rerankings=(METHODS["aqe"],))
    with pytest.raises(ParameterError, match="several values"):
        run_evaluation(engine, None, options, lambda name, count: _Silent())
