"""What waits to be decoded is bounded in bytes, whatever the number of pictures."""

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from indexer import decode_window, pipeline
from indexer.decode_window import DecodeWindow
from indexer.embed import EmbeddedRow, embed_source
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.encoders.registry import EncoderRequest, create_encoder
from search_engine.images import DecodedImage, ImageLimits, Preprocessing
from search_engine.images.decode_pool import DecodePool
from search_engine.images.decoder import InlineDecoder
from tests.images.pictures import jpeg

MIB = 2**20
PICTURES = 48
MOST_MIB = 36
"""Modules that are imported and pixels take half of it."""
SQUASH = Preprocessing(size_px=16, resize_px=16, fit="squash")


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that some pictures of 1 MiB reach."""
    monkeypatch.setattr(decode_window, "WINDOW_BYTES", 4 * MIB)
    monkeypatch.setattr(pipeline, "CHUNK_BYTES", 3 * MIB)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of 1 MiB each, all different."""
    root = tmp_path / "pictures"
    root.mkdir()
    for number in range(PICTURES):
        content = jpeg() + number.to_bytes(2, "big") * (MIB // 2)
        (root / f"{number:02}.jpg").write_bytes(content)
    return root


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def peak_mib() -> float:
    return tracemalloc.get_traced_memory()[1] / MIB


@pytest.mark.usefixtures("narrow", "traced")
def test_a_run_holds_few_files_at_a_time(folder: Path, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", workers=1)
    source = open_source(folder)
    for encoded in (PICTURES, 0):
        tracemalloc.reset_peak()
        report = index_source(source, IndexRequest(encoder="hsv"), settings)
        assert (report.added, report.encoded) == (encoded, encoded)
        assert peak_mib() < MOST_MIB


@pytest.mark.usefixtures("narrow", "traced")
def test_embedding_a_source_holds_few_files_at_a_time(folder: Path) -> None:
    encoder = create_encoder(EncoderRequest("hsv"))
    with DecodePool(ImageLimits(), 1) as decoder:
        tracemalloc.reset_peak()
        rows = list(embed_source(open_source(folder), encoder, decoder, 64, 10 * MIB))
    assert [row.row.item_id for row in rows if isinstance(row, EmbeddedRow)] == sorted(
        path.name for path in folder.iterdir()
    )
    assert peak_mib() < MOST_MIB


@pytest.mark.usefixtures("narrow")
def test_pictures_larger_than_the_bounds_go_through_one_by_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode_window, "WINDOW_BYTES", 1)
    monkeypatch.setattr(pipeline, "CHUNK_BYTES", 1)
    settings = Settings(data=tmp_path / "data", workers=1)
    assert (
        index_source(open_source(folder), IndexRequest(encoder="hsv"), settings).added == PICTURES
    )


@pytest.mark.parametrize("window_bytes", [1, 3_000, 100 * MIB])
@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_batches_are_in_order_and_no_larger_than_asked(
    monkeypatch: pytest.MonkeyPatch, window_bytes: int, batch_size: int
) -> None:
    monkeypatch.setattr(decode_window, "WINDOW_BYTES", window_bytes)
    monkeypatch.setattr(decode_window, "CALL_BYTES", 2_000)
    window: DecodeWindow[int] = DecodeWindow(InlineDecoder(ImageLimits()), SQUASH, batch_size, 2)
    taken: list[int] = []
    for number in range(30):
        window.put(number, jpeg() if number % 7 else b"no picture")
        if window.is_full:
            batch = window.take()
            assert len(batch) == batch_size
            taken += [entry for entry, _ in batch]
    while window:
        batch = window.take()
        assert all(isinstance(one, DecodedImage) == bool(entry % 7) for entry, one in batch)
        taken += [entry for entry, _ in batch]
    assert all(later == earlier + 1 for earlier, later in pairwise(taken))
    assert len(taken) == 30
    assert window.take() == []
