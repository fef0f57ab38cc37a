"""Open the table in a file, recognising its format by content first, then by name."""

import codecs
import zipfile
from pathlib import Path

from indexer.sources.delimited import DelimitedTable, sample_lines
from indexer.sources.dialect import find_dialect, separates
from indexer.sources.encodings import find_encoding
from indexer.sources.files import GZIP, has_suffix, opened
from indexer.sources.json_table import JsonTable
from indexer.sources.options import AS_FOUND, SourceOptions
from indexer.sources.parquet_table import ParquetTable
from indexer.sources.records import Table
from indexer.sources.xlsx_table import XlsxTable
from indexer.sources.xml_table import XmlTable
from search_engine.errors import SourceError

TABLE_SUFFIXES = frozenset(
    {
        ".csv",
        ".tsv",
        ".tab",
        ".txt",
        ".json",
        ".jsonl",
        ".ndjson",
        ".xml",
        ".parquet",
        ".xlsx",
        ".xlsm",
    }
)
"""Suffixes of tables; `.gz` may follow."""

FORMATS = "CSV, TSV, JSON, JSON Lines, XML, Parquet and XLSX, texts with gzip too"

_TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt")
_LOOKED_AT_BYTES = 4_096
_PARQUET = b"PAR1"
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_table(path: Path, options: SourceOptions = AS_FOUND) -> Table:
    """Open the table in a file.

    Raises:
        SourceError: The file holds no readable table.
        MissingExtraError: The format needs a package that is not installed.
    """
    table = _table(path, options)
    if options.sheet is not None and not isinstance(table, XlsxTable):
        raise SourceError(
            "only a workbook has sheets", where=str(path), fix="leave out the sheet's title"
        )
    return table


def _table(path: Path, options: SourceOptions) -> Table:
    with opened(path) as file:
        head = file.read(_LOOKED_AT_BYTES)
    if head.startswith((_PARQUET, _ZIP, _OLE)):
        return _binary_table(path, head, options)
    if has_suffix(path, (".parquet",)):
        raise SourceError("not a Parquet file, whatever its name says", where=str(path))
    first = _first_character(head)
    if first in ("[", "{"):
        return JsonTable(path, options, starts_with_bracket=first == "[")
    if _is_page(head):
        raise _unknown(path, "it is a page of HTML")
    if first == "<":
        return XmlTable(path)
    if has_suffix(path, (".json", ".jsonl", ".ndjson")):
        what = "not JSON: it begins with neither [ nor {" if first else "the file is empty"
        raise SourceError(what, where=str(path))
    if not has_suffix(path, _TEXT_SUFFIXES):
        _check_is_text(path, head, options)
    return DelimitedTable(path, options)


def _binary_table(path: Path, head: bytes, options: SourceOptions) -> Table:
    with path.open("rb") as file:
        if file.read(len(GZIP)) == GZIP:
            raise SourceError("gzip is read of texts only", where=str(path), fix="unpack it first")
    if head.startswith(_PARQUET):
        return ParquetTable(path)
    if head.startswith(_OLE):
        raise SourceError(
            "a workbook of an old Excel, or one with a password",
            where=str(path),
            fix="save it as .xlsx without a password",
        )
    if has_suffix(path, (".xlsx", ".xlsm")) or _is_workbook(path):
        return XlsxTable(path, options)
    raise _unknown(path, "it is a zip file of something else")


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.startswith("xl/") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _check_is_text(path: Path, head: bytes, options: SourceOptions) -> None:
    """Refuse a file with an unknown suffix, unless its content is evidently a table."""
    if b"\x00" in head and not head.startswith(_MARKS):
        raise _unknown(path, "its content is of no known kind")
    try:
        encoding = find_encoding(path, options.encoding)
        sample = sample_lines(path, encoding.name)
    except SourceError:
        raise _unknown(path, "its content is of no known kind") from None
    if sample and not separates(sample, find_dialect(sample, options.delimiter)):
        raise _unknown(path, "its content is of no known kind")


def _unknown(path: Path, what: str) -> SourceError:
    return SourceError(
        f"neither a folder nor a table that can be read: {what}",
        where=str(path),
        fix=f"use {FORMATS}",
    )


def _is_page(head: bytes) -> bool:
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:20].lower()
    return start.startswith((b"<!doctype html", b"<html"))


def _first_character(head: bytes) -> str:
    """Return the first non-blank character, in any encoding."""
    for mark in _MARKS:
        head = head.removeprefix(mark)
    return head.replace(b"\x00", b"").lstrip()[:1].decode("latin-1")
