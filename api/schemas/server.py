"""The server itself: whether it is alive and ready, and what went wrong."""

from typing import NotRequired

from typing_extensions import TypedDict

from api.schemas.shape import shape


@shape
class Alive(TypedDict):
    """The process answers."""

    status: str


@shape
class Ready(TypedDict):
    """Queries can be answered."""

    status: str
    damaged: NotRequired[dict[str, str]]
    """What is wrong with collections that cannot be used, by name."""


@shape
class Problem(TypedDict):
    """What went wrong (RFC 9457)."""

    type: str
    """`urn:eyedex:problem:` and the code."""
    title: str
    """The name of the HTTP status."""
    status: int
    code: str
    """Stays the same from version to version."""
    detail: str
    """What is wrong, where, and how to mend it."""
    request_id: str
    """Names this request in the log of the server."""
