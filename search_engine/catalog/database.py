"""The database that holds a catalog: how it is reached, and how its schema comes to be."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, QueuePool, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from search_engine.errors import (
    EyedexError,
    NewerFormatError,
    ReadOnlyError,
    StorageBusyError,
)
from search_engine.storage.faults import fault_point

SCHEMA_VERSION = "0014"
KNOWN_VERSIONS = tuple(f"{number:04}" for number in range(1, int(SCHEMA_VERSION) + 1))
READERS = 32


class Database(ABC):
    """A database, opened for one catalog.

    `where` names it in messages. `readers` are connections that cannot write; each statement sees
    the last commit, unless `begin_reading` was said. `writers` make transactions that exclude each
    other within `alone`.
    """

    where: str
    readers: Engine
    writers: Engine
    begin_reading: str
    errors: tuple[type[Exception], ...]
    """What the driver raises where it is used without SQLAlchemy."""

    @abstractmethod
    def find(self, create: bool) -> None:
        """Make sure that it is there and fits the data directory, or make room for a new one.

        Raises:
            NotFoundError: It is missing, and none is to be made.
            StorageError: It cannot be used.
        """

    @abstractmethod
    def is_writable(self) -> bool:
        """Whether it can be written from here."""

    @abstractmethod
    def alone(self) -> AbstractContextManager[None]:
        """Keep other writers waiting, if a transaction itself does not.

        Raises:
            LockHeldError: Another process kept writing for longer than the waiting time.
        """

    @abstractmethod
    def give_up(self) -> None:
        """Make what room for removing is kept, where the disk is full."""

    @abstractmethod
    def require_room(self) -> None:
        """Refuse to add something where room for removing is scarce.

        Raises:
            StorageFullError: It is.
        """

    @abstractmethod
    def keep_room(self) -> None:
        """Keep room for removing, where there is plenty."""

    @abstractmethod
    def dispose_writers(self, wait: bool) -> None:
        """Close the connections that write; without `wait` even if somebody else writes."""

    @abstractmethod
    def copy_aside(self) -> None:
        """Copy an older version of it, before that is changed."""

    @abstractmethod
    def create(self, connection: Connection) -> None:
        """Make the schema of this version in an empty database, or bring it up to that."""

    @abstractmethod
    def translated(self, error: BaseException) -> EyedexError:
        """An error of the driver as one of the project's own."""

    def note(self) -> None:  # noqa: B027 - most have nothing to note
        """Note in the data directory which database this is."""

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Database errors as the project's own."""
        try:
            yield
        except DBAPIError as error:
            raise self.translated(error.orig or error) from error
        except PoolTimeoutError as error:
            raise StorageBusyError(
                "all connections to the catalog are in use", where=self.where
            ) from error
        except self.errors as error:
            raise self.translated(error) from error

    def prepare_schema(self) -> None:
        """Bring the database to this version's schema; call it `alone`.

        Whatever interrupts the change, the database is what it was.

        Raises:
            NewerFormatError: The database is of a version this program does not know.
        """
        with self.translate_errors():
            with self.writers.connect() as connection:
                version = _version(connection)
                if version == SCHEMA_VERSION:
                    return
                _refuse_newer(version, self.where)
            if version is not None:
                self.copy_aside()
            with self.writers.begin() as connection:
                self.create(connection)
                fault_point("schema_before_commit")

    def require_schema(self) -> None:
        """Refuse a database that `prepare_schema` would have to change.

        Raises:
            NewerFormatError: It is of a version this program does not know.
            ReadOnlyError: It is of an older one.
        """
        with self.translate_errors(), self.readers.connect() as connection:
            version = _version(connection)
        if version != SCHEMA_VERSION:
            _refuse_newer(version, self.where)
            raise ReadOnlyError(
                "the catalog was written by an older version and can only be read here",
                where=self.where,
                fix="run `eyedex check` on it once where it can be written",
            )

    def needs_preparation(self) -> bool:
        """Whether `prepare_schema` has something to do (or to refuse)."""
        with self.translate_errors(), self.writers.connect() as connection:
            return _version(connection) != SCHEMA_VERSION


def is_connected(engine: Engine) -> bool:
    """Whether an idle connection is kept."""
    return isinstance(engine.pool, QueuePool) and engine.pool.checkedin() > 0


def migrate(connection: Connection, version: str = "head", *, only_note: bool = False) -> None:
    """Run the migrations up to a version; `only_note` takes the schema to be of that already."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    (command.stamp if only_note else command.upgrade)(config, version)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _refuse_newer(version: str | None, where: str) -> None:
    if version is not None and version not in KNOWN_VERSIONS:
        raise NewerFormatError(
            f"the catalog has schema {version}; this version knows up to {SCHEMA_VERSION}",
            where=where,
            fix="use a newer eyedex",
        )
