"""Pictures on their way through the decoder, a bounded number of them, in order."""

from collections import deque
from concurrent.futures import Future
from typing import Generic, TypeVar

from search_engine.decoding import Decoder, Outcome
from search_engine.images import Preprocessing

PICTURES_A_CALL = 8
"""A call of a decoding process costs some 0.3 ms, whatever it decodes."""

T = TypeVar("T")


class DecodeWindow(Generic[T]):
    """Decodes ahead: takes entries with their pictures, and gives them back in batches."""

    def __init__(
        self, decoder: Decoder, preprocessing: Preprocessing, batch_size: int, batches: int
    ) -> None:
        """Hold up to `batches` batches."""
        self._decoder = decoder
        self._preprocessing = preprocessing
        self._batch_size = batch_size
        self._limit = batches * batch_size
        self._next: list[tuple[T, bytes]] = []
        self._started: deque[tuple[list[T], Future[list[Outcome]]]] = deque()
        self._count = 0

    def __len__(self) -> int:
        """Pictures in the window."""
        return self._count

    @property
    def is_full(self) -> bool:
        """Whether a batch should be taken before more is put in."""
        return self._count >= self._limit

    def put(self, entry: T, picture: bytes) -> None:
        """Decode one more."""
        self._next.append((entry, picture))
        self._count += 1
        if len(self._next) >= min(PICTURES_A_CALL, self._batch_size):
            self._start()

    def take(self) -> list[tuple[T, Outcome]]:
        """The next batch, when it is decoded; empty when there is nothing left."""
        batch: list[tuple[T, Outcome]] = []
        while self._count and len(batch) < self._batch_size:
            if not self._started:
                self._start()
            entries, outcomes = self._started.popleft()
            batch += zip(entries, outcomes.result(), strict=True)
            self._count -= len(entries)
        return batch

    def _start(self) -> None:
        entries, pictures = [each[0] for each in self._next], [each[1] for each in self._next]
        self._next = []
        self._started.append((entries, self._decoder.submit(pictures, self._preprocessing)))
