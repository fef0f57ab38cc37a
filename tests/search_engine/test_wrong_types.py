"""Values of another kind than a call takes are refused by name, none in the middle of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

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


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("id\n")
    with pytest.raises(EyedexError, match="cannot be used: it is a file"):
        SearchEngine(file)
