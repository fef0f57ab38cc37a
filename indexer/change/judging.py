"""Compare two encoders of a collection on its labelled items.

A tuned encoder has learned from the very items that are queried here, and would look better than it
is on new photos. So its projection is learned again without each fold, and a fine-tuned network is
only judged on items that were held out of its training.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from indexer.change.preparation import LEAST_ITEMS
from indexer.change.request import Advance, ChangeRequest
from search_engine.adapt.gate import HeldPart, Verdict, judge, judge_held_out
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.fields import value_of
from search_engine.collections.encoders import judged, projection_of
from search_engine.collections.labelled import Labelled, read_gallery, take
from search_engine.encoders.projection import Projection
from search_engine.encoders.projection_learning import Learner
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.evaluate.bootstrap import Interval
from search_engine.evaluate.paired import Change
from search_engine.evaluate.splits import labelled_rows, sample_rows, with_vectors
from search_engine.records import Codes, Vectors

MOST_JUDGED = 20_000
"""Items to compare on, at most; of more, an even sample is taken."""


def compare_encoders(
    engine: SearchEngine,
    record: Collection,
    wanted: Collection,
    request: ChangeRequest,
    advance: Advance = lambda count: None,
) -> Verdict | None:
    """Compare the encoder of a collection with another one on held-out items.

    Args:
        engine: On the data directory.
        record: The collection.
        wanted: The same collection with the other encoder, whose embeddings exist.
        request: Names the labels to judge by.
        advance: Called with 1 for each fold.

    Returns:
        The verdict; None if too few items, products or scenes have a label.
    """
    labelled, others = _embedded_by_both(engine, record, wanted, request)
    if len(labelled.keys) < LEAST_ITEMS or len(set(labelled.labels)) < 2:
        return None
    projection = projection_of(engine.catalog, record.encoder_options)
    try:
        if projection is None:
            return judge(labelled, lambda rows: [others], seed=request.seed, advance=advance)
        tuned = _Tuned(projection, labelled.vectors, _taught(engine, labelled, projection))
        verdict = _judge_tuned(with_vectors(labelled, others), tuned, request.seed, advance)
    except ParameterError:  # fewer products or scenes than folds
        return None
    return verdict and _reversed(verdict)


def _embedded_by_both(
    engine: SearchEngine, record: Collection, wanted: Collection, request: ChangeRequest
) -> tuple[Labelled, Vectors]:
    """Read labelled items with unprojected embeddings, and those by the other encoder (N, d).

    Of several networks that judge the first one does.
    """
    projection = projection_of(engine.catalog, record.encoder_options)
    plain = judged(record, projection)[0]
    found = read_gallery(engine.catalog, record.name, request.target, plain, request.group_by)
    found = take(found, labelled_rows(found))
    found = take(found, sample_rows(len(found.keys), MOST_JUDGED, request.seed))
    others = read_gallery(engine.catalog, record.name, request.target, wanted)
    _, rows, of_others = np.intersect1d(found.keys, others.keys, return_indices=True)
    return take(found, rows), others.vectors[of_others]


@dataclass(frozen=True)
class _Tuned:
    """A projection, the embeddings (N, D) that it is learned from, and the class (N,) of each."""

    projection: Projection
    vectors: Vectors
    taught: Codes

    @cached_property
    def learner(self) -> Learner:
        """Learns from the embeddings."""
        return Learner(self.vectors)

    def relearned(self, rows: Codes) -> Vectors:
        """Return embeddings (N, d) by a projection learned from these rows only."""
        origin, taught = self.projection.origin, self.taught[rows]
        if origin.target is None or len(np.unique(taught[taught >= 0])) < 2:
            return self.projection.apply(self.vectors)
        return next(self.learner.relearned(rows, taught, (origin.shrinkage,)))


def _judge_tuned(other: Labelled, tuned: _Tuned, seed: int, advance: Advance) -> Verdict | None:
    """Compare the tuned encoder with another one; None if too few items were held out."""
    judges = tuned.projection.origin.judges
    if not judges:
        return judge(other, lambda rows: [tuned.relearned(rows)], seed=seed, advance=advance)
    held = np.flatnonzero(np.isin(other.keys, judges[0].held_out))
    if len(held) < LEAST_ITEMS:
        return None
    rest = np.setdiff1d(np.arange(len(other.keys)), held)
    return judge_held_out([HeldPart(other, held, [tuned.relearned(rest)])], seed=seed)


def _taught(engine: SearchEngine, labelled: Labelled, projection: Projection) -> Codes:
    """Return the class of each item (N,) when the projection was learned, -1 for none."""
    target = projection.origin.target
    classes = np.full(len(labelled.keys), -1, dtype=np.int64)
    if target is None:
        return classes
    items = engine.catalog.by_keys(labelled.keys.tolist())
    numbers: dict[str, int] = {}
    for row, key in enumerate(labelled.keys.tolist()):
        value = value_of(items[key], target) if key in items else None
        if value is not None:
            classes[row] = numbers.setdefault(value, len(numbers))
    return classes


def _reversed(verdict: Verdict) -> Verdict:
    """Return the verdict on the change in the opposite direction."""
    changes = {
        name: Change(one.after, one.before, Interval(-one.difference.high, -one.difference.low))
        for name, one in verdict.changes.items()
    }
    return replace(verdict, changes=changes, expected=None)
