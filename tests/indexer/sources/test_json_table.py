"""Tables of JSON objects: a line each, an array, or a member of an object."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer import json_scanner
from indexer.sources.base import Reject
from indexer.sources.records import Record
from search_engine.errors import SourceError
from tests.indexer.sources.tables import cells, rejects, written

OBJECTS: list[dict[str, Any]] = [
    {"id": "a", "price": 1.5, "sold": True},
    {"id": "b", "tags": ["x", "y"], "size": {"w": 1}, "none": None},
]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    return tmp_path / "a.jsonl"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    return tmp_path / "a.json"


def as_lines(objects: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(each) + "\n" for each in objects)


FORMS = {
    "lines": as_lines(OBJECTS),
    "lines with CRLF": as_lines(OBJECTS).replace("\n", "\r\n\r\n"),
    "array": json.dumps(OBJECTS),
    "array over lines": json.dumps(OBJECTS, indent=2),
    "member": json.dumps({"shop": "x", "count": 2, "products": OBJECTS, "tags": ["a"], "e": []}),
}


@pytest.mark.parametrize("form", FORMS)
def test_objects_are_records_with_their_values_as_they_are(document: Path, form: str) -> None:
    table = written(document, FORMS[form])
    assert table.columns == ("id", "price", "sold", "tags", "size", "none")
    for _ in range(2):
        found = [record.cells for record in table.records() if isinstance(record, Record)]
        assert found == OBJECTS
    assert table.notes == (("the records are those of 'products'",) if form == "member" else ())


def test_a_record_is_told_by_its_line(lines: Path, document: Path) -> None:
    assert [each.line for each in written(lines, '{"a":1}\n\n{"a":2}\n').records()] == [1, 3]
    assert [each.line for each in written(document, '[\n{"a":1},{"a":2},\n\n{"a":\n3}]').records()
            ] == [2, 2, 4]  # fmt: skip


def test_one_object_in_lines_is_one_record(lines: Path, document: Path) -> None:
    text = '{"id": 1, "variants": [{"sku": 2}]}'
    assert cells(written(lines, text)) == [[1, [{"sku": 2}]]]
    assert cells(written(document, text)) == [[2]]


def test_whole_numbers_are_exact_at_any_size(lines: Path) -> None:
    number = 10**400 + 1
    assert cells(written(lines, json.dumps({"id": number}))) == [[number]]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('{"a": NaN}', "NaN is no JSON"),
        ('{"a": [-Infinity]}', "-Infinity is no JSON"),
        ('{"a": 1e999}', "too large"),
        ('{"a": ' + "9" * 5_000 + "}", "digits"),
        ('{"a": 1, "a": 1}', "the key 'a' is there twice"),
        ('{"b": {"a": 1, "a": 1}}', "the key 'a' is there twice"),
        ("[1]", "it is no object"),
        ('"text"', "it is no object"),
        ("null", "it is no object"),
    ],
)
def test_a_record_that_cannot_be_costs_only_itself(
    lines: Path, document: Path, value: str, reason: str
) -> None:
    in_lines = written(lines, f'{{"a": 0}}\n{value}\n{{"a": 2}}\n')
    in_array = written(document, f'[{{"a": 0}},\n{value},\n{{"a": 2}}]')
    for table in (in_lines, in_array):
        assert rejects(table) == [(2, "bad_json")]
        assert [row[0] for row in cells(table)] == [0, 2]
        (refused,) = [each for each in table.records() if isinstance(each, Reject)]
        assert reason in refused.reason


@pytest.mark.parametrize(
    "line", ["broken", '{"a": 1', '{"a": 1,}', "{'a': 1}", '{"a": 1} {"a": 2}', "[" * 100_000]
)
def test_a_line_that_is_no_json_costs_only_itself(lines: Path, line: str) -> None:
    table = written(lines, f'{{"a": 0}}\n{line}\n{{"a": 2}}\n')
    assert rejects(table) == [(2, "bad_json")]
    assert cells(table) == [[0], [2]]


@pytest.mark.parametrize("text", ['{"a": NaN}\n', "{broken\n", "[1, 2]\n"])
def test_where_no_line_can_be_read_it_is_said_why(lines: Path, text: str) -> None:
    """And not that columns are missing."""
    with pytest.raises(SourceError, match=r"no object of it can be read: .+line 1"):
        written(lines, text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('[{"a": 1},\n{"a": 2,,}]', "not JSON"),
        ('[{"a": 1}', "the end"),
        ('[{"a": 1}] x', "line 1"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": 1}', "no list of objects"),
        ("{}", "no list of objects"),
        ('{"data": {"total": 2, "products": [{"id": 1}]}}', "further down, at data.products"),
        ('{"data": {"products": [{"id": 1}]}, "more": {"a": 1}}', "further down"),
        ('{"a": {"b": [1, 2], "c": {"d": [{"e": []}]}}}', "further down, at a.c.d"),
        ('{"a": {"b": []}}', "no list of objects"),
        ('{"a": ' * 600 + "1" + "}" * 600, "no list of objects|nested too deeply"),
        ('{"a": [{"id": 1}], "b": [{"id": 2}]}', "several lists of objects: a, b"),
    ],
)
def test_a_document_without_one_list_of_objects_is_refused(
    document: Path, text: str, word: str
) -> None:
    with pytest.raises(SourceError, match=word):
        written(document, text)


def test_an_error_early_in_a_long_file_is_found_at_once(
    document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_scanner, "CHUNK_CHARS", 1_000)
    monkeypatch.setattr(json_scanner, "MAX_VALUE_CHARS", 10_000)
    with pytest.raises(SourceError, match="double quotes at character 10"):
        written(document, '[{"a": 1, }' + ', {"a": 2}' * 5_000 + "]")


def test_an_empty_array_has_no_records(document: Path) -> None:
    table = written(document, "[]")
    assert (table.columns, cells(table)) == ((), [])


def test_columns_come_in_the_order_of_their_first_appearance(lines: Path) -> None:
    table = written(lines, '{"b":1}\n{"a":1,"b":2}\n{"c":NaN}\n{"d":1}\n')
    assert table.columns == ("b", "a", "d")


def test_names_are_composed_without_space_and_each_once(lines: Path) -> None:
    table = written(lines, '{"cafe\u0301": 1, " caf\u00e9": 2, "": 3}\n')
    assert table.columns == ("caf\u00e9", "caf\u00e9_2", "column_3")
    assert cells(table) == [[1, 2, 3]]


def test_too_many_columns_are_refused(lines: Path) -> None:
    with pytest.raises(SourceError, match="at most 1,000"):
        written(lines, json.dumps({str(number): 1 for number in range(1_001)}))


def test_json_has_encodings_too(lines: Path) -> None:
    text = '{"id": "Müller"}\n'
    assert written(lines, text.encode("utf-16")).notes == ("read as UTF-16",)
    table = written(lines, text.encode("cp1252"))
    assert cells(table) == [["Müller"]]
    assert "Windows-1252" in table.notes[0]


def test_an_array_may_be_one_long_line(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.sources.encodings.MAX_LINE_BYTES", 100)
    assert len(cells(written(document, json.dumps([{"id": 1}] * 200)))) == 200


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
RECORDS = st.lists(st.dictionaries(st.sampled_from("abcd"), VALUES, min_size=1), min_size=2)


@given(RECORDS, st.sampled_from(["lines", "array", "indented"]), st.integers(1, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_was_written_comes_back(
    document: Path, objects: list[dict[str, Any]], form: str, piece: int
) -> None:
    text = as_lines(objects) if form == "lines" else json.dumps(
        objects, indent=None if form == "array" else 1, ensure_ascii=False
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_scanner, "CHUNK_CHARS", piece)
        table = written(document, text)
        found = [record.cells for record in table.records() if isinstance(record, Record)]
    assert found == objects
