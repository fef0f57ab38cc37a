"""Pictures to learn from: which are drawn, and how they are changed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from search_engine.adapt.augmentation import augmentation, paste_across
from search_engine.adapt.batches import Augmented, Draw, Pictures, batches

SIDE_PX, SIZE_PX = 40, 32


def drawn(draw: Draw, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    rows = iter(draw)
    return np.array([next(rows) for _ in range(count)])


def test_a_rare_class_is_drawn_more_often_than_by_lot_and_less_than_a_common_one() -> None:
    codes = np.repeat([0, 1], [90, 10])
    rows = drawn(Draw(np.arange(100), codes, np.arange(100), 0), 10_000)
    share = float((codes[rows] == 1).mean())
    assert share == pytest.approx(np.sqrt(10) / (np.sqrt(90) + np.sqrt(10)), abs=0.02)


def test_products_of_a_class_are_drawn_alike_however_many_pictures_they_have() -> None:
    products = np.repeat([0, 1], [19, 1])
    rows = drawn(Draw(np.arange(20), np.zeros(20, dtype=np.int64), products, 0), 4_000)
    assert float((rows == 19).mean()) == pytest.approx(0.5, abs=0.03)


def test_what_is_held_out_is_never_drawn_and_all_else_is() -> None:
    codes = np.arange(60) % 7
    rest = np.flatnonzero(np.arange(60) % 3)
    rows = drawn(Draw(rest, codes, np.arange(60), 0), 4_000)
    assert set(rows.tolist()) == set(rest.tolist())


def test_pictures_become_others_of_the_wanted_size_and_the_same_ones_by_the_same_seed() -> None:
    picture = torch.randint(0, 256, (3, SIDE_PX, SIDE_PX), dtype=torch.uint8)
    change = augmentation(SIZE_PX)
    torch.manual_seed(3)
    first = [change(picture) for _ in range(8)]
    torch.manual_seed(3)
    again = [change(picture) for _ in range(8)]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert {(tuple(one.shape), one.dtype) for one in first} == {
        ((3, SIZE_PX, SIZE_PX), torch.uint8)
    }
    assert len({one.numpy().tobytes() for one in first}) == 8


def test_a_plain_backdrop_gets_another_colour_and_the_object_stays() -> None:
    from search_engine.adapt.augmentation import _other_backdrop

    picture = torch.full((3, SIDE_PX, SIDE_PX), 250, dtype=torch.uint8)
    picture[:, 10:30, 10:30] = torch.randint(0, 200, (3, 20, 20), dtype=torch.uint8)
    torch.manual_seed(0)
    changed = _other_backdrop(picture)
    assert torch.equal(changed[:, 10:30, 10:30], picture[:, 10:30, 10:30])
    assert bool((changed[:, 0] == changed[:, 0, :1]).all())
    assert not torch.equal(changed[:, 0], picture[:, 0])
    busy = torch.randint(0, 256, (3, SIDE_PX, SIDE_PX), dtype=torch.uint8)
    assert torch.equal(_other_backdrop(busy), busy)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_share_that_stays_is_the_share_of_pixels(seed: int) -> None:
    colours = torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1)
    pixels = colours.expand(4, 16, 20, 3).contiguous()
    mixed, other, share = paste_across(pixels, np.random.default_rng(seed))
    for row in range(4):
        own = float((mixed[row] == pixels[row]).float().mean())
        assert own == pytest.approx(1.0 if int(other[row]) == row else share, abs=1e-6)
        assert set(mixed[row].flatten().tolist()) <= {row, int(other[row])}


def test_batches_hold_rows_and_views_of_their_pictures(tmp_path: Path) -> None:
    pixels = np.zeros((12, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    pixels[...] = (np.arange(12) * 20)[:, None, None, None]
    (tmp_path / "pixels").write_bytes(pixels.tobytes())
    source = Augmented(Pictures(tmp_path / "pixels", 12, SIDE_PX), SIZE_PX, views=2)
    draw = Draw(np.arange(12), np.arange(12) % 3, np.arange(12), 0)
    stream = batches(source, draw, 4, processes=1, seed=0)
    rows, pictures = next(stream)
    assert rows.shape == (4,)
    assert pictures.shape == (4, 2, 3, SIZE_PX, SIZE_PX)
    assert pictures.dtype == torch.uint8
    rows, pictures = next(stream)
    assert rows.tolist() != [0, 1, 2, 3]
