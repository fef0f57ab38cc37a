"""Embeddings in requests and answers: lists of numbers in JSON, arrays where NumPy is there."""

from __future__ import annotations

import array
import base64
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

NAME = "vector"


def encoded(vector: Iterable[float]) -> str:
    """Numbers as the base64 of little-endian float32, which is a third of their length in JSON."""
    numbers = array.array("f", (float(each) for each in vector))
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()


def with_arrays(answer: Any) -> Any:
    """An answer with embeddings as arrays of float32, where NumPy is there; changed in place."""
    if find_spec("numpy") is None:
        return answer
    import numpy as np

    for part in _parts(answer):
        if isinstance(part.get(NAME), list):
            part[NAME] = np.asarray(part[NAME], dtype=np.float32)
    return answer


def _parts(answer: Any) -> Iterable[dict[str, Any]]:
    """The answer, and what it lists that may have an embedding."""
    if isinstance(answer, dict):
        yield answer
        for name in ("neighbors", "items", "results"):
            for each in answer.get(name, ()):
                yield from _parts(each)
