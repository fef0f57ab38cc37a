"""A catalog in an SQLite file: connections, how they begin, and what their errors mean.

Readers open the file read-only and never checkpoint; the one writer holds the OS lock while it
writes, so SQLite's own locks are never contended by us. WAL with `synchronous=FULL`: a commit
that returned survives power loss. `BEGIN IMMEDIATE` for writers: a read transaction that turns
into a write would fail at once, whatever the busy timeout.
"""

import os
import sqlite3
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, inspect
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.util import LRUCache

from search_engine.catalog.current_schema import make_current_schema
from search_engine.catalog.database import READERS, SCHEMA_VERSION, Database, is_connected, migrate
from search_engine.catalog.directory import (
    is_writable,
    make_private_directory,
    refuse_emptied,
    refuse_to_make,
)
from search_engine.errors import (
    CorruptDataError,
    LockHeldError,
    StorageBusyError,
    StorageError,
    StorageFullError,
    UnreadableAttributesError,
)
from search_engine.storage.locks import exclusive
from search_engine.storage.paths import DataPaths
from search_engine.storage.room import give_up_reserve, is_full, keep_room, require_room

BUSY_TIMEOUT_MS = 5_000
READER_CACHE_KIB = 512
"""Pages that a reading connection keeps: SQLite's 2 MB for each would grow for days, and the system
keeps the file anyway."""
LOG_ATTEMPTS, LOG_PAUSE_S = 20, 0.05
WRITING = "writing to this catalog"


class Sqlite(Database):
    """The file of a data directory; its lock is a file beside it."""

    begin_reading = "BEGIN"
    errors = (sqlite3.Error,)

    def __init__(self, paths: DataPaths, lock_wait_s: float) -> None:
        self._paths = paths
        self._lock_wait_s = lock_wait_s
        self.where = str(paths.catalog)

    def find(self, create: bool) -> None:
        """See Database."""
        if self._paths.catalog.exists():
            refuse_emptied(self._paths)
        elif create:
            make_private_directory(self._paths)
        else:
            refuse_to_make(self._paths)
        self.writers = writer_engine(self._paths.catalog)
        self.readers = reader_engine(self._paths.catalog)

    def is_writable(self) -> bool:
        """See Database."""
        return is_writable(self._paths)

    def alone(self) -> AbstractContextManager[None]:
        """See Database."""
        return exclusive(self._paths.lock, self._lock_wait_s, WRITING)

    def give_up(self) -> None:
        """See Database."""
        give_up_reserve(self._paths)

    def require_room(self) -> None:
        """See Database."""
        require_room(self._paths)

    def keep_room(self) -> None:
        """See Database."""
        keep_room(self._paths)

    def dispose_writers(self, wait: bool) -> None:
        """See Database: the last connection may checkpoint, so under the lock.

        Whoever else holds that is connected, so that none does here.
        """
        if not is_connected(self.writers):
            return
        if wait:
            with self.alone():
                self.writers.dispose()
            return
        with suppress(LockHeldError), exclusive(self._paths.lock, 0.0, "closing this catalog"):
            self.writers.dispose()
        self.writers.dispose()

    def copy_aside(self) -> None:
        """See Database."""
        path = self._paths.catalog
        _copy(self.writers, path.with_name(f"{path.name}.before-{SCHEMA_VERSION}"))

    def create(self, connection: Connection) -> None:
        """See Database."""
        if inspect(connection).has_table("alembic_version"):
            migrate(connection)
        else:
            make_current_schema(connection)

    def translated(self, error: BaseException) -> StorageError:
        """See Database."""
        return _translate(str(error), self._paths.catalog)


class _Cursor(sqlite3.Cursor):
    """Its errors are SQLite's, also where one quotes a damaged schema that is no UTF-8."""

    def execute(self, *arguments: Any) -> Self:
        """As the class above does it."""
        try:
            return super().execute(*arguments)
        except UnicodeDecodeError as error:
            raise sqlite3.DatabaseError("malformed database schema") from error


