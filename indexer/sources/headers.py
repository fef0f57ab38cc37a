"""Name the columns of a table: each name once, and no column without content."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from indexer.sources.mapping import names_any
from search_engine.errors import SourceError
from search_engine.names import normal

MAX_COLUMNS = 1_000
MAX_TITLES = 10
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Columns:
    """Positions of the columns to keep in a record, their names, and notes about them."""

    places: tuple[int, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


class HeaderSurvey:
    """Find nameless columns that have content, and columns of one name that differ.

    Columns are identified by their position, from 0.
    """

    def __init__(self, header: Iterable[str]) -> None:
        self.names = [normal(name.strip()) for name in header]
        self._unnamed = {place for place, name in enumerate(self.names) if not name}
        first: dict[str, int] = {}
        self._repeats = {
            place: first[name]
            for place, name in enumerate(self.names)
            if name and first.setdefault(name, place) != place
        }
        self._filled: set[int] = set()
        self._different: set[int] = set()

    @property
    def is_doubtful(self) -> bool:
        """Whether the records must be examined to name the columns."""
        return bool(self._unnamed or self._repeats)

    def look_at(self, cells: Sequence[object]) -> None:
        """Examine one record, which has all cells."""
        for place in self._unnamed - self._filled:
            if cells[place] not in ("", None):
                self._filled.add(place)
        for place, first in self._repeats.items():
            if cells[place] != cells[first]:
                self._different.add(place)

    def columns(self) -> Columns:
        """Return the columns, after all records were examined."""
        names: dict[int, str] = {}
        notes: list[str] = []
        empty: list[int] = []
        for place, name in enumerate(self.names):
            if not name and place not in self._filled:
                empty.append(place)
            elif not name:
                names[place] = _free(f"column_{place + 1}", self.names)
                notes.append(f"column {place + 1} has no name and is called {names[place]}")
            elif place not in self._repeats:
                names[place] = name
            elif place in self._different:
                names[place] = _numbered(name, {*self.names, *names.values()})
                notes.append(f"{two_columns(name)} the second is called {names[place]}")
            else:
                notes.append(f"the column {name} is there twice, with the same cells: one is kept")
        if empty:
            notes.insert(0, _empty_note(empty, len(self.names)))
        return Columns(tuple(names), tuple(names.values()), tuple(notes))


def check_width(width: int, where: str) -> None:
    """Refuse a table of too many columns.

    Raises:
        SourceError: There are more columns than the limit.
    """
    if width > MAX_COLUMNS:
        raise SourceError(f"{width:,} columns; at most {MAX_COLUMNS:,} are read", where=where)


def below_titles(rows: Iterable[tuple[int, Sequence[object]]]) -> tuple[int, Sequence[object], int]:
    """Find the header: the first row that is no title of the table.

    A title is a row of one filled cell above a row of several; of rows that all have one cell the
    first is the header. Where that names neither ids nor pictures, it is the first row below that
    names both, or the last of several such in a row: marketplaces write what is theirs above.

    Args:
        rows: Numbers and cells of the rows that have cells, one at least.

    Returns:
        The header's number and cells, and how many titles are above it.
    """
    found = list(islice(rows, MAX_TITLES + 1))
    for titles, (_, cells) in enumerate(found):
        if sum(_is_filled(cell) for cell in cells) > 1:
            titles += _lower(found[titles:])
            return *found[titles], titles
    return *found[0], 0


def _lower(rows: Sequence[tuple[int, Sequence[object]]]) -> int:
    """Count the rows above the header that only look like one."""
    named = [{field for field in ("item_id", "image") if names_any(field, row)} for _, row in rows]
    both = [place for place, fields in enumerate(named) if len(fields) == 2]
    if named[0] or not both:
        return 0
    return next(place for place in both if place + 1 not in both)


def _is_filled(cell: object) -> bool:
    return cell is not None and bool(str(cell).strip("\ufeff "))


def two_columns(name: str) -> str:
    """Begin a note about columns of one name that differ."""
    return f"there are two columns {name}:"


def title_notes(count: int) -> Iterator[str]:
    """Say that rows above the header are no part of the table."""
    if count:
        yield (
            "1 row above the header is passed over"
            if count == 1
            else (f"{count} rows above the header are passed over")
        )


def rows_have(count: int) -> str:
    """Format a count: `1 row has`, `2,000 rows have`."""
    return f"{count:,} row has" if count == 1 else f"{count:,} rows have"


def unique_names(names: Sequence[str]) -> Mapping[str, str]:
    """Map the keys of objects to column names: normalised, unique, not empty."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for place, key in enumerate(names):
        name = normal(key.strip()) or f"column_{place + 1}"
        found[key] = name if name not in taken else _numbered(name, taken)
        taken.add(found[key])
    return found


def _empty_note(empty: Sequence[int], width: int) -> str:
    trailing = empty == list(range(width - len(empty), width))
    if len(empty) == 1:
        return f"{'the last' if trailing else 'a'} column has neither name nor cells: left out"
    return f"{len(empty)} columns have neither name nor cells: left out"


def _free(name: str, taken: Iterable[str]) -> str:
    return name if name not in set(taken) else _numbered(name, set(taken))


def _numbered(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
