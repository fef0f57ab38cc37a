"""Pages of a search: where one ended, and what stands behind it.

Copies of the photo come first, and then all others by score. A place is the score and key of the
last of these that was shown: whatever comes or goes before it, the next page are the best behind
it. Scores are exact and ordered by key where equal, so every item stands in one place. A re-ranking
puts the first `CANDIDATES` in order, all of which one page can have, and other orders so many as
one page needs; there are no pages behind them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from search_engine.catalog.collection_rows import Collection
from search_engine.cursors import read_cursor, write_cursor
from search_engine.errors import ParameterError
from search_engine.search.copies import Copies
from search_engine.search.declared import MAX_K
from search_engine.search.options import SearchOptions
from search_engine.search.subject import Subject

MAX_SHOWN = 10_000
"""So many neighbors are shown on all pages of a search at most."""
_KINDS = ((int, float), int, int)
PAGES_END = (
    f"pages_end: {MAX_SHOWN:,} neighbors were shown, and no more are; narrow the search by a filter"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Behind the neighbor of this score and key, and `shown` in all."""

    score: float
    key: int
    shown: int

    def is_before(self, key: int, score: float) -> bool:
        """Whether an item stands behind it."""
        return score < self.score or (score == self.score and key > self.key)


BEFORE_ALL = Place(2.0, 0, 0)
"""No cosine is so high."""


def place_of(record: Collection, subject: Subject, options: SearchOptions) -> Place | None:
    """Where the page begins that is asked for; None for the first one.

    Raises:
        ParameterError: The cursor is none, or of another question; there is a re-ranking
            or another order than by score.
    """
    if options.cursor is None:
        return None
    if options.ordered_by is not None:
        raise ParameterError(
            f"an order by `{options.ordered_by}` has no further pages",
            where="cursor",
            fix=f"leave out `cursor`, and give a `k` of up to {MAX_K}",
        )
    score, key, shown = read_cursor(options.cursor, _identity(record, subject, options), _KINDS)
    return Place(float(score), key, min(max(shown, 0), MAX_SHOWN))


@dataclass(frozen=True, slots=True)
class Page:
    """What leads on from a page: the cursor of the next one, or a warning why there is none."""

    cursor: str | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        record: Collection,
        subject: Subject,
        place: Place | None,
        found: Sequence[tuple[int, float]],
        copies: Copies,
        options: SearchOptions,
    ) -> "Page":
        """The page of the first k of the keys and scores that were found behind a place.

        Copies come before all others, so the place is that of the last one of these.
        """
        if len(found) <= options.k or options.ordered_by is not None:
            return cls()
        shown = options.k + (0 if place is None else place.shown)
        if shown >= MAX_SHOWN:
            return cls(warnings=(PAGES_END,))
        others = [each for each in found[: options.k] if each not in copies]
        last = place or BEFORE_ALL
        key, score = others[-1] if others else (last.key, last.score)
        return cls(write_cursor((score, key, shown), _identity(record, subject, options)))


def _identity(record: Collection, subject: Subject, options: SearchOptions) -> dict[str, Any]:
    """The parts of the question: pages may differ in size, and in nothing else."""
    return {
        "collection": record.uid,
        "encoder": record.fingerprint,
        "filter": options.filter,
        "fold": bool(options.fold),
        "group_by": options.group_by,
        "min_alike": options.min_alike,
        "min_score": options.min_score,
        "regions": subject.windows is not None and subject.regions is not None,
        "turns": subject.windows is not None and subject.regions is None,
        "subject": subject.token or (subject.keys, _digest(subject)),
        "weights": None if options.weights is None else sorted(options.weights.items()),
    }


def _digest(subject: Subject) -> str:
    return blake2b(subject.vector.tobytes(), digest_size=8).hexdigest()
