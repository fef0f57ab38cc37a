"""Events of feedback as they are given, checked: what was done with which item, after which query.

An event says no more than that. Who did it is at most a `session`, a text that means nothing here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Literal, get_args

import numpy as np

from search_engine.catalog.dates import parse_date
from search_engine.catalog.feedback_rows import ListedEvent
from search_engine.catalog.vectors import STORED, unpack
from search_engine.errors import ParameterError
from search_engine.names import asked_item_id
from search_engine.near import did_you_mean, shown
from search_engine.plain_numbers import parse_whole
from search_engine.search.given_vectors import GivenVector, encode_vector
from search_engine.search.options import check_names

Kind = Literal["shown", "clicked", "liked", "disliked", "bought"]
KINDS: tuple[Kind, ...] = get_args(Kind)
QUERIES = ("query_item_id", "query_token", "query_vector")
"""What was asked with: exactly one of these."""
FIELDS = ("event", "item_id", *QUERIES, "position", "session", "at", "id")

MAX_EVENTS = 1_000
"""In one call."""
MAX_POSITION = 10_000
MAX_TEXT = 64
AHEAD_S = 24 * 3_600.0
"""Clocks differ; an event of more than a day from now is a mistake."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done with an item; `at` is in seconds since 1970, None for now.

    `position` is the place of the item among those shown, from 1. Without an `id` it is an event of
    its own however often it is given.
    """

    event: Kind
    item_id: str
    query_item_id: str | None = None
    query_token: str | None = None
    query_vector: GivenVector | None = None
    position: int | None = None
    session: str | None = None
    at: float | None = None
    id: str | None = None


def event_of(given: Any, now: float) -> Event:
    """An event as JSON and tables have it, checked; empty texts are as if they were not given.

    Raises:
        ParameterError: It is none; names the field.
    """
    if not isinstance(given, Mapping):
        raise ParameterError("not an object", fix=f"give {', '.join(FIELDS)} by name")
    check_names(given, FIELDS)
    values = {name: value for name, value in given.items() if value is not None and value != ""}
    _check_query(values)
    return Event(
        event=_kind(values.get("event")),
        item_id=asked_item_id(values.get("item_id")),
        query_item_id=_item_id(values, "query_item_id"),
        query_token=_text(values, "query_token"),
        query_vector=values.get("query_vector"),
        position=_position(values.get("position")),
        session=_text(values, "session"),
        at=_moment(values.get("at"), now),
        id=_text(values, "id"),
    )


def event_record(event: ListedEvent) -> dict[str, Any]:
    """A stored event by the names of its fields; `event_of` reads it again."""
    stored = event.query.vector
    vector = (
        unpack([stored], len(stored) // STORED.itemsize)[0].astype(np.float32) if stored else None
    )
    return {
        "id": event.event_id,
        "event": event.event,
        "item_id": event.item_id,
        "query_item_id": event.query_item_id,
        "query_vector": None if vector is None else encode_vector(vector),
        "position": event.position,
        "session": event.session,
        "at": event.at,
    }


def derived_id(given: Mapping[str, Any], occurrence: int) -> str:
    """An id for an event of a file, the same whenever the file is read: by its content, and which
    of several equal ones it is."""
    said = repr((sorted((name, str(value)) for name, value in given.items()), occurrence))
    return blake2b(said.encode(errors="replace"), digest_size=16).hexdigest()


def _check_query(values: Mapping[str, Any]) -> None:
    given = [name for name in QUERIES if name in values]
    if len(given) != 1:
        raise ParameterError(
            f"{len(given) or 'none'} of {', '.join(QUERIES)}",
            where="query_item_id",
            fix="give what was asked with, by one of them",
        )


def _kind(value: Any) -> Kind:
    if value not in KINDS:
        said = "it is missing" if value is None else f"there is no {shown(str(value))}"
        fix = did_you_mean(str(value), KINDS) or f"one of {', '.join(KINDS)}"
        raise ParameterError(said, where="event", fix=fix)
    return KINDS[KINDS.index(value)]


def _item_id(values: Mapping[str, Any], name: str) -> str | None:
    return asked_item_id(values[name]) if name in values else None


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        fix = f"give a text of 1 to {MAX_TEXT} printable characters"
        raise ParameterError("not such a text", where=name, fix=fix)
    return value


def _position(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        value = parse_whole(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_POSITION:
        fix = f"give a whole number from 1 to {MAX_POSITION:,}, the first item being 1"
        raise ParameterError("not a position", where="position", fix=fix)
    return value


def _moment(value: Any, now: float) -> float | None:
    """Seconds since 1970 of a number, or of a date with or without a time; UTC without a zone."""
    if value is None:
        return None
    found = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = float(value)
    elif isinstance(value, str):
        written = parse_date(value.strip())
        if written is not None:
            moment = datetime.fromisoformat(written)
            found = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    if not 0 <= found <= now + AHEAD_S:
        raise ParameterError(
            f"{shown(repr(value))} is no moment until now",
            where="at",
            fix="give one as 2026-11-30T06:00:00Z, or leave it out for now",
        )
    return found
