"""A long JSON array of records, read one at a time: memory does not grow with the file.

The array is the whole file, or the member `items` of an object; other members of that object are
the heading. Missing values that some programs write as NaN, which is no JSON, are taken for null.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from search_engine.errors import SourceError

ITEMS = "items"
CHUNK_CHARS = 2**20
MAX_VALUE_CHARS = 2**26
"""Of one record, or one member of the heading."""

_BLANKS = " \t\r\n"
_MAY_GO_ON = ("", *"0123456789.eE+-")
_NOT_JSON = {"NaN": None, "Infinity": math.inf, "-Infinity": -math.inf}


def read_heading(path: Path) -> tuple[dict[str, Any], int]:
    """The heading and the number of records; the whole file is read, so it is JSON if this returns.

    Raises:
        SourceError: It is not, or holds no array of records.
    """
    heading: dict[str, Any] = {}
    count = sum(1 for _ in _values(path, heading))
    return heading, count


def read_records(path: Path) -> Iterator[Any]:
    """The values of the array, in order.

    Raises:
        SourceError: The file is not, or no longer, what it should be.
    """
    return _values(path, {})


def _values(path: Path, heading: dict[str, Any]) -> Iterator[Any]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            scanner = _Scanner(file)
            yield from _document(scanner, heading)
    except UnicodeDecodeError as error:
        raise SourceError("not UTF-8", where=str(path)) from error
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"not JSON: {_said(error)}", where=str(path)) from error


def _document(scanner: "_Scanner", heading: dict[str, Any]) -> Iterator[Any]:
    if scanner.peek() == "[":
        yield from _array(scanner)
    else:
        yield from _object(scanner, heading)
    if scanner.peek():
        raise ValueError("something stands behind its end")


def _object(scanner: "_Scanner", heading: dict[str, Any]) -> Iterator[Any]:
    found = False
    for _ in scanner.parts("{", "}"):
        name = scanner.name()
        if name != ITEMS:
            heading[name] = scanner.value()
        elif found:
            raise ValueError(f"it has {ITEMS!r} twice")
        else:
            found = True
            yield from _array(scanner)
    if not found:
        raise ValueError(f"it is neither an array of records nor an object with {ITEMS!r}")


def _array(scanner: "_Scanner") -> Iterator[Any]:
    for _ in scanner.parts("[", "]"):
        yield scanner.value()


class _Scanner:
    """The text of a file, as much of it at a time as the next value needs."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._passed = 0
        self._ended = False
        self._decoder = json.JSONDecoder(parse_constant=_NOT_JSON.__getitem__)

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _BLANKS:
                    return self._text[self._at]
                self._at += 1
            if not self._read_on():
                return ""

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
                if not self._read_on():
                    raise ValueError(f"{error.msg} at character {place:,}") from None

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
            self._passed += self._at
            self._text, self._at = rest + more, 0
        self._ended = not more
        return bool(more)


def _said(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
