"""The comparison of vector indexes: what it measures must be right before it is fast."""

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import index
from benchmarks.rivals.base import EFFORTS, Place, padded, without
from benchmarks.rivals.child import THREAD_VARIABLES, Child, EngineFailedError
from benchmarks.rivals.choice import Tried, choose, sweep
from benchmarks.rivals.exact import Truth, exact_truth, index_recall
from benchmarks.rivals.index_examiner import Gallery, IndexExaminer
from benchmarks.rivals.registry import INDEXES, OURS, Entry, left_out
from tests.small_catalog import unit_vectors

pytestmark = pytest.mark.slow

BASE = np.array([[1, 0], [1, 0], [0, 1], [-1, 0], [0.6, 0.8]], dtype=np.float32)
QUERY = np.array([[1, 0]], dtype=np.float32)


@pytest.fixture(autouse=True)
def _made_up_vectors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.vectors.DATASETS", tmp_path / "no datasets")


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    gallery = Gallery(tmp_path, 10)
    gallery.save(unit_vectors(2_000, dimension=16), unit_vectors(100, seed=1, dimension=16))
    return gallery


class Subject:
    """What a child is asked in these tests."""

    def add(self, one: int, other: int) -> int:
        return one + other

    def surroundings(self) -> tuple[int, dict[str, str]]:
        cores = len(os.sched_getaffinity(0))
        return cores, {name: os.environ[name] for name in THREAD_VARIABLES}

    def fail(self) -> None:
        raise ValueError("on purpose")

    def die(self) -> None:
        os._exit(7)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("found", "recall"),
    [
        ([0, 1, 4], 1.0),  # the three nearest: scores 1, 1, 0.6
        ([4, 1, 0], 1.0),  # in any order
        ([0, 1, 2], 2 / 3),
        ([0, 0, 0], 1 / 3),  # the same row again fills no other place
        ([0, -1, -1], 1 / 3),
        ([-1, -1, -1], 0.0),
    ],
)
def test_recall_is_the_share_of_places_that_were_filled(found: list[int], recall: float) -> None:
    truth = exact_truth(BASE, QUERY, 3)
    assert truth.last_scores[0] == pytest.approx(0.6)
    assert index_recall(np.array([found]), truth, BASE, QUERY) == pytest.approx(recall)


def test_of_equal_vectors_any_fills_the_place() -> None:
    truth = exact_truth(BASE, QUERY, 1)
    for either in (0, 1):
        assert index_recall(np.array([[either]]), truth, BASE, QUERY) == 1.0


def test_places_beyond_the_matches_are_not_missed() -> None:
    truth = Truth(np.array([1.0], dtype=np.float32), np.array([2]))
    assert index_recall(np.array([[0, 1, -1]]), truth, BASE, QUERY) == 1.0


@pytest.mark.parametrize(
    ("recalls", "chosen", "below", "above", "reached"),
    [
        ([0.9, 0.98, 0.99, 0.995], 30, 20, 40, True),
        ([0.999, 1.0], 10, None, 20, True),
        ([0.9, 0.95], 20, 10, None, False),
        ([0.9], 10, None, None, False),
    ],
)
def test_the_least_effort_that_finds_enough_is_chosen(
    recalls: list[float], chosen: int, below: int | None, above: int | None, reached: bool
) -> None:
    tried = [Tried(10 * number, recall, 1.0) for number, recall in enumerate(recalls, 1)]
    choice = choose(tried, 0.99)
    assert choice.chosen.effort == chosen
    assert (choice.below and choice.below.effort) == below
    assert (choice.above and choice.above.effort) == above
    assert choice.reached is reached


def test_a_sweep_ends_one_effort_after_enough() -> None:
    asked = []

    def try_effort(effort: int) -> Tried:
        asked.append(effort)
        return Tried(effort, effort / 100, 1.0)

    tried = sweep(try_effort, range(10, 100, 10), 0.5)
    assert asked == [10, 20, 30, 40, 50, 60] == [one.effort for one in tried]


def test_efforts_ascend_from_k_on() -> None:
    assert list(EFFORTS) == sorted(set(EFFORTS))
    assert EFFORTS[0] == index.K


def test_ids_are_padded_and_freed_of_the_item_itself() -> None:
    assert padded(np.array([4, 2]), 3).tolist() == [4, 2, -1]
    assert without(2, np.array([2, 4, 1]), 2).tolist() == [4, 1]
    assert without(9, np.array([2, 4, 1]), 2).tolist() == [2, 4]


