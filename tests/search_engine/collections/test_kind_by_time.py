"""Where time decides, an exact index and another one are built, and the quicker one is kept."""

from collections.abc import Callable

import numpy as np
import pytest

from search_engine.catalog.changes import Changes
from search_engine.catalog.collection_rows import Collection
from search_engine.collections import publishing
from search_engine.config import Settings
from search_engine.indexes import choice
from search_engine.indexes.base import Index
from search_engine.indexes.live import LiveIndex
from tests.contract.index_kinds import one_thread, unit_vectors

DIMENSION = 16
COLLECTION = Collection(1, "default", "u" * 32)
Judge = Callable[[Index, Index], Index]


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the size that is exact in any case are 250 vectors."""
    monkeypatch.setattr(choice, "EXACT_ELEMENTS", 250 * DIMENSION)
    monkeypatch.setattr(choice, "MEASURED_ELEMENTS", 1_000 * DIMENSION)


def built(count: int, before: Index | None = None, recall: float = 0.5) -> Index:
    vectors = unit_vectors(count, DIMENSION).astype(np.float16)
    changes = Changes(1, np.arange(count), vectors, np.empty(0, dtype=np.int64))
    snapshot = None if before is None else LiveIndex(DIMENSION, before).snapshot
    settings = Settings(index_recall=recall)
    with one_thread():
        return publishing.build_index(settings, COLLECTION, changes, snapshot, strict=True)


def judging(monkeypatch: pytest.MonkeyPatch, judge: Judge) -> list[tuple[str, str]]:
    """The pairs that are judged from now on."""
    pairs: list[tuple[str, str]] = []

    def noting(exact: Index, other: Index) -> Index:
        pairs.append((exact.spec.factory, other.spec.factory))
        return judge(exact, other)

    monkeypatch.setattr(publishing, "quicker", noting)
    return pairs


@pytest.mark.parametrize("which", [0, 1])
def test_the_quicker_one_is_kept(which: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = judging(monkeypatch, lambda *pair: pair[which])
    index = built(300)
    assert pairs == [("Flat", choice.choose_index(300, DIMENSION, 10**9).factory)]
    assert index.spec.factory == pairs[0][which]


@pytest.mark.parametrize("count", [250, 1_001])
def test_few_are_exact_and_many_are_not_whatever_time_says(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = judging(monkeypatch, lambda exact, other: exact)
    assert (built(count).spec.factory == "Flat") == (count == 250)
    assert not pairs


def test_one_that_misses_its_recall_is_not_asked_for_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pairs = judging(monkeypatch, lambda exact, other: other)
    monkeypatch.setattr(publishing, "recall_of", lambda index: 0.4)
    assert built(300).exact
    assert not pairs


def test_an_exact_one_stays_until_the_collection_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = judging(monkeypatch, lambda exact, other: exact)
    small = built(240)
    first = built(300, small)
    assert len(pairs) == 1
    second = built(320, first)
    assert (second.spec.factory, len(pairs)) == ("Flat", 1)
    built(600, second)
    assert len(pairs) == 2
