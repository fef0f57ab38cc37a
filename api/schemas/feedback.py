"""Feedback: events that are sent, what became of them, and events as they are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NotRequired, cast

from typing_extensions import TypedDict

from api.schemas.server import Problem
from api.schemas.shape import shape
from api.schemas.times import rfc3339

if TYPE_CHECKING:
    from search_engine.catalog.feedback_rows import ListedEvent


@shape
class FeedbackEvent(TypedDict):
    """Something that was done with an item that a search had shown; with exactly one of
    `query_item_id`, `query_token` and `query_vector`."""

    event: Literal["shown", "clicked", "liked", "disliked", "bought"]
    item_id: str
    """The item."""
    query_item_id: NotRequired[str]
    """What was asked with, if that was an item."""
    query_token: NotRequired[str]
    """What was asked with, as the answer names it; soon after it, as tokens are forgotten."""
    query_vector: NotRequired[list[float] | str]
    """What was asked with, as an embedding of any length but 0: its numbers, or the base64 of them
    as little-endian float32."""
    position: NotRequired[int]
    """The place of the item among those shown, from 1 to 10,000."""
    session: NotRequired[str]
    """A text of up to 64 characters that tells visits apart. No name, no address."""
    at: NotRequired[str | float]
    """When: RFC 3339, or seconds since 1970; now where it is missing."""
    id: NotRequired[str]
    """A text of up to 64 characters: a second event with it is ignored."""


@shape
class FeedbackEvents(TypedDict):
    """Up to 1,000 events."""

    events: list[FeedbackEvent]


@shape
class RefusedEvent(TypedDict):
    """An event that was not stored."""

    index: int
    """Its place in `events`, from 0."""
    problem: Problem
    """Why."""


@shape
class FeedbackAdded(TypedDict):
    """What became of events."""

    stored: int
    """How many were stored."""
    known: int
    """How many were ignored, as events with their ids were stored before."""
    refused: list[RefusedEvent]
    """Those that cannot be stored; they harm no other."""
    request_id: str
    """Names this answer in the log of the server."""


@shape
class ListedFeedback(TypedDict):
    """An event that was stored."""

    id: str
    event: Literal["shown", "clicked", "liked", "disliked", "bought"]
    item_id: str | None
    """Null where the item was removed."""
    query_item_id: str | None
    """The item that was asked with; null where it was an embedding, or was removed."""
    query_vector: str | None
    """The embedding that was asked with: the base64 of little-endian float32. Null for an item."""
    position: int | None
    session: str | None
    at: str
    """RFC 3339, in UTC."""


@shape
class FeedbackPage(TypedDict):
    """A page of events, in the order in which they were stored."""

    events: list[ListedFeedback]
    total: int
    """How many there are on all pages."""
    next_cursor: str | None
    """Leads to the next page; null where this is the last one."""


@shape
class FeedbackDeleted(TypedDict):
    """What was deleted."""

    deleted: int
    """How many events."""


def event_json(event: ListedEvent) -> ListedFeedback:
    """An event as HTTP has it; what it says can be sent again."""
    from search_engine.feedback.events import event_record

    found: Any = {**event_record(event), "at": rfc3339(event.at)}
    return cast("ListedFeedback", found)
