"""`Finder`: the neighbors of subjects, many at a time; one photo is a batch of one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from search_engine.catalog.damaged import damage_of
from search_engine.catalog.fields import check_field
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
from search_engine.search.explaining import Explainer, check_explained
from search_engine.search.mixes import BEST
from search_engine.search.options import SearchOptions, check_choice
from search_engine.search.pages import Page, place_of
from search_engine.search.preferences import Preferences
from search_engine.search.regions import matched
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


class Finder:
    """Finds what looks like subjects in collections of one catalog. For several threads."""

    def __init__(self, catalog: Catalog, item_features: ItemFeatures, explainer: Explainer) -> None:
        self._catalog = catalog
        self.item_features = item_features
        self._explainer = explainer

    def find(
        self,
        live: LiveCollection,
        encoder: Encoder | None,
        subjects: Sequence[Subject],
        options: SearchOptions,
        with_views: bool = False,
    ) -> list[SearchResult]:
        """The neighbors of each subject, under the same options, in one state of the index.

        Times of a batch are its subjects' equal shares.

        Args:
            live: Where to search.
            encoder: What the subjects are embedded by; only weights and explanations need it.
            subjects: What is asked with.
            options: How; `check` has found that they fit.
            with_views: Whether neighbors of groups tell the views of theirs.

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
            found = self._found(live, snapshot, subjects, queries, options, timings, with_views)
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
            )
            for subject, each in zip(subjects, found, strict=True)
        ]

    def check(self, live: LiveCollection, options: SearchOptions) -> None:
        """Refuse options that a collection cannot obey, before any work is done.

        A filter is fitted where it is used, as that takes its time.

        Raises:
            ParameterError: There is no such field or re-ranking, options exclude each other, or so
                many neighbors are not explained.
            MissingExtraError: The re-ranking needs OpenCV.
        """
        if options.mix is not None:
            check_choice(options.mix, "mix")
        if options.rerank is not None:
            method = method_named(options.rerank)
            _check_alone("rerank", options, ("weights", "boost", "diversity"))
            method.check_extra()
        if options.mix == BEST:
            _check_alone("mix", options, ("weights", "rerank"))
        if options.boost:
            check_boosted_fields(self._catalog, live.record, tuple(options.boost))
        if options.include is not None:
            check_choice(options.include, "include")
        if options.explain is not None:
            check_choice(options.explain, "explain")
            check_explained(options.k)
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
        with_views: bool,
    ) -> list[_Found]:
        """What is found for each subject; `queries` (Q, D) are their embeddings as weighed."""
        within: KeySet | None = None
        warnings: tuple[str, ...] = ()
        if options.filter is not None:
            with timed(timings, "filter"):
                within = live.matching(options.filter)
                warnings = live.fitted(options.filter).warnings
        scopes = [Scope(snapshot, within, self._left_out(live, one)) for one in subjects]
        places = [place_of(live.record, one, options) for one in subjects]
        with timed(timings, "search"):
            count = first_count(options, max(place.shown if place else 0 for place in places))
            rows = [
                with_windows(scope, hits, one.windows, count)
                for scope, hits, one in zip(
                    scopes, nearest(scopes, queries, count), subjects, strict=True
                )
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
                self._ordering(subjects[number], options),
                places[number],
                subjects[number].windows,
            )
            for number, scope in enumerate(scopes)
        ]
        found = [each.shape() for each in shapings]
        with timed(timings, "catalog"):
            neighbors = self._neighbors(live, [each[: options.k] for each in found], options)
            if with_views and options.group_by is not None:
                neighbors = [
                    self._with_views(live, scope, each, options.group_by)
                    for scope, each in zip(scopes, neighbors, strict=True)
                ]
        pages = [
            Page.of(live.record, *each, options)
            for each in zip(subjects, places, found, strict=True)
        ]
        return [
            _Found(
                each, (*warnings, *shaping.warnings, *page.warnings, *_damages(each)), page.cursor
            )
            for each, shaping, page in zip(neighbors, shapings, pages, strict=True)
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

    def _neighbors(
        self,
        live: LiveCollection,
        rows: Sequence[Sequence[tuple[int, float]]],
        options: SearchOptions,
    ) -> list[tuple[Neighbor, ...]]:
        """Keys and scores with their items; one removed since the snapshot is left out."""
        keys = list(dict.fromkeys(key for row in rows for key, _ in row))
        items = self._catalog.by_keys(keys)
        vectors = {} if options.include is None else self._catalog.vectors(live.record, keys)
        return [
            tuple(  # float16 rounding may exceed 1
                Neighbor(items[key], min(1.0, score), vectors.get(key))
                for key, score in row
                if key in items
            )
            for row in rows
        ]

    def _with_views(
        self, live: LiveCollection, scope: Scope, neighbors: Sequence[Neighbor], by: str
    ) -> tuple[Neighbor, ...]:
        keys = [each.item.key for each in neighbors]
        views = group_views(self._catalog, live.record, scope, keys, by)
        return tuple(replace(each, views=views.get(each.item.key)) for each in neighbors)

    def _explained(
        self, encoder: Encoder, snapshot: Snapshot, subject: Subject, found: _Found
    ) -> _Found:
        keys = np.array([each.item.key for each in found.neighbors], dtype=np.int64)
        vectors = dict(zip(keys.tolist(), snapshot.vectors(keys), strict=True))
        neighbors, warnings = self._explainer.explain(encoder, subject, found.neighbors, vectors)
        return replace(found, neighbors=neighbors, warnings=(*found.warnings, *warnings))

    def _ordering(self, subject: Subject, options: SearchOptions) -> Ordering | None:
        if options.mix is not None and subject.mix is None:
            raise ParameterError(
                "there are no examples to mix", where="mix", fix="give like or unlike, or leave it"
            )
        if options.ordered_by is None:
            return None
        if options.rerank is None:
            return Preferences(self._catalog, options, subject.mix)
        pictures = AskedPictures(subject.features, self.item_features.of)
        return Reranking(method_named(options.rerank), pictures)


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


def _damages(neighbors: Sequence[Neighbor]) -> tuple[str, ...]:
    found = filter(None, (damage_of(one.item) for one in neighbors))
    return tuple(f"damaged_item: {each}" for each in found)


def _with_total(timings: dict[str, float]) -> dict[str, float]:
    """Milliseconds by stage, rounded, and their sum."""
    rounded = {name: round(ms, 3) for name, ms in timings.items()}
    return {**rounded, "total": round(sum(timings.values()), 3)}
