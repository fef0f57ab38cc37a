"""Whatever happens to a collection, searching it equals an exact search over a plain dictionary."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from search_engine.catalog.filters import parse_filter
from search_engine.collections.live import LiveCollection
from search_engine.errors import NotFoundError, ParameterError
from search_engine.indexes.live import Snapshot
from search_engine.indexes.selection import KeySet
from search_engine.records import Hits
from tests.contract.exact_index import ExactIndex
from tests.small_catalog import (
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

KINDS = ("Flat", "SQ8", "HNSW8", "IVF2,Flat", "RR8,SQ8", "IVF2,RaBitQ", "PCAR4,IVF2,PQ2x4fs")
"""With so few items these look at all of them, and the last cannot always be made."""

Found = list[tuple[int, float]]

item_ids = st.sampled_from([f"item {number}" for number in range(24)])
seeds = st.integers(0, FEW_VECTORS - 1)
prices = st.integers(0, 5)

HOLDS: dict[str, Callable[[int, Any], bool]] = {
    "eq": lambda price, value: price == value,
    "ne": lambda price, value: price != value,
    "lt": lambda price, value: price < value,
    "lte": lambda price, value: price <= value,
    "gt": lambda price, value: price > value,
    "gte": lambda price, value: price >= value,
    "in": lambda price, value: price in value,
    "under": lambda price, value: price == int(value[-1]),
    "exists": lambda price, value: bool(value),
}
conditions = st.one_of(
    st.tuples(st.sampled_from(["eq", "ne", "lt", "lte", "gt", "gte"]), prices),
    st.tuples(st.just("in"), st.lists(prices, min_size=1, max_size=3)),
    st.tuples(st.just("under"), prices.map(lambda price: f"shop/{price}")),
    st.tuples(st.just("exists"), st.booleans()),
)


def known_of(price: int) -> dict[str, Any]:
    return {"label": f"shop/{price}", "attributes": {"price": price}}


def filter_of(operator: str, value: Any) -> dict[str, Any]:
    return {"field": "label" if operator == "under" else "price", operator: value}


def found(hits: Hits) -> Found:
    keys, scores = hits.row(0)
    return list(zip(keys.tolist(), scores.tolist(), strict=True))


def query_of(seed: int) -> Any:
    return unit_vectors(1, 100 + seed)


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
        self.kept: tuple[Snapshot, int, int, Found] | None = None

    def teardown(self) -> None:
        self.catalog.close()
        self.folder.cleanup()

    @rule(names=st.lists(item_ids, min_size=1, max_size=10, unique=True), seed=seeds, price=prices)
    def upsert(self, names: list[str], seed: int, price: int) -> None:
        numbers = {name: (seed + place) % FEW_VECTORS for place, name in enumerate(names)}
        drafts = [
            draft(name, unit_vectors(1, number)[0], **known_of(price))
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

    @rule(operator_and_value=conditions)
    def relabel(self, operator_and_value: tuple[str, Any]) -> None:
        """What an index does not know of: filters must follow, vectors stay."""
        operator, value = operator_and_value
        changed = {n: 5 - p for n, p in self.prices.items() if HOLDS[operator](p, value)}
        with self.catalog.write() as writer:
            writer.describe(
                self.collection.id,
                {self.keys[name]: known_of(price) for name, price in changed.items()},
            )
        self.prices |= changed

    @rule()
    def compact(self) -> None:
        self.first.compact(force=True)

    @rule()
    def compact_elsewhere(self) -> None:
        self.second.compact()

    @rule()
    def compact_aside(self) -> None:
        self.second.compact_aside()

    @rule(kind=st.sampled_from(KINDS))
    def rebuild_as(self, kind: str) -> None:
        before = self._factory()
        try:
            self.first.rebuild(kind)
        except ParameterError:
            assert self._factory() == before
        else:
            assert self._factory() == kind
            assert self._base_kind(self.first) == kind

    @rule()
    def leave_the_kind_to_eyedex(self) -> None:
        self.first.rebuild(None)
        assert self._factory() is None
        assert self._base_kind(self.first) == "Flat"

    @rule()
    def roll_back(self) -> None:
        with suppress(NotFoundError):
            self.first.roll_back()

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

    @rule(seed=seeds, k=st.integers(1, 30))
    def keep_a_snapshot(self, seed: int, k: int) -> None:
        snapshot = self._snapshot(self.second)
        self.kept = (snapshot, seed, k, found(snapshot.search(query_of(seed), k)))

    @rule()
    def a_kept_snapshot_answers_as_it_did(self) -> None:
        if self.kept is not None:
            snapshot, seed, k, answer = self.kept
            assert found(snapshot.search(query_of(seed), k)) == answer

    @rule(seed=seeds, k=st.integers(1, 30), operator_and_value=conditions)
    def search_under_a_filter(self, seed: int, k: int, operator_and_value: tuple[str, Any]) -> None:
        operator, value = operator_and_value
        wanted = {self.keys[n] for n, p in self.prices.items() if HOLDS[operator](p, value)}
        for opened in (self.first, self.second):
            snapshot = self._snapshot(opened)
            fields = self.catalog.fields(self.collection)
            if "price" not in fields:
                return
            within = opened.matching(parse_filter(filter_of(operator, value)))
            assert set(within.keys.tolist()) == wanted
            self._check(snapshot, seed, k, within)

    @rule(seed=seeds, k=st.integers(1, 30))
    def search(self, seed: int, k: int) -> None:
        self._check(self._snapshot(self.first), seed, k, None)
        self._check(self._snapshot(self.second), seed, k, None)

    @invariant()
    def keys_agree(self) -> None:
        snapshot = self._snapshot(self.first)
        assert snapshot.keys().tolist() == sorted(self.keys.values())
        assert len(snapshot) == len(self.keys)
        assert snapshot.key_state() == self.catalog.key_state(self.collection)

    def _check(self, snapshot: Snapshot, seed: int, k: int, within: KeySet | None) -> None:
        """As the oracle; of equal scores at the end an approximate kind may find others."""
        answer = found(snapshot.search(query_of(seed), k, within))
        every = self._oracle(seed, within)
        expected = every[:k]
        assert [score for _, score in answer] == [score for _, score in expected]
        last = expected[-1][1] if expected else 0.0
        exact = snapshot.base is None or snapshot.base.exact
        assert [one for one in answer if exact or one[1] > last] == [
            one for one in expected if exact or one[1] > last
        ]
        assert answer == sorted(set(answer), key=lambda one: (-one[1], one[0]))
        assert set(answer) <= set(every)

    def _oracle(self, seed: int, within: KeySet | None) -> Found:
        oracle = ExactIndex(DIMENSION)
        for name, key in self.keys.items():
            oracle.upsert(np.array([key], dtype=np.int64), unit_vectors(1, self.seeds[name]))
        return found(oracle.search(query_of(seed), 1_000, within))

    def _snapshot(self, opened: LiveCollection) -> Snapshot:
        snapshot = opened.snapshot()
        assert snapshot is not None
        return snapshot

    def _base_kind(self, opened: LiveCollection) -> str:
        base = self._snapshot(opened).base
        assert base is not None
        return base.spec.factory

    def _factory(self) -> str | None:
        return self.catalog.collection(self.collection.name).index_factory


TestCatalogMachine = CatalogMachine.TestCase
TestCatalogMachine.settings = settings(
    max_examples=12, stateful_step_count=30, deadline=None, derandomize=True, database=None
)
