"""Convert labels as shops write them, `Home > Kitchen > Mugs`, to paths with slashes.

The separator is found from the whole column: `>` (`>>`, `»`) or `|` or a slash, in that order. A
list, as JSON has it, has a level in each of its texts.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

from indexer.sources.shapes import is_empty, text_of

SEPARATORS = ("»", ">>", ">", "|")
_SLASH = re.compile(r"\s*/\s*")


def levels_of(cell: Any) -> list[str] | None:
    """Return the levels of a label that is a list of texts; None for any other cell.

    Of several such lists, `[["Home", "Mugs"], ["Sale"]]`, it is the first of the longest.
    """
    if _is_of_texts(cell):
        return cast(list[str], cell)
    if isinstance(cell, list) and cell and all(map(_is_of_texts, cell)):
        return max(cast(list[list[str]], cell), key=len)
    return None


def _is_of_texts(cell: Any) -> bool:
    return isinstance(cell, list) and bool(cell) and all(isinstance(each, str) for each in cell)


@dataclass(slots=True)
class LabelEvidence:
    """Which separators occur in the cells of a label column."""

    spaced: Counter[str] = field(default_factory=Counter)
    bare: Counter[str] = field(default_factory=Counter)
    uneven: Counter[str] = field(default_factory=Counter)
    firsts: dict[str, str] = field(default_factory=dict)
    slashed: int = 0
    slashed_first: str | None = None
    list_first: list[str] | None = None

    def take_all(self, cells: Iterable[Any]) -> None:
        """Examine cells of the column."""
        written = set()
        for cell in cells:
            levels = levels_of(cell)
            if levels is not None:
                self.list_first = self.list_first or levels
            elif not is_empty(cell):
                written.add(text_of(cell))
        for each in written:
            self.take(each)

    def take(self, cell: str) -> None:
        """Examine one label."""
        if "/" in cell:
            self.slashed += 1
            self.slashed_first = self.slashed_first or cell
        for mark in SEPARATORS:
            if mark in cell:
                self._take(mark, cell.split(mark))
                self.firsts.setdefault(mark, cell)
                return

    def _take(self, mark: str, parts: list[str]) -> None:
        inner = [(left[-1:], right[:1]) for left, right in pairwise(parts)]
        if all(left.isspace() and right.isspace() for left, right in inner):
            self.spaced[mark] += 1
        elif all(
            left and right and not (left + right).isspace() for left, right in inner
        ) and not any(left.isspace() or right.isspace() for left, right in inner):
            self.bare[mark] += 1
        else:
            self.uneven[mark] += 1

    def other_marks(self, separator: str | None) -> list[str]:
        """Return the marks in labels that separate nothing; none where a slash is said."""
        separates = (separator or "").strip()
        return [] if separates == "/" else [mark for mark in self.firsts if mark != separates]

    def having(self, mark: str) -> int:
        """Return how many labels have a mark."""
        return self.spaced[mark] + self.bare[mark] + self.uneven[mark]

    def separator(self) -> str | None:
        """Return the separator that the column uses throughout; None for the slash."""
        for mark in SEPARATORS:
            if (self.spaced[mark] or self.bare[mark]) and not self.uneven[mark]:
                return mark
        return None


def path_of(levels: Iterable[str]) -> str:
    """Put levels together to a path; a slash within a level becomes ` - `."""
    plain = (_SLASH.sub(" - ", level).strip() for level in levels)
    return "/".join(level for level in plain if level)


class LabelPaths:
    """Convert labels to paths."""

    def __init__(self, separator: str | None) -> None:
        self._separator = None if separator is None or separator.strip() == "/" else separator

    def path(self, label: str) -> str:
        """Put a slash between the levels of a label; a slash within a level becomes ` - `."""
        if self._separator is None:
            return _SLASH.sub("/", label)
        mark = self._separator.strip() or self._separator
        return path_of(label.split(mark))


def label_notes(column: str, evidence: LabelEvidence, separator: str | None) -> list[str]:
    """Return sentences about how labels become paths."""
    notes = []
    if evidence.list_first is not None:
        listed = json.dumps(evidence.list_first, ensure_ascii=False)
        notes.append(f"{column}: {listed} becomes the label {path_of(evidence.list_first)}")
    for mark in evidence.other_marks(separator):
        example, count = evidence.firsts[mark], evidence.having(mark)
        notes.append(f'{column}: {mark} separates no levels, as in "{example}" ({count:,})')
    if separator is None or separator.strip() == "/":
        return notes
    paths = LabelPaths(separator)
    first = evidence.firsts.get(separator.strip())
    if first is not None:
        notes.append(f'{column}: "{first}" becomes the label {paths.path(first)}')
    if evidence.slashed_first is not None:
        notes.append(
            f"{column}: a slash within a level becomes a dash, as in "
            f"{paths.path(evidence.slashed_first)} ({evidence.slashed:,})"
        )
    return notes
