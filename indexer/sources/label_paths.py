"""Convert labels as shops write them, `Home > Kitchen > Mugs`, to paths with slashes.

The separator is found from the whole column: `>` (`>>`, `»`) or `|` or a slash, in that order.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

SEPARATORS = ("»", ">>", ">", "|")
_SLASH = re.compile(r"\s*/\s*")


@dataclass(slots=True)
class LabelEvidence:
    """Which separators occur in the cells of a label column."""

    spaced: Counter[str] = field(default_factory=Counter)
    bare: Counter[str] = field(default_factory=Counter)
    uneven: Counter[str] = field(default_factory=Counter)
    firsts: dict[str, str] = field(default_factory=dict)
    slashed: int = 0
    slashed_first: str | None = None

    def take(self, cell: str) -> None:
        """Examine one label."""
        for mark in SEPARATORS:
            if mark in cell:
                self._take(mark, cell.split(mark))
                self.firsts.setdefault(mark, cell)
                if "/" in cell:
                    self.slashed += 1
                    self.slashed_first = self.slashed_first or cell
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

    def separator(self) -> str | None:
        """Return the separator that the column uses throughout; None for the slash."""
        for mark in SEPARATORS:
            if (self.spaced[mark] or self.bare[mark]) and not self.uneven[mark]:
                return mark
        return None


class LabelPaths:
    """Convert labels to paths."""

    def __init__(self, separator: str | None) -> None:
        self._separator = None if separator is None or separator.strip() == "/" else separator

    def path(self, label: str) -> str:
        """Put a slash between the levels of a label; a slash within a level becomes ` - `."""
        if self._separator is None:
            return _SLASH.sub("/", label)
        mark = self._separator.strip() or self._separator
        levels = [_SLASH.sub(" - ", level).strip() for level in label.split(mark)]
        return "/".join(level for level in levels if level)


def label_notes(column: str, evidence: LabelEvidence, separator: str | None) -> list[str]:
    """Return sentences about how labels become paths."""
    if separator is None or separator.strip() == "/":
        return []
    paths = LabelPaths(separator)
    first = evidence.firsts.get(separator.strip())
    notes = []
    if first is not None:
        notes.append(f'{column}: "{first}" becomes the label {paths.path(first)}')
    if evidence.slashed_first is not None:
        notes.append(
            f"{column}: a slash within a level becomes a dash, as in "
            f"{paths.path(evidence.slashed_first)} ({evidence.slashed:,})"
        )
    return notes
