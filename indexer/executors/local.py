"""On this machine: decoded ahead in processes, encoded by a second thread.

While one batch is encoded the caller commits the one before, and decoding goes on.
"""

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

from indexer.decode_window import decoded_batches
from indexer.embed import NO_EMBEDDING
from indexer.executors.base import Embedded, Outcome, Refused
from indexer.report import RunReport
from search_engine.encoders.base import Encoder
from search_engine.encoders.projection import encode_both
from search_engine.errors import NoEmbeddingError
from search_engine.images import DecodedImage
from search_engine.images.decoder import Decoder
from search_engine.images.decoder import Outcome as Decoded
from search_engine.storage.faults import fault_point

T = TypeVar("T")


class LocalExecutor(Generic[T]):
    """See Executor; entries are whatever the caller tells pictures apart by."""

    def __init__(
        self, encoder: Encoder, decoder: Decoder, batch_size: int, report: RunReport
    ) -> None:
        """Encode `batch_size` pictures at once, and count the time in the report."""
        self._encoder = encoder
        self._decoder = decoder
        self._batch_size = batch_size
        self._report = report

    def outcomes(self, pictures: Iterable[tuple[T, bytes]]) -> Generator[list[tuple[T, Outcome]]]:
        """See Executor."""
        running: Future[list[tuple[T, Outcome]]] | None = None
        with ThreadPoolExecutor(1, thread_name_prefix="encode") as encoding:
            for batch in self._decoded(pictures):
                fault_point("decoded")
                following = encoding.submit(self._encoded, batch)
                if running is not None:
                    yield self._finished(running)
                running = following
            if running is not None:
                yield self._finished(running)

    def _decoded(self, pictures: Iterable[tuple[T, bytes]]) -> Iterator[list[tuple[T, Decoded]]]:
        return decoded_batches(
            self._decoder,
            self._encoder.spec.preprocessing,
            self._batch_size,
            pictures,
            with_colors=True,
            waiting=partial(self._report.waiting_for, "decode"),
        )

    def _finished(self, running: Future[list[tuple[T, Outcome]]]) -> list[tuple[T, Outcome]]:
        with self._report.waiting_for("encode"):
            return running.result()

    def _encoded(self, batch: list[tuple[T, Decoded]]) -> list[tuple[T, Outcome]]:
        """Encode what could be decoded."""
        pictures = [each for _, each in batch if isinstance(each, DecodedImage)]
        found = iter(self._embedded(pictures) if pictures else ())
        return [
            (
                entry,
                next(found) if isinstance(each, DecodedImage) else Refused(each.code, each.what),
            )
            for entry, each in batch
        ]

    def _embedded(self, pictures: list[DecodedImage]) -> list[Outcome]:
        with self._report.stage("encode"):
            kept, vectors, below = encode_both(self._encoder, pictures)
        nothing = Refused(NoEmbeddingError.code, NO_EMBEDDING)
        outcomes: list[Outcome] = [nothing] * len(pictures)
        for row, position in enumerate(kept):
            picture = pictures[position]
            outcomes[position] = Embedded(
                vectors[row],
                None if below is None else below[row],
                picture.colors,
                picture.picture_hash,
                picture.warnings,
            )
        return outcomes
