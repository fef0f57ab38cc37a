"""Whatever the cells of a table are: they come back as they were, and filters find them."""

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.run import IndexRequest, index_source
from indexer.sources import SourceRow, open_source
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.names import normal
from tests.cli.conftest import colour_picture
from tests.indexer.sources.memory_table import understood

steady = settings(deadline=None, derandomize=True, database=None, max_examples=150)
slow = settings(deadline=None, derandomize=True, database=None, max_examples=12)

numbers = st.one_of(
    st.integers(-(10**18), 10**18).map(str),
    st.decimals(-9999, 9999, places=2).map(str),
    st.floats(-1e6, 1e6).map(repr),
    st.text("0123456789.,-+e' ", min_size=1, max_size=8),
)
words = st.sampled_from(["true", "false", "yes", "No", "n/a", "NULL", "-", "5 EUR", "€5", "$5.00"])
dates = st.one_of(
    st.dates().map(str), st.datetimes().map(str), st.sampled_from(["1.2.2025", "31.12.2025"])
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
columns = st.one_of(
    *(st.lists(kind, min_size=1, max_size=6) for kind in (numbers, words, dates, texts)),
    st.lists(st.one_of(numbers, words, dates, texts), min_size=1, max_size=6),
)


@steady
@given(cells=columns)
def test_a_column_of_text_is_kept_as_it_was_written(cells: list[str]) -> None:
    found = understood(cells)
    assert found.report.filled == sum(bool(cell.strip()) for cell in cells) / len(cells)
    if found.report.kind == "text":
        assert found.values == [normal(cell) if cell.strip() else None for cell in cells]


@steady
@given(cells=st.lists(numbers, min_size=1, max_size=6))
def test_different_numbers_stay_different(cells: list[str]) -> None:
    """But for amounts: 1,299.00 and 1299.00 are one price."""
    found = understood(cells)
    if found.report.kind == "number" and found.report.note is None:
        by_text = dict(zip((cell.strip() for cell in cells), found.values, strict=True))
        by_text.pop("", None)
        assert len(set(by_text.values())) == len(by_text)
        assert all(float(text) == value for text, value in by_text.items())


@steady
@given(cells=columns)
def test_what_a_column_became_it_becomes_again(cells: list[str]) -> None:
    first = understood(cells)
    assert understood(cells).values == first.values
    kept = [value for value in first.values if value is not None]
    assert len({type(value) for value in kept} - {int}) <= 1


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    (folder / "p.png").write_bytes(colour_picture(1))
    return folder


@slow
@given(cells=columns)
def test_a_filter_for_the_text_of_a_cell_finds_it(base: Path, cells: list[str]) -> None:
    path = base / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["item_id", "image", "x"])
        writer.writerows([f"i{number}", "p.png", cell] for number, cell in enumerate(cells))
    source = open_source(path)
    data = Settings(data=base / "data", workers=1)
    index_source(source, IndexRequest(encoder="hsv", prune=True, prune_many=True), data)
    rows = [row for row in source.rows() if isinstance(row, SourceRow)]
    stored = {row.item_id: row.attributes.get("x") for row in rows}
    kind = source.columns[2].kind
    with SearchEngine(settings=data) as engine:
        for number, cell in enumerate(cells):
            if stored[f"i{number}"] is None:
                continue
            asked: Any = {"field": "x", "eq": cell if kind == "text" else stored[f"i{number}"]}
            found = engine.similar(f"i{number}", filter=asked, k=len(cells)).neighbors
            same = {one for one, value in stored.items() if value == stored[f"i{number}"]}
            assert {one.item.item_id for one in found} == same - {f"i{number}"}
            if kind == "boolean":
                line = engine.similar(f"i{number}", filter=f"x = {cell}", k=len(cells)).neighbors
                assert {one.item.item_id for one in line} == same - {f"i{number}"}
