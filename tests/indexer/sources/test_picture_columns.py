"""Columns of pictures whose names say nothing that is known: by what their cells look like."""

from collections.abc import Sequence
from typing import Any

import pytest

from indexer.sources import SourceOptions
from indexer.sources.table import TableSource
from tests.indexer.sources.memory_table import MemoryTable


def opened(
    columns: Sequence[str], *rows: Sequence[Any], options: SourceOptions | None = None
) -> TableSource:
    return TableSource(MemoryTable(columns, rows), options or SourceOptions())


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("Image URLs (x,y,z...)", ["img/0.jpg,img/1.JPG", "https://example.com/a/2"]),
        ("cover.media.url", ["img/0.jpg", "img/my mug.png?v=2"]),
        ("Hosted Image URLs", ["https://example.com/0 https://example.com/1", None]),
        ("x", [["0.webp", "1.webp"], []]),
    ],
)
def test_pictures_are_known_by_their_cells(name: str, cells: list[Any]) -> None:
    source = opened(["id", "title", name], *(["a", "A mug", cell] for cell in cells))
    assert source.mapping == {"item_id": "id", "image": name}
    assert f"{name!r} has the pictures" in source.notes


@pytest.mark.parametrize(
    "cells", [["a.jpg", "none"], ["https://example.com/1"], [5], ["mug"], [None], ["a.html"]]
)
def test_other_cells_are_no_pictures(cells: list[Any]) -> None:
    source = opened(["id", "link"], *(["a", cell] for cell in cells))
    assert source.mapping == {"item_id": "id"}


def test_what_is_called_a_picture_comes_first_and_others_are_told() -> None:
    source = opened(["id", "hover", "Studio photo"], ["a", "1.jpg", "2.jpg"])
    assert source.mapping["image"] == "Studio photo"
    assert "'Studio photo' has the pictures; --map image=... takes 'hover' instead" in source.notes


def test_a_column_of_the_right_name_without_cells_gives_way() -> None:
    assert opened(["id", "image", "image.src"], ["a", "", "1.jpg"]).mapping["image"] == "image.src"
    assert opened(["id", "image", "hover"], ["a", "0.jpg", "1.jpg"]).mapping["image"] == "image"


@pytest.mark.parametrize(
    "options",
    [SourceOptions(columns={"image": ""}), SourceOptions(known_columns={"image": "photo"})],
)
def test_what_is_said_or_remembered_is_not_guessed(options: SourceOptions) -> None:
    assert "image" not in opened(["id", "hover"], ["a", "1.jpg"], options=options).mapping


def test_ids_that_are_paths_are_no_pictures() -> None:
    assert opened(["id", "price"], ["mug/00.jpg", "5"]).mapping == {"item_id": "id"}