class Alike(SQLiteDialect_pysqlite):
    """SQLite's dialect; all of a process are one key to the statements that were compiled."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alike)

    def __hash__(self) -> int:
        return hash(Alike)


registry.register("sqlite.alike", __name__, Alike.__name__)
_compiled: LRUCache[Any, Any] = LRUCache(500)
"""Of all engines: a command opens a catalog several times, and would compile for each of them."""


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:
        """A cursor with such errors."""
        return super().cursor(factory)

    def execute(self, *arguments: Any) -> Any:
        """By such a cursor."""
        return self.cursor().execute(*arguments)


def reader_engine(path: Path) -> Engine:
    """Connections that cannot write; each statement sees the last commit, unless BEGIN was said."""

    def connect() -> sqlite3.Connection:
        how = "immutable=1" if _state_at_rest(path) else "mode=ro"
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(path.absolute()))}?{how}",
            uri=True,
            check_same_thread=False,
            factory=_Connection,
        )
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        connection.execute(f"PRAGMA cache_size=-{READER_CACHE_KIB}")
        connection.create_function("casefold", 1, str.casefold, deterministic=True)
        return connection

    engine = _engine(connect, pool_size=READERS)
    at_rest = _state_at_rest(path)
    if at_rest is not None:

        @event.listens_for(engine, "checkout")
        def check_at_rest(_connection: object, _record: object, _proxy: object) -> None:
            nonlocal at_rest
            before, at_rest = at_rest, _state_at_rest(path)
            if before != at_rest:
                raise InvalidatePoolError("somebody else writes to the catalog")

    return engine


def _state_at_rest(path: Path) -> tuple[int, int] | None:
    """What tells that a catalog in a read-only directory is as it was; None for any other.

    SQLite cannot make the log that it wants to read through there. While there is none, everything
    is in the file itself, which can be read as one that does not change.
    """
    log, shared = Path(f"{path}-wal"), Path(f"{path}-shm")
    if os.access(path.parent, os.W_OK) or shared.exists():
        return None
    if log.exists() and log.stat().st_size:
        raise StorageError(
            "the catalog has changes in its log that cannot be read without writing",
            where=str(log),
            fix="run `eyedex check` on it once where it can be written",
        )
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def writer_engine(path: Path) -> Engine:
    """The one connection that writes, made when it is first needed."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(str(path), check_same_thread=False, factory=_Connection)
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        _use_log(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    engine = _engine(connect, pool_size=1)

    @event.listens_for(engine, "begin")
    def start_transaction(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _use_log(connection: sqlite3.Connection) -> None:
    """Write-ahead logging; while another process closes its last connection, SQLite says at once
    that the database is locked, without waiting."""
    for _ in range(LOG_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(LOG_PAUSE_S)
    connection.execute("PRAGMA journal_mode=WAL")


def _translate(message: str, path: Path) -> StorageError:
    where = str(path)
    if is_full(path.parent) and ("I/O" in message or "unable to open" in message):
        message = "the disk is full"
    if "locked" in message or "busy" in message:
        return StorageBusyError("the catalog is locked by another program", where=where)
    if "full" in message:
        return StorageFullError(
            "no space is left for the catalog", where=where, fix="free some space and try again"
        )
    if message == "malformed JSON":
        return UnreadableAttributesError(
            "the attributes of some items cannot be read",
            where=where,
            fix="`eyedex check` names them",
        )
    if "malformed" in message or "not a database" in message:
        return CorruptDataError(
            f"the catalog is damaged: {message}", where=where, fix="restore it from a copy"
        )
    return StorageError(f"the catalog cannot be used: {message}", where=where)


def _engine(connect: object, pool_size: int) -> Engine:
    engine = create_engine(
        "sqlite+alike://",
        creator=connect,
        execution_options={"compiled_cache": _compiled},
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_use_lifo=True,  # few are used, and their pages are at hand
        pool_reset_on_return="rollback",
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are ours
        connection.text_factory = _text  # by itself, one text that is no UTF-8 ends a query

    return engine


def _text(stored: bytes) -> str:
    return stored.decode(errors="replace")


def copy_file(source: Path, target: Path) -> None:
    """Copy a catalog as of its last commit, without deleted content."""
    engine = reader_engine(source)
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise _translate(str(error), source) from error
    finally:
        connection.close()
        engine.dispose()


def _copy(engine: Engine, target: Path) -> None:
    """Copy the database as of its last commit, what is only in its log included."""
    made = target.with_name(f"{target.name}.new")
    made.unlink(missing_ok=True)
    connection = engine.raw_connection()
    copy = sqlite3.connect(made)
    try:
        source = connection.driver_connection
        assert isinstance(source, sqlite3.Connection)
        source.backup(copy)
    finally:
        copy.close()
        connection.close()
    made.chmod(0o600)
    made.replace(target)
