"""What is held out together: products, and what looks alike."""

import numpy as np
import pytest

from search_engine import things
from search_engine.things import groupings, hardest, things_of

RNG = np.random.default_rng(0)


def together(scenes: np.ndarray) -> np.ndarray:
    """Whether two items are of one scene, (N, N)."""
    return np.asarray(scenes[:, None] == scenes)


def shots(sessions: int, spread: float) -> np.ndarray:
    """Pictures of four a session, which differ by the light of the session and by themselves."""
    light = RNG.normal(size=(sessions, 1, 32))
    pictures = (light + spread * RNG.normal(size=(sessions, 4, 32))).reshape(-1, 32)
    return np.asarray(pictures / np.linalg.norm(pictures, axis=1, keepdims=True), dtype=np.float32)


def test_pictures_of_a_class_that_look_alike_are_one_thing_though_no_twins() -> None:
    """Those of a session have cosines of about 0.8, and of other classes all are below 0.7."""
    vectors, codes = shots(40, 0.5), np.repeat(np.arange(40) % 2, 4)
    sessions = np.repeat(np.arange(40), 4)
    found = together(things_of(vectors, codes))
    apart = sessions[:, None] != sessions
    assert found[~apart].mean() > 0.9
    assert found[apart].mean() < 0.1


def test_classes_too_large_to_link_at_once_are_parted_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors, codes = shots(200, 0.2), np.repeat(np.arange(200) % 2, 4)
    sessions = np.repeat(np.arange(200), 4)
    apart = sessions[:, None] != sessions
    monkeypatch.setattr(things, "MOST_LINKED", 150)
    found = together(things_of(vectors, codes))
    assert found[~apart].mean() > 0.75
    assert found[apart].mean() < 0.01
    assert not found[codes[:, None] != codes].any()


def test_a_large_class_of_one_picture_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(things, "MOST_LINKED", 10)
    found = things_of(np.tile(shots(1, 0.5)[:1], (40, 1)), np.zeros(40, dtype=np.int64))
    assert len(found) == 40


def test_a_class_that_is_alike_as_a_whole_is_parted_by_what_is_most_alike() -> None:
    near, far = shots(1, 0.05), shots(10, 0.05)
    vectors = np.concatenate([near + 0.001 * RNG.normal(size=near.shape), -near, far])
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    codes = np.repeat([0, 0, 1], [4, 4, 40])
    found = things_of(vectors, codes)
    assert len(set(found[:8].tolist())) >= 2
    assert not set(found[:8].tolist()) & set(found[8:].tolist())


def test_stretches_follow_the_order_of_ids_with_numbers_as_numbers() -> None:
    names = [f"photo {number}" for number in (10, 9, 2, 1, 100)]
    ways = groupings(shots(5, 0.5)[::4], np.zeros(5, dtype=np.int64), names=names)
    order = np.argsort(ways["order"], kind="stable")
    assert [names[row] for row in order] == [f"photo {each}" for each in (1, 2, 9, 10, 100)]
    assert len(set(ways["one"].tolist())) == 5


def test_the_hardest_grouping_is_the_one_that_parts_an_item_from_what_gives_it_away() -> None:
    """Pictures of a session find each other; by session only chance is left."""
    vectors, codes = shots(40, 0.05), np.repeat(np.arange(40) % 2, 4)
    sessions = np.repeat(np.arange(40), 4)
    ways = {"one": np.arange(160), "session": sessions}
    assert hardest(vectors, codes, ways) == "session"
    assert hardest(vectors, codes, {"one": np.arange(160), "same": np.arange(160)}) == "one"


def test_a_grouping_that_holds_nothing_out_is_not_sensible() -> None:
    vectors, codes = shots(40, 0.05), np.repeat(np.arange(40) % 2, 4)
    assert hardest(vectors, codes, {"classes": codes, "one": np.arange(160)}) == "one"
