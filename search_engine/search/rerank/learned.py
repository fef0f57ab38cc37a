"""The order that was learned from feedback: candidates by a weighted sum of their features."""

import base64
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.reranker_rows import reranker_in, reranker_version
from search_engine.catalog.store import Catalog
from search_engine.errors import EyedexError, ParameterError
from search_engine.records import Keys, Vectors
from search_engine.search.rerank.base import CANDIDATES, Scores, by_score
from search_engine.search.rerank.features import FEATURES, Asked, Metric, Seen, Voters, features
from search_engine.search.scope import Scope
from search_engine.search.subject import Subject

LEARNED = "learned"
_STORED = np.dtype("<f2")


@dataclass(frozen=True)
class Reranker:
    """What was learned: a weight for each feature, and what the features need.

    It holds for embeddings by the encoder of `fingerprint` only. `popularity` is by key; `facts`
    say what it was learned from, and how it was judged.
    """

    fingerprint: str
    weights: Mapping[str, float]
    metric: Metric | None = None
    popularity: Mapping[int, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "fingerprint": self.fingerprint,
            "weights": dict(self.weights),
            "metric": None if self.metric is None else [_packed(each) for each in self.metric],
            "popularity": {str(key): round(value, 4) for key, value in self.popularity.items()},
            "facts": dict(self.facts),
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Reranker":
        """From a JSON object as `stored` makes it.

        Raises:
            ValueError, KeyError, TypeError: It is none.
        """
        metric = None
        if stored["metric"] is not None:
            mean, matrix = (_unpacked(each) for each in stored["metric"])
            metric = Metric(mean, matrix.reshape(len(mean), -1))
        return cls(
            str(stored["fingerprint"]),
            {name: float(stored["weights"].get(name, 0.0)) for name in FEATURES},
            metric,
            {int(key): float(value) for key, value in stored["popularity"].items()},
            stored["facts"],
        )


class Rerankers:
    """The learned orders of collections, each read once and kept until another is in use."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._kept: dict[int, tuple[int, Reranker]] = {}

    def of(self, record: Collection) -> Reranker:
        """The order that was learned for a collection.

        Raises:
            ParameterError: There is none, or it is for another encoder.
        """
        found = self._current(record.id)
        if found is None:
            raise ParameterError(
                "no order was learned for this collection",
                where="rerank",
                fix="`eyedex rerank learn` learns one from feedback",
            )
        if found.fingerprint != record.fingerprint:
            raise ParameterError(
                "the order was learned for another encoder than the collection has now",
                where="rerank",
                fix="`eyedex rerank learn` learns one anew",
            )
        return found

    def _current(self, collection_id: int) -> Reranker | None:
        with self._catalog.read() as connection:
            version = reranker_version(connection, collection_id)
            if version is None:
                return None
            kept = self._kept.get(collection_id)
            if kept is None or kept[0] != version:
                stored = reranker_in(connection, collection_id)
                found = None if stored is None else readable(stored)
                if found is None:
                    return None
                kept = self._kept[collection_id] = (version, found)
        return kept[1]


def readable(stored: Mapping[str, Any]) -> Reranker | None:
    """The order that was stored; None if it cannot be read."""
    try:
        return Reranker.of(stored)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


@dataclass(frozen=True, slots=True)
class LearnedOrdering:
    """See `shaping.Ordering`."""

    catalog: Catalog
    reranker: Reranker
    subject: Subject

    @property
    def count(self) -> int:
        """See Ordering."""
        return CANDIDATES

    def reorder(self, query: Vectors, keys: Keys, scores: Scores, scope: Scope) -> Keys:
        """The candidates by what was learned; equal ones stay in their order."""
        weights = self.reranker.weights
        items = self.catalog.by_keys([*keys.tolist(), *self.subject.keys])
        own = self.subject.item_key
        palettes: Mapping[int, bytes] = {}
        palette = b""
        if weights["color"]:
            palettes = self.catalog.palettes(keys.tolist())
            with suppress(EyedexError):  # what is asked with has no picture
                palette = self.subject.colors()
        seen = Seen(keys, scores, scope.vectors(keys), items, palettes, self.reranker.popularity)
        asked = Asked(query, None if own is None else items.get(own), palette)
        found = features(asked, seen, Voters.of(keys, scores, items), self.reranker.metric)
        return by_score(keys, found @ np.array([weights[name] for name in FEATURES]))


def _packed(numbers: Any) -> str:
    return base64.b64encode(np.asarray(numbers, dtype=_STORED).tobytes()).decode()


def _unpacked(text: str) -> Any:
    return np.frombuffer(base64.b64decode(text), dtype=_STORED).astype(np.float32)
