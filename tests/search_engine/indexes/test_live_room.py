"""How much room changes take beside an index: that of what counts, not of every change."""

import numpy as np

from search_engine.indexes.live import FIRST_CAPACITY, LiveIndex
from tests.small_catalog import unit_vectors

DIMENSION, HOT, ROUNDS = 8, 40, 200


def test_items_that_change_again_and_again_take_the_room_of_one() -> None:
    vectors, index = unit_vectors(HOT * ROUNDS, dimension=DIMENSION), LiveIndex(DIMENSION)
    keys, random = np.arange(HOT), np.random.default_rng(1)
    kept: dict[int, np.ndarray] = {}
    for number in range(ROUNDS):
        chosen = np.unique(random.choice(keys, 25))
        given = vectors[number * HOT : number * HOT + len(chosen)]
        index.upsert(chosen, given)
        kept.update(zip(chosen.tolist(), given, strict=True))
        gone = random.choice(keys, 3)
        index.remove(gone)
        for key in gone.tolist():
            kept.pop(key, None)

    assert len(index.snapshot.delta_keys) <= FIRST_CAPACITY
    assert index.snapshot.keys().tolist() == sorted(kept)
    for key, vector in kept.items():
        assert index.search(vector[None], 1).keys.tolist() == [[key]]
        assert np.allclose(index.snapshot.vectors(np.array([key]))[0], vector, atol=1e-3)


def test_who_reads_an_older_state_keeps_it() -> None:
    vectors, index = unit_vectors(FIRST_CAPACITY * 4, dimension=DIMENSION), LiveIndex(DIMENSION)
    index.upsert(np.arange(10), vectors[:10])
    older = index.snapshot
    before = older.search(vectors[:10], 10)
    for start in range(10, len(vectors) - 10, 10):
        index.upsert(np.arange(10), vectors[start : start + 10])
    after = older.search(vectors[:10], 10)
    assert np.array_equal(before.keys, after.keys)
    assert np.array_equal(before.scores, after.scores)
