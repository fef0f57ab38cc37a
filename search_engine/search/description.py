"""Words, colours and shapes that describe what is wanted: rankings of items by them, and how these
join the one by likeness."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from search_engine.catalog.store import Catalog
from search_engine.catalog.words import WordHits, find_words
from search_engine.collections.live import LiveCollection
from search_engine.errors import ParameterError
from search_engine.images.palette import swatches
from search_engine.indexes.selection import KeySet
from search_engine.records import Floats, Keys
from search_engine.search.colors import SAME
from search_engine.search.options import SearchOptions
from search_engine.search.parts import SHAPE
from search_engine.search.subject import Subject

DEFAULT_WEIGHT = 0.5
"""Of colours beside a picture."""
LEAST_MATCH = 0.05
"""A picture of which less has the colours that are asked for is not found by them."""
RANK_CONSTANT = 60
"""Of reciprocal rank fusion, as its authors chose it."""
NO_COLORS = "colors_missing"
SOME_WORDS = "some_words"


@dataclass(frozen=True, slots=True)
class ColorHits:
    """Keys (N,) of the items whose colours (or shapes) are known, ascending, and how much of what
    is asked for each has, (N,), 0 to 1."""

    keys: Keys
    matches: Floats

    def of(self, keys: Keys) -> Floats:
        """How much of the colours some items have, (C,); 0 where it is unknown."""
        if not len(self.keys):
            return np.zeros(len(keys))
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, self.matches[places], 0.0)

    def best(self, most: int, within: KeySet | None) -> tuple[Keys, Floats]:
        """The items that have most of the colours, best first, equal ones by key."""
        good = self.matches >= LEAST_MATCH
        if within is not None:
            good &= within.contains(self.keys)
        keys, matches = self.keys[good], self.matches[good]
        if len(keys) > most:
            limit = np.partition(matches, len(matches) - most)[len(matches) - most]
            keys, matches = keys[matches >= limit], matches[matches >= limit]
        order = np.lexsort((keys, -matches))[:most]
        return keys[order], matches[order]


@dataclass(frozen=True, slots=True)
class Description:
    """What the words and colours of a search find; either may not be asked for.

    `parts` are what else counts, each with its share, beside the embedding.
    """

    words: WordHits | None = None
    colors: ColorHits | None = None
    color_weight: float = 0.0
    within: KeySet | None = None
    warnings: tuple[str, ...] = ()
    parts: tuple[tuple[ColorHits, float], ...] = ()

    def candidates(self, most: int) -> Keys:
        """Keys of the best by words and by colours, ascending."""
        found = [] if self.words is None else [self.words.keys[:most]]
        if self.colors is not None:
            found.append(self.colors.best(most, self.within)[0])
        found += [hits.best(most, self.within)[0] for hits, _ in self.parts]
        return np.unique(np.concatenate(found))

    def relevance(self, keys: Keys, relevance: Floats, most: int) -> Floats:
        """Relevance of candidates (C,) with what words and colours say of them.

        Each of the rankings that words join has `most` items at most.
        """
        rest = 1 - sum(share for _, share in self.parts)
        relevance = rest * relevance + sum(share * hits.of(keys) for hits, share in self.parts)
        if self.colors is not None:
            share = self.color_weight
            relevance = (1 - share) * relevance + share * self.colors.of(keys)
        if self.words is None:
            return relevance
        by_likeness = keys[np.lexsort((keys, -relevance))]
        return fused(keys, [by_likeness[:most], self.words.keys[:most]])

    def ranked(self, most: int) -> tuple[Keys, Floats]:
        """The best items by words and colours alone, with their scores: the bm25 of words, or how
        much of the colours; with both, the items that have the words by their colours."""
        if self.colors is None:
            assert self.words is not None
            return self.words.keys[:most], self.words.scores[:most]
        within = self.within if self.words is None else KeySet(self.words.keys)
        return self.colors.best(most, within)


def describe(
    catalog: Catalog, live: LiveCollection, options: SearchOptions, most: int, within: KeySet | None
) -> Description:
    """What the words and colours of options find in a collection.

    Raises:
        ParameterError: There is no word in the text.
    """
    words, colors, warnings = None, None, []
    if options.q is not None:
        asked, among = options.q, None if within is None else within.keys
        words = catalog.ask(
            lambda connection: find_words(connection, live.record.id, asked, most, among)
        )
        if words.partial:
            warnings.append(f"{SOME_WORDS}: no item has all of these words; these have some")
    if options.color is not None:
        known = live.palettes()
        if options.color != SAME:
            colors = ColorHits(known.keys, known.table.match(options.color))
    if options.color is not None or options.parts:
        has_shapes = SHAPE in (options.parts or {})
        known_keys = live.shapes().keys if has_shapes else live.palettes().keys
        unknown = catalog.count(live.record) - len(known_keys)
        if unknown > 0:
            what = "shapes" if has_shapes else "colours"
            warnings.append(
                f"{NO_COLORS}: the {what} of {unknown:,} items are unknown; `eyedex colors` finds "
                "them"
            )
    weight = DEFAULT_WEIGHT if options.color_weight is None else options.color_weight
    return Description(words, colors, weight, within, tuple(warnings))


def of_subject(
    description: Description, live: LiveCollection, subject: Subject, options: SearchOptions
) -> Description:
    """The description with the colours and parts of what is asked with, if these are wanted.

    Raises:
        ParameterError: It has no picture.
    """
    if options.color == SAME:
        description = replace(description, colors=_same_colors(live, subject))
    parts = (
        (_same_shape(live, subject) if name == SHAPE else _same_colors(live, subject), share)
        for name, share in (options.parts or {}).items()
    )
    return replace(description, parts=tuple(parts))


def _same_colors(live: LiveCollection, subject: Subject) -> ColorHits:
    known = live.palettes()
    wanted = {each.hex: each.share for each in swatches(subject.colors())}
    return ColorHits(known.keys, known.table.match(wanted))


def _same_shape(live: LiveCollection, subject: Subject) -> ColorHits:
    known = live.shapes()
    return ColorHits(known.keys, known.table.match(subject.shape()))


def fused(keys: Keys, rankings: Sequence[Keys]) -> Floats:
    """Scores (C,) of keys by their ranks in some rankings, best first each; 1 is first in all.

    Reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009.
    """
    order = np.argsort(keys, kind="stable")
    found = np.zeros(len(keys))
    for ranking in rankings:
        places = order[np.minimum(np.searchsorted(keys, ranking, sorter=order), len(keys) - 1)]
        inside = keys[places] == ranking
        found[places[inside]] += 1 / (RANK_CONSTANT + 1 + np.flatnonzero(inside))
    return found * (RANK_CONSTANT + 1) / len(rankings)


def check_described(options: SearchOptions) -> None:
    """Refuse what words and colours without a picture have no use for.

    Raises:
        ParameterError: It names the first such option.
    """
    if options.color == SAME:
        raise ParameterError(
            "there is no picture whose colours could be the same",
            where="color",
            fix="name a colour, or ask with a picture too",
        )
    name = options.of_likeness
    if name is not None:
        raise ParameterError(
            "there is no picture that results could be like",
            where=name,
            fix=f"leave out `{name}`, or ask with a picture too",
        )
