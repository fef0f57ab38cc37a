"""Values of another kind than a call takes are refused by name, none in the middle of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError, MissingPictureError
from tests.conftest import copy_data

Call = Callable[[SearchEngine, Any], object]


@pytest.fixture(scope="module")
def engine(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    with SearchEngine(copy_data(hsv_data, tmp_path_factory.mktemp("wrong") / "data")) as opened:
        yield opened


@pytest.mark.parametrize("name", [None, 3, b"default", ["default"]])
@pytest.mark.parametrize(
    "call",
    [
        lambda engine, name: engine.search(vector=[1.0] * 972, collection=name),
        lambda engine, name: engine.facets(["label"], collection=name),
        lambda engine, name: list(engine.items(collection=name)),
        lambda engine, name: engine.remove("x", collection=name),
    ],
)
def test_a_collection_is_named_by_a_text(engine: SearchEngine, call: Call, name: Any) -> None:
    with pytest.raises(EyedexError, match=r"is no name \(collection\)"):
        call(engine, name)


def test_fields_to_count_are_a_list(engine: SearchEngine) -> None:
    with pytest.raises(EyedexError, match=r"not a list of fields \(facets\); put it into a list"):
        engine.facets("label")


@pytest.mark.parametrize("filter", [{"label": "Mugs"}, ["label", "Mugs"], 3])
def test_what_is_no_filter_is_told_how_one_looks(engine: SearchEngine, filter: Any) -> None:
    with pytest.raises(EyedexError, match=r"for instance .*or as a line: price < 30"):
        engine.facets(["label"], filter=filter)


@pytest.mark.parametrize("address", ["https://shop.example/a.jpg", "http://127.0.0.1/a.jpg"])
def test_an_address_is_no_path(engine: SearchEngine, address: str) -> None:
    with pytest.raises(MissingPictureError, match="nothing is fetched from an address here"):
        engine.search(address)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("file:///photos/a.jpg", "give the path alone, without file://"),
        ("data:image/png;base64,iVBORw0KGgo", "what the base64 stands for"),
        ("/9j/4AAQSkZJRgABAQAAAQABAAD", "what the base64 stands for"),
    ],
)
def test_other_texts_are_no_paths(engine: SearchEngine, text: str, fix: str) -> None:
    with pytest.raises(MissingPictureError, match=fix):
        engine.search(text)


def test_a_closed_file_is_told(engine: SearchEngine, tmp_path: Path) -> None:
    with (tmp_path / "a.jpg").open("wb+") as file:
        pass
    with pytest.raises(
        EyedexError, match=r'cannot be read: .* closed file .*open it with mode "rb"'
    ):
        engine.search(file)


def test_an_embedding_may_be_of_another_library(engine: SearchEngine) -> None:
    numbers = np.arange(1.0, 973.0)
    wanted = engine.search(vector=numbers).neighbors
    assert engine.search(vector=torch.from_numpy(numbers)).neighbors == wanted
    with pytest.raises(EyedexError, match=r"Tensor gives no array: .*requires grad"):
        engine.search(vector=torch.ones(972, requires_grad=True))


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("id\n")
    with pytest.raises(EyedexError, match="cannot be used: it is a file"):
        SearchEngine(file)
