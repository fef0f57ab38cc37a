"""`Finder`: the neighbors of subjects, many at a time; one photo is a batch of one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.encoders.base import Encoder
from search_engine.encoders.union import weighted_query
from search_engine.errors import ParameterError
from search_engine.indexes.live import Snapshot
from search_engine.indexes.patches import Patches
from search_engine.indexes.selection import KeySet
from search_engine.records import Keys, Neighbor, Region, SearchResult, Vectors
from search_engine.search.candidates import Timings, nearest, timed, with_total
from search_engine.search.copies import Copies, copies_of
from search_engine.search.description import Description, describe, of_subject
from search_engine.search.explaining import Explainer
from search_engine.search.fitting import check_fit
from search_engine.search.folding import Folding
from search_engine.search.options import SearchOptions
from search_engine.search.pages import Page, Place, place_of
from search_engine.search.preferences import Preferences, preferred_count
from search_engine.search.presenting import Presenter, damages, marked, with_patches, with_regions
from search_engine.search.rerank.base import Scores
from search_engine.search.rerank.learned import LEARNED, LearnedOrdering, Rerankers
from search_engine.search.rerank.pictures import AskedPictures, ItemFeatures
from search_engine.search.rerank.registry import method_named
from search_engine.search.scope import Scope
from search_engine.search.shaping import Ordering, Reranking, Shaping, first_count, with_parts
from search_engine.search.subject import Subject

PRODUCT = "product_id"
PATCHES_UNUSED = "patches_unused: `{}` is about whole pictures, so that no crops were compared with"
MOST_GROUPED = 10_000
"""So many of the items that words and colours describe are looked at for their groups at most."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found for one subject, and what to know of it."""

    neighbors: tuple[Neighbor, ...] = ()
    warnings: tuple[str, ...] = ()
    next_cursor: str | None = None
    regions: tuple[Region, ...] | None = None
    left_out: int | None = None


