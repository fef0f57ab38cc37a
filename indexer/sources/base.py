"""What every catalog source gives: rows in a stable order, or why a row cannot be used.

A row that cannot be used becomes a `Reject` with a code, never an exception; a source that cannot
be used at all raises SourceError before anything is written.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from search_engine.errors import ParameterError, RowError
from search_engine.names import MAX_ID_BYTES, normal

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One picture to be indexed, and what the source says of it.

    `line` counts from 1; in a CSV file the header is line 1. `image` is None where the source
    has no picture of the item: such a row changes an item that is known.

    `url` is where the picture can be fetched, where the source names an address; `image` is None
    then, until it was.

    `description` is a merge patch (RFC 7396) with the columns that the source has, of `label`,
    `product_id` and `attributes`: what it does not name stays as it is, None removes.
    """

    line: int
    item_id: str
    image: Path | None
    description: Mapping[str, Any] = field(default_factory=dict)
    url: str | None = None

    @property
    def file(self) -> Path:
        """The picture.

        Raises:
            RowError: The source has none.
        """
        if self.image is None:
            raise RowError("no_picture", "the row names no picture")
        return self.image

    @property
    def label(self) -> str | None:
        """The label path, if the source gives one."""
        return self.description.get("label")

    @property
    def product_id(self) -> str | None:
        """The product, if the source names it."""
        return self.description.get("product_id")

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes that have a value."""
        given = self.description.get("attributes") or {}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not indexed, and why."""

    line: int
    item_id: str | None
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """What becomes of a column of a table.

    `becomes` is a field (`item_id`, `image`, `label`, `product_id`), the name of an attribute, or
    None where the column is left out; `kind` the type of its values; `filled` the share of rows
    that have one, 0 to 1, None where it was not counted; `examples` the first different ones as
    they are written in the table; `note` one sentence of what else is to be known of it.
    """

    column: str
    becomes: str | None
    kind: str
    filled: float | None
    examples: tuple[str, ...] = ()
    note: str | None = None


class Rows(Protocol):
    """Rows in a stable order."""

    @property
    def description(self) -> str:
        """For people, such as `table products.csv`."""
        ...

    def __len__(self) -> int:
        """Rows and rejects together."""
        ...

    def rows(self) -> Iterator[SourceRow | Reject]:
        """All rows; can be called again."""
        ...


class Source(Rows, Protocol):
    """Rows of a catalog, and how it was understood."""

    @property
    def path(self) -> Path:
        """The folder or file that was opened."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Sentences about how the source was understood, or what of it was passed over."""
        ...

    @property
    def columns(self) -> Sequence[ColumnReport]:
        """What becomes of each column; empty for a source that has none."""
        ...

    @property
    def mapping(self) -> Mapping[str, str]:
        """The columns of the fields; empty for a source that has no columns."""
        ...

    @property
    def types(self) -> Mapping[str, str]:
        """The types of the attributes, for those that have one."""
        ...

    def ids(self) -> Iterator[str]:
        """The ids of all rows that have one, of rejected rows too, without reading pictures."""
        ...


def usable(code: str, check: Callable[[Any], T], value: Any) -> T:
    """What a check of the core lets through.

    Raises:
        RowError: It refuses the value; the row is refused by that code.
    """
    try:
        return check(value)
    except ParameterError as error:
        raise RowError(code, f"{error.what}; {error.fix}") from None


def confined(root: Path, relative: str, may_lead_out: bool = False) -> Path:
    """The file below `root`, symbolic links resolved.

    Args:
        root: A folder, resolved.
        relative: A path below it.
        may_lead_out: Whether links may lead out of the root.

    Raises:
        RowError: The path is absolute, leads out of the root, or leads nowhere.
    """
    if not relative or "\x00" in relative or len(relative) > 4_096:
        raise RowError("bad_path", "the picture's path is empty or unusable")
    if "://" in relative:
        raise RowError("url_denied", "pictures are read from files only")
    if Path(relative).is_absolute() or relative.startswith("~"):
        raise RowError("bad_path", "the picture's path is not relative to the source")
    try:
        path = (root / relative).resolve(strict=True)
    except FileNotFoundError:
        sought = str(root / relative).encode("utf-8", "backslashreplace").decode()
        raise RowError("missing_file", f"there is no such picture: {sought}") from None
    except (OSError, RuntimeError) as error:
        raise RowError("bad_path", "the picture's path cannot be followed") from error
    if not may_lead_out and not path.is_relative_to(root):
        raise RowError("bad_path", "the picture's path leads out of the source")
    return path


def printable(item_id: str) -> str | None:
    """An id for a reject: as an item of it would have it, or as far as it can be shown."""
    shown = "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in normal(item_id)[:MAX_ID_BYTES]
    )
    return shown or None
