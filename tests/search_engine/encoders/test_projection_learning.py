"""What is learned from labels: the directions that tell classes apart, found exactly or nearly."""

import numpy as np
import pytest

from search_engine.encoders import projection_learning
from search_engine.encoders.projection_learning import LIKENESS_DIRECTIONS, learn
from search_engine.records import Codes, Vectors

CLASSES, EACH, WIDTH = 8, 60, 640


def labelled() -> tuple[Vectors, Codes]:
    """Unit rows whose classes are apart in few of many dimensions, that vary in others."""
    random = np.random.default_rng(3)
    codes = np.repeat(np.arange(CLASSES), EACH)
    varied = random.normal(size=(CLASSES * EACH, WIDTH)) * np.linspace(3, 0.3, WIDTH)
    rows = varied + random.normal(size=(CLASSES, WIDTH))[codes]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), codes


def test_few_of_many_directions_are_those_of_the_whole_decomposition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors, codes = labelled()
    assert (CLASSES - 1 + LIKENESS_DIRECTIONS) * projection_learning.FEW_DIRECTIONS < WIDTH
    ((mean, found),) = learn(vectors, codes, (0.1,))
    monkeypatch.setattr(projection_learning, "FEW_DIRECTIONS", WIDTH)
    ((same_mean, exact),) = learn(vectors, codes, (0.1,))

    assert found.shape == exact.shape == (WIDTH, CLASSES - 1 + LIKENESS_DIRECTIONS)
    assert np.array_equal(mean, same_mean)
    # what tells classes apart is the same subspace: its axes are at no angle
    ours, theirs = (np.linalg.qr(each[:, : CLASSES - 1])[0] for each in (found, exact))
    assert np.linalg.svd(ours.T @ theirs, compute_uv=False).min() > 0.999
    # and the others, that differ little from each other, hold as much of what varies
    varies = [float(np.square((vectors - mean) @ each).sum()) for each in (found, exact)]
    assert varies[0] == pytest.approx(varies[1], rel=0.05)


def test_the_same_rows_give_the_same_projection() -> None:
    vectors, codes = labelled()
    ((_, first),) = learn(vectors, codes, (0.1,))
    ((_, again),) = learn(vectors, codes, (0.1,))
    assert np.array_equal(first, again)
