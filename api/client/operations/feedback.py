"""Feedback: what people did with results, sent and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from api.client.calls import IDEMPOTENCY_KEY, Call, Pages, in_json, paged
from api.client.core import Addresses
from api.client.methods import iteration, operation
from api.schemas.feedback import FeedbackAdded, FeedbackDeleted, FeedbackPage, ListedFeedback


class FeedbackOperations(Addresses):
    """Operations on feedback."""

    @operation
    def add_feedback(
        self,
        events: Sequence[Mapping[str, Any]],
        *,
        idempotency_key: str | None = None,
        collection: str | None = None,
    ) -> Call[FeedbackAdded]:
        """Store up to 1,000 events, as the API has them.

        Args:
            events: Each with `event`, `item_id`, what was asked with, and what else is known.
            idempotency_key: The same for the same events; made here if none is given.
            collection: Another one than the client's.
        """
        headers = {IDEMPOTENCY_KEY: idempotency_key or uuid4().hex}
        body = {"events": [dict(each) for each in events]}
        address = self.at(collection, "feedback")
        return Call("POST", address, in_json, json=body, headers=headers)

    @operation
    def list_feedback(
        self,
        *,
        session: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        collection: str | None = None,
    ) -> Call[FeedbackPage]:
        """A page of stored events, all or those of a session."""
        query = {"session": session, "limit": limit, "cursor": cursor}
        return Call("GET", self.at(collection, "feedback"), in_json, query=query)

    @iteration
    def feedback(
        self,
        *,
        session: str | None = None,
        limit: int | None = None,
        collection: str | None = None,
    ) -> Pages[ListedFeedback]:
        """All stored events; `limit` is how many come at once."""
        query = {"session": session, "limit": limit}
        return paged(Call("GET", self.at(collection, "feedback"), in_json, query=query), "events")

    @operation
    def delete_feedback(
        self,
        *,
        session: str | None = None,
        confirm: str | None = None,
        collection: str | None = None,
    ) -> Call[FeedbackDeleted]:
        """Delete the events of a session; of all where `confirm` repeats the collection's name."""
        query = {"session": session, "confirm": confirm}
        return Call("DELETE", self.at(collection, "feedback"), in_json, query=query)
