"""Simulated visits whose clicks are stored and learned from; see `benchmarks.feedback`."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.vote import QUERIES, load_gallery
from indexer.feedback.reranking import learn_reranker, undo_learning
from search_engine.collections.labelled import Labelled
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.evaluate.splits import folds_by_thing
from search_engine.feedback.events import MAX_EVENTS, Event
from search_engine.records import Codes
from search_engine.search.asked import Asked
from search_engine.storage.paths import DEFAULT_COLLECTION

SHOWN, ASKED_AT_ONCE = 10, 100
CLICKED_IF_RIGHT, CLICKED_IF_WRONG, CLICKED_AT_RANDOM = 0.9, 0.1, 0.5
HELD_FOLDS = 5
SEED = 7


@dataclass(frozen=True)
class _Shop:
    """Labels by item id, and which items visits ask with."""

    engine: SearchEngine
    labels: dict[str, str | None]
    visitors: Sequence[str]


def learned_rows(arguments: argparse.Namespace, settings: Settings) -> Iterator[dict[str, Any]]:
    """A row for each kind of shopper and number of visits: precision@10 before and after."""
    gallery = load_gallery(arguments.folder, settings)
    held = folds_by_thing(gallery, HELD_FOLDS, SEED).queries == 0
    asked, gone = gallery, np.flatnonzero(held)
    if arguments.queries:
        asked = load_gallery(arguments.queries, settings, QUERIES)
        gone = np.arange(len(asked.keys))
    with SearchEngine(settings=settings) as engine:
        names = list(gallery.names)
        visitors = [name for name, out in zip(names, held, strict=True) if not out]
        shop = _Shop(engine, dict(zip(names, gallery.labels, strict=True)), visitors)
        for visits in arguments.visits:
            for shopper in ("by label", "random"):
                yield _row(shop, asked, gone, visits, shopper)


def _row(shop: _Shop, asked: Labelled, rows: Codes, visits: int, shopper: str) -> dict[str, Any]:
    engine = shop.engine
    engine.feedback.delete()
    events = list(_visits(shop, visits, shopper == "random"))
    for start in range(0, len(events), MAX_EVENTS):
        engine.feedback.add(events[start : start + MAX_EVENTS])
    learned = learn_reranker(engine, DEFAULT_COLLECTION, force=True)
    row = {
        "shopper": shopper,
        "visits": visits,
        "clicks": sum(each.event == "clicked" for each in events),
        "accepted": learned.judged.accepted,
        "before": precision(shop, asked, rows, None),
        "learned": precision(shop, asked, rows, "learned"),
        "bias": learned.reranker.facts["position_bias"],
        **{name: round(each, 2) for name, each in learned.reranker.weights.items()},
    }
    undo_learning(engine, DEFAULT_COLLECTION)
    return row


def precision(shop: _Shop, asked: Labelled, rows: Codes, rerank: str | None) -> float:
    """How many of the first ten have the label that is asked for, in the mean."""
    found = []
    for start in range(0, len(rows), ASKED_AT_ONCE):
        part = rows[start : start + ASKED_AT_ONCE].tolist()
        questions = [_question(asked, row, shop) for row in part]
        outcomes = shop.engine.search_many(questions, k=SHOWN, rerank=rerank)
        for row, outcome in zip(part, outcomes, strict=True):
            assert not isinstance(outcome, Exception), outcome
            labels = [each.item.label for each in outcome.neighbors]
            found.append(np.mean([label == asked.labels[row] for label in labels]))
    return round(float(np.mean(found)), 4)


def _question(asked: Labelled, row: int, shop: _Shop) -> Asked:
    """With an item of the gallery, which does not find itself, or with a photo's embedding."""
    name = asked.names[row]
    if name in shop.labels and len(asked.names) == len(shop.labels):
        return Asked(item_id=name)
    return Asked(vector=asked.vectors[row])


def _visits(shop: _Shop, visits: int, is_random: bool) -> Iterator[Event]:
    rng = np.random.default_rng(SEED)
    chosen = rng.choice(len(shop.visitors), visits)
    for start in range(0, visits, ASKED_AT_ONCE):
        part = [shop.visitors[place] for place in chosen[start : start + ASKED_AT_ONCE]]
        outcomes = shop.engine.search_many([Asked(item_id=name) for name in part], k=SHOWN)
        for number, (name, outcome) in enumerate(zip(part, outcomes, strict=True), start):
            assert not isinstance(outcome, Exception), outcome
            for place, each in enumerate(outcome.neighbors, 1):
                chance = CLICKED_AT_RANDOM
                if not is_random:
                    is_right = each.item.label == shop.labels[name]
                    chance = CLICKED_IF_RIGHT if is_right else CLICKED_IF_WRONG
                clicked = rng.random() < chance / place
                yield Event(
                    "clicked" if clicked else "shown",
                    each.item.item_id,
                    query_item_id=name,
                    position=place,
                    session=str(number),
                )
