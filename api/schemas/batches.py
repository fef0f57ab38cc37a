"""Batches of queries and of operations on items."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from api.schemas.items import Item
from api.schemas.results import ClassifyAnswer, SearchAnswer
from api.schemas.server import Problem
from api.schemas.shape import shape


@shape
class SearchBatch(TypedDict):
    """The results of a batch of searches."""

    results: list[SearchAnswer | Problem]
    """In the order of the queries; a problem for each query that could not be answered."""
    request_id: str
    """Names this answer in the log of the server."""


@shape
class ClassifyBatch(TypedDict):
    """The results of a batch of classifications."""

    results: list[ClassifyAnswer | Problem]
    """In the order of the queries; a problem for each query that could not be answered."""
    request_id: str
    """Names this answer in the log of the server."""


@shape
class ItemOperation(TypedDict):
    """An operation on an item: `put` with its picture, `patch` of its description, or `delete`."""

    op: Literal["put", "patch", "delete"]
    item_id: str
    """1 to 256 bytes of UTF-8."""
    image_base64: NotRequired[str]
    """The picture's bytes in base64, or a data URI; for `put`, which needs it."""
    label: NotRequired[str | None]
    product_id: NotRequired[str | None]
    attributes: NotRequired[dict[str, Any] | None]
    """By name, whatever JSON can hold. A `patch` changes those that it names and removes those that
    are null."""


@shape
class ItemOperations(TypedDict):
    """Up to 100 operations on items."""

    operations: list[ItemOperation]
    """Executed in order."""


@shape
class ItemChange(TypedDict):
    """The result of an operation."""

    item_id: str | None
    """The id in the operation; null if it cannot be the id of an item."""
    op: Literal["put", "patch", "delete"] | None
    """Null if the operation is none of these."""
    status: int
    """The status that the operation would have alone: 201 for a new item, 204 for a deletion."""
    item: NotRequired[Item]
    """The item after the operation."""
    problem: NotRequired[Problem]
    """Why the operation was not executed."""


@shape
class ItemChanges(TypedDict):
    """The results of a batch of operations."""

    results: list[ItemChange]
    """In the order of the operations."""
    request_id: str
    """Names this answer in the log of the server."""
