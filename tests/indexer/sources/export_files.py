"""A file of a shop, what is in it, and the formats that it may have."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.conftest import colour_picture

PICTURES = tuple(f"img/{number:02}.png" for number in range(8))


@dataclass(frozen=True)
class Item:
    """What a person would say of an item: its picture's name, label, product and attributes."""

    picture: str
    label: str | None
    product_id: str | None
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Export:
    """A file of a shop, the pictures beside it, and the items in it."""

    name: str
    content: bytes
    items: Mapping[str, Item]
    pictures: Sequence[str] = PICTURES

    def write(self, folder: Path) -> Path:
        """Write it and its pictures into a folder; the path of the table."""
        for number, picture in enumerate(self.pictures):
            path = folder / picture
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(colour_picture(number))
        table = folder / self.name
        table.write_bytes(self.content)
        return table


Rows = Sequence[Sequence[Any]]


def delimited(
    rows: Rows,
    delimiter: str = ",",
    encoding: str = "utf-8",
    newline: str = "\n",
    quoting: Any = csv.QUOTE_MINIMAL,
    before: str = "",
) -> bytes:
    """Rows as a delimited text."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=newline, quoting=quoting)
    writer.writerows(rows)
    return (before + text.getvalue()).encode(encoding)


def json_objects(rows: Rows) -> list[dict[str, Any]]:
    """Rows as objects."""
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def parquet(rows: Rows) -> bytes:
    """Rows as a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(json_objects(rows)), buffer)
    return buffer.getvalue()


def workbook(rows: Rows) -> bytes:
    """Rows as the only sheet of a workbook."""
    import openpyxl

    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
