"""Preferences: the best candidates in the order that somebody wants beside likeness.

The best example decides first, then boosts, colours, words, and diversity. Scores stay the cosines
to the query, as with a re-ranking, and like there a bounded number of candidates is put in order,
so that there are no pages behind.
"""

from dataclasses import dataclass

import numpy as np

from search_engine.catalog.store import Catalog
from search_engine.indexes.scoring import cosines
from search_engine.records import Codes, Floats, Keys, Vectors
from search_engine.search.boosts import boosted
from search_engine.search.candidates import DECIMALS, reaching
from search_engine.search.description import Description
from search_engine.search.diversity import diverse
from search_engine.search.mixes import BEST, Mix, best_scores, candidates
from search_engine.search.options import SearchOptions
from search_engine.search.rerank.base import Scores
from search_engine.search.scope import Scope

FACTOR, EXTRA = 5, 50
"""So many times k, and so many more, are put in order."""


def preferred_count(options: SearchOptions) -> int:
    """How many of the nearest items are put in order."""
    return FACTOR * options.k + EXTRA


@dataclass(frozen=True, slots=True)
class Preferences:
    """Puts candidates in the order that options ask for; `mix` is what is asked with, if it has
    examples, and `description` what words and colours find."""

    catalog: Catalog
    options: SearchOptions
    mix: Mix | None = None
    description: Description | None = None

    @property
    def count(self) -> int:
        """How many candidates it orders."""
        return preferred_count(self.options)

    def reorder(self, query: Vectors, keys: Keys, scores: Scores, scope: Scope) -> Keys:
        """Keys of candidates (C,), best first; those below the least score are left out."""
        by_example = self.mix if self.options.mix == BEST else None
        if by_example is not None:
            keys = candidates(by_example, scope)
            scores = cosines(query[0], scope.vectors(keys))
        if self.description is not None:
            keys, scores = self._with_described(query, keys, scores, scope)
        good = reaching(scores, self.options.min_score)
        keys, relevance = keys[good], scores[good].astype(np.float64)
        if by_example is not None:
            relevance = best_scores(by_example, scope.vectors(keys))
        if self.options.boost:
            relevance = relevance + boosted(self.catalog, keys.tolist(), self.options.boost)
        if self.description is not None:
            relevance = self.description.relevance(keys, relevance, self.count)
        keys, relevance = _falling(keys, relevance)
        return self._diverse(keys, relevance, scope) if self.options.diversity else keys

    def _with_described(
        self, query: Vectors, keys: Keys, scores: Scores, scope: Scope
    ) -> tuple[Keys, Scores]:
        """The candidates, and with them those that words and colours find."""
        assert self.description is not None
        others = np.setdiff1d(self.description.candidates(self.count), keys)
        others = others[scope.holds(others) & np.isin(others, scope.snapshot.keys())]
        found = cosines(query[0], scope.vectors(others))
        return np.concatenate([keys, others]), np.concatenate([scores, found])

    def _diverse(self, keys: Keys, relevance: Floats, scope: Scope) -> Keys:
        """The keys in a diverse order; of each group only the best, if there are groups."""
        if self.options.group_by is not None:
            firsts = self._firsts(keys, self.options.group_by)
            keys, relevance = keys[firsts], relevance[firsts]
        vectors = scope.vectors(keys)
        return keys[diverse(relevance, vectors, self.options.diversity or 0.0, self.options.k)]

    def _firsts(self, keys: Keys, by: str) -> Codes:
        """The places of the best of each group."""
        groups = self.catalog.groups_of(keys.tolist(), by)
        places = {groups.get(key): n for n, key in reversed(list(enumerate(keys.tolist())))}
        return np.array(sorted(places.values()), dtype=np.int64)


def _falling(keys: Keys, relevance: Floats) -> tuple[Keys, Floats]:
    order = np.argsort(-np.round(relevance, DECIMALS), kind="stable")
    return keys[order], relevance[order]
