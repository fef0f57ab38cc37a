"""What an engine must do to be measured, and the settings that all graph indexes share.

The protocols are as small as the comparison allows, so that an adapter is what a user of that
engine would write after reading its documentation, and nothing cleverer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.rivals.items import ItemTable
from search_engine.catalog.filters import Condition

Rows = NDArray[np.float32]
"""Vectors, shape (N, D), float32, unit rows."""

Row = NDArray[np.float32]
"""One vector, shape (D,), float32."""

Ids = NDArray[np.int64]
"""Row numbers of what was found, best first, -1 where nothing was: (Q, k), of one query (k,)."""

CONNECTIVITY = 16
"""M of a graph: links of a node above the lowest layer, half of those in it."""

BUILD_EFFORT = 200
"""ef_construction: candidates looked at for each vector while a graph is built."""

EFFORTS = tuple(sorted({round(10 * 2 ** (step / 4)) for step in range(33)}))
"""Candidates of a search that are tried, 10 to 2,560: four to each doubling."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an engine may use: threads, and a folder of its own."""

    threads: int
    folder: Path


class IndexEngine(Protocol):
    """A vector index in memory.

    `efforts` are the settings of its searches, from the cheapest on; each finds at least as much
    as the one before.
    """

    @property
    def efforts(self) -> Sequence[int]:
        """What `set_effort` takes, ascending."""
        ...

    @property
    def setting(self) -> str:
        """How it is built and searched at present, in the words of its users."""
        ...

    def build(self, vectors: Rows) -> None:
        """Take over the rows under their numbers 0 to N - 1."""
        ...

    def set_effort(self, effort: int) -> None:
        """Search with that much effort from now on."""
        ...

    def search(self, queries: Rows, k: int) -> Ids:
        """The k nearest of each of Q queries by cosine, shape (Q, k); all threads may work."""
        ...

    def search_one(self, query: Row, k: int) -> Ids:
        """The k nearest of one query, shape (k,)."""
        ...

    def memory_bytes(self) -> int | None:
        """How large the index says it is (serialized); None if it cannot tell."""
        ...

    def mapped_bytes(self) -> int:
        """What it reads from files that are mapped, not held."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class ProductEngine(Protocol):
    """An engine with storage, attributes and filters, used as its documentation says.

    `documentation` names the page that the setting comes from.
    """

    @property
    def setting(self) -> str:
        """How it is set up, in the words of its users."""
        ...

    @property
    def documentation(self) -> str:
        """Where that is recommended."""
        ...

    def ingest(self, vectors: Rows, items: ItemTable) -> None:
        """Store items under 0 to N - 1, durable and ready to be searched at full speed."""
        ...

    def search_one(self, query: Row, k: int) -> Ids:
        """The k nearest of one query, shape (k,)."""
        ...

    def similar(self, item: int, query: Row, k: int, condition: Condition | None) -> Ids:
        """The k items that are nearest to a stored one, itself left out, and fulfil a condition.

        Args:
            item: Its number.
            query: Its vector, for engines that cannot look it up in the same call.
            k: Items wanted.
            condition: None for all.

        Returns:
            Numbers, shape (k,), -1 behind the last one found.
        """
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


def padded(ids: Ids, k: int) -> Ids:
    """One query's ids as (k,): cut, or filled up with -1."""
    full = np.full(k, -1, dtype=np.int64)
    full[: min(k, len(ids))] = ids[:k]
    return full


def without(item: int, ids: Ids, k: int) -> Ids:
    """The first k ids that are not the item's, as (k,)."""
    return padded(ids[ids != item], k)
