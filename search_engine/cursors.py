"""Cursors: where a page ended, as a text that means nothing to whoever carries it.

A cursor holds its place and a short digest of each part of the question that it belongs to, so that
another question is refused with the name of what differs. It is no secret and no promise: whatever
it claims is checked as anything that comes from outside.
"""

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from search_engine.errors import ParameterError

Scalar = str | int | float | bool | None
Kinds = type | tuple[type, ...]

NONE = type(None)
_DIGEST_BYTES = 4
_FIX = "give `next_cursor` from the page before"


def write_cursor(place: Sequence[Scalar], question: Mapping[str, Any]) -> str:
    """A cursor for a place, such as the last key of a page.

    Args:
        place: Values that say where the next page begins.
        question: The parts of the question by name; `repr` has to tell different ones apart.
    """
    content = json.dumps([_digests(question), *place], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def read_cursor(
    cursor: str, question: Mapping[str, Any], kinds: Sequence[Kinds]
) -> tuple[Any, ...]:
    """The place that a cursor stands for.

    Args:
        cursor: As `write_cursor` made it.
        question: The parts of the question that is asked now, by name.
        kinds: The types of the values of a place.

    Raises:
        ParameterError: It is none of ours, or belongs to another question: names how that differs.
    """
    digests, *place = _decoded(cursor)
    asked = _digests(question)
    if not isinstance(digests, str) or len(digests) != len(asked):
        raise _no_cursor()
    differing = [
        f"`{name}`" if "_" in name else name  # others are words
        for number, name in enumerate(sorted(question))
        if _part(digests, number) != _part(asked, number)
    ]
    if differing:
        raise ParameterError(
            f"it belongs to a question with another {' and another '.join(differing)}",
            where="cursor",
            fix="ask as for the page before, or leave out `cursor`",
        )
    if len(place) != len(kinds) or not all(map(_fits, place, kinds)):
        raise _no_cursor()
    return tuple(place)


def _digests(question: Mapping[str, Any]) -> str:
    """A digest of each part, in the order of the names."""
    return "".join(
        blake2b(
            repr(question[name]).encode(errors="replace"), digest_size=_DIGEST_BYTES
        ).hexdigest()
        for name in sorted(question)
    )


def _part(digests: str, number: int) -> str:
    size = 2 * _DIGEST_BYTES
    return digests[number * size : (number + 1) * size]


def _decoded(cursor: str) -> list[Any]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        content = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (AttributeError, ValueError, binascii.Error, RecursionError):
        raise _no_cursor() from None
    if not isinstance(content, list) or not content:
        raise _no_cursor()
    return content


def _fits(value: Any, kinds: Kinds) -> bool:
    """Whether a value is of a type, and one that a database can hold."""
    if isinstance(value, bool) and bool not in (kinds if isinstance(kinds, tuple) else (kinds,)):
        return False
    if isinstance(value, int) and abs(value) >= 2**63:
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if isinstance(value, str) and any(
        each == "\0" or "\ud800" <= each <= "\udfff" for each in value
    ):
        return False
    return isinstance(value, kinds)


def _no_cursor() -> ParameterError:
    return ParameterError("not a cursor of ours", where="cursor", fix=_FIX)
