"""Feeds in XML, such as those for Google Merchant Center: RSS, Atom, and lists of like elements."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from indexer.sources.base import Reject
from indexer.sources.files import opened
from indexer.sources.headers import check_width
from indexer.sources.records import Record
from search_engine.errors import SourceError
from search_engine.names import normal

RECORDS = ("item", "entry", "product", "offer")
"""What a record is called even where there is only one."""

GOOGLES = "base.google.com"
"""Part of the namespace whose elements go before others of their name, as `g:title`."""

MAX_DEPTH = 4
"""Levels within a record that are kept apart; the texts of deeper ones are joined."""

MAX_NESTED = 100
MAX_RECORD_CHARS = 2**22
ELEMENT_CHARS = 32
"""What an element counts among them, besides its text."""

MAX_TOKEN_BYTES = 2**24
"""A tag or comment that does not end for so long is refused: it is scanned again and again."""

CHUNK_BYTES = 2**18
PLACES = 10_000
"""So many different places of elements are looked at; a feed has some dozens."""

Place = tuple[str, ...]


class XmlTable:
    """Records of a feed: elements that repeat, their children as cells.

    A child that occurs several times is a list, one with children an object. A child without a text
    has its `href`. Attributes are cells too, those of a child as `price.currency`. Namespaces are
    left out of names.

    Declarations of entities are refused; no other file is ever read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._place = self._find_records()
        names: dict[str, None] = {}
        for record in self.records():
            if isinstance(record, Record):
                names.update(dict.fromkeys(record.cells))
                check_width(len(names), str(path))
        self.columns = tuple(names)
        self.notes = (f"read from XML: the records are its elements {self._place[-1]!r}",)

    def records(self) -> Iterator[Record | Reject]:
        """See Table."""
        reader = _Reader(self._place)
        for _ in self._parsed(reader):
            yield from reader.taken()

    def _find_records(self) -> Place:
        """Where records are: the first elements with children that repeat, or are named so."""
        places = _Places()
        for _ in self._parsed(places):
            pass
        found = [
            (-len(place), place[-1].lower() in RECORDS, count, place)
            for place, count in places.of_parents()
        ]
        lists = [each for each in found if each[1] or each[2] > 1]
        if lists:
            return max(lists)[3]
        raise SourceError(
            "no list of products in it",
            where=str(self.path),
            fix="give a feed with an element for each product, as RSS has its <item>",
        )

    def _parsed(self, handler: "_Places | _Reader") -> Iterator[None]:
        """Go through the file, a piece at a time."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = lambda name, given: handler.start(
            name, given, parser.CurrentLineNumber
        )
        parser.EndElementHandler = lambda name: handler.end()
        parser.CharacterDataHandler = handler.text
        parser.StartDoctypeDeclHandler = self._check_doctype
        count = 0
        try:
            with opened(self.path) as file:
                while chunk := file.read(CHUNK_BYTES):
                    parser.Parse(chunk, False)
                    count += len(chunk)
                    if count - max(parser.CurrentByteIndex, 0) > MAX_TOKEN_BYTES:
                        raise ValueError("a tag or a comment of it does not end")
                    yield
                parser.Parse(b"", True)
                yield
        except expat.ExpatError as error:
            raise SourceError(
                f"not XML as it must be: {expat.ErrorString(error.code)}",
                where=f"{self.path}, line {error.lineno}",
                fix="fetch it again, or have it written anew",
            ) from error
        except (LookupError, ValueError) as error:
            raise SourceError(f"cannot be read: {error}", where=str(self.path)) from error

    def _check_doctype(
        self, name: str, system: str | None, public: str | None, declares: bool
    ) -> None:
        if declares:
            raise SourceError(
                "it declares entities", where=str(self.path), fix="have it written without"
            )


class _Places:
    """Counts the elements that have children, by their place."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._has_children: list[bool] = []
        self._parents: Counter[Place] = Counter()

    def of_parents(self) -> list[tuple[Place, int]]:
        """Places of elements that have children, but for the outermost, in their order."""
        return [(place, count) for place, count in self._parents.items() if len(place) > 1]

    def start(self, name: str, given: dict[str, str], line: int) -> None:
        """An element begins."""
        if self._has_children:
            self._has_children[-1] = True
        self._path.append(_local(name))
        self._has_children.append(False)
        if len(self._path) > MAX_NESTED:
            raise ValueError(f"it is nested deeper than {MAX_NESTED} levels, in line {line}")

    def end(self) -> None:
        """The last element that began ends."""
        if self._has_children.pop():
            place = tuple(self._path)
            if place in self._parents or len(self._parents) < PLACES:
                self._parents[place] += 1
        self._path.pop()

    def text(self, text: str) -> None:
        """Do nothing: texts do not matter here."""


