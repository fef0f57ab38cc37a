"""Items whose pictures the catalog keeps, as the files that they came from go away."""

import io
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexer.executors import local
from indexer.report import RunReport
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from indexer.sources.archives import unpack
from indexer.staging import UPLOAD_SOURCE, Staging
from search_engine.config import Settings
from search_engine.encoders import projection
from search_engine.engine import SearchEngine
from search_engine.storage.paths import DataPaths

REQUEST = IndexRequest(encoder="hsv", source=UPLOAD_SOURCE, keep_pictures=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", workers=2, batch_size=4)


@pytest.fixture
def photos(tmp_path: Path, sample: Path) -> Path:
    """Ten pictures in two folders, one of them larger than what is kept."""
    folder = tmp_path / "photos"
    for number, file in enumerate(sorted((sample / "images").rglob("*.jpg"))[:9]):
        target = folder / ("odd" if number % 2 else "even") / f"{number}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    Image.linear_gradient("L").resize((3_000, 2_000)).save(folder / "odd" / "large.jpg")
    return folder


def staged(settings: Settings, photos: Path) -> tuple[Staging, str]:
    staging = Staging(DataPaths(settings.data), settings)
    upload = staging.create("default")
    for file in sorted(photos.rglob("*.jpg")):
        name = file.relative_to(photos).as_posix()
        staging.write("default", upload.id, name, [file.read_bytes()])
    return staging, upload.id


def index(staging: Staging, upload_id: str, settings: Settings) -> RunReport:
    return index_source(open_source(staging.source("default", upload_id)), REQUEST, settings)


def test_pictures_outlive_the_upload(settings: Settings, photos: Path) -> None:
    staging, upload_id = staged(settings, photos)
    report = index(staging, upload_id, settings)
    assert (report.added, report.rejected) == (10, 0)
    staging.delete("default", upload_id)
    with SearchEngine(settings=settings) as engine:
        live = engine.live("default")
        items = engine.catalog.page(live.record, 0, 20)
        assert {item.label for item in items} == {"even", "odd"}
        for item in items:
            assert item.picture is None
            assert Image.open(io.BytesIO(engine.original(item))).format == "JPEG"
        large = engine.catalog.get(live.record, "odd/large.jpg")
        assert max(Image.open(io.BytesIO(engine.original(large))).size) == 1_024
        found = engine.search(photos / "even" / "0.jpg", k=1)
        assert found.neighbors[0].item.item_id == "even/0.jpg"


def test_the_same_pictures_in_another_upload_change_nothing(
    settings: Settings, photos: Path
) -> None:
    index(*staged(settings, photos), settings)
    again = index(*staged(settings, photos), settings)
    assert (again.added, again.updated, again.unchanged) == (0, 0, 10)
    (photos / "even" / "0.jpg").write_bytes((photos / "odd" / "1.jpg").read_bytes())
    (photos / "odd" / "3.jpg").rename(photos / "even" / "3.jpg")
    changed = index(*staged(settings, photos), settings)
    assert (changed.added, changed.updated, changed.unchanged) == (0, 1, 8)
    assert changed.moved == 1


def test_a_picture_whose_file_is_gone_is_kept_from_the_upload(
    settings: Settings, photos: Path, tmp_path: Path
) -> None:
    index_source(open_source(photos), replace(REQUEST, keep_pictures=False), settings)
    staging, upload_id = staged(settings, photos)
    photos.rename(tmp_path / "elsewhere")
    report = index(staging, upload_id, settings)
    assert (report.added, report.updated, report.unchanged) == (0, 10, 0)
    staging.delete("default", upload_id)
    with SearchEngine(settings=settings) as engine:
        for item in engine.items():
            assert engine.original(item)


def test_what_is_no_longer_in_the_uploads_can_be_pruned(settings: Settings, photos: Path) -> None:
    index(*staged(settings, photos), settings)
    (photos / "even" / "0.jpg").unlink()
    staging, upload_id = staged(settings, photos)
    source = open_source(staging.source("default", upload_id))
    report = index_source(source, replace(REQUEST, prune=True), settings)
    assert (report.removed, report.unchanged) == (1, 9)


def test_a_picture_that_cannot_be_kept_is_no_item(
    settings: Settings, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between encoding and keeping, a file is gone and another one is no picture any more."""
    staging, upload_id = staged(settings, photos)
    folder = staging.source("default", upload_id)
    encode = projection.encode_both

    def encode_and_spoil(*arguments: Any) -> Any:
        batch = encode(*arguments)
        if (folder / "even" / "0.jpg").exists():  # once, as pictures of batches before are read now
            (folder / "odd" / "1.jpg").write_bytes(b"\xff\xd8\xff\xe0")
            (folder / "even" / "0.jpg").unlink()
        return batch

    monkeypatch.setattr(local, "encode_both", encode_and_spoil)
    report = index(staging, upload_id, settings)
    assert (report.added, report.rejected, report.encoded) == (8, 2, 8)
    assert set(report.reasons) == {"not_found", "corrupt_image"}


def test_an_archive_of_an_upload(settings: Settings, photos: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "all"), "zip", photos)
    staging = Staging(DataPaths(settings.data), settings)
    upload = staging.create("default")
    staging.write("default", upload.id, "all.zip", [Path(archive).read_bytes()])
    source = staging.source("default", upload.id)
    unpacked = unpack(source, staging.unpacked(upload.id))
    report = index_source(open_source(unpacked.path), REQUEST, settings)
    assert report.added == 10
    staging.delete("default", upload.id)
    assert not staging.unpacked(upload.id).exists()
    with SearchEngine(settings=settings) as engine:
        item = engine.catalog.get(engine.live("default").record, "even/0.jpg")
        assert engine.original(item)
