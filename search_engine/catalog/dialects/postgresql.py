"""A catalog in a PostgreSQL database: connections, how they begin, and what their errors mean.

Readers cannot write. One writer at a time, as with a file: a transaction takes the advisory lock of
the catalog before anything else, so changes are committed in the order of their numbers, on
however many machines the writers are. A commit that returned is on the server's disk.
"""

import uuid
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.types.string import StrDumperUnknown, TextLoader
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from search_engine.catalog.database import Database
from search_engine.catalog.dialects import postgresql_schema
from search_engine.catalog.dialects.note import DatabaseNote, write_note
from search_engine.catalog.dialects.postgresql_words import CatalogCompiler
from search_engine.catalog.dialects.silence import WatchedConnection
from search_engine.catalog.directory import make_private_root, refuse_to_make
from search_engine.errors import (
    CorruptDataError,
    DatabaseUnavailableError,
    EyedexError,
    LockHeldError,
    ParameterError,
    ReadOnlyError,
    StorageBusyError,
    StorageError,
    StorageFullError,
)
from search_engine.storage.paths import DataPaths

CONNECT_S = 5
READERS, WRITERS = 20, 4
"""Connections that one process keeps at most; a server takes 100 unless told otherwise."""
LEAST_VERSION = 140_000
STATEMENT_S = 600
"""No statement may take longer: the longest builds an index of a field of a large catalog."""
_SECRETS = ("password", "sslpassword")
_AWAY = ("08", "57P", "53300")
"""Beginnings of SQLSTATEs: a connection failed, the server is stopping or starting, or full."""


class _TextDumper(StrDumperUnknown):
    """Texts without NUL, which PostgreSQL has none of: what is looked for with one is not found.

    Whatever is stored was looked at before, and has none (`names`, `attribute_values`).
    """

    def dump(self, obj: str) -> Buffer | None:
        """See the class."""
        return super().dump(obj.replace("\x00", "\uffff") if "\x00" in obj else obj)


class Postgresql(Database):
    """A database on a server, for one data directory."""

    begin_reading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    errors = (psycopg.Error,)

    def __init__(
        self, paths: DataPaths, url: str, note: DatabaseNote | None, lock_wait_s: float
    ) -> None:
        """Prepare to connect.

        Raises:
            ParameterError: The address is none of a PostgreSQL database.
        """
        self._paths = paths
        self._url = _read_url(url)
        self._note = note
        self._lock_wait_s = lock_wait_s
        self.where = _shown(self._url)
        self.readers = _reader_engine(self._url)
        self.writers = _writer_engine(self._url, lock_wait_s)

    def find(self, create: bool) -> None:
        """See Database."""
        if self._note is None and not create:
            refuse_to_make(self._paths)
        make_private_root(self._paths)
        with self.translate_errors(), self.readers.connect() as connection:
            postgresql_schema.require_server(connection, self.where)
            found = postgresql_schema.catalog_number(connection)
        if self._note is not None and found != self._note.catalog:
            self.readers.dispose()
            raise StorageError(
                "this data directory belongs to another catalog than that database holds"
                if found
                else "the catalog of this data directory is gone from that database",
                where=f"{self._paths.root}, {self.where}",
                fix=f"name the database of {_shown(_read_url(self._note.url))}, restore a backup "
                "of it, or use another --data",
            )

    def is_writable(self) -> bool:
        """See Database."""
        return True

    def alone(self) -> AbstractContextManager[None]:
        """See Database: a transaction waits for its turn when it begins."""
        return nullcontext()

    def give_up(self) -> None:
        """See Database: the disk is the server's."""

    def require_room(self) -> None:
        """See Database."""

    def keep_room(self) -> None:
        """See Database."""

    def dispose_writers(self, wait: bool) -> None:
        """See Database."""
        self.writers.dispose()

    def copy_aside(self) -> None:
        """See Database: a change of the schema is one transaction, and copies are the server's."""

    def needs_preparation(self) -> bool:
        """See Database; without waiting for a writer."""
        with self.translate_errors(), self.readers.connect() as connection:
            return not postgresql_schema.is_current(connection)

    def create(self, connection: Connection) -> None:
        """See Database."""
        postgresql_schema.create(connection, uuid.uuid4().hex)

    def note(self) -> None:
        """See Database."""
        with self.translate_errors(), self.readers.connect() as connection:
            number = postgresql_schema.catalog_number(connection)
        known = DatabaseNote(_without_secrets(self._url), number or "")
        if known != self._note:
            write_note(self._paths, known)
            self._note = known

    def translated(self, error: BaseException) -> EyedexError:
        """See Database."""
        return _translate(error, self.where)


