"""What is told of a table's columns before anything is encoded."""

from pathlib import Path

import pytest

from api.cli.catalog.column_report import print_columns
from indexer.opened_source import columns_as_json, sentences
from indexer.sources import open_source


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    rows = ["sku;Bild;Preis;Größe", "a;1.jpg;1.299,00 €;1.10", "b;2.jpg;5,00 €;1.1", "c;3.jpg;;"]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_each_column_has_its_line(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_columns(open_source(table))
    said = capsys.readouterr()
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert lines == [
        "column becomes type filled examples",
        "sku item_id text 100% a, b",
        "Bild image text 100% 1.jpg, 2.jpg",
        "Preis Preis number 67% 1.299,00 €, 5,00 €",
        "Größe Größe text 67% 1.10, 1.1",
    ]
    assert 'note: Preis: "1.299,00 €" is read as 1299.0; the currency (EUR) is kept' in said.err
    assert 'note: Größe: has different numbers of decimals, as in "1.10" and "1.1"' in said.err


def test_a_folder_has_no_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_columns(open_source(tmp_path))
    assert capsys.readouterr().out == ""


def test_programs_get_the_same(table: Path) -> None:
    source = open_source(table)
    first = columns_as_json(source)[0]
    assert first == {
        "column": "sku",
        "becomes": "item_id",
        "kind": "text",
        "filled": 1.0,
        "examples": ("a", "b", "c"),
        "note": None,
    }
    assert sentences(source)[0] == "cells are separated by semicolons"
