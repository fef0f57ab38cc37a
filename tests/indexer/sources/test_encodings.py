"""Encodings of tables: found from all bytes, told, and overridden."""

from pathlib import Path

import pytest

from indexer.sources import encodings
from search_engine.errors import SourceError
from tests.indexer.sources.tables import cells, written

TEXT = "id,name\n1,Müller – Söhne\n2,straße\n"
ROWS = [["1", "Müller – Söhne"], ["2", "straße"]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf_8_needs_no_word(path: Path, encoding: str) -> None:
    table = written(path, TEXT.encode(encoding))
    assert (table.columns, cells(table), table.notes) == (("id", "name"), ROWS, ())


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode("utf-16"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
    ],
    ids=["mark LE", "mark BE", "LE", "BE"],
)
def test_utf_16_is_found_with_and_without_its_mark(path: Path, content: bytes) -> None:
    table = written(path, content)
    assert (table.columns, cells(table), table.notes) == (("id", "name"), ROWS, ("read as UTF-16",))


def test_utf_32_is_found_by_its_mark(path: Path) -> None:
    table = written(path, TEXT.encode("utf-32"))
    assert (cells(table), table.notes) == (ROWS, ("read as UTF-32",))


def test_what_is_not_utf_8_is_windows_1252(path: Path) -> None:
    content = TEXT.encode("cp1252")
    table = written(path, content)
    assert cells(table) == ROWS
    (note,) = table.notes
    assert note == (
        f"read as Windows-1252, as byte {content.index(0xFC)} is not UTF-8; "
        "--encoding names another"
    )


@pytest.mark.parametrize("at", [2**16 + 5, 2**18, 2**18 + 1, 2**20 - 1])
def test_the_whole_file_decides(path: Path, at: int) -> None:
    """The byte that is not UTF-8 may come late; no part of the file is read in another encoding."""
    content = bytearray(b"id,name\n" + b"1," + b"a" * (at - 10) + b"\n2,abc\n")
    content[at - 1] = 0xFC
    table = written(path, bytes(content))
    assert f"byte {at - 1} " in table.notes[0]
    assert sum("ü" in str(record) for record in table.records()) == 1


def test_a_character_between_two_chunks_is_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encodings, "CHUNK_BYTES", 3)
    assert cells(written(path, "id,name\n1,aßcß€\n2,😀\n")) == [["1", "aßcß€"], ["2", "😀"]]
    with pytest.raises(SourceError, match="byte 10"):
        written(path, b"id,name\n1,\xc3\n", encoding="utf-8")


@pytest.mark.parametrize("byte", [0x81, 0x8D, 0x8F, 0x90, 0x9D])
def test_bytes_that_fit_no_encoding_are_named(path: Path, byte: int) -> None:
    with pytest.raises(SourceError, match=r"byte 10.*--encoding"):
        written(path, b"id,name\n1," + bytes([byte]) + b"\n")


def test_two_encodings_in_one_file_are_refused(path: Path) -> None:
    content = "id,name\n1,Müller\n".encode() + "2,Müller\n".encode("cp1252")
    with pytest.raises(SourceError, match=r"mixture.*byte 21.*--encoding"):
        written(path, content)


def test_capitals_before_a_sign_are_no_mixture(path: Path) -> None:
    names = "café, grün, süß, Öl, naïf, à la crème brûlée à gogo, déjà vu, " * 2
    content = f'id,name\n1,"{names}"\n2,CAFÉ®\n'.encode("cp1252")
    assert cells(written(path, content))[1] == ["2", "CAFÉ®"]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Кухня"),
        ("koi8-r", "Посуда"),
        ("cp1253", "Κουζίνα"),
        ("gbk", "厨房"),
        ("euc-kr", "주방"),
        ("cp1250", "łóżko i krzesło"),
        ("iso-8859-2", "książka żółty"),
        ("iso-8859-16", "masă de ceașcă roșu"),
        ("shift_jis", "マグカップ"),
        ("big5", "杯子 盤子"),
        ("mac_roman", "Küche größer"),
        ("cp437", "niño pequeño"),
        ("cp850", "forêt de Noël"),
    ],
)
def test_another_encoding_is_not_read_as_western(path: Path, encoding: str, text: str) -> None:
    content = f"id,label\n1,{text}\n2,x\n".encode(encoding)
    with pytest.raises(SourceError, match=r"by the look of it.*--encoding"):
        written(path, content)
    assert cells(written(path, content, encoding=encoding))[0] == ["1", text]


def test_rows_of_one_sign_are_no_other_script(path: Path) -> None:
    assert cells(written(path, "id,name\n1,»»»»» ÄÖ\n".encode("cp1252"))) == [["1", "»»»»» ÄÖ"]]


@pytest.mark.parametrize(
    "text",
    [
        "5 m³ à 3 µm ±½",
        "l’été d’Œuvre – l·lusió",
        "Lego®Duplo 12 °C n.º 1ª",
        "ŠKODA BioÖl Þórður ýmis",
    ],
)
def test_signs_beside_words_are_western(path: Path, text: str) -> None:
    assert cells(written(path, f"id,name\n1,{text}\n".encode("cp1252"))) == [["1", text]]


def test_a_word_that_no_western_text_has_is_shown(path: Path) -> None:
    with pytest.raises(SourceError, match=r"would read 'krzes³o'.*cp1250"):
        written(path, "id,name\n1,krzesło\n".encode("cp1250"))


@pytest.mark.parametrize("name", ["latin-1", "ISO-8859-15", "cp850", "utf-16-le", "UTF-8"])
def test_the_encoding_can_be_said(path: Path, name: str) -> None:
    content = "id,name\n1,Müße\n".encode(name)
    table = written(path, content, encoding=name)
    assert (cells(table), table.notes) == ([["1", "Müße"]], ())


def test_a_mark_is_no_part_of_the_first_name(path: Path) -> None:
    content = "\ufeffid,name\n1,a\n".encode("utf-16-le")
    assert written(path, content, encoding="utf-16-le").columns == ("id", "name")


def test_what_does_not_fit_the_encoding_that_was_said_is_refused(path: Path) -> None:
    with pytest.raises(SourceError, match=r"not UTF-8 at byte 11.*--encoding"):
        written(path, TEXT.encode("cp1252"), encoding="utf-8")
    with pytest.raises(SourceError, match="not ascii"):
        written(path, TEXT, encoding="ascii")
    with pytest.raises(SourceError, match="not utf-16"):
        written(path, TEXT.encode("utf-16") + b"x", encoding="utf-16")


@pytest.mark.parametrize("name", ["no such", "base64", "rot13", "\x00"])
def test_what_is_no_encoding_is_refused(path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="no encoding"):
        written(path, TEXT, encoding=name)


def test_a_line_that_does_not_fit_into_memory_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encodings, "MAX_LINE_BYTES", 2**20)
    with pytest.raises(SourceError, match="from byte 8 is longer"):
        written(path, b"id,name\n" + b"x" * (3 * 2**20))
