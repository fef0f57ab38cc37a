"""Long JSON read a record at a time says what `json.load` says, whatever the size of the pieces."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import json_scanner
from indexer.exchange.json_records import read_heading, read_records
from search_engine.errors import SourceError

PIECES = (1, 3, 2**20)

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def write(folder: Path, text: str) -> Path:
    path = folder / "records.json"
    path.write_text(text, encoding="utf-8")
    return path


@settings(deadline=None, derandomize=True, database=None, max_examples=60)
@given(
    st.lists(values, max_size=6),
    st.dictionaries(st.text(max_size=3).filter(lambda name: name != "items"), values, max_size=3),
    st.sampled_from([None, 1]),
    st.sampled_from(PIECES),
)
def test_what_json_writes_is_read_again(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[Any],
    heading: dict[str, Any],
    indent: int | None,
    piece: int,
) -> None:
    folder = tmp_path_factory.mktemp("json")
    whole = {**dict(list(heading.items())[:1]), "items": records, **heading}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_scanner, "CHUNK_CHARS", piece)
        path = write(folder, json.dumps(whole, indent=indent))
        assert read_heading(path) == (heading, len(records))
        assert list(read_records(path)) == records
        path = write(folder, json.dumps(records, indent=indent, ensure_ascii=False))
        assert read_heading(path) == ({}, len(records))
        assert list(read_records(path)) == records


def test_a_number_at_the_end_of_a_piece_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_scanner, "CHUNK_CHARS", 2)
    assert list(read_records(write(tmp_path, "[123456, 7]"))) == [123456, 7]


def test_what_pandas_writes_for_a_missing_value_is_null(tmp_path: Path) -> None:
    path = write(tmp_path, '\ufeff[{"label": NaN}, {"price": Infinity}]')
    assert list(read_records(path)) == [{"label": None}, {"price": float("inf")}]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the end instead of '{'"),
        ("null", "instead of '{'"),
        ('{"item_id": "a"}', "neither an array"),
        ('{"items": {"a": 1}}', "instead of '['"),
        ('{"items": [], "items": []}', "twice"),
        ("[1, 2", "the end instead of ']' at character 5"),
        ("[1, ]", "Expecting value at character 4"),
        ("[1 2]", "'2' instead of ']' at character 3"),
        ('[{"a": 1}', "the end instead of ']'"),
        ('[{"a": }]', "Expecting value at character 7"),
        ("[1] [2]", "after its end"),
        ('{"items": [1],}', "no name of a member"),
        ("{1: 2}", "no name of a member at character 1"),
        ("[" + "9" * 5_000 + "]", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_heading(write(tmp_path, text))
    assert says in str(caught.value)
    assert "records.json" in str(caught.value)


def test_a_value_that_never_ends_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_scanner, "CHUNK_CHARS", 10)
    monkeypatch.setattr(json_scanner, "MAX_VALUE_CHARS", 1_000)
    with pytest.raises(SourceError, match="a value of more than 1,000 characters"):
        read_heading(write(tmp_path, '["' + "a" * 100_000))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_bytes(b'["\xff"]')
    with pytest.raises(SourceError, match="not UTF-8"):
        read_heading(path)
