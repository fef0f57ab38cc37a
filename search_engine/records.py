"""Frozen records that travel between the parts: items, hits, neighbors, predictions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Embeddings, shape (N, D), float32, unit rows."""

Floats = NDArray[np.float64]

Codes = NDArray[np.int64]
"""Numbers of labels, values or products; -1 where there is none."""

Keys = NDArray[np.int64]
"""Keys of items inside an index, shape (N,), int64."""

Pixels = NDArray[np.uint8]
"""Pictures as the encoder takes them, shape (N, H, W, 3), uint8, RGB."""

Attributes = Mapping[str, Any]
"""JSON values by attribute name."""


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """One picture of the catalog with what is known about it.

    `key` is the item's number inside indexes; it is never used again after a removal.
    `picture` names the source file, or is None when the catalog itself holds the picture.
    """

    key: int
    item_id: str
    label: str | None
    product_id: str | None
    attributes: Attributes
    content_hash: str
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """An item that was put into the catalog; `is_new` unless it replaced one of its id."""

    item: CatalogItem
    is_new: bool


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Some of the items that were asked for, `total` in all; None for `next_cursor` ends them."""

    items: tuple[CatalogItem, ...]
    next_cursor: str | None
    total: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hits:
    """What an index found for Q queries, best first.

    A row has as many results as were found, at most k: `counts` says how many, and what stands
    behind them in `keys` and `scores` means nothing.
    """

    keys: NDArray[np.int64]
    scores: NDArray[np.float32]
    counts: NDArray[np.int64]

    def row(self, query: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Keys and scores of one query, without padding."""
        count = int(self.counts[query])
        return self.keys[query, :count], self.scores[query, :count]


@dataclass(frozen=True, slots=True)
class Neighbor:
    """One hit with its item; `score` is the cosine similarity, higher is better.

    `vector` is its stored embedding, (D,), where that was asked for and is sound.
    """

    item: CatalogItem
    score: float
    vector: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Vote:
    """The share of all votes that a label received, 0 to 1."""

    label: str
    share: float


@dataclass(frozen=True, slots=True)
class Level:
    """A level of a label path, and how sure it is that the path is right so far, 0 to 1."""

    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class ValueChance:
    """A value that a picture may have beside others, and the probability of it, 0 to 1."""

    value: str
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """A class by the vote of the neighbors.

    `label` is None when the vote abstained, and `reason` then says why: `no_labels` (no item has
    any), `too_few` (no neighbor has one), `too_far` (nothing similar enough) or `disagree` (no
    label is supported enough). Where `calibrated`, `confidence` is the probability of being right;
    else it is the share of the votes, and `uncalibrated_because` names what is in the way (a key
    of `classification.UNCALIBRATED`). `votes` are best first; `voters` neighbors cast them.

    `levels` are the path of the winner, from its first part to the whole label, each with its own
    confidence; the answer is one of them, the deepest that is supported. A target with several
    values a picture has no label: `values` are then those that the picture is believed to have,
    `chances` are all that got a vote, both best first, and `confidence` is the least probability
    among the answered values.
    """

    label: str | None
    confidence: float
    abstained: bool
    reason: str | None
    votes: tuple[Vote, ...]
    levels: tuple[Level, ...] = ()
    values: tuple[str, ...] | None = None
    chances: tuple[ValueChance, ...] = ()
    calibrated: bool = False
    voters: int = 0
    uncalibrated_because: str | None = None

    def summary(self) -> dict[str, Any]:
        """The answer without the votes behind it, as files and HTTP have it."""
        return {
            "label": self.label,
            "confidence": round(self.confidence, 6),
            "calibrated": self.calibrated,
            "uncalibrated_because": self.uncalibrated_because,
            "abstained": self.abstained,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class FacetCount:
    """A value of a field, and how many items have it."""

    value: str | float | bool
    count: int


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Neighbors of one query, best first, and what it took to find them.

    `vector` is the embedding that was searched for, (1, D). `query_token` stands for the photo in
    further searches; None for a search by an item. Where `rerank` names a re-ranking, the order is
    its own and scores need not fall. `include` says in which form embeddings were asked for.
    `next_cursor` leads to the neighbors behind these; None where there are none.
    """

    neighbors: tuple[Neighbor, ...]
    vector: Vectors = field(repr=False, compare=False)
    timings_ms: Mapping[str, float]
    encoder: str
    generation: str | None
    warnings: tuple[str, ...] = ()
    prediction: Prediction | None = field(default=None)
    query_token: str | None = None
    rerank: str | None = None
    include: str | None = None
    next_cursor: str | None = None
