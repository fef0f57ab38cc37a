"""The protocol of decoders, and one that decodes in the calling process."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from search_engine.errors import ImageError, TooComplexError, WorkerLostError
from search_engine.images import (
    Box,
    DecodedImage,
    ImageLimits,
    PictureColors,
    Preprocessing,
    colored,
    decode_colors,
    decode_parts,
    decode_pixels,
    render_jpeg,
    upright_size,
)

PROBE = b"GIF87a\1\0\1\0\x81\0\0\0\0\0\0\0\0\0\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\x08\4\0\1\4\4\0;"
"""A picture of one pixel, to check whether pictures can be decoded."""

PICTURES_A_CALL = 8
"""A call of a decoding process costs some 0.3 ms, whatever it decodes."""

T = TypeVar("T")
R = TypeVar("R")

Outcome = DecodedImage | ImageError | WorkerLostError
"""The result for one picture of several."""


class Decoder(Protocol):
    """Runs the functions of `search_engine.images`, perhaps in other processes."""

    @property
    def workers(self) -> int:
        """How many pictures are decoded at once."""
        ...

    def submit(
        self, pictures: Sequence[bytes], preprocessing: Preprocessing, with_colors: bool = False
    ) -> "Future[list[Outcome]]":
        """Start to decode pictures for an encoder, in order; some may fail."""
        ...

    def decode(
        self,
        data: bytes,
        preprocessing: Preprocessing,
        box: Box | None = None,
        limits: ImageLimits | None = None,
        with_colors: bool = False,
    ) -> DecodedImage:
        """Decode a picture for an encoder and wait; `limits` replaces the usual ones."""
        ...

    def parts(
        self, data: bytes, preprocessing: Preprocessing, boxes: Sequence[Box]
    ) -> list[DecodedImage]:
        """Decode regions of a picture for an encoder and wait."""
        ...

    def colors(
        self, data: bytes, box: Box | None = None, limits: ImageLimits | None = None
    ) -> PictureColors:
        """Return the dominant colours of a picture; `limits` replaces the usual ones."""
        ...

    def size(self, data: bytes) -> tuple[int, int]:
        """Return width and height of a picture as it is shown."""
        ...

    def render(
        self, data: bytes, max_side_px: int, quality: int, limits: ImageLimits | None = None
    ) -> bytes:
        """Re-encode a picture as JPEG and wait; `limits` replaces the usual ones."""
        ...

    def check(self) -> None:
        """Decode a tiny picture in every place where pictures are decoded.

        Raises:
            WorkerLostError: Decoding is impossible; the message says why.
        """
        ...

    def close(self) -> None:
        """End the processes, if any."""
        ...


class InlineDecoder:
    """Decode in the calling process: no start-up cost, no isolation."""

    workers = 1

    def __init__(self, limits: ImageLimits) -> None:
        self._limits = limits

    def submit(
        self, pictures: Sequence[bytes], preprocessing: Preprocessing, with_colors: bool = False
    ) -> "Future[list[Outcome]]":
        """See Decoder; the work is done before this returns."""
        future: Future[list[Outcome]] = Future()
        future.set_result(decode_each(pictures, preprocessing, self._limits, with_colors))
        return future

    def decode(
        self,
        data: bytes,
        preprocessing: Preprocessing,
        box: Box | None = None,
        limits: ImageLimits | None = None,
        with_colors: bool = False,
    ) -> DecodedImage:
        """See Decoder."""
        return decode_one(data, preprocessing, limits or self._limits, box, with_colors)

    def parts(
        self, data: bytes, preprocessing: Preprocessing, boxes: Sequence[Box]
    ) -> list[DecodedImage]:
        """See Decoder."""
        return decode_parts(data, preprocessing, self._limits, boxes)

    def colors(
        self, data: bytes, box: Box | None = None, limits: ImageLimits | None = None
    ) -> PictureColors:
        """See Decoder."""
        return decode_colors(data, limits or self._limits, box)

    def size(self, data: bytes) -> tuple[int, int]:
        """See Decoder."""
        return upright_size(data, self._limits)

    def render(
        self, data: bytes, max_side_px: int, quality: int, limits: ImageLimits | None = None
    ) -> bytes:
        """See Decoder."""
        return render_jpeg(data, max_side_px, limits or self._limits, quality)

    def check(self) -> None:
        """See Decoder."""
        decode_probe()

    def close(self) -> None:
        """Do nothing."""


def answers_of(
    decoder: Decoder, function: Callable[[T], R], given: Sequence[T]
) -> list[R | ImageError | WorkerLostError]:
    """What a function that decodes gives for each, as many at a time as the decoder works on."""

    def answer(one: T) -> R | ImageError | WorkerLostError:
        try:
            return function(one)
        except (ImageError, WorkerLostError) as error:
            return error

    if len(given) <= 1 or decoder.workers == 1:
        return [answer(one) for one in given]
    with ThreadPoolExecutor(min(decoder.workers, len(given))) as threads:
        return list(threads.map(answer, given))


def answer_of(
    function: Callable[..., Any], arguments: tuple[object, ...]
) -> tuple[Any, Exception | None]:
    """Return a function's result, or the error that it raised."""
    try:
        return function(*arguments), None
    except MemoryError:
        return None, TooComplexError("decoding needs more memory than is allowed")
    except Exception as error:  # noqa: BLE001 - raised again in the parent
        return None, error


def decode_probe() -> None:
    """Decode the tiny picture."""
    render_jpeg(PROBE, 1, ImageLimits(), 75)


def decode_one(
    data: bytes,
    preprocessing: Preprocessing,
    limits: ImageLimits,
    box: Box | None = None,
    with_colors: bool = False,
) -> DecodedImage:
    """Decode a picture, and find its colours if they are wanted."""
    found = decode_pixels(data, preprocessing, limits, box, with_colors)
    return colored([found])[0] if with_colors else found


def decode_each(
    pictures: Sequence[bytes],
    preprocessing: Preprocessing,
    limits: ImageLimits,
    with_colors: bool = False,
) -> list[Any]:
    """Decode pictures one after the other, to results or errors."""
    answers = [
        answer_of(decode_pixels, (data, preprocessing, limits, None, with_colors))
        for data in pictures
    ]
    if with_colors:
        found = iter(colored([value for value, error in answers if error is None]))
        answers = [(next(found) if error is None else None, error) for _, error in answers]
    return [value if error is None else error for value, error in answers]
