"""Parse embeddings given as queries, and encode embeddings as base64."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from search_engine.errors import ParameterError
from search_engine.records import Vectors


class ArraySource(Protocol):
    """A tensor or column of another library, such as torch or pandas."""

    def __array__(self) -> NDArray[Any]: ...


GivenVector = str | Sequence[float] | NDArray[Any] | ArraySource
"""Numbers, or base64 of little-endian float32."""

_FORMS = "an array of numbers, or the base64 of little-endian float32"
_MOST = float(np.finfo(np.float32).max)


def unit_vector(given: GivenVector, dimension: int | None) -> Vectors:
    """Return a given embedding as a unit row of shape (1, D); the input is not modified.

    Args:
        given: See GivenVector; any length except 0.
        dimension: D of the collection's encoder; None if it is not known yet.

    Raises:
        ParameterError: It is not an embedding, has another dimension, is zero or not finite.
    """
    numbers = _decoded(given) if isinstance(given, str) else _numbers(given)
    if dimension is not None and len(numbers) != dimension:
        raise _refused(
            f"it has {len(numbers):,} numbers; embeddings of this collection have {dimension:,}",
            "embed with the encoder of the collection",
        )
    bad = np.flatnonzero(~(np.abs(numbers) <= _MOST))
    if bad.size:
        raise _refused(f"number {bad[0] + 1:,} is not a finite float32", "give finite numbers")
    largest = float(np.abs(numbers).max(initial=0.0))
    if largest == 0.0:
        raise _refused("all its numbers are 0, so it has no direction", "give another")
    scaled = numbers / largest
    return np.asarray(scaled / np.linalg.norm(scaled), dtype=np.float32)[None]


def encode_vector(vector: NDArray[np.float32]) -> str:
    """Return an embedding (D,) as base64 of little-endian float32, readable by `unit_vector`."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def _decoded(text: str) -> NDArray[np.float64]:
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise _refused("the text is not base64", f"give {_FORMS}") from None
    if not data or len(data) % 4:
        raise _refused(f"{len(data):,} bytes are no float32 numbers", f"give {_FORMS}")
    return np.frombuffer(data, "<f4").astype(np.float64)


def _numbers(given: Any) -> NDArray[np.float64]:
    if not isinstance(given, np.ndarray | list | tuple) and hasattr(given, "__array__"):
        given = _as_array(given)
    if isinstance(given, np.ndarray):
        given = given[0] if given.ndim == 2 and len(given) == 1 else given
        if given.ndim != 1 or given.dtype.kind not in "fiu" or not given.size:
            raise _refused(
                f"an array of shape {given.shape} and type {given.dtype} is no embedding",
                "give numbers of shape (D,)",
            )
        return np.asarray(given, dtype=np.float64)
    if not isinstance(given, list | tuple) or not given:
        raise _refused("it is no embedding", f"give {_FORMS}")
    for number, each in enumerate(given, 1):
        if isinstance(each, bool) or not isinstance(each, int | float | np.number):
            raise _refused(f"element {number:,} is not a number", f"give {_FORMS}")
    try:
        return np.array([float(each) for each in given])
    except OverflowError:
        raise _refused("a number is not a finite float32", "give finite numbers") from None


def _as_array(given: Any) -> NDArray[Any]:
    """What another library's tensor or column holds."""
    try:
        return np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        told = str(error).splitlines()[0]
        raise _refused(
            f"{type(given).__name__} gives no array: {told}", f"give {_FORMS}"
        ) from error


def _refused(what: str, fix: str) -> ParameterError:
    return ParameterError(what, where="vector", fix=fix)
