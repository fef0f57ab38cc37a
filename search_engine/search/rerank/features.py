"""What is known of each candidate of a query, in numbers, for an order that is learned from them.

All of them are differences between candidates of one query: what is the same for all of them, or
unknown of the query, says nothing and changes no order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from search_engine.images.palette import PACKED_BYTES, swatches
from search_engine.images.palette_table import PaletteTable
from search_engine.records import CatalogItem, Floats, Keys, Vectors
from search_engine.search.rerank.base import Scores, unit

FEATURES = ("cosine", "metric", "label", "color", "attributes", "popularity")
"""Their names in order: the cosine of the embeddings; that in the learned metric; how far the
nearest other items have the candidate's label; how much of the query's colours it has; how many of
the query item's attributes; and how often it was chosen where it was shown."""

VOTERS = 20
TEMPERATURE = 0.05
"""The nearest items say what label is expected, each by its cosine."""


class Metric(NamedTuple):
    """A linear map of embeddings, after which cosines say more: mean (D,) and matrix (D, d)."""

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    def apply(self, vectors: Vectors) -> Vectors:
        """Unit rows (N, d) of embeddings (N, D)."""
        return unit(np.asarray((vectors - self.mean) @ self.matrix, dtype=np.float32))


class Voters(NamedTuple):
    """The nearest items of a query (V,): keys, labels and weights."""

    keys: Keys
    labels: list[str | None]
    weights: Floats

    @classmethod
    def of(cls, keys: Keys, scores: Scores, items: Mapping[int, CatalogItem]) -> "Voters":
        """The first of the candidates, best first."""
        keys, scores = keys[:VOTERS], scores[:VOTERS].astype(np.float64)
        labels = [items[key].label if key in items else None for key in keys.tolist()]
        weights = np.exp((scores - scores.max(initial=-1.0)) / TEMPERATURE)
        return cls(keys, labels, weights)


@dataclass(frozen=True)
class Asked:
    """What is asked with: its embedding (1, D), its item and its packed palette, if known."""

    vector: Vectors
    item: CatalogItem | None = None
    palette: bytes = b""


@dataclass(frozen=True)
class Seen:
    """Candidates (C,) with their cosines and embeddings (C, D), and what is known of them by key.

    `popularity` has a number for those items that were shown often enough to have one.
    """

    keys: Keys
    scores: Scores
    vectors: Vectors
    items: Mapping[int, CatalogItem]
    palettes: Mapping[int, bytes] = field(default_factory=dict)
    popularity: Mapping[int, float] = field(default_factory=dict)


def features(asked: Asked, seen: Seen, voters: Voters, metric: Metric | None) -> Floats:
    """The features of candidates, (C, F) in the order of `FEATURES`."""
    near = np.zeros(len(seen.keys))
    if metric is not None:
        near = (metric.apply(seen.vectors) @ metric.apply(asked.vector)[0]).astype(np.float64)
    columns = [
        seen.scores.astype(np.float64),
        near,
        _label_shares(seen, voters),
        _color_matches(asked, seen),
        _attributes_shared(asked, seen),
        np.array([seen.popularity.get(key, 0.0) for key in seen.keys.tolist()]),
    ]
    return np.stack(columns, axis=1)


def _label_shares(seen: Seen, voters: Voters) -> Floats:
    """Of each candidate, which share of the votes of the others its label has."""
    codes = {label: code for code, label in enumerate(dict.fromkeys(voters.labels))}
    votes = np.zeros(len(codes))
    np.add.at(votes, [codes[label] for label in voters.labels], voters.weights)
    own = dict(zip(voters.keys.tolist(), voters.weights.tolist(), strict=True))
    total = float(voters.weights.sum())
    found = np.zeros(len(seen.keys))
    for place, key in enumerate(seen.keys.tolist()):
        label = seen.items[key].label if key in seen.items else None
        weight = own.get(key, 0.0)
        if label in codes and label is not None and total > weight:
            found[place] = (votes[codes[label]] - weight) / (total - weight)
    return found


def _color_matches(asked: Asked, seen: Seen) -> Floats:
    wanted = {each.hex: each.share for each in swatches(asked.palette)} if asked.palette else {}
    if not wanted:
        return np.zeros(len(seen.keys))
    unknown = bytes(PACKED_BYTES)
    packed = b"".join(seen.palettes.get(key, unknown) for key in seen.keys.tolist())
    table = PaletteTable(np.frombuffer(packed, dtype=np.uint8).reshape(-1, PACKED_BYTES))
    return table.match(wanted)


def _attributes_shared(asked: Asked, seen: Seen) -> Floats:
    wanted = {} if asked.item is None else _values(asked.item)
    found = np.zeros(len(seen.keys))
    if wanted:
        for place, key in enumerate(seen.keys.tolist()):
            values = _values(seen.items[key]) if key in seen.items else {}
            found[place] = sum(values.get(name) == value for name, value in wanted.items())
    return found / max(1, len(wanted))


def _values(item: CatalogItem) -> dict[str, Any]:
    """Attributes that are texts or truths; equal numbers are mostly chance."""
    known = item.attributes
    return {name: value for name, value in known.items() if isinstance(value, str | bool)}
