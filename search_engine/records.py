"""Frozen records passed between the parts: items, hits, neighbors, predictions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Embeddings, shape (N, D), float32, unit rows."""

Floats = NDArray[np.float64]

Codes = NDArray[np.int64]
"""Numbers of labels, values or products; -1 for none."""

Keys = NDArray[np.int64]
"""Keys of items inside an index, shape (N,), int64."""

Pixels = NDArray[np.uint8]
"""Pictures as the encoder takes them, shape (N, H, W, 3), uint8, RGB."""

Attributes = Mapping[str, Any]
"""JSON values by attribute name."""


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """One picture of the catalog with its description.

    `key` is the item's number inside indexes; it is never reused after a removal. `picture` names
    the source file, or is None when the catalog itself holds the picture.
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
    """An item that was stored; `is_new` unless it replaced one with its id."""

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

    A row has the results that were found, at most k: `counts` says how many; what follows them in
    `keys` and `scores` is meaningless.
    """

    keys: NDArray[np.int64]
    scores: NDArray[np.float32]
    counts: NDArray[np.int64]

    def row(self, query: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return keys and scores of one query, without padding."""
        count = int(self.counts[query])
        return self.keys[query, :count], self.scores[query, :count]


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """How much the places of a picture add to a cosine, which is their sum; some may be below 0.

    `grid` (rows, columns) covers `box` of the upright picture: x, y, width and height as fractions.
    """

    grid: NDArray[np.float32]
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a photo, as fractions of its sides; `score` 0 to 1 says how much it stands out."""

    box: tuple[float, float, float, float]
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a neighbor has in common with the query, place by place in both pictures.

    `query` is None if the query has no picture here. `shared` are the fields whose values an item
    that was asked with shares.
    """

    item: Heat
    query: Heat | None = None
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupViews:
    """How many items of a group match, the neighbor among them, and the ids of the first 20."""

    count: int
    item_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A hit with its item; `score` is the cosine similarity, higher is better. Where there is
    nothing to be similar to, it is the bm25 of words, or how much of the colours that are asked for
    the picture has, 0 to 1.

    `alike` is the probability that a person would call the two alike, None if unknown.
    `vector` is its stored embedding, (D,), if it was requested and is sound; `explanation` is there
    if it was requested and the item's picture can be read. `views` are its group's, in a search by
    groups, or the items with the same picture where these are folded. `region` is the number of the
    region that it matches, if the photo was searched with in parts and one matches better than the
    whole. `patch` is the crop of its picture that matches, as fractions of its sides, if one
    matches better than the whole picture; such a neighbor has no `alike`. `same_picture` says that
    its picture is the photo that was asked with: in another size, coded anew, turned or mirrored,
    but the same. `palette` has the dominant colours of its picture, packed, if they were requested
    and are known.
    """

    item: CatalogItem
    score: float
    vector: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    views: GroupViews | None = None
    explanation: Explanation | None = field(default=None, repr=False, compare=False)
    region: int | None = None
    same_picture: bool = False
    palette: bytes | None = field(default=None, repr=False, compare=False)
    alike: float | None = None
    patch: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """The share of all votes that a label received, 0 to 1."""

    label: str
    share: float


@dataclass(frozen=True, slots=True)
class Level:
    """A level of a label path, with the probability that the path is right so far, 0 to 1."""

    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class ValueChance:
    """A value of several that a picture may have, with its probability, 0 to 1."""

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
    confidence; the answer is the deepest that is supported. A target with several values a picture
    has no label: `values` are then the predicted ones, `chances` all that got a vote, both best
    first, and `confidence` is the least probability among the predicted values.

    `known` is the share of photos of the catalog's classes that look no more like one of them than
    this; None where that is not calibrated.
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
    known: float | None = None

    def summary(self) -> dict[str, Any]:
        """Return the answer without the votes, as in files and HTTP answers."""
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
    """Neighbors of one query, best first, and how they were found.

    `vector` is the embedding that was searched for, (1, D); (0, D) where words or colours alone say
    what is wanted. `plain` is that before a learned projection, if there is one and it is known.
    `query_token` replaces the photo in further searches; None for a search by an item. If `rerank`
    names a re-ranking, it determines the order, and scores need not descend. `include` is the
    requested form of embeddings, `explain` of explanations. `regions` are those that were proposed
    or that neighbors match; None if nobody asked for them.
    `next_cursor` leads to the next neighbors; None if there are none. `left_out` counts what
    `min_score` or `min_alike` left out of the nearest k; None without either.
    `alike_unknown_because` names what is in the way of knowing how alike neighbors are (a key of
    `vote.likeness.ALIKE_UNKNOWN`); None if it is known.
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
    explain: str | None = None
    regions: tuple[Region, ...] | None = None
    next_cursor: str | None = None
    left_out: int | None = None
    plain: Vectors | None = field(default=None, repr=False, compare=False)
    alike_unknown_because: str | None = None
