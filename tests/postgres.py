"""A private PostgreSQL server for tests, and databases on it for the data directories they make."""

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from search_engine.catalog import connections
from search_engine.catalog.database import Database
from search_engine.catalog.dialects.opened import database_of
from search_engine.catalog.store import Catalog
from search_engine.storage.paths import DataPaths

MEMORY = "/dev/shm"  # its many small files are soon made and deleted there
USER = "postgres"
TEMPLATE = "eyedex_empty"
"""Has an empty catalog: a copy of it is there sooner than a new one."""
SETTINGS = {
    "fsync": "off",  # processes are killed here, but no machine loses its power
    "full_page_writes": "off",
    "listen_addresses": "''",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "autovacuum": "off",
}


def programs() -> Path | None:
    """Where PostgreSQL's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: one.parts[-3])
    if found:
        return found[-1].parent
    named = shutil.which("initdb")
    return Path(named).resolve().parent if named else None


class Cluster:
    """A server of its own in a temporary folder, reached by a socket in it."""

    def __init__(self, folder: Path) -> None:
        bin_folder = programs()
        assert bin_folder is not None
        self._bin, self.folder = bin_folder, folder
        self._numbers = itertools.count(1)

    def make(self) -> None:
        """Write what it begins with."""
        if os.getuid() == 0:
            shutil.chown(self.folder, USER, USER)
        self._do("initdb", "--pgdata", self._data, "--auth=trust", "--username", USER,
                 "--encoding=UTF8", "--locale=C", "--no-sync")  # fmt: skip

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        settings = {**SETTINGS, "unix_socket_directories": self.folder}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._do("pg_ctl", "--pgdata", self._data, "--wait", "--log", str(self.folder / "log"),
                 "--options", options, "start")  # fmt: skip

    def stop(self, mode: str = "immediate") -> None:
        """End it; `immediate` is as sudden as a kill."""
        self._do("pg_ctl", "--pgdata", self._data, "--wait", "--mode", mode, "stop")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{USER}@/{database}?host={self.folder}"

    def run(self, statement: str, database: str = USER) -> None:
        with psycopg.connect(
            host=str(self.folder), user=USER, dbname=database, autocommit=True
        ) as connection:
            connection.execute(statement)

    def new_database(self, template: str = TEMPLATE) -> str:
        """The name of a new database, a copy of another one."""
        name = f"eyedex_{os.getpid()}_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def _do(self, program: str, *arguments: str) -> None:
        as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        done = subprocess.run(
            [*(as_user if os.getuid() == 0 else []), str(self._bin / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


@contextmanager
def running() -> Iterator[Cluster]:
    """A server for the time of a block."""
    folder = Path(
        tempfile.mkdtemp(prefix="eyedex-pg-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
    )
    try:
        cluster = Cluster(folder)
        cluster.make()
        cluster.start()
        try:
            cluster.run(f"CREATE DATABASE {TEMPLATE}")
            Catalog(DataPaths(folder / "template", cluster.url(TEMPLATE))).close()
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_in_use() -> bool:
    """Whether new data directories of this process have their catalogs in PostgreSQL."""
    return vars(connections)["database_of"] is not database_of


@contextmanager
def new_catalogs_on(cluster: Cluster, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let each data directory that is made in this process have a database of its own there.

    It is dropped when the directory is gone: a whole run makes more than memory holds.
    """
    made: dict[str, Path] = {}

    def drop_abandoned() -> None:
        for name in [name for name, root in made.items() if not root.exists()]:
            del made[name]
            cluster.run(f"DROP DATABASE {name} WITH (FORCE)")

    def opened(paths: DataPaths, lock_wait_s: float) -> Database:
        if paths.database is None and not paths.has_catalog:
            with suppress(FileNotFoundError):
                if next(paths.root.glob("indexes/*/gen-*"), None) is None:
                    drop_abandoned()
                    name = cluster.new_database()
                    paths = DataPaths(paths.root, cluster.url(name))
                    made[name] = paths.root
        return database_of(paths, lock_wait_s)

    patch.setattr(connections, "database_of", opened)
    assert is_in_use()
    yield
    drop_abandoned()
