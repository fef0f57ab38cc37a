"""Pictures on their way through the decoder, bounded in number and bytes, in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from search_engine.images import Preprocessing
from search_engine.images.decoder import PICTURES_A_CALL, Decoder, Outcome

CALL_BYTES = 2 * 2**20
"""A call with so many bytes takes no more pictures: each is copied on its way to the process."""
WINDOW_BYTES = 96 * 2**20
"""So many bytes of files may wait to be decoded: 16 large photos of phones."""
CALLS_A_WORKER = 2
"""So many calls may wait whatever their bytes, that no decoding process is ever idle."""

WINDOW_BATCHES = 3

T = TypeVar("T")


@dataclass(slots=True)
class _Call(Generic[T]):
    """Pictures that are decoded together; their bytes are given back when that is done."""

    entries: list[T] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)
    size: int = 0


class DecodeWindow(Generic[T]):
    """Decodes ahead: takes entries with their pictures, and gives them back in batches."""

    def __init__(
        self,
        decoder: Decoder,
        preprocessing: Preprocessing,
        batch_size: int,
        batches: int,
        with_colors: bool = False,
    ) -> None:
        """Hold up to `batches` batches, and no more files not yet decoded than WINDOW_BYTES."""
        self._decoder = decoder
        self._preprocessing = preprocessing
        self._with_colors = with_colors
        self._batch_size = batch_size
        self._limit = batches * batch_size
        self._next: _Call[T] = _Call()
        self._started: deque[tuple[list[T], int, Future[list[Outcome]]]] = deque()
        self._decoded: deque[tuple[T, Outcome]] = deque()
        self._count = self._bytes = 0

    def __len__(self) -> int:
        """Pictures in the window."""
        return self._count

    @property
    def is_full(self) -> bool:
        """Whether a batch should be taken before more is put in."""
        return self._count >= self._limit

    def put(self, entry: T, picture: bytes) -> None:
        """Decode one more; waits for the oldest while too many bytes are on their way."""
        few = CALLS_A_WORKER * self._decoder.workers
        while len(self._started) >= few and self._bytes + len(picture) > WINDOW_BYTES:
            self._settle()
        call = self._next
        call.entries.append(entry)
        call.pictures.append(picture)
        call.size += len(picture)
        self._count += 1
        self._bytes += len(picture)
        most = min(PICTURES_A_CALL, self._batch_size)
        if len(call.entries) >= most or call.size >= CALL_BYTES:
            self._start()

    def take(self) -> list[tuple[T, Outcome]]:
        """The next batch, when it is decoded; empty when there is nothing left."""
        wanted = min(self._batch_size, self._count)
        while len(self._decoded) < wanted:
            self._settle()
        self._count -= wanted
        return [self._decoded.popleft() for _ in range(wanted)]

    def _start(self) -> None:
        call, self._next = self._next, _Call()
        decoding = self._decoder.submit(call.pictures, self._preprocessing, self._with_colors)
        self._started.append((call.entries, call.size, decoding))

    def _settle(self) -> None:
        """Wait for the oldest call."""
        if not self._started:
            self._start()
        entries, size, decoding = self._started.popleft()
        self._decoded += zip(entries, decoding.result(), strict=True)
        self._bytes -= size


def decoded_batches(
    decoder: Decoder,
    preprocessing: Preprocessing,
    batch_size: int,
    given: Iterable[tuple[T, bytes]],
    with_colors: bool = False,
    waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Iterator[list[tuple[T, Outcome]]]:
    """Entries with the outcomes of decoding their pictures, in order, decoded ahead.

    `waiting` gives the context in which decoding is waited for.
    """
    window: DecodeWindow[T] = DecodeWindow(
        decoder, preprocessing, batch_size, WINDOW_BATCHES, with_colors
    )
    for entry, picture in given:
        with waiting():
            window.put(entry, picture)
        if window.is_full:
            yield _taken(window, waiting)
    while window:
        yield _taken(window, waiting)


def _taken(
    window: DecodeWindow[T], waiting: Callable[[], AbstractContextManager[None]]
) -> list[tuple[T, Outcome]]:
    with waiting():
        return window.take()
