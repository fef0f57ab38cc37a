"""Tables of JSON objects: one a line, or in an array, alone or as a member of an object."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from indexer.json_scanner import JsonScanner
from indexer.sources.base import Reject
from indexer.sources.encodings import find_encoding
from indexer.sources.files import has_suffix, opened_text
from indexer.sources.headers import check_width, unique_names
from indexer.sources.options import SourceOptions
from indexer.sources.records import Record
from search_engine.errors import SourceError

LINE_SUFFIXES = frozenset({".jsonl", ".ndjson"})
MAX_DIGITS = 4_000
"""Digits that a whole number may have, at most."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A value of a list, or why it cannot be read, with its line and the member that holds it."""

    line: int
    value: Any
    problem: str | None
    member: str | None = None


class JsonTable:
    """Records of a JSON file; the columns are all their keys in order of appearance.

    The file is read by line or object, once to collect the columns and then as often as needed.
    Whole numbers are exact; a record with values outside JSON (NaN) or duplicate keys is rejected.
    A malformed array makes the file unusable, a malformed line only that line.
    """

    def __init__(self, path: Path, options: SourceOptions, starts_with_bracket: bool) -> None:
        self.path = path
        self._is_array = starts_with_bracket
        has_lines = not starts_with_bracket and has_suffix(path, LINE_SUFFIXES)
        encoding = find_encoding(path, options.encoding, whole_lines=has_lines)
        self._encoding = encoding.name
        self._has_lines = has_lines or (
            not starts_with_bracket and _has_several_objects(path, encoding.name)
        )
        self._member: str | None = None
        self._deeper: str | None = None
        keys = self._survey()
        self._names = unique_names(list(keys))
        check_width(len(self._names), str(path))
        self.columns = tuple(self._names.values())
        self.notes = tuple(self._notes(encoding.note))

    def records(self) -> Iterator[Record | Reject]:
        """See Table."""
        names = self._names
        for found in self._values():
            if found.member != self._member:
                continue
            if found.problem is not None:
                yield Reject(found.line, None, "bad_json", found.problem)
            else:
                cells = {names[key]: value for key, value in found.value.items()}
                yield Record(found.line, cells)

    def _survey(self) -> dict[str, None]:
        """Collect the keys of the records; also find the member of the document that holds them."""
        lists: dict[str | None, dict[str, None]] = {}
        first_problem: _Found | None = None
        for found in self._values():
            keys = lists.setdefault(found.member, {})
            if found.problem is not None:
                first_problem = first_problem or found
            else:
                keys.update(dict.fromkeys(found.value))
                check_width(len(keys), str(self.path))
        if first_problem is not None and not any(lists.values()):
            raise SourceError(
                f"no object of it can be read: {first_problem.problem}",
                where=f"{self.path}, line {first_problem.line}",
            )
        with_keys = [member for member, keys in lists.items() if keys]
        if len(with_keys) > 1:
            raise SourceError(
                f"several lists of objects: {', '.join(map(str, with_keys[:5]))}",
                where=str(self.path),
                fix="keep one of them in the file",
            )
        if with_keys:
            self._member = with_keys[0]
        elif not self._has_lines and not self._is_array:
            raise self._no_list()
        return lists.get(self._member, {})

    def _no_list(self) -> SourceError:
        if self._deeper is None:
            what = "no list of objects in it"
            fix = 'give an array, one object a line, or an object such as {"products": [...]}'
        else:
            what = f"its list of objects is further down, at {self._deeper}"
            fix = "give that list alone, as an array"
        return SourceError(what, where=str(self.path), fix=fix)

    def _values(self) -> Iterator[_Found]:
        with opened_text(self.path, self._encoding) as text:
            decoder = _RecordDecoder()
            if self._has_lines:
                yield from _values_of_lines(text, decoder)
                return
            try:
                yield from self._values_of_document(JsonScanner(text, decoder.json), decoder)
            except (ValueError, RecursionError) as error:
                if isinstance(error, UnicodeError):
                    raise
                raise SourceError(f"not JSON: {_said(error)}", where=str(self.path)) from error

    def _values_of_document(
        self, scanner: JsonScanner, decoder: "_RecordDecoder"
    ) -> Iterator[_Found]:
        if scanner.peek() == "[":
            yield from _values_of_array(scanner, decoder, None)
        else:
            for _ in scanner.parts("{", "}"):
                name = scanner.name()
                if scanner.peek() == "[":
                    yield from _values_of_array(scanner, decoder, name)
                else:
                    value = scanner.value()
                    self._deeper = self._deeper or _list_within(name, value)
        if scanner.peek():
            raise ValueError(f"there is something after its end, in line {scanner.line()}")

    def _notes(self, of_encoding: str | None) -> Iterator[str]:
        if of_encoding:
            yield of_encoding
        if self._member is not None:
            yield f"the records are those of {self._member!r}"


class _RecordDecoder:
    """Decode JSON, and note what is wrong with a value even if it can be decoded."""

    def __init__(self) -> None:
        self._problem: str | None = None
        self.json = json.JSONDecoder(
            parse_constant=self._constant,
            parse_float=self._float,
            parse_int=self._int,
            object_pairs_hook=self._object,
        )

    def problem_of(self, value: object) -> str | None:
        """Return why the value decoded last cannot be a record; call it once a value."""
        problem, self._problem = self._problem, None
        return "it is no object" if problem is None and not isinstance(value, dict) else problem

    def _constant(self, name: str) -> None:
        self._problem = f"{name} is no JSON"

    def _float(self, text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            self._problem = f"the number {text[:20]} is too large"
        return number

    def _int(self, text: str) -> int:
        if len(text) > MAX_DIGITS:
            self._problem = f"a number of {len(text):,} digits"
            return 0
        return int(text)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            self._problem = f"the key {twice[:40]!r} is there twice"
        return found


def _values_of_lines(lines: Iterator[str], decoder: _RecordDecoder) -> Iterator[_Found]:
    for number, line in enumerate(lines, 1):
        text = line.strip(" \t\r\n\ufeff")
        if not text:
            continue
        try:
            value = decoder.json.decode(text)
            yield _Found(number, value, decoder.problem_of(value))
        except (ValueError, RecursionError) as error:
            decoder.problem_of({})
            yield _Found(number, None, f"not JSON: {_said(error)}")


def _list_within(path: str, value: Any) -> str | None:
    """Return the path of the first list of objects in a value: names with dots between them."""
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return path
    members = value.items() if isinstance(value, dict) else ()
    found = (_list_within(f"{path}.{name}", each) for name, each in members)
    return next(filter(None, found), None)


def _values_of_array(
    scanner: JsonScanner, decoder: _RecordDecoder, member: str | None
) -> Iterator[_Found]:
    for _ in scanner.parts("[", "]"):
        scanner.peek()
        line = scanner.line()
        decoder.problem_of({})
        value = scanner.value()
        yield _Found(line, value, decoder.problem_of(value), member)


def _has_several_objects(path: Path, encoding: str) -> bool:
    """Return whether each of the first two non-empty lines is an object by itself."""
    with opened_text(path, encoding) as text:
        lines = (line.strip() for line in text)
        first = list(islice(filter(None, lines), 2))
    return len(first) == 2 and all(map(_is_object, first))


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _said(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
