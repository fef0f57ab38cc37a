"""Files packed with gzip, and files that cannot be read."""

import gzip
import os
from pathlib import Path

import pytest

from indexer.sources import files
from indexer.sources.reading import read_table
from search_engine.errors import SourceError
from tests.indexer.sources.tables import cells, written

TEXT = b"id;name\n1;a\n2;b\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", TEXT),
        ("a.csv", TEXT),
        ("a.gz", TEXT),
        ("a.jsonl.gz", b'{"id": "1", "name": "a"}\n{"id": "2", "name": "b"}\n'),
        ("a.json.gz", b'[{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]'),
        ("a.csv.gz", TEXT.decode().encode("utf-16")),
    ],
    ids=["CSV", "no gz", "gz alone", "lines", "array", "UTF-16"],
)
def test_gzip_is_undone_whatever_the_name(tmp_path: Path, name: str, content: bytes) -> None:
    table = written(tmp_path / name, gzip.compress(content))
    assert cells(table) == [["1", "a"], ["2", "b"]]
    assert cells(table) == [["1", "a"], ["2", "b"]]


def test_several_gzip_files_in_one_are_one(tmp_path: Path) -> None:
    content = gzip.compress(TEXT) + gzip.compress(b"3;c\n")
    assert len(cells(written(tmp_path / "a.csv.gz", content))) == 3


@pytest.mark.parametrize(
    "content",
    [gzip.compress(TEXT)[:-9], b"\x1f\x8b\x08", b"\x1f\x8bnothing"],
    ids=["cut", "no header", "text"],
)
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceError, match="damaged or incomplete"):
        written(tmp_path / "a.csv.gz", content)


def test_a_gzip_file_with_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(os.urandom(999).hex().encode()))
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(SourceError):
        written(tmp_path / "a.csv.gz", bytes(content))


def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ALWAYS_UNPACKED_BYTES", 2**20)
    bomb = gzip.compress(b"id,name\n" + b"0,00000\n" * 2**20)
    with pytest.raises(SourceError, match="unpack to more than"):
        written(tmp_path / "a.csv.gz", bomb)
    monkeypatch.setattr(files, "MAX_EXPANSION", 10_000)
    assert len(written(tmp_path / "a.csv.gz", bomb).columns) == 2
    monkeypatch.setattr(files, "MAX_UNPACKED_BYTES", 2**22)
    with pytest.raises(SourceError, match="unpack to more than"):
        written(tmp_path / "a.csv.gz", bomb)


def test_only_texts_are_read_out_of_gzip(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gzip is read of texts only"):
        written(tmp_path / "a.parquet.gz", gzip.compress(b"PAR1" + bytes(100)))


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("pipe.csv", "."):
        with pytest.raises(SourceError):
            read_table(tmp_path / name)
    with pytest.raises(SourceError, match="cannot be read"):
        read_table(tmp_path / "nothing.csv")