def test_ratios_are_to_the_best_rival_of_each_measure() -> None:
    ratios = index.ratios_to_best(
        [
            row(OURS, qps=[200, 100], single_ms=[1.0, 2.0], bytes_per_vector=400.0),
            row("fast", qps=[100, 50], single_ms=[4.0, 4.0], bytes_per_vector=1_000.0),
            row("quick", qps=[50, 50], single_ms=[0.5, 1.0], bytes_per_vector=200.0),
            row("careless", qps=[900, 900], single_ms=[0.1, 0.1], recall_reached=False),
        ]
    )
    assert ratios is not None
    assert (ratios["qps"], ratios["qps_best_rival"]) == (2.0, "fast")
    assert (ratios["single_ms"], ratios["single_ms_best_rival"]) == (0.5, "quick")
    assert (ratios["bytes_per_vector"], ratios["bytes_per_vector_best_rival"]) == (0.5, "quick")
    assert index.ratios_to_best([row(OURS)]) is None
    assert index.ratios_to_best([row("fast")]) is None


def row(engine: str, **known: Any) -> dict[str, Any]:
    values = {"qps": [1.0], "single_ms": [1.0], "bytes_per_vector": 1.0, **known}
    return {
        "engine": engine,
        "n": 10,
        "dimension": 2,
        "recall_reached": True,
        **values,
        **{name: float(np.median(values[name])) for name in ("qps", "single_ms")},
        **{f"{name}_rounds": values[name] for name in ("qps", "single_ms")},
    }


def test_a_child_answers_bound_to_its_cores() -> None:
    with Child(Subject, threads=1) as child:
        assert child.ask("add", 2, 3) == 5
        cores, told = child.ask("surroundings")
    assert cores == 1
    assert set(told.values()) == {"1"}


def test_what_goes_wrong_in_a_child_is_told() -> None:
    with Child(Subject, threads=1) as child:
        with pytest.raises(EngineFailedError, match="ValueError: on purpose"):
            child.ask("fail")
        assert child.ask("add", 1, 1) == 2
        with pytest.raises(EngineFailedError, match="exit code 7"):
            child.ask("die")
        with pytest.raises(EngineFailedError, match="exit code 7"):
            child.ask("add", 1, 1)


def test_a_child_that_cannot_be_made_says_why() -> None:
    with pytest.raises(EngineFailedError, match="ValueError: invalid literal"):
        Child(partial(int, "no number"), threads=1)


@pytest.mark.parametrize("name", INDEXES)
def test_every_index_finds_what_is_near(gallery: Gallery, name: str) -> None:
    for reason in left_out([name], INDEXES).values():
        pytest.skip(reason)
    place = Place(2, gallery.folder / name)
    place.folder.mkdir()
    with Child(partial(IndexExaminer, name, gallery, place), threads=2) as child:
        built = child.ask("build")
        (poor, _), (good, _) = (child.ask("try_effort", effort) for effort in (10, 160))
        setting = child.ask("setting", 160)
    assert good > 0.98
    assert good >= poor
    assert "160" in setting
    assert built["serialized_bytes_per_vector"] > 16


def test_the_command_compares_and_keeps_results(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "results.jsonl"
    index.main(command("--json", "--out", str(out)))
    printed = json.loads(capsys.readouterr().out)
    (only,) = printed["rows"]
    assert only["engine"] == OURS
    assert (only["n"], only["dimension"], only["runs"]) == (2_000, 16, 2)
    assert only["recall"] >= 0.9
    assert only["qps_min"] <= only["qps"] <= only["qps_max"]
    assert only["single_ms"] <= only["single_p99_ms"]
    assert only["mapped_bytes_per_vector"] == 2 * 16
    assert printed["machine"]["cores"] == os.cpu_count()
    events = [json.loads(line) for line in out.read_text().splitlines()]
    assert [event["event"] for event in events] == ["built", "swept", "row"]
    assert events[-1] == {"event": "row", **only}


def test_what_is_not_installed_or_fails_is_named_and_the_rest_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(INDEXES, "absent", Entry("faiss_hnsw", "None", ("no_such_package",)))
    monkeypatch.setitem(INDEXES, "broken", Entry("no_such_module", "None"))
    index.main(command("--engines", "absent", "broken", OURS))
    printed = capsys.readouterr()
    assert "absent: left out: no_such_package not installed" in printed.err
    assert "broken: failed: " in printed.err
    assert f"│ {OURS}" in printed.out


def command(*more: str) -> list[str]:
    """A small run of ours, unless told otherwise."""
    return ["--count", "2000", "--dimension", "16", "--runs", "2", "--engines", OURS, *more]
