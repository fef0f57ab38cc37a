"""Connections to one data directory's catalog: opened, closed, forked, for reading and writing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self, TypeVar

from sqlalchemy import Connection

from search_engine import forks
from search_engine.catalog import database
from search_engine.catalog.attributes import guarded
from search_engine.catalog.directory import (
    is_writable,
    make_private_directory,
    refuse_emptied,
    refuse_to_make,
)
from search_engine.catalog.writer import CatalogWriter
from search_engine.errors import (
    EngineClosedError,
    LockHeldError,
    ReadOnlyError,
    UnreadableAttributesError,
)
from search_engine.storage.locks import exclusive
from search_engine.storage.paths import DataPaths
from search_engine.storage.room import give_up_reserve, keep_room, require_room

T = TypeVar("T")


class CatalogConnections:
    """How a catalog is read and written; what is asked of it is in `store.Catalog`."""

    def __init__(
        self,
        paths: DataPaths,
        lock_wait_s: float = 10.0,
        *,
        create: bool = True,
        read_only: bool = False,
    ) -> None:
        """Open it, migrating the database when needed.

        Args:
            paths: Of the data directory.
            lock_wait_s: How long a writer waits for its turn.
            create: Make it if it is missing.
            read_only: Write nothing, as is done anyway where nothing can be written.

        Raises:
            NotFoundError: It is missing.
            StorageError: The directory cannot be used.
        """
        self.paths = paths
        if not paths.catalog.exists():
            if read_only or not create:
                refuse_to_make(paths)
            make_private_directory(paths)
        else:
            refuse_emptied(paths)
        self.read_only = read_only or not is_writable(paths)
        if not self.read_only:
            give_up_reserve(paths)
        self._lock_wait_s = lock_wait_s
        self._closed = self._torn = False
        self.guarded = 0
        """How many questions met attributes that could not be read."""
        self._writers = database.writer_engine(paths.catalog)
        self._readers = database.reader_engine(paths.catalog)
        if self.read_only:
            database.require_schema(self._readers, paths.catalog)
        elif database.needs_preparation(self._writers, paths.catalog):
            with self._locked():
                database.prepare_schema(self._writers, paths.catalog)
        forks.follow(self)

    def close(self) -> None:
        """Give up all connections; the writer's last one may checkpoint, so under the lock.

        Nothing can be asked or written afterwards. To close twice changes nothing.
        """
        if self._closed:
            return
        self._closed = True
        self._readers.dispose()
        if database.is_connected(self._writers):
            with self._locked():
                self._writers.dispose()

    def before_fork(self) -> None:
        """See Follower: connections are made anew, in this process too, when they are needed."""
        self._readers.dispose()
        if database.is_connected(self._writers):
            with suppress(LockHeldError), exclusive(self.paths.lock, 0.0, "closing this catalog"):
                self._writers.dispose()
        self._writers.dispose()  # without the lock: its holder is connected, so no checkpoint here

    def after_fork(self, torn: bool) -> None:
        """See Follower."""
        self._torn |= torn

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def write(self, frees: bool = False) -> Iterator[CatalogWriter]:
        """One transaction of the one writer; everything in it is durable when the block ends.

        One that `frees` space only removes; on a full disk it uses the room that is kept for it.

        Raises:
            LockHeldError: Another process kept writing for longer than the waiting time.
            ReadOnlyError: Nothing can be written here.
            StorageError: The commit failed; nothing of the block is kept.
        """
        self._check_open()
        self._check_writable()
        if frees:
            give_up_reserve(self.paths)
        else:
            require_room(self.paths)
        with (
            self._locked(),
            forks.gate,
            database.translate_errors(self.paths.catalog),
            self._writers.begin() as connection,
        ):
            yield CatalogWriter(connection)
        keep_room(self.paths)

    @contextmanager
    def indexing(
        self, name: str, doing: str = "indexing this collection", wait_s: float = 0.0
    ) -> Iterator[None]:
        """Be the only one that changes a collection's encoder and index files.

        Raises:
            LockHeldError: Somebody else is, for longer than `wait_s`.
            ReadOnlyError: Nothing can be written here.
        """
        self._check_writable()
        with exclusive(self.paths.index_run_lock(name), wait_s, doing):
            yield

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view for several queries."""
        with self._query() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection

    def ask(self, question: Callable[[Connection], T]) -> T:
        """What a question finds out in a consistent view.

        Attributes that cannot be read are none then; `unreadable` tells of which items. That SQLite
        looks whether they can is not free, so it does only after it met some.
        """
        try:
            with self.read() as connection:
                return question(connection)
        except UnreadableAttributesError:
            self.guarded += 1
            with self.read() as connection:
                return question(guarded(connection))

    @contextmanager
    def _query(self) -> Iterator[Connection]:
        """A connection for one query, which is consistent by itself."""
        self._check_open()
        with (
            forks.gate,
            database.translate_errors(self.paths.catalog),
            self._readers.begin() as connection,
        ):
            yield connection

    def _check_open(self) -> None:
        forks.check_whole(self._torn)
        if self._closed:
            raise EngineClosedError(
                "this engine was closed",
                where=str(self.paths.root),
                fix="open another SearchEngine on the data directory",
            )

    def _check_writable(self) -> None:
        if self.read_only:
            raise ReadOnlyError(
                "the data directory can only be read",
                where=str(self.paths.root),
                fix="change it where it can be written, without EYEDEX_READ_ONLY",
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with exclusive(self.paths.lock, self._lock_wait_s, "writing to this catalog"):
            yield
