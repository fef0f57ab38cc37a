"""Answers of a batch in files: records, tables, spreadsheets, and what cannot be written."""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow.parquet
import pytest

from indexer.answers import files as answer_files
from indexer.answers.batches import Answer, AnsweredQuery
from indexer.answers.files import answer_file, check_output
from indexer.answers.layouts import CLASSES, Layout
from indexer.answers.queries import (
    RejectedQuery,
)
from search_engine.errors import (
    MissingExtraError,
    ParameterError,
    StorageError,
)
from search_engine.records import CatalogItem, Neighbor, Prediction, SearchResult, ValueChance, Vote


def answered(prediction: Prediction, *neighbors: Neighbor) -> SearchResult:
    return SearchResult(
        neighbors, np.empty((1, 0), np.float32), {}, "", None, prediction=prediction
    )


ITEM = CatalogItem(1, "i,1", 'a "quoted"\nlabel', "p", {}, "hash")
ROWS: list[Answer] = [
    AnsweredQuery(
        Path("/p/ä,1.jpg"),
        'x"1',
        answered(
            Prediction(
                "a/b",
                0.75,
                False,
                None,
                tuple(Vote(f"l{n}", 0.1) for n in range(8)),
                calibrated=True,
            ),
            *(Neighbor(ITEM, 0.9 - n / 100) for n in range(8)),
        ),
    ),
    AnsweredQuery(Path("/p/2.jpg"), "x2", answered(Prediction(None, 0.0, True, "too_far", ()))),
    AnsweredQuery(
        Path("/p/3.jpg"),
        "x3",
        answered(
            Prediction(
                None,
                0.6,
                False,
                None,
                (),
                values=("red", "blue"),
                chances=(ValueChance("red", 0.9),),
            )
        ),
    ),
    RejectedQuery(Path("/p/4.jpg"), "x4", "corrupt_image", "it is no picture, at all"),
    RejectedQuery(None, None, "bad_id", "no id"),
]


def write(file: Path, layout: Layout = CLASSES, rows: Sequence[Answer] = ROWS) -> None:
    with answer_file(file, layout) as output:
        for row in rows:
            for record in layout.records(row):
                output.write(record)


def record_of(row: Answer) -> dict[str, Any]:
    (record,) = CLASSES.records(row)
    return record


def read(file: Path) -> list[dict[str, Any]]:
    """The rows of a file; of a table as they stand there, of JSONL as records."""
    if file.suffix == ".csv":
        with file.open(encoding="utf-8", newline="") as text:
            return [{**row} for row in csv.DictReader(text)]
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    if file.suffix == ".xlsx":
        header, *rows = openpyxl.load_workbook(file).active.iter_rows(values_only=True)
        return [dict(zip(header, row, strict=True)) for row in rows]
    found: list[dict[str, Any]] = pyarrow.parquet.read_table(file).to_pylist()
    return found


def in_csv(value: Any) -> str:
    """A value as a cell of a CSV has it."""
    if isinstance(value, list):
        return "|".join(value)
    plain = {None: "", True: "true", False: "false"}
    return plain[value] if value is None or isinstance(value, bool) else str(value)


def test_a_record_has_what_is_known(tmp_path: Path) -> None:
    write(tmp_path / "out.jsonl")
    records = read(tmp_path / "out.jsonl")
    assert records == [record_of(row) for row in ROWS]
    assert [tuple(record) for record in records] == [CLASSES.fields] * 5
    first = records[0]
    assert (first["path"], first["label"], first["confidence"]) == ("/p/ä,1.jpg", "a/b", 0.75)
    assert len(first["votes"]) == len(first["neighbors"]) == 5
    assert first["neighbors"][0] == {
        "item_id": "i,1", "score": 0.9, "label": 'a "quoted"\nlabel',
    }  # fmt: skip
    assert (records[1]["abstained"], records[1]["reason"]) == (True, "too_far")
    assert records[2]["values"] == ["red", "blue"]
    assert records[3]["error_code"] == "corrupt_image"
    assert records[4]["path"] is None


def test_tables_have_plain_columns(tmp_path: Path) -> None:
    wanted = [CLASSES.flat(record_of(row)) for row in ROWS]
    assert [tuple(row) for row in wanted] == [tuple(CLASSES.columns)] * 5
    assert (wanted[0]["neighbor_1"], wanted[0]["score_1"]) == ("i,1", 0.9)
    for suffix in (".csv", ".parquet", ".xlsx"):
        write(tmp_path / f"out{suffix}")
    assert read(tmp_path / "out.parquet") == wanted
    in_sheet = [
        {name: "|".join(value) if isinstance(value, list) else value for name, value in row.items()}
        for row in wanted
    ]
    assert read(tmp_path / "out.xlsx") == in_sheet
    in_text = [{name: in_csv(value) for name, value in row.items()} for row in wanted]
    assert read(tmp_path / "out.csv") == in_text


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_no_spreadsheet_computes_an_answer(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"out{suffix}"
    with answer_file(file, CLASSES) as output:
        output.write({**dict.fromkeys(CLASSES.fields), "path": "=1+1", "item_id": "\x07@SUM(A1)"})
    if suffix == ".csv":
        assert read(file)[0]["path"] == "'=1+1"
        return
    cell = openpyxl.load_workbook(file).active["A2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")
    assert read(file)[0]["item_id"] == "\N{REPLACEMENT CHARACTER}@SUM(A1)"


def test_parquet_is_written_group_by_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_files, "ROWS_A_GROUP", 2)
    write(tmp_path / "out.parquet")
    assert read(tmp_path / "out.parquet") == [CLASSES.flat(record_of(row)) for row in ROWS]
    assert pyarrow.parquet.ParquetFile(tmp_path / "out.parquet").num_row_groups == 3


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".xlsx"])
def test_no_rows_make_a_sound_file(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"out{suffix}"
    with answer_file(file, CLASSES):
        pass
    assert read(file) == []


def test_a_former_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    file.write_text("former")

    def interrupted() -> None:
        with answer_file(file, CLASSES, overwrite=True) as output:
            output.write(record_of(ROWS[0]))
            assert file.read_text() == "former"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert file.read_text() == "former"
    assert len((tmp_path / "out.csv.part").read_text().splitlines()) >= 2
    with pytest.raises(ParameterError, match="--overwrite"):
        write(file)
    file.unlink()
    write(file)
    assert len(read(file)) == 5
    assert not (tmp_path / "out.csv.part").exists()


def test_what_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"use one of \.csv, \.xlsx, \.jsonl, \.parquet"):
        check_output(tmp_path / "out.txt")
    with pytest.raises(ParameterError, match="no such folder"):
        check_output(tmp_path / "none" / "out.csv")
    (tmp_path / "dir.csv").mkdir()
    with pytest.raises(ParameterError, match="a folder"):
        check_output(tmp_path / "dir.csv")
    (tmp_path / "in.csv").write_text("item_id,image\n")
    with pytest.raises(ParameterError, match="what is read"):
        check_output(tmp_path / "in.csv", source=tmp_path / "." / "in.csv")


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "out.csv.part").mkdir()
    with (
        pytest.raises(StorageError, match="writing the answers"),
        answer_file(tmp_path / "out.csv", CLASSES),
    ):
        pass


def test_parquet_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'eyedex\[parquet\]'"):
        check_output(tmp_path / "out.parquet")
    check_output(tmp_path / "out.csv")
