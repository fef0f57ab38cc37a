"""Which form a file has: by its content first, then by its name."""

from pathlib import Path

import pytest

from indexer.sources.delimited import DelimitedTable
from indexer.sources.json_table import JsonTable
from indexer.sources.xlsx_table import XlsxTable
from search_engine.errors import SourceError
from tests.indexer.sources.tables import cells, written
from tests.indexer.sources.test_xlsx_table import workbook

CSV = "id,name\n1,a\n2,b\n"


@pytest.mark.parametrize(
    "name", ["a.csv", "a.CSV", "a.txt", "a.tsv", "a", "a.dat", "a.csv?dl=1", "a.xls", "a.csv.1"]
)
def test_a_delimited_text_is_one_by_any_name(tmp_path: Path, name: str) -> None:
    table = written(tmp_path / name, CSV)
    assert isinstance(table, DelimitedTable)
    assert cells(table) == [["1", "a"], ["2", "b"]]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt", "a.csv", "a"])
def test_json_is_json_by_any_name(tmp_path: Path, name: str) -> None:
    table = written(tmp_path / name, '[{"id": 1}, {"id": 2}]')
    assert isinstance(table, JsonTable)
    assert cells(table) == [[1], [2]]


@pytest.mark.parametrize("mark", ["", "\ufeff", " \n\t", "\ufeff \r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_first_character_counts(tmp_path: Path, mark: str, encoding: str) -> None:
    content = f'{mark}{{"id": 1}}\n{{"id": 2}}'.encode(encoding).replace(
        b"\xff\xfe" * 2, b"\xff\xfe"
    )
    assert cells(written(tmp_path / "a.txt", content)) == [[1], [2]]


def test_a_workbook_is_one_by_any_name(tmp_path: Path) -> None:
    content = workbook({"Sheet": [["id"], [1]]})
    for name in ("a.xlsx", "a.csv", "a"):
        assert isinstance(written(tmp_path / name, content), XlsxTable)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.csv", b"<html><table>", "a page of HTML"),
        ("a.xml", b"\n<!DOCTYPE html>\n<p>", "a page of HTML"),
        ("a.zip", b"PK\x03\x04" + bytes(60), "zip file of something else"),
        ("a.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF", "no known kind"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "no known kind"),
        ("readme.md", b"# Title\n\nSome, text\nand more\n", "no known kind"),
        ("a", b"\x00\x01\x02", "no known kind"),
    ],
)
def test_what_is_no_table_names_the_forms_that_are_read(
    tmp_path: Path, name: str, content: bytes, word: str
) -> None:
    with pytest.raises(SourceError, match=word) as caught:
        written(tmp_path / name, content)
    assert "CSV, TSV, JSON, JSON Lines, XML, Parquet and XLSX" in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.xls", b"\xd0\xcf\x11\xe0" + bytes(60), "save it as .xlsx"),
        ("a.parquet", b"id,name\n1,a\n", "not a Parquet file"),
        ("a.json", b"hello", "neither"),
        ("a.jsonl", b"", "empty"),
    ],
)
def test_what_is_not_what_its_name_says_is_told(
    tmp_path: Path, name: str, content: bytes, word: str
) -> None:
    with pytest.raises(SourceError, match=word):
        written(tmp_path / name, content)
