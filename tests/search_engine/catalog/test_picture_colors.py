"""The colours of pictures in the catalog: kept with the picture, and with nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from search_engine.catalog.picture_colors import all_palettes, keys_without_colors
from search_engine.catalog.store import Catalog
from search_engine.images import PictureColors
from search_engine.images.color_names import picture_colors
from search_engine.images.palette import sample
from tests.sealing import execute
from tests.small_catalog import bound_collection, draft, open_catalog, put, remove

RED, TEAL = picture_colors(
    np.concatenate([sample(Image.new("RGB", (9, 9), color)) for color in ("red", "teal")])
)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_catalog(tmp_path) as opened:
        bound_collection(opened)
        yield opened


def stored(catalog: Catalog, *drafts: Any) -> dict[str, int]:
    return put(catalog, catalog.collection("default"), drafts)


def known(catalog: Catalog) -> dict[int, bytes]:
    record = catalog.collection("default")
    keys, packed = catalog.ask(lambda connection: all_palettes(connection, record.id))
    assert (np.diff(keys) > 0).all()
    return {key: row.tobytes() for key, row in zip(keys.tolist(), packed, strict=True)}


def unknown(catalog: Catalog) -> list[int]:
    record = catalog.collection("default")
    found = catalog.ask(lambda connection: keys_without_colors(connection, record.id))
    return [int(key) for key in found]


def test_colours_stay_with_the_same_picture_and_go_with_another(catalog: Catalog) -> None:
    keys = stored(catalog, draft("a", colors=RED), draft("b", colors=TEAL), draft("c"))
    assert known(catalog) == {keys["a"]: RED.palette, keys["b"]: TEAL.palette}
    assert unknown(catalog) == [keys["c"]]
    stored(catalog, draft("a", label="new"), draft("b", content_hash="another picture"))
    assert known(catalog) == {keys["a"]: RED.palette}
    stored(catalog, draft("a", colors=TEAL))
    assert catalog.palettes([keys["a"], keys["b"], 99]) == {keys["a"]: TEAL.palette}
    remove(catalog, keys["a"])
    assert known(catalog) == {}
    assert catalog.palettes([keys["a"]]) == {}


def test_only_unknown_colours_are_filled_in(catalog: Catalog) -> None:
    keys = stored(catalog, draft("a", colors=RED), draft("b"))
    before = catalog.seq()
    with catalog.write() as writer:
        writer.set_colors({keys["a"]: TEAL, keys["b"]: TEAL})
    assert known(catalog) == {keys["a"]: RED.palette, keys["b"]: TEAL.palette}
    assert catalog.seq() > before, "whoever keeps palettes has to look again"


def test_damaged_palettes_are_passed_over(catalog: Catalog) -> None:
    keys = stored(catalog, draft("a", colors=RED), draft("b", colors=RED))
    damage = "UPDATE items SET palette = :palette WHERE key = :key"
    execute(catalog.paths.root, damage, palette=b"\x00\xff", key=keys["a"])
    assert known(catalog) == {keys["b"]: RED.palette}
    assert catalog.palettes(list(keys.values())) == {keys["b"]: RED.palette}


def test_names_are_a_field_beside_a_shops_own_of_any_name(catalog: Catalog) -> None:
    both = PictureColors(RED.palette, ("red", "teal"))
    shop = {"color": "crimson", "picture_color": "not ours"}
    keys = stored(
        catalog, draft("a", colors=RED, attributes=shop), draft("b", colors=both), draft("c")
    )
    record = catalog.collection("default")
    facets = catalog.facets(record, ["picture_color", "color"])
    assert [(one.value, one.count) for one in facets["picture_color"]] == [("red", 2), ("teal", 1)]
    assert [one.value for one in facets["color"]] == ["crimson"]
    assert keys.keys() == {"a", "b", "c"}
