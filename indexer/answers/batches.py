"""Answer many queries in batches: read, decode, encode, search or classify.

Answers come out in the order of the queries, and what waits is bounded, so that memory does not
grow with their number. They are those that each query would get alone.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from indexer.answers.queries import Query, RejectedQuery
from search_engine.answering import Outcomes
from search_engine.collections.live import LiveCollection
from search_engine.engine import SearchEngine
from search_engine.errors import ExternalEncoderError, EyedexError, ParameterError
from search_engine.records import SearchResult
from search_engine.search.asked import Asked
from search_engine.search.options import SearchOptions
from search_engine.vote.question import Question

BATCHES_AT_ONCE = 2
"""One is decoded while another is encoded."""

Ask = Callable[[Sequence[Asked]], Outcomes]
"""Answers a batch."""


@dataclass(frozen=True, slots=True)
class AnsweredQuery:
    """A query with its answer; `path` is that of its picture, if it has one."""

    path: Path | None
    query_id: str
    result: SearchResult


Answer = AnsweredQuery | RejectedQuery


def searching(engine: SearchEngine, collection: str, options: SearchOptions) -> Ask:
    """Searches batches, as `SearchEngine.search` does one by one.

    Raises:
        CollectionNotFoundError, FilterError: As their names say.
        ParameterError: The collection is empty, or cannot obey an option.
        MissingExtraError: The re-ranking needs OpenCV.
    """
    live = _with_items(engine, collection)
    return _checked(partial(engine.answering.search, live, options=options))


def classifying(engine: SearchEngine, collection: str, question: Question | None = None) -> Ask:
    """Classifies batches, as `SearchEngine.classify` does one by one.

    `question` says how (`SearchEngine.question`); None predicts the label as calibrated.

    Raises:
        CollectionNotFoundError, FilterError, ParameterError, MissingExtraError: As `searching`.
    """
    live = _with_items(engine, collection)
    question = question or engine.question(collection=collection)
    return _checked(partial(engine.answering.ask, live, question=question))


def answers(
    queries: Iterable[Query | RejectedQuery], ask: Ask, batch_size: int
) -> Iterator[Answer]:
    """An answer or a reject for each query, in their order.

    Args:
        queries: Read as they are needed.
        ask: `searching` or `classifying`; it is called by two threads.
        batch_size: Queries asked at once.

    Raises:
        SourceError: The source of the queries became unreadable.
        ExternalEncoderError: The collection's embeddings are made elsewhere, and this is a picture.
        StorageError: The collection cannot be read any more.
    """
    remaining = iter(queries)
    waiting: deque[Future[list[Answer]]] = deque()
    with ThreadPoolExecutor(BATCHES_AT_ONCE, thread_name_prefix="answers") as threads:
        try:
            while batch := list(islice(remaining, batch_size)):
                waiting.append(threads.submit(_answered, batch, ask))
                if len(waiting) > BATCHES_AT_ONCE:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


def _answered(batch: Sequence[Query | RejectedQuery], ask: Ask) -> list[Answer]:
    outcomes = iter(ask([each.asked for each in batch if isinstance(each, Query)]))
    return [
        each if isinstance(each, RejectedQuery) else _answer(each, next(outcomes)) for each in batch
    ]


def _answer(query: Query, outcome: SearchResult | EyedexError) -> Answer:
    if isinstance(outcome, ExternalEncoderError):  # so will all others be
        raise outcome
    if isinstance(outcome, EyedexError):
        return RejectedQuery(query.path, query.query_id, outcome.code, outcome.what)
    return AnsweredQuery(query.path, query.query_id, outcome)


def _with_items(engine: SearchEngine, collection: str) -> LiveCollection:
    live = engine.live(collection)
    if live.encoder() is None:
        raise ParameterError(f"collection {collection!r} is empty", fix="index something first")
    return live


def _checked(ask: Ask) -> Ask:
    """The same, after what is wrong with its options was raised: nothing is asked with."""
    ask(())
    return ask
