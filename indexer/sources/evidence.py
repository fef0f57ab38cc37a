"""Summarise the cells of a column in one pass over a table."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from indexer.sources.shapes import TEXT, Shape, is_empty, shape_of, text_of

EXAMPLES = 3
MAX_EXAMPLE_CHARS = 40
TOLD_SHARE = 0.5
"""From this share of fitting cells on, a note says why the column does not have their type."""
SURE_OF_TEXT = 2_000
"""After so many cells, mostly texts, the rest is not examined."""


@dataclass(slots=True)
class Evidence:
    """Counts and examples of the cells of a column, of bounded size."""

    filled: int = 0
    shapes: Counter[Shape] = field(default_factory=Counter)
    firsts: dict[Shape, str] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def take(self, cells: Sequence[Any]) -> None:
        """Add some cells of the column."""
        if all(type(cell) is str for cell in cells):
            for cell, count in Counter(cells).items():
                self._take(cell, count)
        else:
            for cell in cells:
                self._take(cell, 1)

    @property
    def is_text(self) -> bool:
        """Whether enough texts were seen to be sure, and no note is needed."""
        return self.filled > SURE_OF_TEXT and self.shapes[TEXT] > self.filled * TOLD_SHARE

    def _take(self, cell: Any, count: int) -> None:
        shape = shape_of(cell)
        if shape is None:
            return
        self.filled += count
        self.shapes[shape] += count
        if len(self.examples) < EXAMPLES:
            written = shortened(text_of(cell))
            if written not in self.examples:
                self.examples.append(written)
        if shape not in self.firsts:
            self.firsts[shape] = shortened(text_of(cell))

    @property
    def gaps(self) -> list[Shape]:
        """The shapes that stand for no value."""
        return [shape for shape in self.shapes if shape.kind == "gap"]

    def without_gaps(self) -> "Evidence":
        """Return the same evidence without the cells that stand for no value."""
        kept = Counter({s: count for s, count in self.shapes.items() if s.kind != "gap"})
        return Evidence(kept.total(), kept, self.firsts, self.examples)

    def count(self, cells: Sequence[Any]) -> None:
        """Count filled cells only, for a column whose type is known."""
        if len(self.examples) < EXAMPLES:
            self.take(cells)
        else:
            self.filled += sum(not is_empty(cell) for cell in cells)

    def share_of(self, kind: str) -> float:
        """Return the share of the filled cells that have a shape."""
        count = sum(count for shape, count in self.shapes.items() if shape.kind == kind)
        return count / self.filled if self.filled else 0.0

    def total(self, shapes: Iterable[Shape]) -> int:
        """Count the cells that have one of these shapes."""
        return sum(self.shapes[shape] for shape in shapes)

    def counted(self, shapes: Iterable[Shape]) -> str:
        """Describe the count, as in `12 of 340 cells`."""
        return f"{self.total(shapes):,} of {self.filled:,} cells"

    def quoted(self, shapes: Iterable[Shape]) -> str:
        """Return the first cell of the first of these shapes, in quotes."""
        return f'"{self.firsts[next(iter(shapes))]}"'


def shortened(text: str) -> str:
    """Shorten a cell to an example on one line."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_EXAMPLE_CHARS else f"{line[: MAX_EXAMPLE_CHARS - 1]}…"