@dataclass(slots=True)
class _Element:
    """An element within a record, or the record itself."""

    name: str
    is_googles: bool = False
    attributes: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    has_own_text: bool = False
    cells: dict[str, list[Any]] = field(default_factory=dict)
    googles: set[str] = field(default_factory=set)

    def take(self, child: "_Element") -> None:
        """Add a child; one of Google's namespace goes before others of its name."""
        if child.is_googles and child.name not in self.googles:
            self.cells.pop(child.name, None)
            self.googles.add(child.name)
        if child.is_googles or child.name not in self.googles:
            value = child.value()
            self.cells.setdefault(child.name, []).append(value)
            for name, given in child.attributes.items():
                if given != value:  # a `href` may be that
                    self.cells.setdefault(f"{child.name}.{name}", []).append(given)

    def value(self) -> Any:
        """Its text with that of all within it, or its children by their names."""
        if self.cells and not self.has_own_text:
            return self.children()
        return "".join(self.texts).strip() or self.attributes.get("href")

    def children(self) -> dict[str, Any]:
        """The values of its children; of several of a name a list."""
        return {
            name: values[0] if len(values) == 1 else values for name, values in self.cells.items()
        }


class _Reader:
    """Makes records of the elements at a place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._path: list[str] = []
        self._open: list[_Element] = []
        self._line = 0
        self._chars = 0
        self._records: list[Record | Reject] = []

    def taken(self) -> list[Record | Reject]:
        """The records since the last call."""
        taken, self._records = self._records, []
        return taken

    def start(self, name: str, given: dict[str, str], line: int) -> None:
        """An element begins."""
        self._chars += ELEMENT_CHARS + sum(map(len, given.values()))
        local = _local(name)
        self._path.append(local)
        depth = len(self._path) - len(self._place)
        if depth == 0 and tuple(self._path) == self._place:
            self._line, self._chars = line, sum(map(len, given.values()))
            self._open = [_Element(local)]
            for key, value in given.items():
                self._open[0].cells[_local(key)] = [value]
        elif self._open and depth < MAX_DEPTH and self._chars <= MAX_RECORD_CHARS:
            attributes = {_local(key): value for key, value in given.items()}
            self._open.append(_Element(local, GOOGLES in name, attributes))

    def end(self) -> None:
        """The last element that began ends."""
        depth = len(self._path) - len(self._place)
        self._path.pop()
        if not self._open or len(self._open) != depth + 1:  # it is not kept apart
            return
        ended = self._open.pop()
        if self._open:
            self._open[-1].take(ended)
        elif self._chars > MAX_RECORD_CHARS:
            what = f"it has more than {MAX_RECORD_CHARS:,} characters"
            self._records.append(Reject(self._line, None, "bad_value", what))
        else:
            self._records.append(Record(self._line, ended.children()))

    def text(self, text: str) -> None:
        """A text within the last element that began."""
        self._chars += len(text)
        if self._open and self._chars <= MAX_RECORD_CHARS:
            self._open[-1].has_own_text |= not text.isspace()
            for each in self._open[1:]:
                each.texts.append(text)


def _local(name: str) -> str:
    return normal(name.rpartition(" ")[2])
