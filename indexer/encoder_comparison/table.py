"""Compare encoders on the pictures of a collection, in memory: nothing is stored.

Every encoder answers the same queries from the same items by the same rule. Embeddings in the
catalog are reused, the rest are made. An encoder never finds a picture that it cannot embed, and a
query that it cannot embed counts as a wrong answer.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.change.embedding import pictures
from indexer.decode_window import decoded_batches
from indexer.encoder_comparison.candidates import Candidate, reason_of
from indexer.encoding_speed import images_per_second
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.vectors import STORED
from search_engine.collections.encoders import NETWORK
from search_engine.collections.labelled import Labelled, take
from search_engine.encoders.base import Encoder, encode_pictures
from search_engine.engine import SearchEngine
from search_engine.errors import (
    EncoderError,
    EyedexError,
    ImageError,
    MissingExtraError,
    ParameterError,
)
from search_engine.evaluate.evaluation import labelled_queries, rounded_row
from search_engine.evaluate.paired import MEASURES, vote_results
from search_engine.evaluate.photos import Photos, RowsOf
from search_engine.evaluate.ranking import Hiding, Space, rank, same_label
from search_engine.evaluate.splits import narrowed
from search_engine.evaluate.task import Asked, Options, Task, prepare
from search_engine.images import DecodedImage, Preprocessing, read_file
from search_engine.images.decode_pool import DecodePool
from search_engine.images.decoder import Decoder
from search_engine.metrics import defined_mean
from search_engine.records import Floats, Vectors
from search_engine.vote.question import NEIGHBORS

PICTURES_OF_WORDS = 1_000
"""Pictures to learn visual words from, spread evenly over the collection."""

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Begins a stage, given its name and number of steps; yields a function to count them."""


