"""What a vector server does for an index, and where it is."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from search_engine.errors import ParameterError
from search_engine.records import Keys, Vectors

AUTOMATIC = "AUTO"


class VectorServer(Protocol):
    """The connection of a process to a server. Thread-safe.

    Every method raises `IndexUnavailableError` while the server does not answer.
    """

    def create(self, name: str, kind: str, dimension: int, count: int) -> None:
        """Make an empty set of vectors that will have `count` rows."""
        ...

    def insert(self, name: str, keys: Keys, rows: Vectors) -> None:
        """Add rows under their keys; the same rows once more change nothing."""
        ...

    def finish(self, name: str) -> None:
        """Wait until all rows are indexed and can be searched."""
        ...

    def count(self, name: str) -> int | None:
        """Return how many rows there are; None if there is no such set."""
        ...

    def nearest(
        self, name: str, kind: str, queries: Vectors, count: int, breadth: int
    ) -> list[Keys]:
        """Return the keys of about the `count` nearest rows of each query, in any order.

        Raises:
            CorruptDataError: There is no such set.
        """
        ...

    def drop(self, name: str) -> None:
        """Delete a set of vectors, if it is there."""
        ...


@dataclass(frozen=True, slots=True)
class Address:
    """A server, and the kind of index it builds; `backend:uri#kind` as a factory string."""

    backend: str
    uri: str
    kind: str

    @classmethod
    def parse(cls, factory: str) -> "Address":
        """Read a factory string; the kind may be missing.

        Raises:
            ParameterError: It names no server, or has a password in it.
        """
        backend, _, rest = factory.partition(":")
        uri, _, kind = rest.partition("#")
        if "://" not in uri:
            raise ParameterError(
                f"{factory!r} does not say where the server is",
                where="index",
                fix=f"give its address, as {backend}:http://HOST:PORT#HNSW",
            )
        if "@" in uri:
            raise ParameterError(
                "an address with a password would be stored in the catalog",
                where="index",
                fix=f"leave it out, and set EYEDEX_{backend.upper()}_TOKEN",
            )
        return cls(backend, uri, kind.upper() or AUTOMATIC)

    def of_kind(self, kind: str) -> "Address":
        """Return the same server with another kind of index."""
        return replace(self, kind=kind)

    def __str__(self) -> str:
        return f"{self.backend}:{self.uri}#{self.kind}"


def token(backend: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the token of a kind of server, which is never stored; empty for none."""
    return environ.get(f"EYEDEX_{backend.upper()}_TOKEN", "")
