"""Photos of another world, and of classes that a catalog lacks."""

from pathlib import Path

import numpy as np
import pytest

from indexer.change.request import ChangeRequest
from indexer.change.tune import tune_collection
from search_engine.encoders.projection import project
from search_engine.encoders.projection_learning import learn
from search_engine.engine import SearchEngine
from search_engine.records import Codes, Vectors
from search_engine.things import things_of
from search_engine.vote.calibration.familiar import fit_familiar
from search_engine.vote.calibration.fit_known import fit_known, fit_known_apart
from search_engine.vote.calibration.known import UNLIKELY
from search_engine.vote.calibration.store import load_calibration
from tests.conftest import copy_data

CLASSES, DIMENSION = 12, 128


def photos(classes: range, count: int, seed: int) -> tuple[Vectors, Codes]:
    """Photos around the middles of classes, all in one half of the directions."""
    middles = np.random.default_rng(0).normal(size=(2 * CLASSES, DIMENSION))
    middles[:, DIMENSION // 2 :] = 0.0
    random = np.random.default_rng(seed)
    codes = random.choice(np.array(classes), count)
    rows = middles[codes] + random.normal(scale=1.5, size=(count, DIMENSION)) * (middles[:1] != 0)
    rows += random.normal(scale=0.02, size=rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), codes


def test_what_lies_in_other_directions_is_foreign() -> None:
    own, codes = photos(range(CLASSES), 600, seed=1)
    familiar = fit_familiar(own, codes, things_of(own, codes), "f")
    assert familiar is not None
    new, _ = photos(range(CLASSES), 1_000, seed=2)
    assert familiar.is_far(new).mean() < 0.03
    assert familiar.nearest is not None
    assert 0.9 < ((new @ own.T).max(axis=1) >= familiar.nearest).mean() < 1.0
    assert familiar.is_far(np.roll(new, DIMENSION // 2, axis=1)).all()


def test_one_thing_alone_tells_nothing_of_others() -> None:
    own, _ = photos(range(1), 40, seed=1)
    assert fit_familiar(own, np.zeros(40, np.int64), np.zeros(40, np.int64), "f") is None


@pytest.mark.parametrize("is_tuned", [True, False])
def test_classes_that_the_catalog_lacks_look_less_known(is_tuned: bool) -> None:
    own, codes = photos(range(CLASSES), 900, seed=1)
    ((mean, matrix),) = learn(own, codes, (0.1,))
    things = np.arange(900)
    if is_tuned:
        known = fit_known(own, project(own, mean, matrix), codes, things, 0.1)
    else:
        known = fit_known_apart(own, codes, things)
    assert known is not None
    shares = [
        known.shares(project(asked, mean, matrix) if is_tuned else asked, asked)
        for asked, _ in (photos(range(CLASSES), 800, 2), photos(range(CLASSES, 24), 800, 3))
    ]
    lost, caught = ((each < UNLIKELY).mean() for each in shares)
    assert lost < 3 * UNLIKELY
    assert caught > 3 * lost
    assert 0.5 < known.auroc <= 1.0


def test_few_classes_say_nothing_of_others() -> None:
    own, codes = photos(range(4), 200, seed=1)
    assert fit_known(own, own, codes, np.arange(200), 0.1) is None
    assert fit_known_apart(own, codes, np.arange(200)) is None


@pytest.fixture
def tuned(hsv_data: Path, tmp_path: Path) -> Path:
    """The drawn catalog with a projection behind its encoder, better or not."""
    data = Path(copy_data(hsv_data, tmp_path / "data"))
    with SearchEngine(data) as engine:
        tune_collection(engine, "default", ChangeRequest(force=True))
    return data


@pytest.fixture
def photo(sample: Path) -> Path:
    return min((sample / "images").rglob("*.jpg"))


def test_a_tuned_collection_says_how_known_a_class_looks(tuned: Path, photo: Path) -> None:
    with SearchEngine(tuned) as engine:
        found, other = engine.classify(photo), engine.classify(photo, target="color")
    assert found.plain is not None
    assert found.plain.shape[1] > found.vector.shape[1]
    assert found.prediction is not None
    assert found.prediction.known is not None
    assert 0.0 <= found.prediction.known <= 1.0
    assert other.prediction is not None
    assert other.prediction.known is None


def test_so_does_one_that_is_not_tuned(cnn_data: Path, photo: Path) -> None:
    with SearchEngine(cnn_data) as engine:
        found, other = engine.classify(photo), engine.classify(photo, target="color")
        calibration = load_calibration(engine.catalog, engine.live("default").record, "label")
    assert calibration is not None
    assert calibration.known is not None
    assert calibration.known.is_apart
    assert found.prediction is not None
    assert found.prediction.known is not None
    assert 0.0 <= found.prediction.known <= 1.0
    assert other.prediction is not None
    assert other.prediction.known is None


def test_noise_is_foreign_to_drawings(cnn_data: Path, photo: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    with SearchEngine(cnn_data) as engine:
        own, found = engine.classify(photo), engine.classify(noise)
        shown, nothing = engine.search(noise), engine.search(noise, min_alike=0.0)
    assert own.warnings == ()
    assert found.warnings[0].startswith("foreign: ")
    assert (len(shown.neighbors), shown.alike_unknown_because) == (10, "foreign")
    assert {each.alike for each in shown.neighbors} == {None}
    assert (nothing.neighbors, nothing.left_out, nothing.next_cursor) == ((), 10, None)
