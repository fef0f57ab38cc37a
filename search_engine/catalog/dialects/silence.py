"""Connections to PostgreSQL that do not wait for ever: who is silent is asked about elsewhere.

A statement may take minutes, so time alone does not tell a server that works from an answer that
was lost on the way, or from a server that hangs. After some seconds of silence a connection of its
own asks: where it gets no answer, or the server is not at work for the silent one, the silent one
is given up.
"""

import select
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

ASK_AFTER_S = 3.0
"""Of silence, and again after as much more."""
ANSWERS_WITHIN_S = 5
"""How long the one that asks waits: to be connected, and for its answer."""
ON_ITS_WAY_S = 0.5
"""An answer that the server has given before it told so is here by then, if it ever comes."""
MOST_S = 900.0
"""Longer than any statement may take (`postgresql.STATEMENT_S`), for where nobody can tell."""

T = TypeVar("T")


class WatchedConnection(psycopg.Connection[Any]):
    """A connection that is given up where nothing will come any more.

    Cursors on the server end with their transaction, and are closed then: whoever reads in parts
    may stop at any row.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As the class above is made."""
        super().__init__(*arguments, **options)
        self._on_server: list[psycopg.ServerCursor[Any]] = []

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        """As the class above makes it; one with a name is on the server."""
        made = super().cursor(*arguments, **options)
        if isinstance(made, psycopg.ServerCursor):
            self._on_server.append(made)
        return made

    def commit(self) -> None:
        """As the class above does it."""
        with self._closing_cursors():
            super().commit()

    def rollback(self) -> None:
        """As the class above does it."""
        with self._closing_cursors():
            super().rollback()

    def close(self) -> None:
        """As the class above does it."""
        with self._closing_cursors():
            super().close()

    def __del__(self, *_: object) -> None:
        """Close it: one that is given back after its pool was disposed of is left to the garbage
        collector (SQLAlchemy, `Engine.dispose`)."""
        if hasattr(self, "pgconn"):  # else it was never connected
            self.pgconn.finish()

    @contextmanager
    def _closing_cursors(self) -> Iterator[None]:
        try:
            yield
        finally:
            while self._on_server:
                self._on_server.pop().close()

    def wait(self, gen: Generator[Any, Any, T], *arguments: Any, **options: Any) -> T:
        """As the class above does it.

        Raises:
            psycopg.OperationalError: There will be no answer; the connection is closed.
        """
        since = asked = time.monotonic()

        def look(ready: bool) -> None:
            nonlocal since, asked
            now = time.monotonic()
            if ready:
                since = asked = now
            elif now > asked + ASK_AFTER_S:
                self._require_work(now - since)
                asked = time.monotonic()

        return super().wait(_looked_at(gen, look), *arguments, **options)

    def _require_work(self, silent_s: float) -> None:
        """Raise unless the server is at work for this connection, as far as that can be told."""
        try:
            why = self._lost() if silent_s < MOST_S else "the answer is not coming"
        except psycopg.Error as error:
            why = str(error).strip().partition("\n")[0] or type(error).__name__
        if why is not None and not self._has_come():
            self.close()
            raise psycopg.OperationalError(f"no answer for {silent_s:.0f} s: {why}")

    def _has_come(self) -> bool:
        """Whether the answer came while another connection asked, as on a busy machine."""
        came = select.poll()
        came.register(self.fileno(), select.POLLIN)
        return bool(came.poll(ON_ITS_WAY_S * 1_000))

    def _lost(self) -> str | None:
        """Why no answer will come; None where one may.

        Behind a pooler the numbers of processes are its own and tell nothing.
        """
        with _Asking.connect(
            self.info.dsn,
            autocommit=True,
            password=self.info.password,
            connect_timeout=ANSWERS_WITHIN_S,
        ) as other:
            row = other.execute(
                "SELECT pg_backend_pid(), (SELECT state FROM pg_stat_activity WHERE pid = %s)",
                (self.info.backend_pid,),
            ).fetchone()
            if row is None or row[0] != other.info.backend_pid or row[1] == "active":
                return None
            return "the server has answered, or was not asked"


class _Asking(psycopg.Connection[Any]):
    """A connection whose answers come soon, or not at all."""

    def wait(self, gen: Generator[Any, Any, T], *arguments: Any, **options: Any) -> T:
        """As the class above does it, not for long."""
        ends = time.monotonic() + ANSWERS_WITHIN_S

        def look(ready: bool) -> None:
            if not ready and time.monotonic() > ends:
                self.close()
                raise psycopg.OperationalError("the server does not answer")

        return super().wait(_looked_at(gen, look), *arguments, **options)


def _looked_at(gen: Generator[Any, Any, T], look: Callable[[bool], None]) -> Generator[Any, Any, T]:
    """The same steps, with a look behind each: whether something came, or time went by."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            look(bool(ready))
            wanted = gen.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result