def _read_url(url: str) -> URL:
    """An address as it is connected to.

    Raises:
        ParameterError: It is none of PostgreSQL. The text is not told, as it may hold a password.
    """
    try:
        found = make_url(url)
    except ArgumentError:
        found = None
    kinds = ("postgresql", "postgres", "postgresql+psycopg")
    if found is None or found.drivername not in kinds or not found.database:
        raise ParameterError(
            "this is no address of a PostgreSQL database",
            where="EYEDEX_DATABASE_URL",
            fix="write it as postgresql+psycopg://USER@HOST/DATABASE",
        ) from None
    return found.set(drivername="postgresql+psycopg")


def _without_secrets(url: URL) -> str:
    """The address as it may be kept and shown."""
    bare = URL.create(url.drivername, url.username, None, url.host, url.port, url.database)
    query = {name: value for name, value in url.query.items() if name not in _SECRETS}
    return bare.set(query=query).render_as_string(hide_password=False)


def _shown(url: URL) -> str:
    return _without_secrets(url.set(query={})).replace("+psycopg", "")


def _reader_engine(url: URL) -> Engine:
    """Connections that cannot write; each statement is a transaction, unless one is begun."""
    settings = {"default_transaction_read_only": "on"}
    return _engine(url, settings, pool_size=READERS, isolation_level="AUTOCOMMIT")


def _writer_engine(url: URL, lock_wait_s: float) -> Engine:
    """Connections that write one after another."""
    engine = _engine(url, {}, pool_size=WRITERS, isolation_level="READ COMMITTED")
    wait_ms = max(1, round(lock_wait_s * 1_000))

    @event.listens_for(engine, "begin")
    def wait_for_turn(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {wait_ms}")
        if connection.get_execution_options().get("in_turn", True):
            connection.exec_driver_sql(postgresql_schema.TAKE_TURN)

    return engine


def _engine(url: URL, settings: dict[str, str], pool_size: int, isolation_level: str) -> Engine:
    always = {
        "TimeZone": "UTC",
        "client_encoding": "UTF8",
        "jit": "off",  # compiling a statement takes longer than answering it
        "statement_timeout": f"{STATEMENT_S}s",
        "idle_in_transaction_session_timeout": f"{STATEMENT_S}s",
    }
    given = url.query.get("options", "")
    options = given if isinstance(given, str) else " ".join(given)
    for name, value in {**always, **settings}.items():
        options += f" -c {name}={value}"
    engine = create_engine(
        url.difference_update_query(["options"]),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        isolation_level=isolation_level,
        connect_args={
            "options": options.strip(),
            "connect_timeout": CONNECT_S,
            "application_name": "eyedex",
            "tcp_user_timeout": CONNECT_S * 1_000,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        },
    )
    engine.dialect.statement_compiler = CatalogCompiler

    event.listen(engine, "do_connect", _connected)

    @event.listens_for(engine, "connect")
    def prepare(connection: "psycopg.Connection[object]", _record: object) -> None:
        connection.adapters.register_dumper(str, _TextDumper)
        for kind in ("json", "jsonb"):  # as text, which checksums are made of
            connection.adapters.register_loader(kind, TextLoader)

    return engine


def _connected(
    _dialect: object, _record: object, arguments: list[Any], settings: dict[str, Any]
) -> WatchedConnection:
    return WatchedConnection.connect(*arguments, **settings)


def _translate(error: BaseException, where: str) -> EyedexError:
    """By SQLSTATE; an error without one comes from the connection."""
    code = getattr(error, "sqlstate", None) or ""
    said = str(error).strip().partition("\n")[0]
    if code.startswith(_AWAY) or (not code and isinstance(error, psycopg.OperationalError)):
        return DatabaseUnavailableError(
            f"the database of the catalog does not answer: {said}", where=where, fix="try again"
        )
    if code == "55P03":
        return LockHeldError(
            "another process is writing to this catalog",
            where=where,
            fix="wait until it has finished and try again",
        )
    if code.startswith(("40", "57014")):
        return StorageBusyError("the catalog is busy", where=where, fix="try again")
    if code == "53100":
        return StorageFullError(
            "no space is left for the catalog", where=where, fix="free some space and try again"
        )
    if code == "25006":
        return ReadOnlyError(
            "the database can only be read",
            where=where,
            fix="name the one that is written, or set EYEDEX_READ_ONLY",
        )
    if code.startswith("XX00"):
        return CorruptDataError(
            f"the catalog is damaged: {said}", where=where, fix="restore it from a copy"
        )
    return StorageError(f"the catalog cannot be used: {said}", where=where)
