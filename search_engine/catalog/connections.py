"""Connections to one data directory's catalog: opened, closed, forked, for reading and writing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self, TypeVar

from sqlalchemy import Connection

from search_engine import forks, interruptions
from search_engine.catalog.attributes import guarded
from search_engine.catalog.dialects.opened import database_of
from search_engine.catalog.writer import CatalogWriter
from search_engine.errors import EngineClosedError, ReadOnlyError, UnreadableAttributesError
from search_engine.storage.locks import exclusive
from search_engine.storage.paths import DataPaths

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
        self._closed = self._torn = False
        self.guarded = 0
        """How many questions met attributes that could not be read."""
        self._database = database_of(paths, lock_wait_s)
        self.where = self._database.where
        """What messages call the database."""
        self._database.find(create and not read_only)
        self.read_only = read_only or not self._database.is_writable()
        if self.read_only:
            self._database.require_schema()
        else:
            self._database.give_up()
            if self._database.needs_preparation():
                with self._database.alone():
                    self._database.prepare_schema()
            self._database.note()
        forks.follow(self)

    def close(self) -> None:
        """Give up all connections.

        Nothing can be asked or written afterwards. To close twice changes nothing.
        """
        if self._closed:
            return
        self._closed = True
        self._database.readers.dispose()
        self._database.dispose_writers(wait=True)

    def before_fork(self) -> None:
        """See Follower: connections are made anew, in this process too, when they are needed."""
        self._database.readers.dispose()
        self._database.dispose_writers(wait=False)

    def after_fork(self, torn: bool) -> None:
        """See Follower."""
        self._torn |= torn

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def write(self, frees: bool = False, in_turn: bool = True) -> Iterator[CatalogWriter]:
        """One transaction of the one writer; everything in it is durable when the block ends.

        One that `frees` space only removes; on a full disk it uses the room that is kept for it.
        One that is not `in_turn` takes no sequence number, as those of jobs: in PostgreSQL it need
        not wait for others.

        Raises:
            LockHeldError: Another process kept writing for longer than the waiting time.
            ReadOnlyError: Nothing can be written here.
            StorageError: The commit failed; nothing of the block is kept.
        """
        self._check_open()
        self._check_writable()
        if frees:
            self._database.give_up()
        else:
            self._database.require_room()
        with interruptions.held:
            with (
                self._database.alone(),
                forks.gate,
                self._database.translate_errors(),
                self._database.writers.execution_options(in_turn=in_turn).begin() as connection,
            ):
                yield CatalogWriter(connection)
            self._database.keep_room()

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
            connection.exec_driver_sql(self._database.begin_reading)
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
            self._database.translate_errors(),
            self._database.readers.begin() as connection,
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
