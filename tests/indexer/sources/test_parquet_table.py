"""Tables in Parquet files."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from indexer.arrow_import import import_arrow
from indexer.sources import parquet_table
from indexer.sources.reading import read_table
from search_engine.errors import MissingExtraError, SourceError
from tests.indexer.sources.tables import cells

arrow, parquet = import_arrow("tests", "nothing")
DAY = datetime.date(2024, 1, 2)


def saved(path: Path, columns: dict[str, Any]) -> Path:
    parquet.write_table(arrow.table(columns), path)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.parquet"


def test_cells_are_objects_of_python(path: Path) -> None:
    noon = datetime.datetime(2024, 1, 2, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    nanoseconds = arrow.array([1_704_193_200_000_000_001, None], arrow.timestamp("ns", "UTC"))
    columns = {
        "id": arrow.array([2**62 + 1, None]),
        "price": [Decimal("1.10"), None],
        "day": [DAY, None],
        "when": arrow.array([noon, None], arrow.timestamp("us", "Europe/Berlin")),
        "exact": nanoseconds,
        "image": [{"bytes": b"ab", "path": "x.jpg"}, None],
        "kind": arrow.array(["a", None]).dictionary_encode(),
        "tags": [["x", "y"], []],
        "sold": [True, False],
    }
    table = read_table(saved(path, columns))
    assert table.columns == tuple(columns)
    second: list[Any] = [None] * 7 + [[], False]
    exact = datetime.datetime(2024, 1, 2, 11, tzinfo=ZoneInfo("UTC"))
    image = {"bytes": b"ab", "path": "x.jpg"}
    first = [2**62 + 1, Decimal("1.10"), DAY, noon, exact, image, "a", ["x", "y"], True]
    assert cells(table) == [first, second]
    assert str(cells(table)[0][1]) == "1.10"
    assert table.notes == ()


def test_rows_are_counted_over_batches(path: Path) -> None:
    table = read_table(saved(path, {"id": list(range(2_500))}))
    for _ in range(2):
        assert [record.line for record in table.records()] == list(range(1, 2_501))


def test_nanoseconds_of_times_and_spans_are_cut(path: Path) -> None:
    columns = {
        "time": arrow.array([1_001], arrow.time64("ns")),
        "span": arrow.array([1_001], arrow.duration("ns")),
    }
    found = cells(read_table(saved(path, columns)))
    assert found == [[datetime.time(microsecond=1), datetime.timedelta(microseconds=1)]]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-30],
        lambda content: content[:8],
        lambda content: content[:-8] + b"\xff\xff\xff\x7f" + content[-4:],
        lambda content: content[:-4] + b"PARE",
    ],
    ids=["truncated", "nothing", "huge footer", "encrypted"],
)
def test_a_damaged_file_is_refused(path: Path, spoil: Any) -> None:
    path.write_bytes(spoil(saved(path, {"id": list(range(100))}).read_bytes()))
    with pytest.raises(SourceError, match="Parquet"):
        read_table(path)


def test_damage_within_is_found_when_it_is_read(path: Path) -> None:
    content = bytearray(saved(path, {"id": [f"id-{number}" for number in range(999)]}).read_bytes())
    content[4:60] = b"\xff" * 56
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"cannot be read.*a\.parquet"):
        cells(read_table(path))


def test_columns_of_one_name_are_refused(path: Path) -> None:
    table = arrow.table([arrow.array([1]), arrow.array([2])], names=["id", "id "])
    parquet.write_table(table, path)
    with pytest.raises(SourceError, match="'id'"):
        read_table(path)


def test_the_extra_is_named_where_it_is_missing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(where: str, instead: str) -> None:
        raise MissingExtraError("missing", where=where, fix=instead)

    monkeypatch.setattr(parquet_table, "import_arrow", missing)
    with pytest.raises(MissingExtraError, match="CSV or JSON Lines"):
        read_table(saved(path, {"id": [1]}))
