"""`parts`: results that have the shape of a picture, or its colours, beside the embedding."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexer.change.request import without_progress
from indexer.colors import find_colors
from search_engine.catalog.picture_colors import WITHOUT_COLORS
from search_engine.catalog.tables import items
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.images.palette import sample
from search_engine.images.shape import SHAPE_BYTES, packed_shapes, shapes_table
from search_engine.records import SearchResult
from search_engine.search.parts import parse_parts
from tests.conftest import copy_data
from tests.sealing import reseal


def recoloured(image: Image.Image) -> Image.Image:
    """The same edges in other colours."""
    red, green, blue = image.split()
    return Image.merge("RGB", (blue, red, green))


def turned(image: Image.Image) -> Image.Image:
    """The same colours; the edges run another way."""
    return image.transpose(Image.Transpose.ROTATE_90)


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def photo(sample: Path) -> Image.Image:
    return Image.open(sorted((sample / "images").rglob("*.jpg"))[4]).convert("RGB")


@pytest.fixture(scope="module")
def engine(
    hsv_data: Path, photo: Image.Image, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SearchEngine]:
    data = copy_data(hsv_data, tmp_path_factory.mktemp("parts") / "data")
    with SearchEngine(data) as opened:
        opened.upsert("same-shape", png(recoloured(photo)))
        opened.upsert("same-colours", png(turned(photo)))
        yield opened


def ids(result: SearchResult) -> list[str]:
    return [each.item.item_id for each in result.neighbors]


@pytest.mark.parametrize(
    ("part", "wanted", "other"),
    [("shape", "same-shape", "same-colours"), ("color", "same-colours", "same-shape")],
)
def test_a_part_alone_finds_what_has_it(
    engine: SearchEngine, photo: Image.Image, part: str, wanted: str, other: str
) -> None:
    found = ids(engine.search(png(photo), k=200, parts={part: 1.0}))
    assert wanted in found[:3]
    assert found.index(wanted) < found.index(other)


def test_a_share_of_nothing_changes_nothing(engine: SearchEngine, photo: Image.Image) -> None:
    plain = engine.search(png(photo), k=20)
    assert ids(engine.search(png(photo), k=20, parts={"shape": 0})) == ids(plain)


def test_scores_stay_cosines(engine: SearchEngine, photo: Image.Image) -> None:
    plain = {each.item.item_id: each.score for each in engine.search(png(photo), k=200).neighbors}
    shaped = engine.search(png(photo), k=20, parts="shape:0.7,color:0.2")
    assert [each.score for each in shaped.neighbors] != sorted(plain.values(), reverse=True)[:20]
    for each in shaped.neighbors:
        assert each.score == pytest.approx(plain[each.item.item_id], abs=1e-6)


def test_an_item_has_its_stored_shape(engine: SearchEngine, photo: Image.Image) -> None:
    found = engine.similar("same-shape", k=1, parts={"shape": 1.0})
    plain = engine.search(png(recoloured(photo)), k=3, parts={"shape": 1.0})
    assert ids(found)[0] in ids(plain)


def test_what_has_no_picture_has_no_shape(engine: SearchEngine, photo: Image.Image) -> None:
    answer = engine.search(png(photo), include="vector")
    with pytest.raises(ParameterError, match="no shape"):
        engine.search(vector=answer.vector[0], parts="shape")
    with pytest.raises(ParameterError, match="no picture"):
        engine.search(color="red", parts="shape")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("shape", {"shape": 0.5}),
        ("shape,color", {"shape": 0.25, "color": 0.25}),
        (" shape:0.5 , color:.2", {"shape": 0.5, "color": 0.2}),
        ('{"color": 1}', {"color": 1.0}),
        ("shape:0,color:1", {"color": 1.0}),
    ],
)
def test_forms_of_parts(text: str, parts: dict[str, float]) -> None:
    assert parse_parts(text) == parts


@pytest.mark.parametrize(
    "text", ["", "colour", "shape:2", "shape:0.6,color:0.6", "shape,shape", "{}"]
)
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ParameterError):
        parse_parts(text)


def test_items_of_before_are_warned_of_until_they_are_looked_at(
    hsv_data: Path, photo: Image.Image, tmp_path: Path
) -> None:
    with SearchEngine(copy_data(hsv_data, tmp_path / "data")) as engine:
        with engine.catalog.write() as writer:
            writer.connection.execute(items.update().values(shape=None))
            _ = writer.seq
        reseal(tmp_path / "data")
        (warning,) = engine.search(png(photo), parts="shape").warnings
        assert "`eyedex colors`" in warning
        find_colors(engine, "default", without_progress)
        assert engine.search(png(photo), parts="shape").warnings == ()
        with engine.catalog.read() as connection:
            assert not connection.execute(items.select().where(WITHOUT_COLORS)).first()


def shape_of(image: Image.Image) -> bytes:
    (found,) = packed_shapes(sample(image))
    return found


def test_shapes_by_hand() -> None:
    upright, lying = (Image.new("RGB", (64, 64), "white") for _ in range(2))
    upright.paste("black", (28, 0, 36, 64))
    lying.paste("black", (0, 28, 64, 36))
    red = Image.new("RGB", (64, 64), (0, 90, 0))
    red.paste((200, 0, 0), (28, 0, 36, 64))
    plain = Image.new("RGB", (64, 64), "teal")
    shapes: list[Any] = [shape_of(each) for each in (upright, lying, red, plain)]
    assert all(len(each) == SHAPE_BYTES for each in shapes)
    matches = shapes_table(shapes).match(shapes[0])
    assert matches[0] == pytest.approx(1.0)
    assert matches[1] < 0.3
    assert matches[2] > 0.95
    assert matches[3] == 0.0
