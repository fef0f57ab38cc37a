"""Tables whose cells are separated by a character: what is read, refused and said."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.csv_cells import CLUSTER_COLUMNS
from indexer.sources.base import Reject
from indexer.sources.csv_records import MAX_CELL_CHARS
from indexer.sources.reading import read_table
from search_engine.errors import SourceError
from tests.indexer.sources.tables import cells, rejects, written

ROWS = [["1", "Krug, blau", "1,5"], ["2", "B;C", "2"], ["3", "a:b|c", "3"]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


@pytest.mark.parametrize(
    ("delimiter", "note"),
    [
        (",", None),
        (";", "cells are separated by semicolons"),
        ("\t", "cells are separated by tabs"),
        ("|", "cells are separated by vertical bars"),
        (":", "cells are separated by colons"),
    ],
)
def test_the_delimiter_is_found_and_told(path: Path, delimiter: str, note: str | None) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([["id", "name", "price"], *ROWS])
    table = written(path, text.getvalue())
    assert table.columns == ("id", "name", "price")
    assert cells(table) == ROWS
    assert table.notes == ((note,) if note else ())


def test_of_two_that_fit_the_delimiter_is_the_one_with_more_columns(path: Path) -> None:
    table = written(path, "id;name, short;price\n1;a, b;1\n2;c, d;2\n")
    assert table.columns == ("id", "name, short", "price")


def test_decimal_commas_do_not_separate(path: Path) -> None:
    table = written(path, "id;price\n1;1,5\n2;2,5\n3;3\n")
    assert cells(table) == [["1", "1,5"], ["2", "2,5"], ["3", "3"]]


def test_delimiters_within_quotes_do_not_count(path: Path) -> None:
    table = written(path, 'id,note\n1,"a;b;c;d"\n2,"e;f;g;h"\n')
    assert cells(table) == [["1", "a;b;c;d"], ["2", "e;f;g;h"]]


def test_a_single_column_needs_no_delimiter(path: Path) -> None:
    table = written(path, "id\na\nb:c\n")
    assert (table.columns, cells(table), table.notes) == (("id",), [["a"], ["b:c"]], ())


@pytest.mark.parametrize(
    "titles", ["Export;;\n;;\n", "Export\n\n", "\ufeffExport;;\n", "Export, 1 December\n"]
)
def test_a_title_above_the_header_is_passed_over(path: Path, titles: str) -> None:
    table = written(path, f"{titles}id;name;price\n1;a;5\n;b;\n")
    assert table.columns == ("id", "name", "price")
    assert cells(table) == [["1", "a", "5"], ["", "b", ""]]
    assert "1 row above the header is passed over" in table.notes


def test_rows_of_a_marketplace_above_the_header_are_passed_over(path: Path) -> None:
    above = "Template=x\tVersion=1\tFor the shop only\nSeller SKU\tName\tMain image\n"
    table = written(path, f"{above}item_sku\titem_name\tmain_image_url\n1\tMug\ta.jpg\n")
    assert table.columns == ("item_sku", "item_name", "main_image_url")
    assert "2 rows above the header are passed over" in table.notes
    assert [record.line for record in table.records()] == [4]


@pytest.mark.parametrize("first", ["id,name", "name,image", "note,price"])
def test_a_header_stays_the_header_whatever_is_below(path: Path, first: str) -> None:
    below = "id,image\n" if first != "note,price" else "id,5\nimage,6\n"
    assert written(path, f"{first}\n{below}").columns == tuple(first.split(","))


def test_tabs_are_what_a_tsv_promises(tmp_path: Path) -> None:
    assert written(tmp_path / "a.tsv", "id\tname\n1\ta\n").notes == ()
    assert written(tmp_path / "b.tsv", "id,name\n1,a\n").notes == ("cells are separated by commas",)


@pytest.mark.parametrize("line", ["sep=;\n", "sep=;\r\n", '"sep=;"\n', "SEP=;\n", "\ufeffsep=;\n"])
def test_a_line_that_names_the_delimiter_is_no_record(path: Path, line: str) -> None:
    table = written(path, line + "id;a,b\n1;2,3\n")
    assert table.columns == ("id", "a,b")
    assert [record.line for record in table.records()] == [3]


@pytest.mark.parametrize("said", [";", "semicolon"])
def test_the_delimiter_can_be_said(path: Path, said: str) -> None:
    table = written(path, "a,b;c\n1,2;3\n", delimiter=said)
    assert cells(table) == [["1,2", "3"]]
    assert written(path, "a|b\tc\n1|2\t3\n", delimiter="\\t").columns == ("a|b", "c")


@pytest.mark.parametrize("said", ["", ";;", '"', "\n", "space"])
def test_a_delimiter_that_cannot_separate_is_refused(path: Path, said: str) -> None:
    if said:
        with pytest.raises(SourceError, match="cannot separate"):
            written(path, "a,b\n", delimiter=said)
    else:
        assert written(path, "a,b\n", delimiter=said).columns == ("a", "b")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_any_line_end_ends_a_line(path: Path, end: str, last: bool) -> None:
    table = written(path, end.join(["id,name", "1,a", "2,b"]) + (end if last else ""))
    assert cells(table) == [["1", "a"], ["2", "b"]]
    assert [record.line for record in table.records()] == [2, 3]


def test_a_record_is_told_by_the_line_where_it_begins(path: Path) -> None:
    table = written(path, 'id,name\n\n1,"a\nb\n\nc"\n2,d\n')
    assert cells(table) == [["1", "a\nb\n\nc"], ["2", "d"]]
    assert [record.line for record in table.records()] == [3, 7]


def test_doubled_quotes_are_one(path: Path) -> None:
    assert cells(written(path, 'id,name\n1,"5"" screen"\n')) == [["1", '5" screen']]


def test_quotes_with_a_backslash_are_quotes(path: Path) -> None:
    table = written(path, 'id,name\n1,"5\\" screen, \\"new\\" and \\\\"\n2,"a\nb"\n')
    assert cells(table) == [["1", '5" screen, "new" and \\'], ["2", "a\nb"]]
    assert table.notes == ('quotes within cells are written \\"',)


def test_other_backslashes_are_kept(path: Path) -> None:
    table = written(path, 'id,image\n1,C:\\new\\a.jpg\n2,"C:\\new\\"\n')
    assert cells(table) == [["1", "C:\\new\\a.jpg"], ["2", "C:\\new\\"]]
    assert table.notes == ()


def test_apostrophes_quote_where_the_whole_header_has_them(path: Path) -> None:
    table = written(path, "'id';'na;me'\n'1';'it''s; ok'\n")
    assert table.columns == ("id", "na;me")
    assert cells(table) == [["1", "it's; ok"]]
    assert "cells are quoted with apostrophes" in table.notes


def test_apostrophes_elsewhere_are_text(path: Path) -> None:
    assert cells(written(path, "id,name\n'1,'a'\n")) == [["'1", "'a'"]]


LITERAL = "some quotes are not closed or not doubled: they are taken as they are written"


def test_quotes_in_the_middle_of_a_cell_are_text(path: Path) -> None:
    table = written(path, 'id,name,size\n1,5" screen,x\n2,a "b" c,y\n')
    assert cells(table) == [["1", '5" screen', "x"], ["2", 'a "b" c', "y"]]
    assert table.notes == ()


def test_quotes_that_are_not_doubled_are_text(path: Path) -> None:
    table = written(path, 'id,name,size\n1,"5" screen, black",x\n2,"a, ""b""","y\nz"\n')
    assert cells(table) == [["1", '5" screen, black', "x"], ["2", 'a, "b"', "y\nz"]]
    assert table.notes == (LITERAL,)


