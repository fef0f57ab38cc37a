"""`Finder`: the neighbors of subjects, many at a time; one photo is a batch of one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from search_engine.catalog.collection_rows import require_sound_collection
from search_engine.catalog.damaged import damage_of
from search_engine.catalog.fields import check_field
from search_engine.catalog.groups import Group
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.encoders.base import Encoder
from search_engine.encoders.union import weighted_query
from search_engine.errors import ParameterError
from search_engine.indexes.live import Snapshot
from search_engine.indexes.selection import KeySet
from search_engine.records import Neighbor, Region, SearchResult, Vectors
from search_engine.search.boosts import check_boosted_fields
from search_engine.search.candidates import nearest, timed
from search_engine.search.copies import Copies, copies_of
from search_engine.search.declared import PALETTE
from search_engine.search.description import Description, describe, of_subject
from search_engine.search.explaining import Explainer, check_explained
from search_engine.search.folding import Folding
from search_engine.search.mixes import BEST
from search_engine.search.options import SearchOptions, check_choice
from search_engine.search.pages import Page, place_of
from search_engine.search.preferences import Preferences, preferred_count
from search_engine.search.regions import matched
from search_engine.search.rerank.learned import LEARNED, LearnedOrdering, Rerankers
from search_engine.search.rerank.pictures import AskedPictures, ItemFeatures
from search_engine.search.rerank.registry import method_named
from search_engine.search.scope import Scope
from search_engine.search.shaping import (
    Ordering,
    Reranking,
    Shaping,
    first_count,
    with_windows,
)
from search_engine.search.subject import Subject
from search_engine.search.views import group_views

PRODUCT = "product_id"


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found for one subject, and what to know of it."""

    neighbors: tuple[Neighbor, ...] = ()
    warnings: tuple[str, ...] = ()
    next_cursor: str | None = None
    regions: tuple[Region, ...] | None = None
    left_out: int | None = None


