"""An engine over real pictures with the colour-histogram encoder."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from search_engine.engine import SearchEngine
from search_engine.records import SearchResult
from tests.conftest import copy_data


def picture(colour: str, other: str | None = None, side: int = 60) -> bytes:
    """A PNG of one colour, or of one left and another right."""
    image = Image.new("RGB", (side, side), colour)
    if other:
        image.paste(other, (side // 2, 0, side, side))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def data(tmp_path: Path, hsv_data: Path) -> Path:
    copy_data(hsv_data, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def engine(data: Path) -> Iterator[SearchEngine]:
    with SearchEngine(data) as engine:
        yield engine


def size(engine: SearchEngine) -> int:
    return engine.catalog.count(engine.live("default").record)


def ids(result: SearchResult) -> list[str]:
    return [neighbor.item.item_id for neighbor in result.neighbors]
