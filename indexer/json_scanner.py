"""JSON of any size, one value at a time: memory does not grow with the file."""

import json
import re
from collections.abc import Iterator
from typing import IO, Any

CHUNK_CHARS = 2**20
MAX_VALUE_CHARS = 2**26
"""Of one value that is read as a whole."""

LONGEST_WORD = len("-Infinity") + 1
"""An error within so many characters from the end may be one of a word that is cut."""

_BLANKS = re.compile(r"[ \t\r\n]*")
_MAY_GO_ON = ("", *"0123456789.eE+-")


class JsonScanner:
    """The text of a file, as much of it at a time as the next value needs."""

    def __init__(self, file: IO[str], decoder: json.JSONDecoder) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._passed = 0
        self._ended = False
        self._decoder = decoder
        self._line = 1
        self._counted = 0

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            blanks = _BLANKS.match(self._text, self._at)
            self._at = blanks.end() if blanks else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_on():
                return ""

    def line(self) -> int:
        """The line of the next character, from 1."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def parts(self, opening: str, closing: str) -> Iterator[None]:
        """Stands before each part of an array or object, which the caller then reads."""
        self._take(opening)
        more = self.peek() != closing
        while more:
            yield
            more = self.peek() == ","
            if more:
                self._take(",")
        self._take(closing)

    def name(self) -> str:
        """The name of a member, and the colon behind it."""
        if self.peek() != '"':
            raise ValueError(f"no name of a member at character {self._place:,}")
        name = str(self.value())
        self._take(":")
        return name

    def _take(self, wanted: str) -> None:
        """Pass over a character that has to be next."""
        found = self.peek()
        if found != wanted:
            what = repr(found) if found else "the end"
            raise ValueError(f"{what} instead of {wanted!r} at character {self._place:,}")
        self._at += 1

    def value(self) -> Any:
        """The next value. A number might go on behind what was read of the file so far."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
                if self._text[end : end + 1] not in _MAY_GO_ON or not self._read_on():
                    self._at = end
                    return value
            except json.JSONDecodeError as error:
                place = self._passed + error.pos
                if not self._may_be_cut(error) or not self._read_on():
                    raise ValueError(f"{error.msg} at character {place:,}") from None

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        """Whether a value may be well-formed once more of it is read."""
        unterminated = error.msg.startswith("Unterminated string")
        return unterminated or error.pos > len(self._text) - LONGEST_WORD

    @property
    def _place(self) -> int:
        return self._passed + self._at

    def _read_on(self) -> bool:
        """Read as much again as there is, so that a long value costs no more than its length."""
        if self._ended:
            return False
        rest = self._text[self._at :]
        if len(rest) > MAX_VALUE_CHARS:
            raise ValueError(
                f"a value of more than {MAX_VALUE_CHARS:,} characters at character {self._place:,}"
            )
        more = self._file.read(max(CHUNK_CHARS, len(rest)))
        if more:
            self.line()
            self._passed += self._at
            self._text, self._at, self._counted = rest + more, 0, 0
        self._ended = not more
        return bool(more)
