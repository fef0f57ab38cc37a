"""The tenth that a training does without: whole things, and as hard as all."""

from collections.abc import Sequence

import numpy as np
import pytest

from search_engine.adapt import tenth
from search_engine.adapt.tenth import draw_tenths
from search_engine.collections.labelled import Labelled
from search_engine.encoders.base import unit_rows
from search_engine.errors import ParameterError
from search_engine.records import Codes, Vectors

CLASSES, THINGS, PHOTOS = 6, 22, 5


@pytest.fixture
def made() -> tuple[Vectors, Codes, Codes]:
    """Photos of things of classes; every fifth thing looks like one of the next class."""
    random = np.random.default_rng(0)
    things = np.arange(CLASSES * THINGS).repeat(PHOTOS)
    codes = things // THINGS
    shown = np.where(things % 5 == 0, (codes + 1) % CLASSES, codes)
    vectors = np.eye(CLASSES)[shown] + random.normal(0, 0.1, (len(things), CLASSES))
    return unit_rows(vectors.astype(np.float32)), codes, things


def labelled(vectors: Vectors, codes: Codes, groups: Sequence[str | None]) -> Labelled:
    labels = [f"c{code}" for code in codes]
    return Labelled(vectors, labels, np.arange(len(codes)), groups=groups)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_whole_things_as_hard_as_all(made: tuple[Vectors, Codes, Codes], seed: int) -> None:
    vectors, codes, things = made
    gallery = labelled(vectors, codes, [str(one) for one in things])
    tenths = draw_tenths(gallery, codes, vectors, seed)
    assert len(tenths) == 2
    assert set(np.delete(codes, np.concatenate(tenths))) == set(codes)
    assert not np.intersect1d(tenths[0], tenths[1]).size
    hard = things % 5 == 0
    for held in tenths:
        assert np.array_equal(np.flatnonzero(np.isin(things, things[held])), held)
        assert 0.9 * len(codes) / 10 < len(held) <= len(codes) / 10
        assert hard[held].mean() == pytest.approx(hard.mean(), abs=0.1)


def test_by_lot_it_would_not_be_as_hard(
    made: tuple[Vectors, Codes, Codes], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, codes, things = made
    monkeypatch.setattr(tenth, "DRAWS", 1)
    gallery = labelled(vectors, codes, [str(one) for one in things])
    hard = [
        (things[draw_tenths(gallery, codes, vectors, seed)[0]] % 3 == 0).mean() for seed in range(5)
    ]
    assert max(hard) - min(hard) > 0.2


def test_a_class_of_one_thing_and_things_that_are_too_large_stay() -> None:
    codes = np.array([0] * 40 + [1] * 40 + [2] * 20)
    things = np.array([0] * 40 + [1] * 30 + [2] * 5 + [3] * 5 + [4] * 10 + [5] * 10)
    vectors = unit_rows(np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32))
    gallery = labelled(vectors, codes, [str(one) for one in things])
    tenths = draw_tenths(gallery, codes, vectors, 0)
    assert set(things[np.concatenate(tenths)]) <= {2, 3, 4, 5}
    assert set(np.delete(codes, np.concatenate(tenths))) == {0, 1, 2}
    quarters = np.arange(100) // 25
    alike = unit_rows(np.eye(4, dtype=np.float32)[quarters] + 0.01 * vectors[:, :4])
    with pytest.raises(ParameterError, match="too few different products"):
        draw_tenths(
            labelled(alike, quarters // 2, [str(one) for one in quarters]), quarters // 2, alike, 0
        )
