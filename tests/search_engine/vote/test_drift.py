"""Photos that are unlike those a confidence was calibrated on are counted, and warned of."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from search_engine.catalog.collection_rows import Collection
from search_engine.engine import SearchEngine
from search_engine.maintenance.check import check_data
from search_engine.storage.locks import exclusive
from search_engine.vote.calibration.record import Calibration
from search_engine.vote.calibration.store import (
    asked_file,
    calibration_file,
    load_calibration,
    save_calibration,
)
from search_engine.vote.drift import (
    AT_ONCE,
    LATELY,
    LEAST_PHOTOS,
    DriftCounter,
    Lately,
    read_lately,
)
from tests.conftest import copy_data

EDGES = tuple(np.arange(1, 10) / 10)
CALM = np.linspace(0.0, 1.0, 400, endpoint=False).tolist()
FAR = [0.05] * 400
NEAR = [0.95] * 400


def lately(*scores: list[float]) -> Lately:
    found = Lately(collection_uid="c", edges=EDGES)
    for each in scores:
        found = found.with_scores(each)
    return found


@pytest.mark.parametrize(
    ("found", "warns"),
    [
        (lately(CALM), False),
        (lately(FAR), True),
        (lately(NEAR), False),  # nearer photos make no confidence too high
        (lately(FAR[: LEAST_PHOTOS - 1]), False),
        (lately(FAR, *[CALM] * 20), False),  # what was asked long ago fades
    ],
    ids=["calm", "far", "near", "few", "faded"],
)
def test_only_many_photos_that_are_farther_are_warned_of(found: Lately, warns: bool) -> None:
    assert (found.drifted is not None) == warns
    assert sum(found.counts) < LATELY


def test_a_shift_is_that_of_the_definition() -> None:
    counts = np.array([40.0, 0, 0, 0, 0, 0, 0, 0, 0, 360.0])
    shares = (counts + 0.5) / 405
    found = Lately(collection_uid="c", edges=EDGES, counts=tuple(counts.tolist())).shift
    assert found == pytest.approx(((shares - 0.1) * np.log(shares / 0.1)).sum())


@pytest.fixture
def engine(hsv_data: Path, tmp_path: Path) -> Iterator[SearchEngine]:
    with SearchEngine(copy_data(hsv_data, tmp_path / "data")) as engine:
        yield engine


def state(engine: SearchEngine) -> tuple[Collection, Calibration]:
    record = engine.live("default").record
    fitted = load_calibration(engine.catalog, record, "label")
    assert fitted is not None
    assert fitted.score_tenths
    return record, fitted


def test_classified_photos_are_counted_and_items_are_not(
    engine: SearchEngine, sample: Path
) -> None:
    record, fitted = state(engine)
    for photo in sorted((sample / "images").glob("*.jpg"))[:AT_ONCE]:
        engine.classify(photo)
    assert sum(read_lately(engine.catalog.paths, record, fitted).counts) == AT_ONCE
    item = engine.catalog.page(record, 0, 1)[0].item_id
    for _ in range(AT_ONCE):
        engine.classify(item_id=item)
    assert sum(read_lately(engine.catalog.paths, record, fitted).counts) == AT_ONCE


def test_answers_and_checks_warn(engine: SearchEngine, sample: Path) -> None:
    record, fitted = state(engine)
    engine.answering.drift.note(record, fitted, [-1.0] * LEAST_PHOTOS)
    photo = min((sample / "images").glob("*.jpg"))
    assert any(each.startswith("photos_drifted: 100%") for each in engine.classify(photo).warnings)
    another = fitted.model_copy(update={"fingerprint": "0" * 32})  # as after a change of encoder
    save_calibration(engine.catalog.paths, record, another)
    codes = [each.code for each in check_data(engine.settings).findings]
    assert codes.count("photos_drifted") == 1
    again = DriftCounter(engine.catalog.paths, read_only=False)  # of another process
    assert again.drifted(record, fitted) is not None
    assert again.drifted(record, fitted.model_copy(update={"score_tenths": EDGES})) is None


def test_nothing_is_written_where_all_is_read_only(engine: SearchEngine) -> None:
    record, fitted = state(engine)
    counter = DriftCounter(engine.catalog.paths, read_only=True)
    counter.note(record, fitted, [-1.0] * LEAST_PHOTOS)
    assert counter.drifted(record, fitted) is not None
    assert sum(read_lately(engine.catalog.paths, record, fitted).counts) == 0


def test_photos_are_counted_when_a_process_ends_with_few(hsv_data: Path, tmp_path: Path) -> None:
    with SearchEngine(copy_data(hsv_data, tmp_path / "data")) as engine:
        record, fitted = state(engine)
        engine.answering.drift.note(record, fitted, FAR[: AT_ONCE - 1])
        assert sum(read_lately(engine.catalog.paths, record, fitted).counts) == 0
    assert sum(read_lately(engine.catalog.paths, record, fitted).counts) == AT_ONCE - 1


def test_photos_wait_while_another_process_counts(engine: SearchEngine) -> None:
    record, fitted = state(engine)
    paths = engine.catalog.paths
    lock = asked_file(calibration_file(paths.index(record.name), "label", fitted.fingerprint))
    counter = DriftCounter(paths, read_only=False)
    with exclusive(lock.with_suffix(".lock"), 0.0, "counting photos"):
        counter.note(record, fitted, FAR[:AT_ONCE])
    counter.note(record, fitted, FAR[:1])
    assert sum(read_lately(paths, record, fitted).counts) == AT_ONCE + 1


def test_nothing_is_counted_for_a_collection_that_is_gone(engine: SearchEngine) -> None:
    record, fitted = state(engine)
    engine.answering.drift.note(record, fitted, FAR[:1])
    engine.delete_collection("default")
    engine.answering.drift.finish()
    assert not engine.catalog.paths.index("default").exists()


def test_photos_too_far_to_be_shown_are_counted(engine: SearchEngine, sample: Path) -> None:
    record, fitted = state(engine)
    photo = min((sample / "images").glob("*.jpg"))
    assert not engine.classify(photo, min_score=1.0, box=(0.0, 0.0, 0.3, 0.3)).neighbors
    assert engine.classify(photo, group_by="label").neighbors
    engine.answering.drift.finish()
    assert sum(read_lately(engine.catalog.paths, record, fitted).counts) == 2


def test_what_is_read_only_tells_what_it_counted(engine: SearchEngine) -> None:
    record, fitted = state(engine)
    counter = DriftCounter(engine.catalog.paths, read_only=True)
    counter.note(record, fitted, FAR)
    assert sum(counter.lately(record, fitted).counts) == len(FAR)
