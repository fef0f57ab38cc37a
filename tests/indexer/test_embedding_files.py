"""Files of embeddings by other programs: what is taken, and what is refused before anything."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pytest
from pyarrow import parquet

from indexer.exchange.files import open_embeddings
from indexer.exchange.forms import VERSION
from search_engine.errors import ParameterError, SourceError
from tests.embedding_tables import write_npy, write_parquet
from tests.small_catalog import DIMENSION, unit_vectors

ROWS = 5
VECTORS = unit_vectors(ROWS)
RECORDS = [{"item_id": f"id{row}", "label": "ab"[row % 2], "price": row} for row in range(ROWS)]
HEADING = {
    "format": "eyedex-embeddings",
    "version": VERSION,
    "encoder": {"name": "hsv", "fingerprint": "0" * 32, "dimension": DIMENSION},
}


def read(path: Path) -> tuple[list[dict[str, Any]], Any, dict[int, str]]:
    """All records, vectors and flaws of a file."""
    records: list[dict[str, Any]] = []
    vectors, bad = [], {}
    for part in open_embeddings(path).parts():
        assert part.line == len(records) + 1
        bad.update({part.line + place: why for place, why in part.bad.items()})
        records += part.records
        vectors.append(part.vectors)
    return records, np.concatenate(vectors), bad


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_floating_matrix_of_numpy_is_read(tmp_path: Path, dtype: Any, order: Any) -> None:
    wanted = np.asarray(VECTORS.astype(dtype), order=order)
    path = write_npy(tmp_path / "a.npy", wanted, RECORDS)
    records, vectors, bad = read(path)
    assert (records, bad) == (RECORDS, {})
    np.testing.assert_array_equal(vectors, wanted)
    assert (open_embeddings(path).dimension, len(open_embeddings(path))) == (DIMENSION, ROWS)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_both_versions_of_npy_are_read(tmp_path: Path, version: tuple[int, int]) -> None:
    path = write_npy(tmp_path / "a.npy", VECTORS, {"items": RECORDS, "made by": "somebody"})
    with path.open("wb") as file:
        np.lib.format.write_array(file, VECTORS, version)
    np.testing.assert_array_equal(read(path)[1], VECTORS)


@pytest.mark.parametrize(
    "kind",
    [
        arrow.list_(arrow.float32(), DIMENSION),
        arrow.list_(arrow.float64(), DIMENSION),
        arrow.list_(arrow.float16(), DIMENSION),
        arrow.list_(arrow.float32()),
        arrow.large_list(arrow.float64()),
    ],
    ids=str,
)
def test_any_list_of_parquet_is_read(tmp_path: Path, kind: arrow.DataType) -> None:
    rows = [row.tolist() for row in VECTORS.astype(np.float16)]
    path = write_parquet(tmp_path / "a.parquet", arrow.array(rows, kind), RECORDS)
    records, vectors, bad = read(path)
    assert (records, bad) == (RECORDS, {})
    np.testing.assert_array_equal(vectors, rows)


def test_many_parts_are_in_order(tmp_path: Path) -> None:
    count = 2_500
    vectors = unit_vectors(count, dimension=3)
    records = [{"item_id": str(row)} for row in range(count)]
    for path in (
        write_npy(tmp_path / "a.npy", vectors, records),
        write_parquet(tmp_path / "a.parquet", vectors, records),
    ):
        found, read_vectors, _ = read(path)
        assert found == records
        np.testing.assert_array_equal(read_vectors, vectors)


def test_rows_of_parquet_without_a_whole_embedding_are_named(tmp_path: Path) -> None:
    rows = [VECTORS[0].tolist(), None, [1.0, 2.0], [*VECTORS[3][:-1].tolist(), None], VECTORS[4]]
    for kind in (arrow.list_(arrow.float32()), arrow.large_list(arrow.float32())):
        path = write_parquet(tmp_path / "a.parquet", arrow.array(rows, kind), RECORDS)
        _, vectors, bad = read(path)
        assert bad == {
            2: "it has no embedding",
            3: f"its embedding has 2 numbers, not {DIMENSION}",
        }
        assert np.isnan(vectors[[1, 2]]).all()
        assert np.isnan(vectors[3, -1])
        np.testing.assert_array_equal(vectors[[0, 4]], VECTORS[[0, 4]])
    fixed = arrow.array([None, *VECTORS[1:].tolist()], arrow.list_(arrow.float32(), DIMENSION))
    assert read(write_parquet(tmp_path / "a.parquet", fixed, RECORDS))[2] == {
        1: "it has no embedding"
    }


def test_columns_of_parquet_that_a_row_lacks_are_no_attributes_of_it(tmp_path: Path) -> None:
    table = arrow.table(
        {
            "item_id": ["a", "b"],
            "label": arrow.array([None, "x"]).dictionary_encode(),
            "attributes": [{"size": 3, "color": None}, None],
            "price": [1.5, float("nan")],
            "tags": [["new", "red"], None],
            "__index_level_0__": [7, 8],
            "embedding": VECTORS[:2].tolist(),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    records, _, _ = read(tmp_path / "a.parquet")
    assert records == [
        {"item_id": "a", "label": None, "attributes": {"size": 3}, "price": 1.5,
         "tags": ["new", "red"]},
        {"item_id": "b", "label": "x", "attributes": None},
    ]  # fmt: skip


def an_object_array(path: Path) -> None:
    np.save(path, np.array([[{}]], dtype=object), allow_pickle=True)


def a_header_that_promises_too_much(path: Path) -> None:
    content = path.read_bytes().replace(b"(5, 8)", b"(9, 8)", 1)
    path.write_bytes(content)


def an_archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, VECTORS)


def a_header_that_is_code(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"'<f4'", b"f'{1}'", 1)[:-1])


SPOILT_NPY: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "not an NPY file"),
    "text": (lambda path: path.write_text("hello, hello"), "not an NPY file"),
    "a pickle": (lambda path: path.write_bytes(b"\x80\x04]\x94."), "not an NPY file"),
    "objects": (an_object_array, "it holds object"),
    "an archive": (an_archive, "not an NPY file"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "announces 288"),
    "without rows": (lambda path: path.write_bytes(path.read_bytes()[:128]), "128 bytes long"),
    "half a header": (lambda path: path.write_bytes(path.read_bytes()[:60]), "not an NPY file"),
    "with more behind": (lambda path: path.write_bytes(path.read_bytes() + b"x"), "289 bytes"),
    "rows that are not there": (a_header_that_promises_too_much, "announces 416"),
    "a formatted header": (a_header_that_is_code, "not an NPY file"),
    "integers": (lambda path: np.save(path, VECTORS.astype(int)), "it holds int64"),
    "complex": (lambda path: np.save(path, VECTORS.astype(complex)), "it holds complex128"),
    "a vector": (lambda path: np.save(path, VECTORS[0]), "of shape (8,)"),
    "a cube": (lambda path: np.save(path, VECTORS[None]), "of shape (1, 5, 8)"),
    "no columns": (lambda path: np.save(path, VECTORS[:, :0]), "of shape (5, 0)"),
}


@pytest.mark.parametrize("name", SPOILT_NPY)
def test_npy_files_that_are_not_what_they_should_be(tmp_path: Path, name: str) -> None:
    spoil, says = SPOILT_NPY[name]
    path = write_npy(tmp_path / "a.npy", VECTORS, RECORDS)
    spoil(path)
    with pytest.raises(SourceError) as caught:
        open_embeddings(path)
    assert says in str(caught.value)
    assert "a.npy" in str(caught.value)


@pytest.mark.parametrize(
    ("records", "says"),
    [
        (RECORDS[:-1], "4 records for 5 rows of a.npy"),
        ([*RECORDS, {}], "6 records for 5 rows of a.npy"),
        ({"item_id": []}, "neither an array of records"),
        ({**HEADING, "version": VERSION + 1, "items": RECORDS}, "use a newer eyedex"),
        ({**HEADING, "version": "1.0", "items": RECORDS}, "its heading is damaged: version"),
        ({**HEADING, "encoder": None, "items": RECORDS}, "its heading is damaged: encoder"),
        ({"format": "eyedex-embeddings", "items": RECORDS}, "its heading is damaged: version"),
        (
            {**HEADING, "encoder": {**HEADING["encoder"], "fingerprint": "x"}, "items": RECORDS},  # type: ignore[dict-item]
            "its heading is damaged: encoder.fingerprint",
        ),
        (
            {**HEADING, "encoder": {**HEADING["encoder"], "dimension": 9}, "items": RECORDS},  # type: ignore[dict-item]
            "rows of 8 numbers, but a.json says 9",
        ),
        ({**HEADING, "items": RECORDS, "sha256": "0" * 64}, "not what a.json was written with"),
    ],
)
def test_records_that_do_not_fit_are_refused(tmp_path: Path, records: Any, says: str) -> None:
    path = write_npy(tmp_path / "a.npy", VECTORS, records)
    with pytest.raises(SourceError) as caught:
        open_embeddings(path)
    assert says in str(caught.value)


def test_an_npy_needs_its_records(tmp_path: Path) -> None:
    path = write_npy(tmp_path / "a.npy", VECTORS, RECORDS)
    path.with_suffix(".json").unlink()
    with pytest.raises(SourceError, match=r"a\.json has to hold an array of objects"):
        open_embeddings(path)


def table(**columns: Any) -> arrow.Table:
    known = {"item_id": [one["item_id"] for one in RECORDS], "embedding": VECTORS.tolist()}
    return arrow.table({name: value for name, value in {**known, **columns}.items() if value})


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (table(item_id=None), "lacks the column 'item_id'"),
        (table(embedding=None), "lacks the column 'embedding'"),
        (table(embedding=[[1] * 8] * ROWS), "make it a list of floating-point numbers"),
        (table(embedding=["a"] * ROWS), "'embedding' is string"),
        (table(embedding=[1.5] * ROWS), "'embedding' is double"),
        (table(embedding=[[[1.5]]] * ROWS), "'embedding' is list"),
        (
            table(embedding=arrow.array([[]] * ROWS, arrow.list_(arrow.float32()))),
            "embeddings of 0 numbers",
        ),
        (table(item_id=[b"a"] * ROWS), "make it text"),
        (table(label=[1.5] * ROWS), "'label' is double"),
        (table(attributes=[1] * ROWS), "make it JSON text or a struct"),
        (table(place=[{"x": 1}] * ROWS), "'place' is struct<x: int64>"),
        (table(**{'in "quotes"': [1] * ROWS}), "a name of up to 128 characters without quotes"),
        (table().append_column("item_id", table()["item_id"]), "repeats the column 'item_id'"),
        (
            table().replace_schema_metadata({"eyedex": "{"}),
            "its heading is damaged: not JSON",
        ),
        (
            table(embedding=arrow.array(VECTORS.tolist(), arrow.list_(arrow.float32(), 8)))
            .replace_schema_metadata(
                {"eyedex": json.dumps(
                    {**HEADING, "encoder": {**HEADING["encoder"], "dimension": 9}}  # type: ignore[dict-item]
                )}
            ),
            "rows of 8 numbers, but its heading says 9",
        ),
    ],
)  # fmt: skip
def test_parquet_files_that_are_not_what_they_should_be(
    tmp_path: Path, made: arrow.Table, says: str
) -> None:
    parquet.write_table(made, tmp_path / "a.parquet")
    with pytest.raises(SourceError) as caught:
        open_embeddings(tmp_path / "a.parquet")
    assert says in str(caught.value)
    assert "a.parquet" in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.999])
def test_a_truncated_parquet_file_is_refused(tmp_path: Path, share: float) -> None:
    path = write_parquet(tmp_path / "a.parquet", VECTORS, RECORDS)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(SourceError, match="not a valid Parquet file"):
        open_embeddings(path)


def test_a_file_of_another_form_is_refused(tmp_path: Path) -> None:
    for name in ("a.npz", "a.csv", "a"):
        (tmp_path / name).write_text("x")
        with pytest.raises(ParameterError, match=r"use \.parquet, or \.npy with JSON beside it"):
            open_embeddings(tmp_path / name)
    (tmp_path / "b.npy").mkdir()
    for name in ("a.npy", "b.npy"):
        with pytest.raises(SourceError, match="there is no such file"):
            open_embeddings(tmp_path / name)