@dataclass(frozen=True, slots=True)
class _Search:
    """What searches of a batch have in common: one state of the index, under one filter."""

    live: LiveCollection
    snapshot: Snapshot
    options: SearchOptions
    as_shown: bool
    timings: Timings
    within: KeySet | None
    description: Description | None
    patches: Patches | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a subject is looked for: `scope` has the `copies` of its photo, `beside` has not."""

    subject: Subject
    query: Vectors
    page: Place | None
    scope: Scope
    copies: Copies

    @property
    def beside(self) -> Scope:
        return self.scope.beside([key for key, _ in self.copies])


class Finder:
    """Finds what looks like subjects in collections of one catalog. For several threads."""

    def __init__(self, catalog: Catalog, item_features: ItemFeatures, explainer: Explainer) -> None:
        self._catalog = catalog
        self.item_features = item_features
        self._explainer = explainer
        self._rerankers = Rerankers(catalog)
        self._presenter = Presenter(catalog)

    def check(self, live: LiveCollection, options: SearchOptions) -> None:
        """Refuse options that a collection cannot obey; see `fitting.check_fit`."""
        check_fit(self._catalog, self._rerankers, live, options)

    def find(
        self,
        live: LiveCollection,
        encoder: Encoder | None,
        subjects: Sequence[Subject],
        options: SearchOptions,
        as_shown: bool = False,
    ) -> list[SearchResult]:
        """The neighbors of each subject, under the same options, in one state of the index.

        Times of a batch are its subjects' equal shares.

        Args:
            live: Where to search.
            encoder: What the subjects are embedded by; only weights and explanations need it.
            subjects: What is asked with.
            options: How; `check` has found that they fit.
            as_shown: Whether copies of photos come first, and neighbors of groups tell the views of
                theirs; not where neighbors vote.

        Raises:
            ParameterError: The encoder has no parts to weigh.
        """
        if not subjects:
            return []
        timings: dict[str, float] = {}
        queries = _queries(subjects, encoder, options)
        snapshot = live.snapshot()
        found = [_Found()] * len(subjects)
        if snapshot is not None:
            search = self._search(live, snapshot, options, as_shown, timings)
            found = self._found(search, subjects, queries)
            if options.explain is not None:
                assert encoder is not None
                with timed(timings, "explain"):
                    found = [
                        self._explained(encoder, snapshot, *each)
                        for each in zip(subjects, found, strict=True)
                    ]
        shares = {name: ms / len(subjects) for name, ms in timings.items()}
        return [
            _result(live, snapshot, subject, each, options, shares)
            for subject, each in zip(subjects, found, strict=True)
        ]

    def described(
        self, live: LiveCollection, options: SearchOptions, with_views: bool = False
    ) -> SearchResult:
        """The items that words and colours alone describe, best first.

        Raises:
            ParameterError: There is no word in the text.
        """
        timings: dict[str, float] = {}
        snapshot = live.snapshot()
        found: tuple[Neighbor, ...] = ()
        warnings: tuple[str, ...] = ()
        if snapshot is not None:
            within, warnings = _within(live, options, timings)
            scope = Scope(snapshot, within)
            found, more = self._described(live, scope, options, with_views, timings)
            warnings = (*warnings, *more)
        return SearchResult(
            neighbors=found,
            vector=np.empty((0, live.record.dimension or 0), dtype=np.float32),
            timings_ms=with_total(timings),
            encoder=live.record.fingerprint or "",
            generation=snapshot.generation if snapshot else None,
            warnings=(*warnings, *damages(found)),
            include=options.include,
        )

    def _described(
        self,
        live: LiveCollection,
        scope: Scope,
        options: SearchOptions,
        with_views: bool,
        timings: Timings,
    ) -> tuple[tuple[Neighbor, ...], tuple[str, ...]]:
        """What words and colours describe in a scope, and what to know of it."""
        by, presenter = options.group_by, self._presenter
        most = options.k if by is None else MOST_GROUPED
        with timed(timings, "search"):
            description = describe(self._catalog, live, options, most, scope.within)
            keys, scores = description.ranked(most)
        with timed(timings, "catalog"):
            hits = [*zip(keys.tolist(), scores.tolist(), strict=True)]
            if by is not None:
                hits = presenter.firsts(hits, by)
            (found,) = presenter.neighbors(live, [hits[: options.k]], options, clip=math.inf)
            if with_views:
                found = presenter.with_views(live, scope, None, found, by)
        return found, description.warnings

    def _search(
        self,
        live: LiveCollection,
        snapshot: Snapshot,
        options: SearchOptions,
        as_shown: bool,
        timings: Timings,
    ) -> _Search:
        """The filter's keys and the description, if there are any, for all subjects alike."""
        within, warnings = _within(live, options, timings)
        description: Description | None = None
        if options.describes or options.parts:
            with timed(timings, "search"):
                most = preferred_count(options)
                description = describe(self._catalog, live, options, most, within)
                warnings = (*warnings, *description.warnings)
        patches = live.patches.state() if as_shown and live.patches is not None else None
        if patches is not None and options.compares_wholes is not None:
            patches, warnings = None, (*warnings, PATCHES_UNUSED.format(options.compares_wholes))
        return _Search(
            live, snapshot, options, as_shown, timings, within, description, patches, warnings
        )

    def _found(
        self, search: _Search, subjects: Sequence[Subject], queries: Vectors
    ) -> list[_Found]:
        """What is found for each subject; `queries` (Q, D) are their embeddings as weighed."""
        with timed(search.timings, "search"):
            places = self._places(search, subjects, queries)
            rows = _first_hits(places, queries, search.options)
        shapings = [self._shaping(search, *each) for each in zip(places, rows, strict=True)]
        found = [each.shape() for each in shapings]
        with timed(search.timings, "catalog"):
            neighbors = self._shown(search, places, shapings, found)
        pages = [
            Page.of(
                search.live.record, place.subject, place.page, hits, place.copies, search.options
            )
            for place, hits in zip(places, found, strict=True)
        ]
        return [
            _Found(
                each,
                (*search.warnings, *shaping.all_warnings, *page.warnings, *damages(each)),
                page.cursor,
                left_out=shaping.left_out,
            )
            for each, shaping, page in zip(neighbors, shapings, pages, strict=True)
        ]

    def _places(
        self, search: _Search, subjects: Sequence[Subject], queries: Vectors
    ) -> list[_Place]:
        live, options = search.live, search.options
        shows_copies = search.as_shown and options.rerank is None and search.description is None
        found = []
        for number, one in enumerate(subjects):
            page, query = place_of(live.record, one, options), queries[number : number + 1]
            left_out = self._left_out(live, one)
            scope = Scope(search.snapshot, search.within, left_out, search.patches)
            copies: Copies = []
            if shows_copies and one.picture_hash:
                hashes, least = live.hashes(search.snapshot.seq), options.min_copy_score
                least = options.min_score if least is None else least
                copies = copies_of(hashes, scope, one.picture_hash, query, least)
            found.append(_Place(one, query, page, scope, copies))
        return found

    def _shaping(self, search: _Search, place: _Place, first: tuple[Keys, Scores]) -> Shaping:
        live, options, subject = search.live, search.options, place.subject
        folding = None
        if options.fold:
            folding = Folding(self._catalog, live.hashes(search.snapshot.seq), place.scope)
        return Shaping(
            self._catalog,
            live.record,
            place.beside,
            place.query,
            options,
            first,
            search.timings,
            self._ordering(search, subject),
            place.page,
            subject.windows,
            subject.cost,
            place.copies,
            folding,
        )

    def _shown(
        self,
        search: _Search,
        places: Sequence[_Place],
        shapings: Sequence[Shaping],
        found: Sequence[Sequence[tuple[int, float]]],
    ) -> list[tuple[Neighbor, ...]]:
        """The first k that were found for each, as they are shown."""
        live, options = search.live, search.options
        rows = [each[: options.k] for each in found]
        neighbors = [
            with_patches(place.scope, place.query, place.subject, marked(each, place.copies))
            for each, place in zip(
                self._presenter.neighbors(live, rows, options), places, strict=True
            )
        ]
        if not search.as_shown:
            return neighbors
        return [
            self._presenter.with_views(live, place.scope, shaping.folding, each, options.group_by)
            for each, place, shaping in zip(neighbors, places, shapings, strict=True)
        ]

    def _left_out(self, live: LiveCollection, subject: Subject) -> tuple[int, ...]:
        """Keys of the items that are asked with; beside examples, of their products' other views.

        Who likes a product, or has it in a basket, knows it: something else is looked for.
        """
        if subject.mix is None or not subject.keys:
            return subject.keys
        groups = self._catalog.groups_of(subject.keys, PRODUCT).values()
        products = {each for each in groups if each[0] != "none"}
        views = self._catalog.keys_in_groups(live.record, PRODUCT, products)
        return tuple({*subject.keys, *views.tolist()})

    def _explained(
        self, encoder: Encoder, snapshot: Snapshot, subject: Subject, found: _Found
    ) -> _Found:
        keys = np.array([each.item.key for each in found.neighbors], dtype=np.int64)
        vectors = dict(zip(keys.tolist(), snapshot.vectors(keys), strict=True))
        neighbors, warnings = self._explainer.explain(encoder, subject, found.neighbors, vectors)
        return replace(found, neighbors=neighbors, warnings=(*found.warnings, *warnings))

    def _ordering(self, search: _Search, subject: Subject) -> Ordering | None:
        options = search.options
        if options.mix is not None and subject.mix is None:
            raise ParameterError(
                "there are no examples to mix",
                where="mix",
                fix="give `like` or `unlike`, or leave it out",
            )
        if options.ordered_by is None:
            return None
        if options.rerank is None:
            description = search.description
            if description is not None:
                description = of_subject(description, search.live, subject, options)
            return Preferences(self._catalog, options, subject.mix, description)
        if options.rerank == LEARNED:
            return LearnedOrdering(self._catalog, self._rerankers.of(search.live.record), subject)
        pictures = AskedPictures(subject.features, self.item_features.of)
        return Reranking(method_named(options.rerank), pictures)


