"""Patches through indexing runs and changes of encoder, whichever way a picture came."""

from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from indexer.change.request import ChangeRequest
from indexer.change.sequence import undo_change
from indexer.change.switch import switch_encoder
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.catalog.patch_rows import count_patched, keys_without_patches, set_patches
from search_engine.config import Settings
from search_engine.encoders.registry import EncoderRequest
from search_engine.engine import SearchEngine
from search_engine.maintenance.check import check_data
from tests.conftest import copy_data

COUNT = 5


@pytest.fixture
def folder(sample: Path, tmp_path: Path) -> Path:
    """Each picture holds two products, in opposite corners."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    pictures = sorted((sample / "images").glob("*.jpg"))[:12]
    for number, (left, right) in enumerate(pairwise(pictures)):
        both = Image.new("RGB", (256, 256), "white")
        both.paste(Image.open(left).resize((128, 128)), (0, 0))
        both.paste(Image.open(right).resize((128, 128)), (128, 128))
        both.save(folder / f"{number:02}.png")
    return folder


def lacking(engine: SearchEngine) -> int:
    record = engine.live("default").record
    return len(engine.catalog.ask(lambda connection: keys_without_patches(connection, record)))


def patched(engine: SearchEngine) -> int:
    record = engine.live("default").record
    return engine.catalog.ask(lambda connection: count_patched(connection, record))


def test_runs_make_the_patches_that_are_missing(folder: Path, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")

    def run(**how: object) -> tuple[int, dict[str, int]]:
        request = IndexRequest(encoder="hsv", **how)  # type: ignore[arg-type]
        report = index_source(open_source(folder), request, settings)
        assert report.patches is not None
        return report.patches.embedded, dict(report.patches.refused)

    without = index_source(open_source(folder), IndexRequest(encoder="hsv"), settings)
    assert without.patches is None
    index_source(open_source(folder), IndexRequest(patches=9, dry_run=True), settings)
    with SearchEngine(settings=settings) as engine:
        assert engine.catalog.collection("default").patches is None
        assert run(patches=COUNT) == (11, {})
        assert run() == (0, {})
        (folder / "00.png").write_bytes((folder / "05.png").read_bytes())
        (folder / "01.png").unlink()
        assert run(prune=True) == (1, {})
        assert patched(engine) == 10
        query = Image.open(folder / "07.png").crop((0, 0, 128, 128))
        found = {each.item.item_id: each.patch for each in engine.search(query, k=2).neighbors}
        assert found == {"06.png": (0.5, 0.5, 0.5, 0.5), "07.png": (0.0, 0.0, 0.5, 0.5)}
    assert check_data(settings).sound


def test_a_picture_that_is_gone_is_found_as_a_whole(folder: Path, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    index_source(open_source(folder), IndexRequest(encoder="hsv"), settings)
    photo = (folder / "03.png").read_bytes()
    (folder / "03.png").unlink()
    report = index_source(open_source(folder), IndexRequest(patches=COUNT), settings)
    assert report.patches is not None
    assert (report.patches.embedded, report.patches.refused) == (10, {"picture_not_found": 1})
    with SearchEngine(settings=settings) as engine:
        assert lacking(engine) == 1
        assert engine.search(photo, k=1).neighbors[0].item.item_id == "03.png"
    notes = [each.what for each in check_data(settings).findings]
    assert any(each.startswith("items without patches: 1;") for each in notes)


@pytest.mark.long
def test_another_encoder_has_patches_of_its_own(hsv_data: Path, tmp_path: Path) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    with SearchEngine(data) as engine:
        items = engine.catalog.count(engine.live("default").record)
        with engine.catalog.write() as writer:
            set_patches(writer, engine.live("default").record.id, COUNT)
        switch_encoder(engine, "default", EncoderRequest("edges"), ChangeRequest(force=True))
        assert patched(engine) == items
        undo_change(engine, "default", force=True)
        assert engine.live("default").record.encoder == "hsv"
        assert patched(engine) == items
        assert lacking(engine) == 0
        patches = engine.live("default").patches
        assert patches is not None
        snapshot = patches.snapshot()
        assert snapshot is not None
        assert len(snapshot) == COUNT * items
        assert check_data(engine.settings).sound
