"""Detect the encoding of a text file from all its bytes."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.sources.files import not_in_encoding, opened
from search_engine.errors import SourceError

UTF_8 = "utf-8-sig"
"""UTF-8 with or without a byte order mark."""

WINDOWS = "cp1252"
CHUNK_BYTES = 2**20
LOOKED_AT_BYTES = 4_096
MAX_LINE_BYTES = 64 * 2**20

_MARKS = {
    codecs.BOM_UTF8: UTF_8,
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order marks; longer ones come before their prefixes."""

_NOT_WINDOWS = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_UTF_8_CHARACTER = re.compile(rb"[\xc2\xc3][\x80-\xbf]|\xe2[\x80-\x84][\x80-\xbf]")
"""Western European letters, dashes, quotes and the euro, which would otherwise be `Ã¼` or `â‚¬`."""

_FOREIGN_WORD = re.compile(rb"[\xa1-\xff]{4,}")
"""Of another script: letters of Western Europe beyond ASCII stand alone or in pairs."""

MOST_UTF_8_IN_WINDOWS = 0.01
"""Share of the bytes beyond ASCII; hardly any text contains `Ã¼` on purpose."""

MOST_FOREIGN_IN_WINDOWS = 0.5
"""Share of the bytes beyond ASCII that are in such words."""


@dataclass(frozen=True, slots=True)
class FoundEncoding:
    """How to decode a file; `note` mentions it if it is not UTF-8."""

    name: str
    note: str | None = None
    may_hold_nul: bool = True


def find_encoding(path: Path, said: str | None = None, whole_lines: bool = True) -> FoundEncoding:
    """Return the encoding of a text file: the given one, or one that fits all its bytes.

    UTF-8 and UTF-16 are recognised by their marks and bytes; anything else is Windows-1252, unless
    it has bytes that are undefined there, much that looks like UTF-8, or words of another script.

    Args:
        path: The file.
        said: The encoding that the user gives, if any.
        whole_lines: Whether the text is read by lines, whose length is then limited.

    Raises:
        SourceError: No encoding fits, the given one does not exist, or a line is too long.
    """
    with opened(path) as file:
        head = file.read(LOOKED_AT_BYTES)
    name = _known(said) if said else _announced(head)
    read = _Bytes(path, name in (None, UTF_8), whole_lines)
    for chunk in _chunks(path):
        read.take(chunk)
    if said:
        if name == UTF_8 and read.first_bad is not None:
            raise not_in_encoding(path, UTF_8, read.first_bad)
        return FoundEncoding(name or said)
    if name not in (None, UTF_8):
        return FoundEncoding(str(name), "read as UTF-16" if "16" in str(name) else "read as UTF-32")
    if read.first_bad is None:
        return FoundEncoding(UTF_8, may_hold_nul=read.has_nul)
    return _windows(path, read.first_bad, read.has_nul)


def _windows(path: Path, first_bad: int, has_nul: bool) -> FoundEncoding:
    """Return Windows-1252 for a file that is not UTF-8 from the byte `first_bad` on."""
    position = beyond_ascii = like_utf_8 = foreign = 0
    example = b""
    for chunk in _chunks(path):
        if undefined := _NOT_WINDOWS.search(chunk):
            at = position + undefined.start()
            raise SourceError(
                f"neither UTF-8 (from byte {first_bad}) nor Windows-1252 (byte {at})",
                where=str(path),
                fix="save the table as UTF-8; --encoding names what it is in",
            )
        beyond_ascii += len(_BEYOND_ASCII.findall(chunk))
        like_utf_8 += sum(map(len, _UTF_8_CHARACTER.findall(chunk)))
        words = [word for word in _FOREIGN_WORD.findall(chunk) if len(set(word)) > 2]
        example = example or (words[0] if words else b"")
        foreign += sum(map(len, words))
        position += len(chunk)
    if like_utf_8 > MOST_UTF_8_IN_WINDOWS * beyond_ascii:
        raise SourceError(
            f"a mixture of encodings: not UTF-8 at byte {first_bad}, though other parts are",
            where=str(path),
            fix="save the table as UTF-8; --encoding names what it is in",
        )
    if foreign > MOST_FOREIGN_IN_WINDOWS * beyond_ascii:
        raise SourceError(
            f"neither UTF-8 (from byte {first_bad}) nor, by the look of it, Windows-1252, which "
            f"would read {example[:20].decode(WINDOWS)!r}",
            where=str(path),
            fix="save the table as UTF-8; --encoding names what it is in, such as cp1251, gbk, or "
            "cp1252 if it is that",
        )
    note = f"read as Windows-1252, as byte {first_bad} is not UTF-8; --encoding names another"
    return FoundEncoding(WINDOWS, note, has_nul)


class _Bytes:
    """Scan the bytes of a file: where it stops being UTF-8, and whether it contains NUL.

    Raises SourceError for a line that is too long to hold in memory.
    """

    def __init__(self, path: Path, utf_8: bool, whole_lines: bool) -> None:
        self._path = path
        self._whole_lines = whole_lines
        self.first_bad: int | None = None
        self.has_nul = False
        self._decoder = codecs.getincrementaldecoder("utf-8")() if utf_8 else None
        self._position = 0
        self._line_start = 0

    def take(self, chunk: bytes) -> None:
        self.has_nul = self.has_nul or b"\x00" in chunk
        if self._whole_lines:
            self._check_line(chunk)
        if self._decoder is not None:
            pending = len(self._decoder.getstate()[0])
            try:
                self._decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                self.first_bad = self._position - pending + error.start
                self._decoder = None
        self._position += len(chunk)

    def _check_line(self, chunk: bytes) -> None:
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        if end >= 0:
            self._line_start = self._position + end + 1
        elif self._position + len(chunk) - self._line_start > MAX_LINE_BYTES:
            raise SourceError(
                f"the line from byte {self._line_start} is longer than {MAX_LINE_BYTES:,} bytes",
                where=str(self._path),
            )


def _chunks(path: Path) -> Iterator[bytes]:
    """Yield all bytes of a file, and an empty chunk at its end."""
    with opened(path) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
        yield b""


def _announced(head: bytes) -> str | None:
    """Return the encoding that the first bytes show by a mark, or by NUL in every other byte."""
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    pairs = len(head) // 2
    zeros = [head[first : 2 * pairs : 2].count(0) for first in (0, 1)]
    for sparse, dense, name in ((0, 1, "utf-16-le"), (1, 0, "utf-16-be")):
        if pairs > 1 and zeros[dense] > pairs / 2 and zeros[sparse] * 20 < pairs:
            return name
    return None


def _known(name: str) -> str:
    """Return the name of an encoding as `open` takes it."""
    try:
        "".encode(name)
        return UTF_8 if codecs.lookup(name).name == "utf-8" else name
    except (LookupError, ValueError):
        raise SourceError(f"there is no encoding {name!r}", where="--encoding") from None