def _within(
    live: LiveCollection, options: SearchOptions, timings: Timings
) -> tuple[KeySet | None, tuple[str, ...]]:
    """The keys that fulfil the filter, if there is one, and what to know of it."""
    if options.filter is None:
        return None, ()
    with timed(timings, "filter"):
        return live.matching(options.filter), live.fitted(options.filter).warnings


def _queries(
    subjects: Sequence[Subject], encoder: Encoder | None, options: SearchOptions
) -> Vectors:
    """The embeddings (Q, D) with their parts as they are weighed."""
    queries = np.concatenate([one.vector for one in subjects])
    if options.weights is None:
        return queries
    assert encoder is not None
    return weighted_query(encoder, queries, options.weights)


def _first_hits(
    places: Sequence[_Place], queries: Vectors, options: SearchOptions
) -> list[tuple[Keys, Scores]]:
    """The nearest of each place beside copies, by whole pictures or parts of them."""
    count = first_count(options, max(each.page.shown if each.page else 0 for each in places))
    scopes = [each.beside for each in places]
    return [
        with_parts(scope, place.query, hits, place.subject.windows, place.subject.cost, count)
        for scope, hits, place in zip(scopes, nearest(scopes, queries, count), places, strict=True)
    ]


def _result(
    live: LiveCollection,
    snapshot: Snapshot | None,
    subject: Subject,
    found: _Found,
    options: SearchOptions,
    timings: dict[str, float],
) -> SearchResult:
    neighbors, regions = with_regions(snapshot, subject, found.neighbors)
    return SearchResult(
        neighbors=neighbors,
        vector=subject.vector,
        plain=subject.plain,
        timings_ms=with_total({**subject.timings_ms, **timings}),
        encoder=live.record.fingerprint or "",
        generation=snapshot.generation if snapshot else None,
        warnings=(*subject.warnings, *found.warnings),
        query_token=subject.token,
        rerank=options.rerank,
        include=options.include,
        explain=options.explain,
        regions=regions,
        next_cursor=found.next_cursor,
        left_out=found.left_out,
    )
