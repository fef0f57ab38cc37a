"""Calls: requests that are not sent yet, as values; and steps, which several of them are.

What a client can do is written once, as calls and generators of steps. The two clients only know
how to take a step: one waits for it, the other awaits it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

SAFE_TO_REPEAT = frozenset(("GET", "HEAD", "PUT", "DELETE"))
IDEMPOTENCY_KEY = "Idempotency-Key"


def in_json(response: httpx2.Response) -> Any:
    """The value of an answer in JSON."""
    return response.json()


def in_bytes(response: httpx2.Response) -> bytes:
    """The body of an answer."""
    return response.content


def nothing(response: httpx2.Response) -> None:
    """Nothing, of an answer without a body."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and how its answer is read.

    The body is `json`, or `fields` and `files` of a form, or `content`: bytes, or a file that is
    streamed. `asks` says that it changes nothing, whatever its method.
    """

    method: str
    path: str
    read: Callable[[httpx2.Response], T]
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    fields: Mapping[str, str] | None = None
    files: Mapping[str, tuple[str, bytes, str]] | None = None
    content: bytes | Path | None = None
    asks: bool = False

    @property
    def may_be_repeated(self) -> bool:
        """Whether doing it twice comes to the same as doing it once."""
        return self.asks or self.method in SAFE_TO_REPEAT or IDEMPOTENCY_KEY in self.headers


@dataclass(frozen=True, slots=True)
class Pause:
    """A while to wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Together(Generic[T]):
    """Calls that are sent side by side, at most so many at once; answers come in their order."""

    calls: Iterable[Call[T]]
    at_once: int


Steps: TypeAlias = Generator["Call[Any] | Pause | Together[Any]", Any, T]
"""Takes the answer of each step, a list of them of Together, and returns what comes of them."""


@dataclass(frozen=True, slots=True)
class Pages(Generic[T]):
    """Pages one after the other: each turn is a call that takes the answer of the one before.

    `of` takes what is wanted from a page.
    """

    turns: Generator[Call[Any], Any, None]
    of: Callable[[Any], Iterable[T]]


def paged(first: Call[Any], name: str) -> Pages[Any]:
    """All pages of a list in an answer by its name, each by the `next_cursor` of the one before."""

    def turns() -> Generator[Call[Any], Any, None]:
        call = first
        while True:
            cursor = (yield call).get("next_cursor")
            if cursor is None:
                return
            call = replace_query(call, cursor=cursor)

    return Pages(turns(), lambda page: page[name])


def replace_query(call: Call[T], **query: Any) -> Call[T]:
    """The same call with other parameters in its address."""
    return replace(call, query={**call.query, **query})
