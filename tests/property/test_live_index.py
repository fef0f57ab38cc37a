"""Whatever happens to a collection, searching it equals an exact search over a plain dictionary."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from search_engine.filters import compile_filter, parse_filter
from search_engine.indexes.exact import ExactIndex
from search_engine.live_collection import LiveCollection
from search_engine.records import Hits, Keys
from tests.unit.small_catalog import (
    DIMENSION,
    bound_collection,
    draft,
    live,
    open_catalog,
    put,
    remove,
    unit_vectors,
)

FEW_VECTORS = 6
"""So few different vectors that ties are common."""

item_ids = st.sampled_from([f"item {number}" for number in range(12)])
seeds = st.integers(0, FEW_VECTORS - 1)
prices = st.integers(0, 5)


def found(hits: Hits) -> list[tuple[int, float]]:
    keys, scores = hits.row(0)
    return list(zip(keys.tolist(), scores.tolist(), strict=True))


class CatalogMachine(RuleBasedStateMachine):
    """Changes through the catalog, searches through two opened collections, one model."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="eyedex-test-")
        self.catalog = open_catalog(Path(self.folder.name))
        self.collection = bound_collection(self.catalog)
        self.first = live(self.catalog, self.collection)
        self.second = live(self.catalog, self.collection)
        self.keys: dict[str, int] = {}
        self.seeds: dict[str, int] = {}
        self.prices: dict[str, int] = {}
        self.used: set[int] = set()

    def teardown(self) -> None:
        self.catalog.close()
        self.folder.cleanup()

    @rule(names=st.lists(item_ids, min_size=1, max_size=5, unique=True), seed=seeds, price=prices)
    def upsert(self, names: list[str], seed: int, price: int) -> None:
        numbers = {name: (seed + place) % FEW_VECTORS for place, name in enumerate(names)}
        drafts = [
            draft(name, unit_vectors(1, number)[0], attributes={"price": price})
            for name, number in numbers.items()
        ]
        keys = put(self.catalog, self.collection, drafts)
        for name, key in keys.items():
            if name in self.keys:
                assert key == self.keys[name]
            else:
                assert key not in self.used
        self.keys |= keys
        self.seeds |= numbers
        self.prices |= dict.fromkeys(names, price)
        self.used |= set(keys.values())

    @rule(names=st.lists(item_ids, max_size=5, unique=True))
    def remove(self, names: list[str]) -> None:
        known = [name for name in names if name in self.keys]
        remove(self.catalog, *(self.keys[name] for name in known))
        for name in known:
            del self.keys[name], self.seeds[name], self.prices[name]

    @rule()
    def compact(self) -> None:
        self.first.compact(force=True)

    @rule()
    def compact_elsewhere(self) -> None:
        self.second.compact()

    @rule()
    def reopen(self) -> None:
        self.second = live(self.catalog, self.collection)

    @rule()
    def restart(self) -> None:
        self.catalog.close()
        self.catalog = open_catalog(Path(self.folder.name))
        self.collection = self.catalog.collection(self.collection.name)
        self.first = live(self.catalog, self.collection)
        self.second = live(self.catalog, self.collection)

    @rule(seed=seeds, k=st.integers(1, 15), least=prices)
    def search_under_a_filter(self, seed: int, k: int, least: int) -> None:
        condition = compile_filter(parse_filter({"field": "price", "gte": least}))
        within = self.catalog.keys_where(self.collection, condition)
        wanted = {self.keys[name] for name, price in self.prices.items() if price >= least}
        assert set(within.tolist()) == wanted
        hits = self._search(self.first, seed, k, within)
        assert hits == self._expected(seed, k, within)
        assert len(hits) == min(k, len(wanted))

    @rule(seed=seeds, k=st.integers(1, 15))
    def search(self, seed: int, k: int) -> None:
        expected = self._expected(seed, k, None)
        assert self._search(self.first, seed, k, None) == expected
        assert self._search(self.second, seed, k, None) == expected

    @invariant()
    def keys_agree(self) -> None:
        snapshot = self.first.snapshot()
        assert snapshot is not None
        assert snapshot.keys().tolist() == sorted(self.keys.values())
        assert len(snapshot) == len(self.keys)

    def _search(
        self, opened: LiveCollection, seed: int, k: int, within: Keys | None
    ) -> list[tuple[int, float]]:
        snapshot = opened.snapshot()
        assert snapshot is not None
        return found(snapshot.search(unit_vectors(1, 100 + seed), k, within))

    def _expected(self, seed: int, k: int, within: Keys | None) -> list[tuple[int, float]]:
        oracle = ExactIndex(DIMENSION)
        for name, key in self.keys.items():
            oracle.upsert(np.array([key], dtype=np.int64), unit_vectors(1, self.seeds[name]))
        return found(oracle.search(unit_vectors(1, 100 + seed), k, within))


TestCatalogMachine = CatalogMachine.TestCase
TestCatalogMachine.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, derandomize=True, database=None
)
