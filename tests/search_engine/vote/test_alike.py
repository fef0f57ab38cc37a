"""How alike neighbors are: the fitted probability, its words, and what a least one leaves out."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.metrics import expected_calibration_error
from search_engine.vote.calibration.alike import Alike, fit_alike, word_of
from search_engine.vote.calibration.record import LABELS_RIGHT
from search_engine.vote.calibration.store import calibration_files
from search_engine.vote.likeness import ALIKE_UNKNOWN
from tests.conftest import copy_data
from tests.images.pictures import jpeg

BY_HAND = Alike(scores=(0.2, 0.4, 0.8), chances=(0.1, 0.1, 0.9))


@pytest.fixture(scope="module")
def engine(hsv_data: Path) -> Iterator[SearchEngine]:
    with SearchEngine(hsv_data) as engine:
        yield engine


@pytest.fixture
def photo(sample: Path) -> Path:
    return min((sample / "images").rglob("*.jpg"))


def test_probabilities_lie_between_those_that_were_fitted() -> None:
    found = BY_HAND(np.array([-1.0, 0.2, 0.6, 0.8, 1.0]))
    assert found == pytest.approx([0.1, 0.1, 0.5, 0.9, 0.9])


@pytest.mark.parametrize(("chance", "score"), [(0.0, -1.0), (0.1, -1.0), (0.5, 0.6), (0.9, 0.8)])
def test_a_least_probability_is_a_least_cosine(chance: float, score: float) -> None:
    assert BY_HAND.least_score(chance) == pytest.approx(score)
    assert BY_HAND(np.array([max(score, 0.2)]))[0] >= chance - 1e-9


def test_what_no_cosine_promises_leaves_everything_out() -> None:
    assert BY_HAND.least_score(0.95) > 1.0


def test_probabilities_hold_on_pairs_that_were_not_seen() -> None:
    """Pairs are alike with the square of their cosine, which the fit does not know."""
    random = np.random.default_rng(0)
    scores = random.random(20_000)
    same = random.random(20_000) < scores**2
    fitted = fit_alike(scores[:10_000], same[:10_000])
    assert np.all(np.diff(fitted.chances) >= 0)
    assert 0.0 < fitted.chances[0] < fitted.chances[-1] < 1.0
    error = expected_calibration_error(fitted(scores[10_000:]), same[10_000:])
    assert error < 0.02


@pytest.mark.parametrize(
    ("chance", "word"),
    [(1.0, "very close"), (0.9, "very close"), (0.6, "close"), (0.3, "loosely alike"), (0.1, None)],
)
def test_words(chance: float, word: str | None) -> None:
    assert word_of(chance) == word


def test_neighbors_tell_how_alike_they_are(engine: SearchEngine, photo: Path) -> None:
    result = engine.search(photo, k=50)
    chances = [each.alike for each in result.neighbors]
    assert result.alike_unknown_because is None
    assert all(each is not None and 0 < each < 1 for each in chances)
    assert chances == sorted(chances, reverse=True)  # type: ignore[type-var]
    assert chances[0] != chances[-1]
    classified = engine.classify(photo, k=50)
    assert [each.alike for each in classified.neighbors] == chances


def test_a_least_probability_leaves_out_and_counts(engine: SearchEngine, photo: Path) -> None:
    every = engine.search(photo, k=50).neighbors
    middle = (every[0].alike + every[-1].alike) / 2  # type: ignore[operator]
    result = engine.search(photo, k=50, min_alike=middle)
    wanted = [each for each in every if (each.alike or 0.0) >= middle]
    assert 0 < len(wanted) < 50
    assert list(result.neighbors) == wanted
    assert result.left_out == 50 - len(wanted)
    assert engine.search(photo, k=50, min_alike=0.0).neighbors == every
    assert engine.search(photo, k=5).left_out is None


def test_the_same_picture_reaches_what_is_told_of_it(engine: SearchEngine, photo: Path) -> None:
    """A thumbnail on its side is that, whatever its cosine; a least cosine still counts."""
    with Image.open(photo) as opened:
        small = ImageOps.contain(opened.convert("RGB"), (64, 64))
        thumbnail = jpeg(small.transpose(Image.Transpose.ROTATE_90))
    plain = engine.search(thumbnail).neighbors
    (copy,) = (each for each in plain if each.same_picture)
    assert copy.alike == LABELS_RIGHT
    assert engine.search(thumbnail, min_alike=LABELS_RIGHT).neighbors == (copy,)
    assert engine.search(thumbnail, min_alike=0.98).neighbors == ()
    above = min(1.0, copy.score + 1e-3)
    assert engine.search(thumbnail, min_alike=LABELS_RIGHT, min_score=above).neighbors == ()
    (itself,) = engine.search(photo, min_alike=LABELS_RIGHT).neighbors
    assert itself.score == 1.0


def test_pages_end_at_a_least_probability(engine: SearchEngine, photo: Path) -> None:
    every = engine.search(photo, k=50, min_alike=0.3).neighbors
    page = engine.search(photo, k=3, min_alike=0.3)
    found = list(page.neighbors)
    while page.next_cursor and len(found) < 50:
        page = engine.search(photo, k=3, min_alike=0.3, cursor=page.next_cursor)
        found += page.neighbors
    assert found[:50] == list(every)


def test_what_was_not_calibrated_has_no_probability(engine: SearchEngine, photo: Path) -> None:
    first, second = (item.item_id for item, _ in zip(engine.items(), range(2), strict=False))
    mixed = engine.search(like=[first, second])
    assert mixed.alike_unknown_because == "mix"
    assert {each.alike for each in mixed.neighbors} == {None}
    assert engine.search(photo, regions="auto").alike_unknown_because == "regions"
    for because, asked in (("mix", {"like": [first]}), ("regions", {"regions": "auto"})):
        with pytest.raises(ParameterError, match=ALIKE_UNKNOWN[because]):
            engine.search(photo, min_alike=0.5, **asked)


def test_without_a_calibration_it_is_said_how_to_get_one(
    hsv_data: Path, tmp_path: Path, photo: Path
) -> None:
    data = Path(copy_data(hsv_data, tmp_path / "data"))
    for path in calibration_files(data / "indexes" / "default"):
        path.unlink()
    with SearchEngine(data) as engine:
        result = engine.search(photo)
        assert result.alike_unknown_because == "not_calibrated"
        assert {each.alike for each in result.neighbors} == {None}
        with pytest.raises(ParameterError) as refused:
            engine.search(photo, min_alike=0.5)
    assert refused.value.fix == "calibrate it: `eyedex calibrate`"
