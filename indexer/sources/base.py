"""What every catalog source provides: rows in a stable order, or reasons to reject them.

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
    """A picture to index, and its description in the source.

    `line` counts from 1; in a CSV file the header is line 1. `image` is None if the source has no
    picture of the item: such a row updates an existing item.

    `url` is the address of the picture, if the source gives one; `image` is None until it is
    fetched.

    `description` is a merge patch (RFC 7396) of those of `label`, `product_id` and `attributes`
    that the source has: missing members leave the item unchanged, None removes a value.
    """

    line: int
    item_id: str
    image: Path | None
    description: Mapping[str, Any] = field(default_factory=dict)
    url: str | None = None

    @property
    def file(self) -> Path:
        """The path of the picture.

        Raises:
            RowError: The source has no picture.
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
        """The product id, if the source gives one."""
        return self.description.get("product_id")

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes that have a value."""
        given = self.description.get("attributes") or {}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected row, and the reason."""

    line: int
    item_id: str | None
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """How a column of a table is used.

    `becomes` is a field (`item_id`, `image`, `label`, `product_id`), the name of an attribute, or
    None if the column is left out; `kind` the type of its values; `filled` the share of rows that
    have a value, 0 to 1, None if not counted; `examples` the first distinct values as the table has
    them; `note` a sentence on anything else to know.
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
        """A description for people, such as `table products.csv`."""
        ...

    def __len__(self) -> int:
        """Count rows and rejects together."""
        ...

    def rows(self) -> Iterator[SourceRow | Reject]:
        """Yield all rows; can be called again."""
        ...


class Source(Rows, Protocol):
    """Rows of a catalog, and how the source was interpreted."""

    @property
    def path(self) -> Path:
        """The folder or file that was opened."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Sentences about how the source was interpreted, and what was skipped."""
        ...

    @property
    def columns(self) -> Sequence[ColumnReport]:
        """The use of each column; empty for a source without columns."""
        ...

    @property
    def mapping(self) -> Mapping[str, str]:
        """The columns of the fields; empty for a source without columns."""
        ...

    @property
    def types(self) -> Mapping[str, str]:
        """The types of the attributes that have one."""
        ...

    @property
    def misdeclared(self) -> frozenset[str]:
        """Columns of whose cells none fits the declared type, so that all of them are rejected."""
        ...

    def ids(self) -> Iterator[str]:
        """Yield the ids of all rows as they would be stored, even of rejected ones, without reading
        pictures."""
        ...


def usable(code: str, check: Callable[[Any], T], value: Any) -> T:
    """Apply a check of `search_engine`, and return the value that it accepts.

    Raises:
        RowError: The check refuses the value; the code is the check's.
    """
    try:
        return check(value)
    except ParameterError as error:
        raise RowError(code, f"{error.what}; {error.fix}") from None


def confined(root: Path, relative: str, may_lead_out: bool = False) -> Path:
    """Return the file below `root`, with symbolic links resolved.

    Args:
        root: A resolved folder.
        relative: A path below it.
        may_lead_out: Whether links may point outside the root.

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
    """Return an id to show in a reject: normalised like item ids if possible, else shortened."""
    shown = "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in normal(item_id)[:MAX_ID_BYTES]
    )
    return shown or None