class Finder:
    """Finds what looks like subjects in collections of one catalog. For several threads."""

    def __init__(self, catalog: Catalog, item_features: ItemFeatures, explainer: Explainer) -> None:
        self._catalog = catalog
        self.item_features = item_features
        self._explainer = explainer
        self._rerankers = Rerankers(catalog)

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
            found = self._found(live, snapshot, subjects, queries, options, timings, as_shown)
            if options.explain is not None:
                assert encoder is not None
                with timed(timings, "explain"):
                    found = [
                        self._explained(encoder, snapshot, *each)
                        for each in zip(subjects, found, strict=True)
                    ]
        found = [_with_regions(snapshot, *each) for each in zip(subjects, found, strict=True)]
        shares = {name: ms / len(subjects) for name, ms in timings.items()}
        return [
            SearchResult(
                neighbors=each.neighbors,
                vector=subject.vector,
                plain=subject.plain,
                timings_ms=_with_total({**subject.timings_ms, **shares}),
                encoder=live.record.fingerprint or "",
                generation=snapshot.generation if snapshot else None,
                warnings=(*subject.warnings, *each.warnings),
                query_token=subject.token,
                rerank=options.rerank,
                include=options.include,
                explain=options.explain,
                regions=each.regions,
                next_cursor=each.next_cursor,
                left_out=each.left_out,
            )
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
        snapshot, most = live.snapshot(), options.k
        found: tuple[Neighbor, ...] = ()
        warnings: tuple[str, ...] = ()
        if snapshot is not None:
            if options.group_by is not None:
                most = MOST_GROUPED
            within, warnings = self._within(live, options, timings)
            with timed(timings, "search"):
                description = describe(self._catalog, live, options, most, within)
                keys, scores = description.ranked(most)
            warnings = (*warnings, *description.warnings)
            with timed(timings, "catalog"):
                hits = [*zip(keys.tolist(), scores.tolist(), strict=True)]
                if options.group_by is not None:
                    hits = self._firsts(hits, options.group_by)
                (found,) = self._neighbors(live, [hits[: options.k]], options, clip=math.inf)
                if with_views and options.group_by is not None:
                    scope = Scope(snapshot, within)
                    found = self._with_views(live, scope, None, found, options.group_by)
        return SearchResult(
            neighbors=found,
            vector=np.empty((0, live.record.dimension or 0), dtype=np.float32),
            timings_ms=_with_total(timings),
            encoder=live.record.fingerprint or "",
            generation=snapshot.generation if snapshot else None,
            warnings=(*warnings, *_damages(found)),
            include=options.include,
        )

    def _firsts(self, hits: Sequence[tuple[int, float]], by: str) -> list[tuple[int, float]]:
        """The first hit of each group."""
        groups = self._catalog.groups_of([key for key, _ in hits], by)
        firsts: dict[Group, tuple[int, float]] = {}
        for key, score in hits:
            if key in groups:
                firsts.setdefault(groups[key], (key, score))
        return list(firsts.values())

    def check(self, live: LiveCollection, options: SearchOptions) -> None:
        """Refuse options that a collection cannot obey, before any work is done.

        A filter is fitted where it is used, as that takes its time.

        Raises:
            ParameterError: There is no such field or re-ranking, options exclude each other, or so
                many neighbors are not explained.
            MissingExtraError: The re-ranking needs OpenCV.
            DamagedRecordError: What the catalog says of the collection is damaged.
        """
        require_sound_collection(live.record)
        if options.mix is not None:
            check_choice(options.mix, "mix")
        if options.rerank is not None:
            _check_alone(
                "rerank", options, ("weights", "boost", "diversity", "q", "color", "parts")
            )
            if options.rerank == LEARNED:
                self._rerankers.of(live.record)
            else:
                method_named(options.rerank).check_extra()
        if options.color_weight is not None and options.color is None:
            raise ParameterError(
                "there are no colours to weigh", where="color_weight", fix="give color, or leave it"
            )
        if options.mix == BEST:
            _check_alone("mix", options, ("weights", "rerank"))
        if options.boost:
            check_boosted_fields(self._catalog, live.record, tuple(options.boost))
        if options.include is not None:
            check_choice(options.include, "include")
        if options.explain is not None:
            check_choice(options.explain, "explain")
            check_explained(options.k)
        if options.fold and options.group_by is not None:
            raise ParameterError(
                "groups are shown by one neighbor each", where="fold", fix="leave out one of both"
            )
        if options.group_by is not None:
            check_field(self._catalog, live.record, options.group_by, "group_by")

    def _found(
        self,
        live: LiveCollection,
        snapshot: Snapshot,
        subjects: Sequence[Subject],
        queries: Vectors,
        options: SearchOptions,
        timings: dict[str, float],
        as_shown: bool,
    ) -> list[_Found]:
        """What is found for each subject; `queries` (Q, D) are their embeddings as weighed."""
        within, warnings = self._within(live, options, timings)
        description: Description | None = None
        if options.describes or options.parts:
            with timed(timings, "search"):
                most = preferred_count(options)
                description = describe(self._catalog, live, options, most, within)
                warnings = (*warnings, *description.warnings)
        scopes = [Scope(snapshot, within, self._left_out(live, one)) for one in subjects]
        places = [place_of(live.record, one, options) for one in subjects]
        copies: list[Copies] = [[] for _ in subjects]
        with timed(timings, "search"):
            if as_shown and options.rerank is None and description is None:
                copies = _copies(live, scopes, subjects, queries, options)
            others = [
                scope.beside([key for key, _ in each])
                for scope, each in zip(scopes, copies, strict=True)
            ]
            count = first_count(options, max(place.shown if place else 0 for place in places))
            rows = [
                with_windows(scope, hits, one.windows, one.cost, count)
                for scope, hits, one in zip(
                    others, nearest(others, queries, count), subjects, strict=True
                )
            ]
        foldings = [
            Folding(self._catalog, live.hashes(snapshot.seq), each) if options.fold else None
            for each in scopes
        ]
        shapings = [
            Shaping(
                self._catalog,
                live.record,
                scope,
                queries[number : number + 1],
                options,
                rows[number],
                timings,
                self._ordering(
                    live,
                    subjects[number],
                    options,
                    description and of_subject(description, live, subjects[number], options),
                ),
                places[number],
                subjects[number].windows,
                subjects[number].cost,
                copies[number],
                foldings[number],
            )
            for number, scope in enumerate(others)
        ]
        found = [each.shape() for each in shapings]
        with timed(timings, "catalog"):
            neighbors = self._neighbors(live, [each[: options.k] for each in found], options)
            neighbors = [_marked(*each) for each in zip(neighbors, copies, strict=True)]
            if as_shown and (options.group_by is not None or options.fold):
                neighbors = [
                    self._with_views(live, scope, folding, each, options.group_by)
                    for scope, folding, each in zip(scopes, foldings, neighbors, strict=True)
                ]
        pages = [
            Page.of(live.record, *each, options)
            for each in zip(subjects, places, found, copies, strict=True)
        ]
        return [
            _Found(
                each,
                (*warnings, *shaping.all_warnings, *page.warnings, *_damages(each)),
                page.cursor,
                left_out=shaping.left_out,
            )
            for each, shaping, page in zip(neighbors, shapings, pages, strict=True)
        ]

    def _within(
        self, live: LiveCollection, options: SearchOptions, timings: dict[str, float]
    ) -> tuple[KeySet | None, tuple[str, ...]]:
        """The keys that fulfil the filter, if there is one, and what to know of it."""
        if options.filter is None:
            return None, ()
        with timed(timings, "filter"):
            return live.matching(options.filter), live.fitted(options.filter).warnings

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

    def _neighbors(
        self,
        live: LiveCollection,
        rows: Sequence[Sequence[tuple[int, float]]],
        options: SearchOptions,
        clip: float = 1.0,
    ) -> list[tuple[Neighbor, ...]]:
        """Keys and scores with their items; one removed since the snapshot is left out."""
        keys = list(dict.fromkeys(key for row in rows for key, _ in row))
        items = self._catalog.by_keys(keys)
        vectors: Mapping[int, NDArray[np.float32]] = {}
        palettes: Mapping[int, bytes] = {}
        if options.include == PALETTE:
            palettes = self._catalog.palettes(keys)
        elif options.include is not None:
            vectors = self._catalog.vectors(live.record, keys)
        return [
            tuple(  # float16 rounding may exceed 1
                Neighbor(items[key], min(clip, score), vectors.get(key), palette=palettes.get(key))
                for key, score in row
                if key in items
            )
            for row in rows
        ]

    def _with_views(
        self,
        live: LiveCollection,
        scope: Scope,
        folding: Folding | None,
        neighbors: Sequence[Neighbor],
        by: str | None,
    ) -> tuple[Neighbor, ...]:
        keys = [each.item.key for each in neighbors]
        if folding is not None:
            views = folding.views(keys)
        else:
            assert by is not None
            views = group_views(self._catalog, live.record, scope, keys, by)
        return tuple(replace(each, views=views.get(each.item.key)) for each in neighbors)

    def _explained(
        self, encoder: Encoder, snapshot: Snapshot, subject: Subject, found: _Found
    ) -> _Found:
        keys = np.array([each.item.key for each in found.neighbors], dtype=np.int64)
        vectors = dict(zip(keys.tolist(), snapshot.vectors(keys), strict=True))
        neighbors, warnings = self._explainer.explain(encoder, subject, found.neighbors, vectors)
        return replace(found, neighbors=neighbors, warnings=(*found.warnings, *warnings))

    def _ordering(
        self,
        live: LiveCollection,
        subject: Subject,
        options: SearchOptions,
        description: Description | None,
    ) -> Ordering | None:
        if options.mix is not None and subject.mix is None:
            raise ParameterError(
                "there are no examples to mix", where="mix", fix="give like or unlike, or leave it"
            )
        if options.ordered_by is None:
            return None
        if options.rerank is None:
            return Preferences(self._catalog, options, subject.mix, description)
        if options.rerank == LEARNED:
            return LearnedOrdering(self._catalog, self._rerankers.of(live.record), subject)
        pictures = AskedPictures(subject.features, self.item_features.of)
        return Reranking(method_named(options.rerank), pictures)


MOST_GROUPED = 10_000
"""So many of the items that words and colours describe are looked at for their groups at most."""
_WHY_ALONE = {
    "rerank": "re-ranking compares embeddings as they are stored, and has an order of its own",
    "mix": "the best example is found by embeddings as they are stored",
}


def _check_alone(name: str, options: SearchOptions, others: Sequence[str]) -> None:
    """Refuse options beside one that they do not go with."""
    for other in others:
        if getattr(options, other):
            raise ParameterError(
                _WHY_ALONE[name], where=name, fix=f"leave out the {other}, or {name}"
            )


def _queries(
    subjects: Sequence[Subject], encoder: Encoder | None, options: SearchOptions
) -> Vectors:
    """The embeddings (Q, D) with their parts as they are weighed."""
    queries = np.concatenate([one.vector for one in subjects])
    if options.weights is None:
        return queries
    assert encoder is not None
    return weighted_query(encoder, queries, options.weights)


def _copies(
    live: LiveCollection,
    scopes: Sequence[Scope],
    subjects: Sequence[Subject],
    queries: Vectors,
    options: SearchOptions,
) -> list[Copies]:
    """The copies of each subject's photo, if it has one, in its scope."""
    if not any(one.picture_hash for one in subjects):
        return [[] for _ in subjects]
    hashes = live.hashes(scopes[0].snapshot.seq)
    return [
        copies_of(hashes, scope, one.picture_hash, query[None], options.min_score)
        for scope, one, query in zip(scopes, subjects, queries, strict=True)
    ]


def _with_regions(snapshot: Snapshot | None, subject: Subject, found: _Found) -> _Found:
    """What was found with its regions: those that were proposed, or those that neighbors match."""
    if subject.windows is None or subject.regions is None or snapshot is None:
        return replace(found, regions=subject.regions)
    keys = np.array([each.item.key for each in found.neighbors], dtype=np.int64)
    stored = snapshot.vectors(keys)
    windows = matched(found.neighbors, stored, subject.vector, subject.windows)
    used = list(dict.fromkeys(each for each in windows if each is not None))
    neighbors = tuple(
        one if window is None else replace(one, region=used.index(window))
        for one, window in zip(found.neighbors, windows, strict=True)
    )
    regions = tuple(subject.regions[window] for window in used)
    return replace(found, neighbors=neighbors, regions=regions)


def _marked(neighbors: Sequence[Neighbor], copies: Copies) -> tuple[Neighbor, ...]:
    if not copies:
        return tuple(neighbors)
    keys = {key for key, _ in copies}
    return tuple(replace(each, same_picture=each.item.key in keys) for each in neighbors)


def _damages(neighbors: Sequence[Neighbor]) -> tuple[str, ...]:
    found = filter(None, (damage_of(one.item) for one in neighbors))
    return tuple(f"damaged_item: {each}" for each in found)


def _with_total(timings: dict[str, float]) -> dict[str, float]:
    """Milliseconds by stage, rounded, and their sum."""
    rounded = {name: round(ms, 3) for name, ms in timings.items()}
    return {**rounded, "total": round(sum(timings.values()), 3)}
