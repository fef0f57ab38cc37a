"""Two encoders of a collection compared by items that have a label, as the gate of tuning does it.

An encoder that was tuned has learned from the very items that are asked here, and would look better
than it is for new photos. So what it learned is learned anew without each fold; and of a network
that was fine-tuned only those items are asked that were held out of its training.
"""

from dataclasses import dataclass, replace

import numpy as np

from indexer.change.adapted import LEAST_ITEMS, Advance
from search_engine.adapt.gate import Verdict, judge, judge_held_out
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.fields import value_of
from search_engine.collections.encoders import projection_of
from search_engine.collections.labelled import Labelled, read_gallery
from search_engine.encoders.projection import Origin, Projection, project
from search_engine.encoders.projection_learning import learn
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluate.bootstrap import Interval
from search_engine.evaluate.paired import Change
from search_engine.evaluate.splits import labelled_rows, sample_rows, take, with_vectors
from search_engine.records import Codes, Vectors

MOST_JUDGED = 20_000
"""Items that are compared at most, drawn evenly."""


def judge_encoders(
    engine: SearchEngine,
    record: Collection,
    wanted: Collection,
    target: str = "label",
    seed: int = 0,
    advance: Advance = lambda count: None,
) -> Verdict | None:
    """How held-out items fare by the encoder of a collection and by another one.

    Args:
        engine: On the data directory.
        record: The collection.
        wanted: The same with the other encoder, whose embeddings are there.
        target: By which labels.
        seed: Of the folds and of the bootstrap.
        advance: Called with 1 for each fold.

    Returns:
        None where too few items, products or scenes have a label.
    """
    pair = _pair(engine, record, wanted, target, seed)
    labelled = pair.labelled
    if len(labelled.keys) < LEAST_ITEMS or len(set(labelled.labels)) < 2:
        return None
    try:
        if pair.projection is None:
            return judge(labelled, lambda rows: [pair.after], seed=seed, advance=advance)
        origin = pair.projection.origin
        other = with_vectors(labelled, pair.after)
        if origin.held_out is None:
            verdict = judge(other, lambda rows: [pair.relearned(rows)], seed=seed, advance=advance)
        else:
            held = np.flatnonzero(np.isin(labelled.keys, origin.held_out))
            if len(held) < LEAST_ITEMS:
                return None
            rest = np.setdiff1d(np.arange(len(labelled.keys)), held)
            verdict = judge_held_out(other, held, [pair.relearned(rest)], seed=seed)
    except ParameterError:  # fewer products or scenes than folds
        return None
    return _turned_round(verdict)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Labelled items with embeddings by both encoders: those of `labelled`, and `after` (N, d).

    Where the collection is tuned, `labelled` has the embeddings before the projection, and `taught`
    is the class (N,) that each item had in learning, -1 for none.
    """

    labelled: Labelled
    after: Vectors
    projection: Projection | None
    taught: Codes

    def relearned(self, rows: Codes) -> Vectors:
        """Embeddings (N, d) as the tuned encoder would give them, had it learned from some rows."""
        assert self.projection is not None
        origin, vectors = self.projection.origin, self.labelled.vectors
        taught = self.taught[rows]
        if origin.target is None or len(np.unique(taught[taught >= 0])) < 2:
            return self.projection.apply(vectors)
        ((mean, matrix),) = learn(vectors[rows], taught, (origin.shrinkage,))
        return project(vectors, mean, matrix)


def _pair(
    engine: SearchEngine, record: Collection, wanted: Collection, target: str, seed: int
) -> _Pair:
    projection = projection_of(engine.catalog, record.encoder_options)
    plain = record
    if projection is not None:
        before = projection.origin.fingerprint
        plain = replace(record, fingerprint=before, dimension=len(projection.mean))
    found = read_gallery(engine.catalog, record.name, target, plain)
    found = take(found, labelled_rows(found))
    found = take(found, sample_rows(len(found.keys), MOST_JUDGED, seed))
    others = read_gallery(engine.catalog, record.name, target, wanted)
    _, here, there = np.intersect1d(found.keys, others.keys, return_indices=True)
    found = take(found, here)
    origin = None if projection is None else projection.origin
    return _Pair(found, others.vectors[there], projection, _taught(engine, found, origin))


def _taught(engine: SearchEngine, labelled: Labelled, origin: Origin | None) -> Codes:
    """The class of each item in what a projection learned, (N,), -1 for none."""
    nothing = np.full(len(labelled.keys), -1, dtype=np.int64)
    if origin is None or origin.target is None:
        return nothing
    items = engine.catalog.by_keys(labelled.keys.tolist())
    numbers: dict[str, int] = {}
    for row, key in enumerate(labelled.keys.tolist()):
        value = value_of(items[key], origin.target) if key in items else None
        if value is not None:
            nothing[row] = numbers.setdefault(value, len(numbers))
    return nothing


def _turned_round(verdict: Verdict) -> Verdict:
    """The verdict on going the other way."""
    changes = {
        name: Change(one.after, one.before, Interval(-one.difference.high, -one.difference.low))
        for name, one in verdict.changes.items()
    }
    return replace(verdict, changes=changes)