@pytest.mark.parametrize("after", ["2,b,y\n3,c,z\n", '2,"b",y\n3,"c","z"\n', '2,b,"y\nz"\n3,c,z\n'])
def test_a_quote_that_is_not_closed_is_text_where_the_rows_then_fit(path: Path, after: str) -> None:
    table = written(path, f'id,name,size\n1,"a,x\n{after}')
    found = cells(table)
    assert found[0] == ["1", '"a', "x"]
    assert [row[0] for row in found] == ["1", "2", "3"]
    assert table.notes == (LITERAL,)


def test_a_quote_that_swallows_the_rest_is_refused_by_its_line(path: Path) -> None:
    text = "id,name\n1,a\n" + '2,"a, b\n' + "3,c,d\n4,e,f\n"
    with pytest.raises(SourceError, match=r'quote \("\) is opened.*line 3') as caught:
        written(path, text)
    assert caught.value.fix is not None


def test_a_long_text_that_is_not_closed_is_refused(path: Path) -> None:
    line = "one, two, three, four\n"
    text = 'id,name\n1,"' + line * (MAX_CELL_CHARS // len(line) + 2)
    with pytest.raises(SourceError, match="line 2"):
        written(path, text)


def test_a_row_of_several_lines_with_too_many_cells_costs_only_itself(path: Path) -> None:
    table = written(path, 'id,name\n1,"a\nb",c,d\n2,e\n')
    assert rejects(table) == [(2, "ragged_row")]
    assert cells(table) == [["2", "e"]]


@pytest.mark.parametrize("content", ["", "\ufeff", "\n\r\n", ",,\n", "\ufeff\n"])
def test_an_empty_file_is_refused(path: Path, content: str) -> None:
    with pytest.raises(SourceError, match="empty"):
        written(path, content)


def test_a_header_alone_has_no_records(path: Path) -> None:
    table = written(path, "id;name;price\n")
    assert (table.columns, cells(table)) == (("id", "name", "price"), [])


@pytest.mark.parametrize("header", ["x" * (MAX_CELL_CHARS + 1), ",".join(map(str, range(1_001)))])
def test_a_header_that_is_too_large_is_refused(path: Path, header: str) -> None:
    with pytest.raises(SourceError, match=r"too large|at most 1,000"):
        written(path, f"{header}\n")


def test_a_last_column_without_name_and_cells_is_left_out(path: Path) -> None:
    table = written(path, "id,name,\n1,a,\n2,b,\n")
    assert (table.columns, cells(table)) == (("id", "name"), [["1", "a"], ["2", "b"]])
    assert table.notes == ("the last column has neither name nor cells: left out",)


def test_several_columns_without_name_and_cells_are_left_out(path: Path) -> None:
    table = written(path, "id;;name;;\n1;;a;;\n2;;b\n")
    assert (table.columns, cells(table)) == (("id", "name"), [["1", "a"], ["2", "b"]])
    assert "3 columns have neither name nor cells: left out" in table.notes


def test_a_column_with_cells_but_no_name_gets_one(path: Path) -> None:
    table = written(path, ",id,column_1\n0,1,a\n1,2,b\n")
    assert table.columns == ("column_1_2", "id", "column_1")
    assert table.notes == ("column 1 has no name and is called column_1_2",)


def test_a_column_that_is_there_twice_is_kept_once(path: Path) -> None:
    table = written(path, "id,name, id\n1,a,1\n2,b,2\n")
    assert (table.columns, cells(table)) == (("id", "name"), [["1", "a"], ["2", "b"]])
    assert table.notes == ("the column id is there twice, with the same cells: one is kept",)


def test_another_column_of_the_same_name_gets_a_number(path: Path) -> None:
    table = written(path, "id,name,name,name_2\n1,a,b,c\n")
    assert table.columns == ("id", "name", "name_3", "name_2")
    assert cells(table) == [["1", "a", "b", "c"]]
    assert table.notes == ("there are two columns name: the second is called name_3",)


def test_names_are_composed_and_without_space_around(path: Path) -> None:
    assert written(path, "id, cafe\u0301 \n1,a\n").columns == ("id", "caf\u00e9")


def test_rows_that_do_not_fit_the_header_are_refused(path: Path) -> None:
    table = written(path, "id,name,size\n1,a,b\n2,c\n3,d,e,f\n4,g,h\n")
    assert rejects(table) == [(3, "ragged_row"), (4, "ragged_row")]
    assert cells(table) == [["1", "a", "b"], ["4", "g", "h"]]


def test_cells_that_others_leave_empty_may_be_missing_at_the_end(path: Path) -> None:
    table = written(path, "id,name,note,more\n1,a,,\n2,b\n3,c,x,y\n4\n")
    assert cells(table) == [["1", "a", "", ""], ["2", "b", "", ""], ["3", "c", "x", "y"]]
    assert rejects(table) == [(5, "ragged_row")]
    assert table.notes == ("1 row has fewer cells than the header: the missing ones are empty",)


def test_where_many_rows_are_short_their_missing_cells_are_empty(path: Path) -> None:
    rows = "".join(f"{number},a,b\n{number + 100},c\n" for number in range(10))
    table = written(path, f"id,name,note\n{rows}")
    assert rejects(table) == []
    assert cells(table)[:2] == [["0", "a", "b"], ["100", "c", ""]]
    assert table.notes == ("10 rows have fewer cells than the header: the missing ones are empty",)


def test_empty_cells_behind_the_last_column_do_no_harm(path: Path) -> None:
    table = written(path, "id,name\n1,a,,\n2,b,\n3,c,,d\n")
    assert cells(table) == [["1", "a"], ["2", "b"]]
    assert rejects(table) == [(4, "ragged_row")]


def test_rows_of_empty_cells_are_skipped_and_counted(path: Path) -> None:
    table = written(path, "id;name\n1;a\n;\n\n;;;\n2;b\n")
    assert cells(table) == [["1", "a"], ["2", "b"]]
    assert "2 rows have only empty cells: skipped" in table.notes
    assert rejects(table) == []


def test_nul_and_oversize_cells_cost_their_rows(path: Path) -> None:
    large = "x" * (MAX_CELL_CHARS + 1)
    table = written(path, f"id,name\n1,a\x00\n2,{large}\n3,c\n4,{large[1:]}\n")
    assert rejects(table) == [(2, "bad_value"), (3, "bad_value")]
    assert cells(table) == [["3", "c"], ["4", large[1:]]]
    assert table.notes == ()


def test_an_oversize_cell_of_a_single_column_costs_its_row(path: Path) -> None:
    table = written(path, f"id\n1\n{'x' * (MAX_CELL_CHARS + 1)}\n2\n")
    assert rejects(table) == [(3, "bad_value")]
    assert cells(table) == [["1"], ["2"]]


def test_our_own_tables_are_read_without_the_apostrophes_before_formulas(path: Path) -> None:
    header = ",".join(["id", "'=sum", *CLUSTER_COLUMNS])
    table = written(path, f"{header}\n1,'=1+1,0,'-a,0.5,1\n")
    assert table.columns == ("id", "=sum", *CLUSTER_COLUMNS)
    assert cells(table) == [["1", "=1+1", "0", "-a", "0.5", "1"]]
    assert cells(written(path, "id,name\n1,'=1+1\n")) == [["1", "'=1+1"]]


def test_texts_that_are_wrapped_for_a_sheet_are_read_as_texts(path: Path) -> None:
    rows = '"=""0123""",=SUM(A1:A2)\n="007",="a"&"b"\n="",x\n'
    table = written(path, f"id,note\n{rows}")
    assert cells(table) == [["0123", "=SUM(A1:A2)"], ["007", '="a"&"b"'], ["", "x"]]
    assert table.notes == (
        'cells such as ="0123", which keep Excel from counting, are read as 0123',
    )


def test_records_can_be_read_again_and_given_up(path: Path) -> None:
    table = written(path, "id,name\n1,a\n2,b\n")
    first = next(iter(table.records()))
    assert not isinstance(first, Reject)
    assert cells(table) == cells(table)


NAMES = st.text("abcXYZ_ 09äß", min_size=1).map(str.strip).filter(bool)
BREAKS = "\r\n"
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
WESTERN = st.lists(st.sampled_from(["Größe", "für", "é", "ä;", "ß,", ""]), max_size=3).map(" ".join)
"""Words as they are in Windows-1252: more accents in a row would be taken for another encoding."""
ODD = st.text("a\"',;\t|:\\ \ufeff=" + BREAKS, max_size=8)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]], dict[str, Any], str]:
    """Header, rows, how csv.writer writes them, and the encoding."""
    header = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    cell = WESTERN if encoding == "cp1252" else TEXTS | ODD
    if quoting == csv.QUOTE_MINIMAL:  # csv.writer leaves line breaks without quotes
        cell = cell.map(lambda text: text.translate(dict.fromkeys(map(ord, BREAKS))))
    row = st.lists(cell, min_size=len(header), max_size=len(header))
    rows = draw(st.lists(row, min_size=1, max_size=6))
    form = {
        "delimiter": draw(st.sampled_from(",;\t|:")),
        "lineterminator": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "quoting": quoting,
    }
    return header, rows, form, encoding


@given(tables())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_was_written_comes_back(
    path: Path, table: tuple[list[str], list[list[str]], dict[str, Any], str]
) -> None:
    header, rows, form, encoding = table
    text = io.StringIO()
    csv.writer(text, **form).writerows([header, *rows])
    path.write_bytes(text.getvalue().encode(encoding))
    found = read_table(path)
    assert list(found.columns) == header
    assert cells(found) == [row for row in rows if any(row)]
    assert rejects(found) == []
