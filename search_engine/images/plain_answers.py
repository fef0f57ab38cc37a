"""Answers of decoding processes as plain data, so that reading one runs nothing.

A picture may take over the process that decodes it. What that sends is therefore not unpickled: it
is JSON that describes an answer, and buffers of bytes and numbers. Only records and errors that are
listed here come of it, whatever was sent.
"""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from search_engine import errors
from search_engine.errors import EyedexError
from search_engine.images.color_names import PictureColors
from search_engine.images.pixels import DecodedImage

RECORDS = {kind.__name__: kind for kind in (DecodedImage, PictureColors)}
NUMBERS = "biuf"
"""Kinds of arrays: truth, whole numbers and real ones."""


class UnknownAnswerError(ValueError):
    """What was sent is no answer."""


def described(answer: Any) -> tuple[Any, list[memoryview]]:
    """An answer as values of JSON and the buffers that these refer to by number."""
    buffers: list[memoryview] = []
    return _told(answer, buffers), buffers


def understood(told: Any, buffers: Sequence[bytearray]) -> Any:
    """The answer that was described; its arrays are views of the buffers.

    Raises:
        UnknownAnswerError: It is none.
    """
    try:
        return _read(told, buffers)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise UnknownAnswerError(f"not an answer: {type(error).__name__}") from error


def _told(value: Any, buffers: list[memoryview]) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes | bytearray):
        buffers.append(memoryview(value))
        return {"bytes": len(buffers) - 1}
    if isinstance(value, np.ndarray):
        buffers.append(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
        return {"array": len(buffers) - 1, "type": value.dtype.str, "shape": value.shape}
    if type(value).__name__ in RECORDS:
        held = (
            [getattr(value, each.name) for each in fields(value)] if is_dataclass(value) else value
        )
        return {"record": type(value).__name__, "values": [_told(each, buffers) for each in held]}
    if isinstance(value, tuple):
        return {"tuple": [_told(each, buffers) for each in value]}
    if isinstance(value, list):
        return [_told(each, buffers) for each in value]
    if isinstance(value, EyedexError):
        return {"error": type(value).__name__, "told": [value.what, value.where, value.fix]}
    return {"failure": f"{type(value).__name__}: {value}"}


def _read(told: Any, buffers: Sequence[bytearray]) -> Any:
    if isinstance(told, list):
        return [_read(each, buffers) for each in told]
    if not isinstance(told, dict):
        return told
    if "bytes" in told:
        return bytes(buffers[told["bytes"]])
    if "array" in told:
        kind = np.dtype(str(told["type"]))
        if kind.kind not in NUMBERS:
            raise UnknownAnswerError("not an array of numbers")
        return np.frombuffer(buffers[told["array"]], dtype=kind).reshape(told["shape"])
    if "tuple" in told:
        return tuple(_read(each, buffers) for each in told["tuple"])
    if "record" in told:
        return RECORDS[told["record"]](*(_read(each, buffers) for each in told["values"]))
    if "error" in told:
        return _error(told["error"], *told["told"])
    return RuntimeError(str(told["failure"]))


def _error(name: str, what: str, where: str | None, fix: str | None) -> EyedexError:
    kind = getattr(errors, name)
    if not (isinstance(kind, type) and issubclass(kind, EyedexError)):
        raise UnknownAnswerError("not an error")
    return kind(str(what), where=where, fix=fix)
