"""The comparison of indexing runs: right limits, right ratios, and the same work for all."""

import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.index_run import evenly, ratio_row
from benchmarks.ingest import copied
from benchmarks.ingest_rivals import INGESTERS, PLAIN, IngestExaminer, Rival
from benchmarks.limits import (
    CommittingAlone,
    Cost,
    DecodingAlone,
    clock_limit,
    copied_gb_per_second,
    cores,
    decoded,
    ingest_limit,
)
from benchmarks.phone_photos import (
    GRAIN,
    full_size_pixels,
    grain,
    phone_photo,
    scaled_pixels,
    write_files,
)
from benchmarks.rivals.base import Place
from benchmarks.rivals.child import Child
from benchmarks.rivals.registry import left_out
from search_engine.encoders.base import EncoderSpec
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.images import Preprocessing
from tests.images.pictures import jpeg, photo

pytestmark = pytest.mark.slow

SMALL = Preprocessing(size_px=28, resize_px=32)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.jpg" for number in range(5)]
    for number, path in enumerate(paths):
        path.write_bytes(jpeg(photo(40 + number, 50)))
    return paths


def test_the_limit_is_what_busy_cores_get_through() -> None:
    # 2 ms and 6 ms of a core: 8 ms a picture, 125 pictures a second a core
    assert ingest_limit(2, Cost(0.002, 900.0), Cost(0.006, 320.0)) == pytest.approx(250.0)


def test_the_limit_by_the_clock_is_of_one_stage_after_the_other() -> None:
    # 1 ms and then 3 ms a picture
    assert clock_limit(Cost(0.001, 1_000.0), Cost(0.001, 1_000 / 3)) == pytest.approx(250.0)


def test_ratios_are_of_the_same_round() -> None:
    row = ratio_row("ours", [10.0, 30.0, 20.0], "theirs", [1.0, 10.0, 5.0], wanted=5.0)
    assert row == {"what": "ours / theirs", "median": 4.0, "min": 3.0, "max": 10.0, "wanted": 5.0}


@pytest.mark.parametrize(
    ("count", "wanted", "chosen"),
    [(9, 3, [0, 3, 6]), (10, 4, [0, 2, 5, 7]), (2, 3, [0, 1]), (0, 3, [])],
)
def test_photos_come_from_all_over_the_list(count: int, wanted: int, chosen: list[int]) -> None:
    photos = [Path(str(number)) for number in range(count)]
    assert evenly(photos, wanted) == [photos[number] for number in chosen]


def test_copies_keep_their_order(tmp_path: Path, photos: list[Path]) -> None:
    folder = copied(photos[::-1], tmp_path / "copies")
    contents = [path.read_bytes() for path in sorted(folder.rglob("*.jpg"))]
    assert contents == [path.read_bytes() for path in photos[::-1]]


def test_stages_are_measured_alone(tmp_path: Path, photos: list[Path]) -> None:
    with DecodingAlone(photos, SMALL) as decoding:
        rate = decoding.measure()
    assert decoding.costs == [Cost(decoding.costs[0].core_s, rate)]
    assert 0 < decoding.costs[0].core_s < 1
    assert decoded(photos, SMALL).shape == (5, 28, 28, 3)
    committing = CommittingAlone(tmp_path / "data", EncoderSpec("made-up", 8, SMALL), 2)
    assert committing.measure() > 0
    assert committing.measure() > 0
    assert copied_gb_per_second() > 0


def test_a_phone_photo_is_large_and_lies_as_its_photo_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.phone_photos.SIZE_PX", (60, 80))
    for size, wanted in (((30, 40), (60, 80)), ((40, 30), (80, 60))):
        path = tmp_path / "photo.jpg"
        path.write_bytes(jpeg(photo(*size)))
        assert Image.open(io.BytesIO(phone_photo(path, 1))).size == wanted
    assert phone_photo(path, 1) != phone_photo(path, 2)


def test_grain_is_as_strong_as_it_says() -> None:
    noise = grain((200, 100), 0)
    assert noise.shape == (100, 200)
    assert noise.std() == pytest.approx(GRAIN * 2**0.5, rel=0.05)


def test_full_size_differs_only_where_jpegs_are_scaled() -> None:
    small, large = jpeg(photo(60, 50)), jpeg(photo(600, 500))
    assert (full_size_pixels(small, SMALL) == scaled_pixels(small, SMALL)).all()
    difference = full_size_pixels(large, SMALL).astype(int) - scaled_pixels(large, SMALL)
    assert difference.any()
    assert np.abs(difference).max() < 10


def test_files_of_the_same_photo_have_other_bytes(tmp_path: Path) -> None:
    folder = write_files([jpeg(), jpeg(photo(50, 40))], tmp_path / "files", 5)
    contents = {path.read_bytes() for path in folder.iterdir()}
    assert len(contents) == 5
    assert {Image.open(io.BytesIO(content)).size for content in contents} == {(48, 32), (50, 40)}


def test_what_is_not_installed_is_left_out_with_a_reason() -> None:
    assert left_out([PLAIN, "torch DataLoader"], INGESTERS) == {}
    for name, reason in left_out(INGESTERS, INGESTERS).items():
        assert INGESTERS[name].needs[0] in reason


@pytest.mark.slow
@pytest.mark.parametrize("name", INGESTERS)
def test_every_ingester_finds_what_the_encoder_finds(
    tmp_path: Path, sample: Path, name: str
) -> None:
    for reason in left_out([name], INGESTERS).values():
        pytest.skip(reason)
    folder = copied(sorted(sample.rglob("*.jpg"))[:3], tmp_path / "photos")
    paths = sorted(folder.iterdir())
    place = Place(cores(), tmp_path / "place")
    place.folder.mkdir()
    with Child(partial(IngestExaminer, name, place), place.threads) as child:
        rival = Rival(child, folder, paths)
        assert rival.measure() > 0
        assert rival.setting
    encoder = create_encoder(EncoderRequest(DEFAULT_ENCODER, runtime="torch"))
    ours = encoder.encode(decoded(paths, encoder.spec.preprocessing))
    assert np.einsum("nd,nd->n", rival.vectors, ours).min() > 0.98
