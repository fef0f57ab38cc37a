"""Learn a better order from a collection's feedback, use it if it is better, and undo that."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.change.request import Stage, without_progress
from indexer.feedback.impressions import Impression, impressions
from indexer.feedback.judging import LEAST_IMPRESSIONS, Judged, judge_order
from indexer.feedback.learning import learn_order
from search_engine.catalog.reranker_rows import keep_reranker, reranker_in, undo_reranker
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError
from search_engine.records import Vectors
from search_engine.search.rerank.features import FEATURES
from search_engine.search.rerank.learned import Reranker, readable
from search_engine.things import FOLDS

BACKGROUND = 5_000
"""Items whose embeddings say how they vary."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned and how it was judged; `used` says whether searches use it now."""

    reranker: Reranker
    judged: Judged
    used: bool

    def summary(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "used": self.used,
            "accepted": self.judged.accepted,
            **(reranker_json(self.reranker) or {}),
        }


def learn_reranker(
    engine: SearchEngine,
    collection: str,
    *,
    force: bool = False,
    dry_run: bool = False,
    seed: int = 0,
    stage: Stage = without_progress,
) -> Learned:
    """Learn an order for `rerank=learned`; what is not shown to be better is not used.

    Args:
        engine: On the data directory.
        collection: Its name.
        force: Use it all the same.
        dry_run: Only tell what it would bring.
        seed: Of folds and samples.
        stage: Begins a stage of the work.

    Raises:
        ParameterError: Nothing is indexed, or too little feedback was collected.
        CollectionNotFoundError, LockHeldError, StorageError: As they say.
    """
    live = engine.live(collection)
    seen = impressions(engine, live)
    _check_enough(engine, collection, seen)
    background = _background(engine, collection, seed)
    with stage("learning", FOLDS) as advance:
        judged = judge_order(seen, background, seed, advance)
    order = learn_order(seen, background)
    reranker = Reranker(
        fingerprint=live.record.fingerprint or "",
        weights=dict(zip(FEATURES, order.weights.tolist(), strict=True)),
        metric=order.metric,
        popularity=order.popularity,
        facts=_facts(judged, order.bias),
    )
    used = not dry_run and (force or judged.accepted)
    if used:
        with engine.catalog.write() as writer:
            keep_reranker(writer.connection, live.record.id, reranker.stored())
    return Learned(reranker, judged, used)


def undo_learning(engine: SearchEngine, collection: str) -> Reranker | None:
    """Go back to the order that was in use before, or to none; returns it.

    Raises:
        ParameterError: There is nothing to undo.
    """
    record = engine.catalog.collection(collection)
    with engine.catalog.write() as writer:
        undone, former = undo_reranker(writer.connection, record.id)
    if not undone:
        raise ParameterError("no order was learned for this collection", where="rerank")
    return None if former is None else readable(former)


def learned_order(engine: SearchEngine, collection: str) -> Reranker | None:
    """The order in use, if there is one."""
    record = engine.catalog.collection(collection)
    with engine.catalog.read() as connection:
        stored = reranker_in(connection, record.id)
    return None if stored is None else readable(stored)


def reranker_json(reranker: Reranker | None) -> dict[str, Any] | None:
    """What an order was learned from, how it was judged and what it weighs; None for none."""
    if reranker is None:
        return None
    weights = {name: round(each, 4) for name, each in reranker.weights.items()}
    return {**reranker.facts, "weights": weights}


def _check_enough(engine: SearchEngine, collection: str, seen: list[Impression]) -> None:
    chosen = [each for each in seen if (each.grades > 0).any()]
    groups = len({each.group for each in chosen})
    if len(chosen) >= LEAST_IMPRESSIONS and groups >= FOLDS:
        return
    events = engine.feedback.count(collection=collection)
    raise ParameterError(
        f"too little feedback: of {events:,} events, {len(chosen):,} visits of {groups:,} queries "
        f"chose something and left something else; {LEAST_IMPRESSIONS} visits are needed",
        where="feedback",
        fix="send what was shown beside what was chosen, for items that are still there; queries "
        "by photo count as long as the collection keeps its encoder",
    )


def _background(engine: SearchEngine, collection: str, seed: int) -> Vectors:
    record = engine.catalog.collection(collection)
    keys = engine.catalog.keys(record)
    if len(keys) > BACKGROUND:
        keys = np.sort(np.random.default_rng(seed).choice(keys, BACKGROUND, replace=False))
    found = engine.catalog.vectors(record, keys.tolist())
    return np.stack([*found.values()]).astype(np.float32)


def _facts(judged: Judged, bias: float) -> Mapping[str, Any]:
    standing = judged.standing
    return {
        "learned_at": time.time(),
        "impressions": judged.impressions,
        "queries": judged.groups,
        "standing": {
            "before": round(standing.before, 4),
            "after": round(standing.after, 4),
            "difference": [
                round(standing.difference.low, 4),
                round(standing.difference.high, 4),
            ],
        },
        "position_bias": round(bias, 4),
    }
