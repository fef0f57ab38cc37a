"""The server itself: whether it is alive and ready, and what went wrong."""

from typing import NotRequired

from typing_extensions import TypedDict

from api.schemas.shape import shape
from search_engine.access import Scope


@shape
class Alive(TypedDict):
    """The process answers."""

    status: str


@shape
class Followed(TypedDict):
    """How old it is what a server that follows answers from."""

    published: str
    """When it was the state of its origin, in ISO 8601."""
    age_s: float
    """Seconds since then."""
    looked_s: float
    """Seconds since the server looked, with success, for something newer."""
    failures: int
    """How often it could not look, or take over what is published, since it was started."""
    problem: str | None
    """The code of what went wrong the last time; null where nothing did."""


@shape
class Ready(TypedDict):
    """Queries can be answered."""

    status: str
    damaged: NotRequired[dict[str, str]]
    """What is wrong with collections that cannot be used, by name."""
    warnings: NotRequired[list[str]]
    """What this machine lacks for full protection, such as a kernel that confines decoders."""
    following: NotRequired[Followed]
    """Of a server that follows what another one publishes."""


@shape
class Access(TypedDict):
    """What a request may do; it needs both the scope and a server that changes something."""

    scope: Scope
    """Each includes those before it: `read`, `write`, `admin`."""
    collections: list[str] | None
    """The only collections that the key is for; null for all."""
    anonymous: Scope | None
    """What may be done without a key; null for nothing, `admin` until the first key is made."""
    read_only: bool
    """Whether the server refuses every change, whoever asks."""


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
