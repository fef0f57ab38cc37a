"""Scenes: chains of twins within a class."""

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from search_engine import things
from search_engine.things import scenes_of

RNG = np.random.default_rng(0)
COUNT = 300
DEGREES = RNG.uniform(0, 3_000, COUNT)  # of a spiral, so that chains end here and there
CODES = RNG.integers(0, 3, COUNT)
VECTORS = np.stack([np.cos(DEGREES / 40), np.sin(DEGREES / 40), DEGREES / 500], axis=1)
VECTORS = (VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)).astype(np.float32)


def together(scenes: np.ndarray) -> np.ndarray:
    """Whether two items are of one scene, (N, N)."""
    return np.asarray(scenes[:, None] == scenes)


@pytest.fixture(params=[7, 512])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(things, "ROWS_A_BLOCK", request.param)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("twin", [0.99, 0.9999, 0.99999])
def test_scenes_are_the_connected_components_of_twins(twin: float) -> None:
    alike = (twin <= VECTORS @ VECTORS.T) & np.equal.outer(CODES, CODES)
    count, wanted = connected_components(alike, directed=False)
    assert np.array_equal(together(scenes_of(VECTORS, CODES, twin)), together(wanted))
    assert 3 <= count < COUNT


@pytest.mark.usefixtures("block")
def test_scenes_of_some_items_are_those_of_all() -> None:
    rows = np.flatnonzero(CODES != 1)[::20]
    every = scenes_of(VECTORS, CODES, 0.9999)
    some = scenes_of(VECTORS, CODES, 0.9999, rows)
    assert np.array_equal(together(some)[rows], together(every)[rows])
    alone = some[CODES == 1]
    assert len(set(alone.tolist())) == len(alone)