@dataclass(frozen=True, slots=True)
class EncoderRow:
    """Figures of one encoder; `skipped` says why it was not tried, and all others are None then.

    `own` marks the collection's own encoder. `images_per_second` is for encoding alone, None if it
    was not measured; `bytes_an_item` is the size of a stored embedding. `not_encoded` counts items
    and queries without an embedding.
    """

    name: str
    own: bool = False
    accuracy: float | None = None
    map: float | None = None
    hit_rate_at_1: float | None = None
    images_per_second: float | None = None
    dimension: int | None = None
    bytes_an_item: int | None = None
    not_encoded: int | None = None
    skipped: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the columns by name, rounded."""
        return {name.replace("_at_", "@"): value for name, value in rounded_row(self).items()}


@dataclass(frozen=True, slots=True)
class _Exam:
    """Labelled queries and the gallery, embedded by the collection's own encoder.

    `photos` are the pictures of the queries, None if the queries are items of the collection;
    `spaces` are learned without them, if the encoder has learned from their labels.
    """

    queries: Labelled
    gallery: Labelled
    hiding: Hiding | None
    photos: Photos | None
    spaces: Sequence[Space]


def encoder_rows(
    engine: SearchEngine,
    asked: Asked | None,
    options: Options,
    others: Sequence[Candidate],
    progress: Progress,
    on_task: Callable[[Task], None] = lambda task: None,
) -> Iterator[EncoderRow]:
    """Compare the collection's own encoder, which comes first, with others.

    Args:
        engine: On the data directory; nothing in it is changed.
        asked: Queries, embedded by the collection's encoder; None for items, see `Options`.
        options: The filter, and the number of neighbors that vote; calibration is not used.
        others: Further encoders; the collection's own is skipped.
        progress: Shows the progress of each encoder.
        on_task: Called once with what is asked, which tells what is left out.

    Raises:
        ParameterError: No query is labelled, the gallery is empty, or pictures have several values.
    """
    task = prepare(engine, asked, options)
    if task.values is not None:
        raise ParameterError("pictures have several values each", where="encoders")
    task = task.relearned(progress)
    on_task(task)
    record = engine.catalog.collection(options.collection)
    settings = engine.settings
    with DecodePool(settings.catalog_limits(), settings.workers) as decoder:
        k = NEIGHBORS if options.vote_k is None else options.vote_k
        trial = _Trial(engine, record, _exam(task, asked is not None), k, decoder, progress)
        yield trial.own_row()
        for candidate in others:
            one = candidate
            if one.encoder is None and one.skipped is None:
                one = one.with_words(trial.pictures_for_words(one.name))
            if one.encoder is None:
                yield EncoderRow(one.name, skipped=one.skipped)
            elif one.encoder.spec.fingerprint != record.fingerprint:
                yield trial.row(one.name, one.encoder)


def _exam(task: Task, are_files: bool) -> _Exam:
    rows = labelled_queries(task.queries, task.gallery)
    queries, hiding = narrowed(task.queries, task.hiding, rows)
    photos = RowsOf(task.photos, rows.tolist()) if are_files else None
    return _Exam(queries, task.gallery, hiding, photos, task.spaces)


@dataclass(frozen=True, slots=True)
class _Trial:
    """The data on which encoders other than the collection's own are tried."""

    engine: SearchEngine
    record: Collection
    exam: _Exam
    k: int
    decoder: Decoder
    progress: Progress

    def own_row(self) -> EncoderRow:
        """Measure the collection's own encoder by its stored embeddings."""
        speed = None
        with suppress(EyedexError):  # such as weights that are gone
            encoder = self.engine.live(self.record.name).encoder()
            if encoder is not None:
                speed = images_per_second(self.engine, self.record, encoder)
        exam = self.exam
        return _filled(
            EncoderRow(_name(self.record), own=True, images_per_second=speed, not_encoded=0),
            _fared(exam.queries, exam.gallery, exam.hiding, self.k, exam.spaces),
            exam.gallery.vectors.shape[1],
        )

    def row(self, name: str, encoder: Encoder) -> EncoderRow:
        """Encode what the catalog lacks, and answer the queries."""
        try:
            items = self._items(name, encoder)
            queries = self._queries(name, encoder, items)
        except (
            EncoderError,
            MissingExtraError,
        ) as error:  # such as a network that does not run here
            return EncoderRow(name, skipped=reason_of(error))
        if not items:
            return EncoderRow(name, skipped="it finds nothing in the pictures that can be read")
        missing = len(self.exam.gallery.keys) - len(items)
        if self.exam.photos is not None:
            missing += len(self.exam.queries.keys) - len(queries)
        return _filled(
            EncoderRow(
                name,
                images_per_second=images_per_second(self.engine, self.record, encoder),
                not_encoded=missing,
            ),
            self._answers(items, queries, encoder.spec.dimension),
            encoder.spec.dimension,
        )

    def pictures_for_words(self, name: str) -> list[NDArray[np.uint8]]:
        """Read pictures of items, spread evenly, at the size that visual words are learned from."""
        from search_engine.encoders.words import PREPROCESSING

        keys = self.exam.gallery.keys.tolist()
        keys = keys[:: -(-len(keys) // PICTURES_OF_WORDS)]
        with self.progress(f"{name}: words", len(keys)) as advance:
            return [
                picture.pixels
                for batch in self._decoded(self._of_items(keys), PREPROCESSING, advance)
                for _, picture in batch
            ]

    def _items(self, name: str, encoder: Encoder) -> dict[int, Vectors]:
        """Return embeddings (D,) of the gallery's items by key, rounded as they are stored."""
        spec = encoder.spec
        stored = self.engine.catalog.changes_since(
            replace(self.record, fingerprint=spec.fingerprint, dimension=spec.dimension), -1
        )
        found = dict(zip(stored.keys.tolist(), stored.vectors, strict=True))
        keys = self.exam.gallery.keys.tolist()
        lacking = [key for key in keys if key not in found]
        with self.progress(name, len(lacking)) as advance:
            made = self._encoded(encoder, self._of_items(lacking), advance)
        found |= {key: vector.astype(STORED) for key, vector in made.items()}
        return {key: found[key].astype(np.float32) for key in keys if key in found}

    def _queries(
        self, name: str, encoder: Encoder, items: dict[int, Vectors]
    ) -> dict[int, Vectors]:
        """Return embeddings (D,) of the queries by row."""
        photos, keys = self.exam.photos, self.exam.queries.keys.tolist()
        if photos is None:
            return {row: items[key] for row, key in enumerate(keys) if key in items}
        with self.progress(f"{name}: queries", len(keys)) as advance:
            return self._encoded(encoder, self._of_files(photos, len(keys)), advance)

    def _answers(
        self, items: dict[int, Vectors], queries: dict[int, Vectors], dimension: int
    ) -> dict[str, Floats]:
        exam = self.exam
        here = np.array(
            [row for row, key in enumerate(exam.gallery.keys.tolist()) if key in items], np.int64
        )
        gallery = replace(take(exam.gallery, here), vectors=np.stack(list(items.values())))
        hiding = exam.hiding and replace(exam.hiding, gallery=exam.hiding.gallery[here])
        rows = np.array(sorted(queries), dtype=np.int64)
        chosen, hiding = narrowed(exam.queries, hiding, rows)
        vectors = [queries[row] for row in rows.tolist()]
        chosen = replace(chosen, vectors=np.reshape(vectors, (-1, dimension)).astype(np.float32))
        found = _fared(chosen, gallery, hiding, self.k)
        lost = np.zeros(len(exam.queries.keys) - len(rows))
        return {name: np.concatenate([found[name], lost]) for name in MEASURES}

    def _encoded(
        self, encoder: Encoder, given: Iterable[tuple[int, bytes]], advance: Callable[[int], None]
    ) -> dict[int, Vectors]:
        found: dict[int, Vectors] = {}
        for batch in self._decoded(given, encoder.spec.preprocessing, advance):
            kept, vectors = encode_pictures(encoder, [picture for _, picture in batch])
            found |= {batch[place][0]: row for place, row in zip(kept, vectors, strict=True)}
        return found

    def _decoded(
        self,
        given: Iterable[tuple[int, bytes]],
        preprocessing: Preprocessing,
        advance: Callable[[int], None],
    ) -> Iterator[list[tuple[int, DecodedImage]]]:
        """Yield batches of the pictures that can be decoded."""
        size = self.engine.settings.batch_size
        for batch in decoded_batches(self.decoder, preprocessing, size, given):
            good = [(number, one) for number, one in batch if isinstance(one, DecodedImage)]
            if good:
                yield good
            advance(len(batch))

    def _of_items(self, keys: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        for asked, picture in pictures(self.engine, keys, {}):
            yield asked.key, picture

    def _of_files(self, photos: Photos, count: int) -> Iterator[tuple[int, bytes]]:
        for row in range(count):
            path = photos.path(row)
            if path is not None:
                with suppress(ImageError):
                    yield row, read_file(path, self.engine.settings.catalog_max_bytes)


def _fared(
    queries: Labelled,
    gallery: Labelled,
    hiding: Hiding | None,
    k: int,
    spaces: Sequence[Space] = (),
) -> dict[str, Floats]:
    """Return the measures of each query by name, (Q,)."""
    ranking = rank(queries, gallery, same_label(queries, gallery), k, hiding, spaces=spaces)
    results = vote_results(queries, gallery, ranking, k)
    return {name: results.column(name) for name in MEASURES}


def _filled(row: EncoderRow, found: dict[str, Floats], dimension: int) -> EncoderRow:
    accuracy, precision, first = (defined_mean(found[name]) for name in MEASURES)
    return replace(
        row,
        accuracy=accuracy,
        map=precision,
        hit_rate_at_1=first,
        dimension=dimension,
        bytes_an_item=dimension * STORED.itemsize,
    )


def _name(record: Collection) -> str:
    """Return the encoder's name as users ask for it, and whether the collection tuned it."""
    options = record.encoder_options
    pooling = f"/{options['pooling']}" if "pooling" in options else ""
    tuned = " (tuned)" if {"projection", NETWORK} & options.keys() else ""
    return f"{record.encoder}{pooling}{tuned}"
