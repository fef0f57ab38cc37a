"""Mixes: a subject and examples of what is wanted and what is not, as one question.

Two ways to ask: `rocchio` moves the query towards the likes and away from the unlikes; `best` ranks
by the score to the nearest like less a share of the score to the nearest unlike. A mean of scores
would be Rocchio again: a mean of cosines is the cosine to the mean.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from search_engine.errors import ParameterError
from search_engine.indexes.scoring import cosines
from search_engine.records import Floats, Keys, Vectors
from search_engine.search.rerank.base import CANDIDATES, Gallery, Scores


class Shares(NamedTuple):
    """How much the subject, the mean of the likes and that of the unlikes count."""

    subject: float
    likes: float
    unlikes: float


SHARES = Shares(1.0, 1.0, 0.5)
"""Chosen by `benchmarks.feedback`."""
BEST = "best"
_LEAST_LENGTH = 1e-6


@dataclass(frozen=True, slots=True)
class Mix:
    """Unit rows of the subject (0 or 1), the likes and the unlikes, those of examples scaled by
    their weights.

    Rows are in an order of their own, so that results do not depend on that of the examples.
    """

    subject: Vectors = field(repr=False)
    likes: Vectors = field(repr=False)
    unlikes: Vectors = field(repr=False)

    @classmethod
    def of(
        cls, subject: Sequence[Vectors], likes: Iterable[Vectors], unlikes: Iterable[Vectors]
    ) -> "Mix":
        """A mix of rows (1, D)."""
        sets = [sorted(rows, key=lambda row: row.tobytes()) for rows in (subject, likes, unlikes)]
        dimension = next(row.shape[1] for rows in sets for row in rows)
        none = np.empty((0, dimension), dtype=np.float32)
        return cls(*(np.concatenate([none, *rows]) for rows in sets))

    def __len__(self) -> int:
        return len(self.subject) + len(self.likes) + len(self.unlikes)

    @property
    def digest(self) -> str:
        """Tells different mixes apart."""
        found = blake2b(digest_size=16)
        for rows in (self.subject, self.likes, self.unlikes):
            found.update(len(rows).to_bytes(4) + rows.tobytes())
        return found.hexdigest()


def rocchio(mix: Mix, shares: Shares = SHARES) -> Vectors:
    """The unit row (1, D) that stands for a mix.

    Raises:
        ParameterError: What is liked and what is not cancel each other out.
    """
    means = zip(shares, (mix.subject, mix.likes, -mix.unlikes), strict=True)
    query = np.sum([share * _mean(rows) for share, rows in means], axis=0)
    length = np.linalg.norm(query)
    if length < _LEAST_LENGTH:
        raise ParameterError(
            "the examples cancel each other out, so there is nothing to look for",
            where="unlike",
            fix="leave one of them out, or give another weight",
        )
    return np.asarray(query / length, dtype=np.float32)[None]


def best_scores(mix: Mix, vectors: Vectors, share: float = SHARES.unlikes) -> Floats:
    """The score (N,) to the nearest like or the subject, less a share of that to the nearest
    unlike, for each of the vectors (N, D)."""
    found = _nearest(np.concatenate([mix.subject, mix.likes]), vectors)
    return found - share * _nearest(mix.unlikes, vectors) if len(mix.unlikes) else found


def candidates(mix: Mix, gallery: Gallery) -> Keys:
    """Keys of the items nearest to the subject or any of the likes, each once, ascending."""
    rows: Sequence[tuple[Keys, Scores]] = gallery.nearest(
        np.concatenate([mix.subject, mix.likes]), CANDIDATES
    )
    return np.unique(np.concatenate([keys for keys, _ in rows]))


def _nearest(examples: Vectors, vectors: Vectors) -> Floats:
    scores = [cosines(each, vectors).astype(np.float64) for each in examples]
    return np.asarray(np.max(scores, axis=0))


def _mean(rows: Vectors) -> Floats:
    return np.asarray(rows.sum(axis=0, dtype=np.float64) / max(1, len(rows)))
