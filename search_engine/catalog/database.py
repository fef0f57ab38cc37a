"""Connections to the catalog's SQLite file, how they begin, and what their errors mean.

Readers open the file read-only and never checkpoint; the one writer holds the OS lock while it
writes, so SQLite's own locks are never contended by us. WAL with `synchronous=FULL`: a commit
that returned survives power loss. `BEGIN IMMEDIATE` for writers: a read transaction that turns
into a write would fail at once, whatever the busy timeout.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, InvalidatePoolError

from search_engine.errors import (
    CorruptDataError,
    NewerFormatError,
    ReadOnlyError,
    StorageBusyError,
    StorageError,
    StorageFullError,
    UnreadableAttributesError,
)
from search_engine.storage.faults import fault_point
from search_engine.storage.room import is_full

SCHEMA_VERSION = "0013"
KNOWN_VERSIONS = tuple(f"{number:04}" for number in range(1, int(SCHEMA_VERSION) + 1))
BUSY_TIMEOUT_MS = 5_000
READERS = 32
LOG_ATTEMPTS, LOG_PAUSE_S = 20, 0.05


def reader_engine(path: Path) -> Engine:
    """Connections that cannot write; each statement sees the last commit, unless BEGIN was said."""

    def connect() -> sqlite3.Connection:
        how = "immutable=1" if _state_at_rest(path) else "mode=ro"
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(path.absolute()))}?{how}", uri=True, check_same_thread=False
        )
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
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
        connection = sqlite3.connect(str(path), check_same_thread=False)
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


def is_connected(engine: Engine) -> bool:
    """Whether an idle connection is kept."""
    return isinstance(engine.pool, QueuePool) and engine.pool.checkedin() > 0


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


def prepare_schema(engine: Engine, path: Path) -> None:
    """Bring the database to this version's schema; call with the writer lock held.

    An existing database of an older version is copied beside itself first. Whatever interrupts
    the change, the database is what it was.

    Raises:
        NewerFormatError: The database is of a version this program does not know.
    """
    with translate_errors(path):
        with engine.connect() as connection:
            version = _version(connection)
        if version == SCHEMA_VERSION:
            return
        _refuse_newer(version, path)
        if version is not None:
            _copy(engine, path.with_name(f"{path.name}.before-{SCHEMA_VERSION}"))
        with engine.begin() as connection:
            _migrate(connection)
            fault_point("schema_before_commit")


def require_schema(engine: Engine, path: Path) -> None:
    """Refuse a database that `prepare_schema` would have to change.

    Raises:
        NewerFormatError: It is of a version this program does not know.
        ReadOnlyError: It is of an older one.
    """
    with translate_errors(path), engine.connect() as connection:
        version = _version(connection)
    if version != SCHEMA_VERSION:
        _refuse_newer(version, path)
        raise ReadOnlyError(
            "the catalog was written by an older version and can only be read here",
            where=str(path),
            fix="run `eyedex check` on it once where it can be written",
        )


def needs_preparation(engine: Engine, path: Path) -> bool:
    """Whether `prepare_schema` has something to do (or to refuse)."""
    with translate_errors(path), engine.connect() as connection:
        return _version(connection) != SCHEMA_VERSION


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Database errors as the project's own, by what SQLite says."""
    try:
        yield
    except DBAPIError as error:
        raise _translate(str(error.orig), path) from error
    except sqlite3.Error as error:
        raise _translate(str(error), path) from error


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
        "sqlite+pysqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_reset_on_return="rollback",
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are ours
        connection.text_factory = _text  # by itself, one text that is no UTF-8 ends a query

    return engine


def _text(stored: bytes) -> str:
    return stored.decode(errors="replace")


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _refuse_newer(version: str | None, path: Path) -> None:
    if version is not None and version not in KNOWN_VERSIONS:
        raise NewerFormatError(
            f"the catalog has schema {version}; this version knows up to {SCHEMA_VERSION}",
            where=str(path),
            fix="use a newer eyedex",
        )


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


def _migrate(connection: Connection, version: str = "head") -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, version)
