"""Explanations of items whose pictures are others by now."""

from pathlib import Path

from PIL import Image

from search_engine.engine import SearchEngine
from tests.conftest import index_folder


def two_colors(folder: Path) -> Path:
    """A folder of two pictures, indexed beside it."""
    shop = folder / "shop"
    shop.mkdir()
    for color in ("red", "blue"):
        Image.new("RGB", (64, 64), color).save(shop / f"{color}.png")
    index_folder(shop, folder / "data", encoder="hsv")
    return shop


def warned(engine: SearchEngine, photo: Path) -> list[str]:
    """Kinds of warnings about an explained search."""
    found = engine.search(photo, k=2, explain="grid")
    return [each.partition(":")[0] for each in found.warnings]


def test_a_picture_that_was_put_back_is_explained_again(tmp_path: Path) -> None:
    shop = two_colors(tmp_path)
    indexed = (shop / "red.png").read_bytes()
    asked = tmp_path / "asked.png"
    asked.write_bytes(indexed)
    with SearchEngine(tmp_path / "data") as engine:
        (shop / "red.png").write_bytes((shop / "blue.png").read_bytes())
        assert warned(engine, asked) == ["picture_changed"]
        (shop / "red.png").write_bytes(indexed)
        assert warned(engine, asked) == []


def test_an_item_that_is_asked_with_may_have_another_picture_too(tmp_path: Path) -> None:
    shop = two_colors(tmp_path)
    indexed = (shop / "red.png").read_bytes()
    with SearchEngine(tmp_path / "data") as engine:
        (shop / "red.png").write_bytes((shop / "blue.png").read_bytes())
        changed = engine.similar("red.png", k=1, explain="grid").warnings
        (shop / "red.png").write_bytes(indexed)
        put_back = engine.similar("red.png", k=1, explain="grid").warnings
    assert [each.partition(":")[0] for each in changed] == ["picture_changed"]
    assert put_back == ()
