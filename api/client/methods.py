"""Methods that are declared once and are there in both clients.

A method is written as what it asks (a Call, or steps of several). Read from a `Client` it waits for
the answer and returns it; read from an `AsyncClient` it returns an awaitable.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from functools import update_wrapper, wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from api.client.calls import Call, Pages, Steps, Together

P = ParamSpec("P")
T = TypeVar("T")


class Blocking(Protocol):
    """A client that waits."""

    def send(self, call: Call[T], /) -> T:
        """Send a call and read its answer."""
        ...

    def follow(self, steps: Steps[T], /) -> T:
        """Take steps to their end."""
        ...

    def walk(self, pages: Pages[T], /) -> Iterator[T]:
        """What is on pages, one page after the other."""
        ...

    def flow(self, together: Together[Iterable[T]], /) -> Iterator[T]:
        """What is in the answers of calls that are sent side by side."""
        ...


class Awaiting(Protocol):
    """A client that awaits."""

    async def send(self, call: Call[T], /) -> T:
        """Send a call and read its answer."""
        ...

    async def follow(self, steps: Steps[T], /) -> T:
        """Take steps to their end."""
        ...

    def walk(self, pages: Pages[T], /) -> AsyncIterator[T]:
        """What is on pages, one page after the other."""
        ...

    def flow(self, together: Together[Iterable[T]], /) -> AsyncIterator[T]:
        """What is in the answers of calls that are sent side by side."""
        ...


class _Method:
    """Reads a method from a client: `by` of the client does what `make` describes."""

    by = ""

    def __init__(self, make: Callable[..., Any]) -> None:
        self.make = make
        update_wrapper(self, make)  # type: ignore[arg-type]

    def bound(self, client: Any) -> Any:
        """The method of a client; itself where it is read from the class."""
        if client is None:
            return self
        do = getattr(client, self.by)

        @wraps(self.make)
        def method(*arguments: Any, **options: Any) -> Any:
            return do(self.make(client, *arguments, **options))

        return method


class operation(_Method, Generic[P, T]):  # noqa: N801 - used like a function
    """A method that is one call."""

    by = "send"

    def __init__(self, make: Callable[Concatenate[Any, P], Call[T]]) -> None:
        super().__init__(make)

    @overload
    def __get__(self, client: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self, client: Blocking, owner: Any = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaiting, owner: Any = None) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: Any, owner: Any = None) -> Any:
        return self.bound(client)


class procedure(_Method, Generic[P, T]):  # noqa: N801
    """A method of several steps."""

    by = "follow"

    def __init__(self, make: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        super().__init__(make)

    @overload
    def __get__(self, client: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self, client: Blocking, owner: Any = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaiting, owner: Any = None) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: Any, owner: Any = None) -> Any:
        return self.bound(client)


class iteration(_Method, Generic[P, T]):  # noqa: N801
    """A method that goes through pages."""

    by = "walk"

    def __init__(self, make: Callable[Concatenate[Any, P], Pages[T]]) -> None:
        super().__init__(make)

    @overload
    def __get__(self, client: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self, client: Blocking, owner: Any = None) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: Awaiting, owner: Any = None) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, client: Any, owner: Any = None) -> Any:
        return self.bound(client)


class crowd(_Method, Generic[P, T]):  # noqa: N801
    """A method of many calls side by side, whose answers flow in their order."""

    by = "flow"

    def __init__(self, make: Callable[Concatenate[Any, P], Together[list[T]]]) -> None:
        super().__init__(make)

    @overload
    def __get__(self, client: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self, client: Blocking, owner: Any = None) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: Awaiting, owner: Any = None) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, client: Any, owner: Any = None) -> Any:
        return self.bound(client)
