"""Make the lists of a collection: labels that neighbors contradict, and items unlike all others."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from indexer.change.request import Stage
from indexer.overviews.neighbors import NEIGHBORS, Graph, neighbors_of
from search_engine.catalog import fields
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.fields import value_of
from search_engine.collections.encoders import unlearned
from search_engine.collections.live import LiveCollection
from search_engine.encoders.base import unit_rows
from search_engine.engine import SearchEngine
from search_engine.indexes.live import Snapshot
from search_engine.neighbors import nearest
from search_engine.overviews.label_errors import Suspicions, judge
from search_engine.overviews.lists import LISTED, SHOWN_NEIGHBORS
from search_engine.overviews.outliers import mean_cosines
from search_engine.overviews.storage import Kind, Origin, Overview, save_overview
from search_engine.records import CatalogItem, Codes, Floats
from search_engine.storage.arrays import Arrays
from search_engine.vote.tally import Ballots

FITTED = 8
"""With fewer items for each dimension, what was learned fits single labels. Of labels changed in
clothing and groceries it then hides up to nine in ten, and with more it finds as many as the
embeddings from before: `python -m benchmarks.mislabelled --learned`."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The items of a collection as of one change, with the index that has their embeddings.

    `items` are by key, and all in the index.
    """

    live: LiveCollection
    snapshot: Snapshot | None
    items: Sequence[CatalogItem]
    seq: int
    started: float = field(default_factory=time.time)

    @property
    def record(self) -> Collection:
        """The collection."""
        return self.live.record

    def graph(self, stage: Stage) -> Graph:
        """The nearest neighbors of every item."""
        with stage("comparing", len(self.items)) as advance:
            keys = np.array([each.key for each in self.items], dtype=np.int64)
            if self.snapshot is None:
                return Graph(keys, np.empty((0, 0)), np.empty((0, 0), dtype=np.int64))
            return neighbors_of(self.snapshot, keys, advance)

    def unlearned_graph(
        self, engine: SearchEngine, stage: Stage
    ) -> tuple[Graph, NDArray[np.bool_]]:
        """The nearest neighbors by embeddings that labels have not drawn together.

        A projection learned from few items fits each label, right or wrong, and its neighbors then
        agree. So these are by the embeddings from before, exactly compared. Items that came later
        have none: nothing was learned from them, and theirs are of the index.

        Returns:
            The neighbors, and a mark (N,) on items that came later.
        """
        record, later = unlearned(self.record, engine.catalog), np.zeros(len(self.items), bool)
        if record is self.record or len(self.items) >= FITTED * (record.dimension or 0):
            return self.graph(stage), later
        found = engine.catalog.vectors(record, [each.key for each in self.items])
        later = np.array([each.key not in found for each in self.items], dtype=bool)
        if later.all():
            return self.graph(stage), ~later
        rows = np.flatnonzero(~later)
        vectors = unit_rows(np.stack([found[self.items[row].key] for row in rows.tolist()]))
        with stage("comparing", len(rows)) as advance:
            scores, places = nearest(vectors, vectors, NEIGHBORS, np.arange(len(rows)), advance)
        if later.any():
            return self.graph(stage).replaced(rows, scores, rows[places]), later
        return Graph(np.array([each.key for each in self.items]), scores, places), later

    def origin(
        self,
        kind: Kind,
        judged: int,
        target: str = "label",
        errors: int = 0,
        names: Sequence[str] = (),
    ) -> Origin:
        """What an overview of them is made from."""
        return Origin(
            kind=kind,
            collection_uid=self.record.uid,
            fingerprint=self.record.fingerprint or "",
            target=target,
            seq=self.seq,
            made_at=self.started,
            items=len(self.items),
            judged=judged,
            errors=errors,
            names=tuple(names),
        )


def subject_of(engine: SearchEngine, collection: str) -> Subject:
    """Read the items of a collection.

    Raises:
        CollectionNotFoundError: There is no such collection.
    """
    live = engine.live(collection)
    seq = engine.catalog.seq()
    snapshot = live.snapshot()
    keys = [] if snapshot is None else snapshot.keys().tolist()
    found = engine.catalog.by_keys(keys)
    return Subject(live, snapshot, [found[key] for key in keys if key in found], seq)


def store(engine: SearchEngine, collection: str, made: Overview) -> Overview:
    """Keep an overview for servers to answer with, where anything can be written; return it."""
    if not engine.catalog.read_only:
        save_overview(engine.catalog.paths, collection, made)
    return made


def make_mislabelled(engine: SearchEngine, collection: str, target: str, stage: Stage) -> Overview:
    """List the items whose label their neighbors contradict, and store the list.

    Each item is judged by its nearest neighbors without itself, other photos of its product, and
    the same file with the same label, which would only repeat what is in question. Of equal files
    one votes.

    Raises:
        CollectionNotFoundError: There is no such collection.
        ParameterError: There is no such field, or it has lists of values.
        StorageError: The list cannot be written.
    """
    subject = subject_of(engine, collection)
    check_single(engine, subject, target)
    own, names = numbered([value_of(item, target) for item in subject.items])
    graph, _ = subject.unlearned_graph(engine, stage)
    graph, codes, found = suspicions(subject, graph, own, names, target)
    origin = subject.origin(
        "mislabelled", int(found.judged.sum()), target, int(found.errors.sum()), names
    )
    return store(engine, collection, Overview(origin, _listed(graph, own, codes, found)))


def check_single(engine: SearchEngine, subject: Subject, target: str) -> None:
    """Refuse a field that does not exist, or has lists of values.

    Raises:
        ParameterError: It is such a field.
    """
    fields.check_field(engine.catalog, subject.record, target, "target")
    fields.check_single(subject.items, target)


def suspicions(
    subject: Subject, graph: Graph, own: Codes, names: Sequence[str], target: str
) -> tuple[Graph, Codes, Suspicions]:
    """What the neighbors of each item say of its label.

    Returns:
        The neighbors that had a say, their labels (N, K), and what came of it.
    """
    things = _things(subject.items, target)
    contents = numbered([item.content_hash for item in subject.items])[0]
    same = contents[graph.rows] == contents[:, None]
    repeats = same & (own[graph.rows] == own[:, None])
    graph = _without(graph, repeats | (things[graph.rows] == things[:, None]))
    codes = np.where(np.isfinite(graph.scores), own[graph.rows], -1)
    ballots = Ballots(graph.scores, codes, tuple(names), contents[graph.rows])
    return graph, codes, judge(ballots, own, things)


def _without(graph: Graph, left_out: NDArray[np.bool_]) -> Graph:
    """The other neighbors, best first."""
    scores = np.where(left_out, -np.inf, graph.scores)
    order = np.argsort(-scores, axis=1, kind="stable")
    return Graph(graph.keys, *(np.take_along_axis(each, order, 1) for each in (scores, graph.rows)))


def _listed(graph: Graph, own: Codes, codes: Codes, found: Suspicions) -> Arrays:
    """The most suspicious items, with the nearest that have the suggested label."""
    rows = found.ranked()[:LISTED]
    witnesses = codes[rows] == found.suggested[rows, None]
    keys, cosines = _nearest(graph, rows, np.where(witnesses, graph.scores[rows], -np.inf))
    return {
        "keys": graph.keys[rows],
        "scores": found.probability[rows].astype(np.float32),
        "labels": own[rows],
        "suggested": found.suggested[rows],
        "support": found.support[rows].astype(np.float32),
        "errors": found.errors[rows],
        "neighbors": keys,
        "cosines": cosines,
    }


def make_outliers(engine: SearchEngine, collection: str, stage: Stage) -> Overview:
    """List the items that are unlike all others, and store the list.

    The score is the mean cosine with the nearest items; see `mean_cosines`. Items that came after
    what was learned have that of an item as usual as they are by the index (quantile matching).

    Raises:
        CollectionNotFoundError: There is no such collection.
        StorageError: The list cannot be written.
    """
    subject = subject_of(engine, collection)
    graph, later = subject.unlearned_graph(engine, stage)
    means = mean_cosines(graph.scores)
    if later.any():
        learned = mean_cosines(subject.graph(stage).scores)
        usual, others = np.sort(learned[~later]), np.sort(means[~later])
        means[later] = np.interp(learned[later], usual, others)
    judged = int(np.isfinite(means).sum())
    listed = np.lexsort((graph.keys, means))[: min(LISTED, judged)]
    keys, cosines = _nearest(graph, listed, graph.scores[listed])
    arrays: Arrays = {
        "keys": graph.keys[listed],
        "scores": means[listed].astype(np.float32),
        "neighbors": keys,
        "cosines": cosines,
    }
    return store(engine, collection, Overview(subject.origin("outliers", judged), arrays))


def numbered(values: Sequence[str | None]) -> tuple[Codes, list[str]]:
    """Number values in alphabetical order, -1 for none; (N,), and the values."""
    names = sorted({each for each in values if each is not None})
    number = {name: code for code, name in enumerate(names)}
    return np.array([-1 if each is None else number[each] for each in values], np.int64), names


def _things(items: Sequence[CatalogItem], target: str) -> Codes:
    """Number the products, (N,); an item without one is a thing of its own.

    Where the product itself is in question, photos of it are what can tell.
    """
    numbers: dict[object, int] = {}
    names = (item.key if target == "product_id" else item.product_id or item.key for item in items)
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def _nearest(graph: Graph, rows: Codes, scores: Floats) -> tuple[Codes, NDArray[np.float32]]:
    """Return keys and cosines of the best neighbors of rows by their scores, (M, 3); key -1 for
    none."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :SHOWN_NEIGHBORS]
    best = np.take_along_axis(scores, order, 1)
    keys = graph.keys[np.take_along_axis(graph.rows[rows], order, 1)]
    known = np.isfinite(best)
    return np.where(known, keys, -1), np.where(known, best, 0.0).astype(np.float32)
