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

_LETTERS = rb"A-Za-z\x8a\x8c\x8e\x9a\x9c\x9e\x9f\xc0-\xd6\xd8-\xf6\xf8-\xff"
_SIGN_IN_WORD = re.compile(
    rb"(?<=[%b])(?:[\x82\x83\x86-\x89\x98\xa1-\xa8\xaa\xac\xaf\xb1\xb3\xb6\xb8-\xba\xbc-\xbf\xf7]"
    rb"|[\x8a\x8e\x9f](?=[a-z]))(?=[%b])" % (_LETTERS, _LETTERS)
)
"""Currencies, fractions and the like between two letters, as `³` in `krzes³o`, `ƒ` in `OƒJ` or `Ÿ`
in `KŸche`: they were letters of Central Europe or East Asia, of a Macintosh or of DOS. Apostrophes,
dashes, dots, quotes and marks such as `®` do stand between letters."""

_WORD_START = re.compile(rb"[A-Za-z\x80-\xff]+")
_WORD_END = re.compile(rb"[A-Za-z\x80-\xff]+\Z")

MOST_UTF_8_IN_WINDOWS = 0.01
"""Share of the bytes beyond ASCII; hardly any text contains `Ã¼` on purpose."""

MOST_FOREIGN_IN_WINDOWS = 0.5
"""Share of the bytes beyond ASCII that are in such words."""

MOST_SIGNS_IN_WORDS = 0.1
"""Share of the bytes beyond ASCII; texts in Windows-1252 have next to none of these."""


@dataclass(frozen=True, slots=True)
class FoundEncoding:
    """How to decode a file; `note` mentions it if it is not UTF-8."""

    name: str
    note: str | None = None
    may_hold_nul: bool = True


def find_encoding(path: Path, said: str | None = None, whole_lines: bool = True) -> FoundEncoding:
    """Return the encoding of a text file: the given one, or one that fits all its bytes.

    UTF-8 and UTF-16 are recognised by their marks and bytes; anything else is Windows-1252, unless
    it has bytes that are undefined there, much that looks like UTF-8, words of another script, or
    signs in the middle of words.

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
    seen = _Windows()
    position = 0
    for chunk in _chunks(path):
        if undefined := _NOT_WINDOWS.search(chunk):
            at = position + undefined.start()
            raise _refused(
                path, f"neither UTF-8 (from byte {first_bad}) nor Windows-1252 (byte {at})"
            )
        seen.take(chunk)
        position += len(chunk)
    if seen.like_utf_8 > MOST_UTF_8_IN_WINDOWS * seen.beyond_ascii:
        mixed = f"a mixture of encodings: not UTF-8 at byte {first_bad}, though other parts are"
        raise _refused(path, mixed)
    if seen.is_another():
        raise _refused(
            path,
            f"neither UTF-8 (from byte {first_bad}) nor, by the look of it, Windows-1252, which "
            f"would read {seen.example[:20].decode(WINDOWS)!r}",
            ", such as cp1251, cp1250, gbk, shift_jis, mac_roman, or cp1252 if it is that",
        )
    note = f"read as Windows-1252, as byte {first_bad} is not UTF-8; --encoding names another"
    return FoundEncoding(WINDOWS, note, has_nul)


def _refused(path: Path, what: str, such_as: str = "") -> SourceError:
    fix = f"save the table as UTF-8; --encoding names what it is in{such_as}"
    return SourceError(what, where=str(path), fix=fix)


class _Windows:
    """Count what Windows-1252 would make of a file; `example` is a word that it has not."""

    def __init__(self) -> None:
        self.beyond_ascii = self.like_utf_8 = 0
        self._foreign = self._signs = 0
        self.example = b""

    def take(self, chunk: bytes) -> None:
        self.beyond_ascii += len(_BEYOND_ASCII.findall(chunk))
        self.like_utf_8 += sum(map(len, _UTF_8_CHARACTER.findall(chunk)))
        words = [word for word in _FOREIGN_WORD.findall(chunk) if len(set(word)) > 2]
        signs = [sign.start() for sign in _SIGN_IN_WORD.finditer(chunk)]
        if not self.example and (words or signs):
            self.example = words[0] if words else _word_at(chunk, signs[0])
        self._foreign += sum(map(len, words))
        self._signs += len(signs)

    def is_another(self) -> bool:
        """Whether so many words are none of Western Europe that it is another encoding."""
        foreign = self._foreign > MOST_FOREIGN_IN_WINDOWS * self.beyond_ascii
        return foreign or self._signs > MOST_SIGNS_IN_WORDS * self.beyond_ascii


def _word_at(chunk: bytes, place: int) -> bytes:
    """Return the word around a place, at most ten bytes to either side."""
    before = _WORD_END.search(chunk[max(0, place - 10) : place])
    after = _WORD_START.match(chunk[place : place + 10])
    return (before[0] if before else b"") + (after[0] if after else b"")


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
