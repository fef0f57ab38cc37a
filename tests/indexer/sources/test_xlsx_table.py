"""Tables in workbooks of Excel."""

import datetime
import io
import re
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from indexer.sources import merged_cells, xlsx_table
from indexer.sources.base import Reject
from search_engine.errors import MissingExtraError, SourceError
from tests.indexer.sources.tables import cells, rejects, written

Sheets = Mapping[str, Sequence[Any]]


def workbook(sheets: Sheets, hidden: Sequence[str] = ()) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
        sheet.sheet_state = "hidden" if title in hidden else "visible"
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def changed(content: bytes, part: str, change: Any) -> bytes:
    """A workbook with one of its parts changed."""
    found = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(found, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return found.getvalue()


def packed(parts: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return content.getvalue()


SCHEMAS = "http://schemas.openxmlformats.org"
MAIN = f'xmlns="{SCHEMAS}/spreadsheetml/2006/main"'
OFFICE = f"{SCHEMAS}/officeDocument/2006/relationships"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
MADE_BY_EXCEL = packed({
    "[Content_Types].xml": f'''<Types xmlns="{SCHEMAS}/package/2006/content-types">
        <Default Extension="rels"
            ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
        <Override PartName="/xl/workbook.xml" ContentType="{KIND}.sheet.main+xml"/>
        <Override PartName="/xl/worksheets/sheet1.xml" ContentType="{KIND}.worksheet+xml"/>
        <Override PartName="/xl/sharedStrings.xml" ContentType="{KIND}.sharedStrings+xml"/>
        </Types>''',
    "_rels/.rels": f'''<Relationships xmlns="{SCHEMAS}/package/2006/relationships">
        <Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/>
        </Relationships>''',
    "xl/workbook.xml": f'''<workbook {MAIN} xmlns:r="{OFFICE}">
        <sheets><sheet name="Shop" sheetId="1" r:id="r1"/></sheets></workbook>''',
    "xl/_rels/workbook.xml.rels": f'''<Relationships xmlns="{SCHEMAS}/package/2006/relationships">
        <Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>
        <Relationship Id="r2" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>
        </Relationships>''',
    "xl/sharedStrings.xml": f'''<sst {MAIN} count="3" uniqueCount="3">
        <si><t>id</t></si><si><t>price</t></si><si><r><t>m</t></r><r><t>ug</t></r></si></sst>''',
    "xl/worksheets/sheet1.xml": f'''<worksheet {MAIN}><sheetData>
        <row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>
        <row r="3"><c r="A3" t="s"><v>2</v></c><c r="B3"><f>1+1</f><v>2</v></c></row>
        <row r="4"><c r="B4" t="e"><v>#REF!</v></c></row>
        </sheetData></worksheet>''',
})  # fmt: skip
"""As Excel writes them: texts in a part of their own, formulas with results, no empty rows."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.xlsx"


def test_cells_have_their_types_and_whole_numbers_are_whole(path: Path) -> None:
    when = datetime.datetime(2024, 1, 2, 3, 4, 5)
    rows = [["id", "price", "when", "sold", "code"], [1.0, 1.5, when, True, "007"],
            [2**53, -0.25, when.date(), False, "1.10"]]  # fmt: skip
    table = written(path, workbook({"Products": rows}))
    assert table.columns == ("id", "price", "when", "sold", "code")
    day = datetime.datetime(2024, 1, 2)
    assert cells(table) == [[1, 1.5, when, True, "007"], [2**53, -0.25, day, False, "1.10"]]
    assert [type(row[0]) for row in cells(table)] == [int, int]
    assert [record.line for record in table.records()] == [2, 3]
    assert table.notes == ()


def test_what_excel_writes_is_read(path: Path) -> None:
    table = written(path, MADE_BY_EXCEL)
    assert (table.columns, cells(table)) == (("id", "price"), [["mug", 2]])
    assert rejects(table) == [(4, "bad_value")]


def test_the_first_sheet_with_cells_is_read_and_the_others_named(path: Path) -> None:
    sheets: Sheets = {"Empty": [], "Secret": [["no"]], "Products": [["id"], [1]], "Old": [["x"]]}
    table = written(path, workbook(sheets, hidden=["Secret"]))
    assert cells(table) == [[1]]
    assert table.notes == ("read from the sheet 'Products'; left out: 'Empty', 'Secret', 'Old'",)
    assert written(path, workbook({"A": [], "B": [["no"]], "C": []}, ["B"])).columns == ("no",)


def test_the_sheet_that_names_ids_and_pictures_is_read_and_no_cover(path: Path) -> None:
    cover = [["Our products", "2025"], ["Ask", "us"]]
    sheets: Sheets = {"Cover": cover, "Codes": [["id", "name"], [1, "a"]],
                      "Goods": [["Title"], ["SKU", "Image"], [1, "a.jpg"]]}  # fmt: skip
    table = written(path, workbook(sheets))
    assert cells(table) == [[1, "a.jpg"]]
    assert table.notes[0] == "read from the sheet 'Goods'; left out: 'Cover', 'Codes'"
    hidden = written(path, workbook(sheets, hidden=["Goods", "Codes"]))
    assert hidden.columns == ("Our products", "2025")
    named = {"image": "us"}
    sheets = {"Cover": cover, "Goods": [["we", "us"], ["1", "a.jpg"]]}
    assert written(path, workbook(sheets), columns=named).columns == ("we", "us")


def test_a_sheet_is_read_that_is_named(path: Path) -> None:
    content = workbook({"New": [["id"], [1]], "Old": [["id"], [2]], "Nil": []}, hidden=["Old"])
    assert cells(written(path, content, sheet="Old")) == [[2]]
    with pytest.raises(SourceError, match=r"no sheet 'old'.*it has 'New', 'Old', 'Nil'"):
        written(path, content, sheet="old")
    with pytest.raises(SourceError, match="the sheet 'Nil' is empty"):
        written(path, content, sheet="Nil")


def test_a_sheet_is_only_named_of_a_workbook(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="only a workbook has sheets"):
        written(tmp_path / "a.csv", b"id,image\n1,a.jpg\n", sheet="New")


@pytest.mark.parametrize(
    ("value", "number_format", "expected"),
    [
        (1234, "00000", "01234"),
        (12345.0, "00000", "12345"),
        (1234567, "00000", "1234567"),
        (12345, r"00000\-0000", "00001-2345"),
        (7, '00" "00;@', "00 07"),
        (1.5, "00000", 1.5),
        (-3, "00", -3),
        (True, "00", True),
        (5, "0", 5),
        (5, "0.00", 5),
        ("7", "00", "7"),
    ],
)
def test_codes_keep_the_zeros_that_the_workbook_shows(
    path: Path, value: Any, number_format: str, expected: Any
) -> None:
    book = openpyxl.Workbook()
    book.active.append(["zip", "count"])
    book.active.append([value, 3])
    book.active["A2"].number_format = number_format
    content = io.BytesIO()
    book.save(content)
    assert cells(written(path, content.getvalue())) == [[expected, 3]]


@pytest.mark.parametrize("sheets", [{"A": []}, {"A": [[None, ""]], "B": []}])
def test_a_workbook_without_cells_is_empty(path: Path, sheets: Sheets) -> None:
    with pytest.raises(SourceError, match="empty"):
        written(path, workbook(sheets))


def test_empty_rows_and_columns_around_the_table_do_not_count(path: Path) -> None:
    rows = [[], ["id", "name", None, None], [1, "a", None, ""], [], [2, "b"], [None, ""], []]
    table = written(path, workbook({"A": rows}))
    assert table.columns == ("id", "name")
    assert cells(table) == [[1, "a"], [2, "b"]]
    assert [record.line for record in table.records()] == [3, 5]
    assert table.notes == ("1 row has only empty cells: skipped",)


def test_titles_above_the_header_are_passed_over(path: Path) -> None:
    rows = [["Export of 1 December"], [], [None, "all shops"], ["id", "name"], [1, "a"]]
    table = written(path, workbook({"A": rows}))
    assert (table.columns, cells(table)) == (("id", "name"), [[1, "a"]])
    assert [record.line for record in table.records()] == [5]
    assert table.notes == ("2 rows above the header are passed over",)


def test_missing_cells_are_none_and_further_ones_get_a_column(path: Path) -> None:
    table = written(path, workbook({"A": [["id", "name"], [1], [2, "b", "more"]]}))
    assert table.columns == ("id", "name", "column_3")
    assert cells(table) == [[1, None, None], [2, "b", "more"]]


def test_columns_without_a_name_of_their_own(path: Path) -> None:
    table = written(path, workbook({"A": [["id", None, "id", 2024], [1, None, 1, "x"]]}))
    assert table.columns == ("id", "2024")
    assert cells(table) == [[1, "x"]]
    assert len(table.notes) == 2


def test_an_error_refuses_its_row_by_the_address(path: Path) -> None:
    rows = [["id", "price"], [1, "#N/A"], [2, 3], [3, "#DIV/0!"]]
    table = written(path, workbook({"A": rows}))
    assert cells(table) == [[2, 3]]
    assert rejects(table) == [(2, "bad_value"), (4, "bad_value")]
    reasons = [each.reason for each in table.records() if isinstance(each, Reject)]
    assert reasons == ["cell B2 is the error #N/A", "cell B4 is the error #DIV/0!"]


def test_dimensions_that_are_wrong_hide_nothing(path: Path) -> None:
    content = workbook({"A": [["id", "name"], [1, "a"], [2, "b"]]})
    wrong = changed(
        content,
        "xl/worksheets/sheet1.xml",
        lambda part: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:A1"', part),
    )
    assert wrong != content
    assert cells(written(path, wrong)) == [[1, "a"], [2, "b"]]


def test_a_row_beyond_all_sheets_is_refused(path: Path) -> None:
    content = workbook({"A": [["id"], [1]]})
    far = changed(
        content,
        "xl/worksheets/sheet1.xml",
        lambda part: part.replace(b'r="2"', b'r="9999999999"').replace(b"A2", b"A9999999999"),
    )
    with pytest.raises(SourceError, match="more than 1,048,576 rows"):
        written(path, far)


def test_a_workbook_that_unpacks_to_too_much_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_table, "MAX_TEXTS_BYTES", 100)
    with pytest.raises(SourceError, match="unpacks to"):
        written(path, MADE_BY_EXCEL)
    monkeypatch.setattr(xlsx_table, "MAX_TEXTS_BYTES", 2**28)
    monkeypatch.setattr(xlsx_table, "MAX_UNPACKED_BYTES", 1_000)
    with pytest.raises(SourceError, match="save the sheet as CSV"):
        written(path, MADE_BY_EXCEL)


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml"])
@pytest.mark.parametrize("change", [lambda _: b"", lambda part: part[:150], lambda _: b"<x"])
def test_a_damaged_workbook_is_refused(path: Path, part: str, change: Any) -> None:
    content = changed(workbook({"A": [["id"], [1]]}), part, change)
    with pytest.raises(SourceError, match="cannot be read"):
        cells(written(path, content))


@pytest.mark.parametrize("cut", [30, 300, 2_000])
def test_a_truncated_workbook_is_refused(path: Path, cut: int) -> None:
    with pytest.raises(SourceError):
        written(path, workbook({"A": [["id"], [1]]})[:-cut])


def test_the_extra_is_named_where_it_is_missing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = workbook({"A": [["id"]]})
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"eyedex\[xlsx\]"):
        written(path, content)


def merged(rows: Sequence[Any], *ranges: str) -> bytes:
    """A workbook with merged cells, whose value is in the first of them."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for each in ranges:
        book.active.merge_cells(each)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_a_cell_merged_over_rows_counts_for_each_of_them(tmp_path: Path) -> None:
    rows = [
        ["id", "label", "price"],
        *([n, label, n] for n, label in enumerate(["Mugs", None, None, "Lamps", None])),
        [5, None, 5],
    ]
    table = written(tmp_path / "a.xlsx", merged(rows, "B2:B4", "B5:B6"))
    assert [row[1] for row in cells(table)] == ["Mugs", "Mugs", "Mugs", "Lamps", "Lamps", None]
    assert table.notes == (
        "2 cells are merged over several rows: their values count for each of these",
    )


def test_merged_cells_that_fill_nothing(tmp_path: Path) -> None:
    """A title over all columns, cells of one row, and one without a value."""
    rows = [["Spring"], ["id", "label", "note"], [1, "Mugs", None], [2, "Mugs", None]]
    table = written(tmp_path / "a.xlsx", merged(rows, "A1:C1", "B3:C3", "C4:C6"))
    assert cells(table) == [[1, "Mugs", None], [2, "Mugs", None]]
    assert "merged" in table.notes[-1]


def test_merged_cells_are_found_across_pieces_of_a_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = b"".join(b'<mergeCell ref="A%d:B%d"/>' % (n, n + 1) for n in range(2, 400, 2))
    monkeypatch.setattr(merged_cells, "CHUNK_BYTES", 77)
    found = merged_cells.merged_over_rows(io.BytesIO(b"<x:mergeCells>" + tags), "a.xlsx")
    assert found == {n: [(0, n + 1)] for n in range(2, 400, 2)}


def test_too_many_merged_cells_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(merged_cells, "MAX_MERGED", 2)
    rows = [["id"], *([n] for n in range(9))]
    with pytest.raises(SourceError, match="more than 2 merged cells"):
        written(tmp_path / "a.xlsx", merged(rows, "A2:A3", "A4:A5", "A6:A7"))
