"""What many questions at once are answered, and many changes."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from api.schemas.items import Item
from api.schemas.results import ClassifyAnswer, SearchAnswer
from api.schemas.server import Problem
from api.schemas.shape import shape


@shape
class SearchBatch(TypedDict):
    """What was found for each query."""

    results: list[SearchAnswer | Problem]
    """In the order of the queries; a problem where one could not be answered."""
    request_id: str
    """Names this answer in the log of the server."""


@shape
class ClassifyBatch(TypedDict):
    """A class for each query."""

    results: list[ClassifyAnswer | Problem]
    """In the order of the queries; a problem where one could not be answered."""
    request_id: str
    """Names this answer in the log of the server."""


@shape
class ItemOperation(TypedDict):
    """A change of an item: `put` with its picture, `patch` of what is known of it, `delete`."""

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
    """Changes of up to 100 items."""

    operations: list[ItemOperation]
    """Done in their order."""


@shape
class ItemChange(TypedDict):
    """What became of an operation."""

    item_id: str | None
    """As it was asked for; null where the operation names none that could be."""
    op: Literal["put", "patch", "delete"] | None
    """Null where it names none of these."""
    status: int
    """As the operation alone would be answered: 201 for a new item, 204 for one that is gone."""
    item: NotRequired[Item]
    """The item as the operation left it."""
    problem: NotRequired[Problem]
    """Why it was not done."""


@shape
class ItemChanges(TypedDict):
    """What became of each operation."""

    results: list[ItemChange]
    """In the order of the operations."""
    request_id: str
    """Names this answer in the log of the server."""
