"""A catalog in PostgreSQL: which database it is, one writer at a time, a server that goes away."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import ServerCursor
from sqlalchemy import select

from indexer.jobs.queue import cancel, find, submit
from search_engine.catalog.copying import copy_catalog
from search_engine.catalog.dialects import postgresql, silence
from search_engine.catalog.dialects.silence import WatchedConnection
from search_engine.catalog.dialects.sortable_values import MOST_CHARS, plain, sortable
from search_engine.catalog.job_writer import start_job
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import items
from search_engine.config import Settings
from search_engine.errors import (
    DatabaseUnavailableError,
    LockHeldError,
    ParameterError,
    StorageError,
)
from search_engine.storage.paths import DataPaths
from tests import postgres
from tests.small_catalog import bound_collection, draft, put
from tests.torture.proxy import FAULTS, Proxy


@pytest.fixture
def on_both() -> str:
    """These name their databases themselves."""
    return ""


@pytest.fixture
def url(cluster: postgres.Cluster) -> Iterator[str]:
    name = cluster.new_database("template0")
    yield cluster.url(name)
    cluster.run(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_directory_notes_its_database_without_the_password(tmp_path: Path, url: str) -> None:
    told = url.replace("postgres@", "postgres:secret@")
    settings = Settings.from_env({"EYEDEX_DATABASE_URL": told, "EYEDEX_DATA": str(tmp_path)})
    assert "secret" not in repr(settings) + str(settings.paths) + settings.model_dump_json()
    with Catalog(settings.paths) as catalog:
        put(catalog, bound_collection(catalog), ["a"])
        assert "secret" not in catalog.where
    assert "secret" not in (tmp_path / "database.json").read_text()
    assert not (tmp_path / "catalog.sqlite").exists()
    with Catalog(DataPaths(tmp_path)) as catalog:
        assert list(catalog.item_ids(catalog.collection("default"))) == ["a"]


def test_another_database_is_refused(tmp_path: Path, url: str, cluster: postgres.Cluster) -> None:
    Catalog(DataPaths(tmp_path, url)).close()
    other = cluster.new_database("template0")
    with pytest.raises(StorageError, match="gone from that database"):
        Catalog(DataPaths(tmp_path, cluster.url(other)))
    Catalog(DataPaths(tmp_path / "other", cluster.url(other))).close()
    with pytest.raises(StorageError, match="belongs to another catalog"):
        Catalog(DataPaths(tmp_path, cluster.url(other)))
    cluster.run(f"DROP DATABASE {other} WITH (FORCE)")


@pytest.mark.sqlite_only("it makes a catalog in a file")
def test_a_directory_with_a_file_takes_no_database(tmp_path: Path, url: str) -> None:
    Catalog(DataPaths(tmp_path)).close()
    with pytest.raises(ParameterError, match="catalog in a file"):
        Catalog(DataPaths(tmp_path, url))


@pytest.mark.parametrize(
    "address", ["nothing", "mysql://u:secret@h/d", "postgresql://u:secret@h", "http://u:secret@h/d"]
)
def test_an_address_of_nothing_is_refused_without_telling_it(tmp_path: Path, address: str) -> None:
    with pytest.raises(ParameterError, match="no address of a PostgreSQL") as caught:
        Catalog(DataPaths(tmp_path, address))
    assert "secret" not in str(caught.value)


def test_a_server_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    nowhere = DataPaths(tmp_path, "postgresql://u:secret@127.0.0.1:1/d")
    with pytest.raises(DatabaseUnavailableError, match="does not answer") as caught:
        Catalog(nowhere)
    assert "secret" not in str(caught.value)


@pytest.fixture
def proxy(cluster: postgres.Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Before the server; who is silent behind it is asked about soon."""
    monkeypatch.setattr(silence, "ASK_AFTER_S", 0.5)
    monkeypatch.setattr(silence, "ANSWERS_WITHIN_S", 2)
    monkeypatch.setattr(postgresql, "CONNECT_S", 2)
    made = Proxy(str(cluster.folder / ".s.PGSQL.5432"))
    yield made
    made.close()


@pytest.fixture
def behind(proxy: Proxy, url: str, tmp_path: Path) -> Iterator[Catalog]:
    """A catalog behind the proxy, with an item."""
    database = url.partition("@/")[2].partition("?")[0]
    address = f"postgresql+psycopg://{postgres.USER}@127.0.0.1:{proxy.port}/{database}"
    paths = DataPaths(tmp_path, f"{address}?sslmode=disable&gssencmode=disable")
    with Catalog(paths, lock_wait_s=1) as catalog:
        put(catalog, bound_collection(catalog), ["a"])
        yield catalog


@pytest.mark.long
@pytest.mark.parametrize("does", ["replies are swallowed", "requests are swallowed"])
def test_a_server_that_is_silent_is_given_up(behind: Catalog, proxy: Proxy, does: str) -> None:
    proxy.break_by(next(fault for fault in FAULTS if fault.name == does))
    with pytest.raises(DatabaseUnavailableError, match="does not answer"):
        behind.seq()
    proxy.heal()
    put(behind, behind.collection("default"), ["b"])
    assert sorted(behind.item_ids(behind.collection("default"))) == ["a", "b"]


def test_an_answer_that_was_lost_is_not_waited_for(
    behind: Catalog, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does answer, whoever asks now."""
    lost = WatchedConnection._lost

    def lost_when_others_are_answered(connection: WatchedConnection) -> str | None:
        assert proxy.hung.wait(60)
        proxy.fault = None  # what hangs goes on hanging
        return lost(connection)

    monkeypatch.setattr(WatchedConnection, "_lost", lost_when_others_are_answered)
    swallowed = next(fault for fault in FAULTS if fault.name == "replies are swallowed")
    said = pytest.raises(DatabaseUnavailableError, match="has answered, or was not asked")
    with said, behind.read() as connection:
        proxy.break_by(swallowed)
        connection.exec_driver_sql("SELECT 1")


def test_an_answer_that_comes_while_others_ask_is_taken(
    behind: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine the server is done before it is asked what it does."""
    lost, told = WatchedConnection._lost, []

    def lost_when_it_is_done(connection: WatchedConnection) -> str | None:
        time.sleep(1)
        told.append(lost(connection))
        return told[-1]

    monkeypatch.setattr(WatchedConnection, "_lost", lost_when_it_is_done)
    with behind.read() as connection:
        row = connection.exec_driver_sql("SELECT 7 FROM pg_sleep(0.8)").one()
    assert tuple(row) == (7,)
    assert told[0] is not None


def test_a_server_that_works_is_waited_for(behind: Catalog) -> None:
    with behind.read() as connection:
        row = connection.exec_driver_sql("SELECT 7 FROM pg_sleep(2)").one()
    assert row == (7,)


def test_writers_on_several_machines_take_turns(tmp_path: Path, url: str) -> None:
    """Two data directories stand for these: nothing but the database is shared."""
    with (
        Catalog(DataPaths(tmp_path / "a", url)) as one,
        Catalog(DataPaths(tmp_path / "b", url), lock_wait_s=0.1) as other,
    ):
        refused = pytest.raises(LockHeldError, match="writing to this catalog")
        with one.write(), refused, other.write():
            pytest.fail("two writers")
        with other.write() as writer:
            writer.create_collection("theirs")
        assert [each.name for each in one.collections()] == ["theirs"]


def test_what_was_acknowledged_outlives_the_server_and_it_is_reached_again(
    tmp_path: Path,
) -> None:
    if postgres.programs() is None:
        pytest.skip("PostgreSQL's programs are not installed")
    with (
        postgres.running() as own,
        Catalog(DataPaths(tmp_path, own.url(own.new_database()))) as catalog,
    ):
        record = bound_collection(catalog)
        put(catalog, record, ["a"])
        own.stop()
        with pytest.raises(DatabaseUnavailableError):
            catalog.seq()
        with pytest.raises(DatabaseUnavailableError), catalog.write() as writer:
            writer.create_collection("lost")
        own.start()
        assert list(catalog.item_ids(record)) == ["a"]
        put(catalog, record, ["b"])
        own.stop()
        own.start()
        assert sorted(catalog.item_ids(record)) == ["a", "b"]


def test_a_catalog_is_copied_to_and_fro(tmp_path: Path, url: str) -> None:
    attributes = {"z": [1, "ü"], "a": 1e300, "n": None, "t": True, "s": 'quo"te'}
    with Catalog(DataPaths(tmp_path / "file")) as file:
        record = bound_collection(file)
        drafts = [draft("a", label="x", attributes=attributes, jpeg=b"\0\xff"), draft("b")]
        keys = put(file, record, drafts)
        with Catalog(DataPaths(tmp_path / "server", url)) as server:
            copy_catalog(file, server)
            with pytest.raises(ParameterError, match="already"):
                copy_catalog(file, server)
            with Catalog(DataPaths(tmp_path / "back")) as back:
                copy_catalog(server, back)
                for copy in (server, back):
                    assert copy.seq() == file.seq()
                    assert copy.by_keys([*keys.values()]) == file.by_keys([*keys.values()])
                    assert list(copy.get(record, "a").attributes) == [*attributes]
                    assert copy.picture_jpeg(keys["a"]) == b"\0\xff"
                    assert copy.key_state(record) == file.key_state(record)
                    changes, wanted = copy.changes_since(record, -1), file.changes_since(record, -1)
                    np.testing.assert_array_equal(changes.vectors, wanted.vectors)
                    assert put(copy, record, ["c"])["c"] > max(keys.values())


def test_threads_wait_for_each_other(tmp_path: Path, url: str) -> None:
    with Catalog(DataPaths(tmp_path, url)) as catalog:
        record = bound_collection(catalog)
        threads = [
            threading.Thread(target=put, args=(catalog, record, [f"item {number}"]))
            for number in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert catalog.count(record) == 6


def test_who_reads_in_parts_may_stop_at_any_row(tmp_path: Path, url: str) -> None:
    with Catalog(DataPaths(tmp_path, url)) as catalog:
        put(catalog, bound_collection(catalog), ["a", "b", "c"])
        with catalog.read() as connection:
            rows = connection.execution_options(yield_per=1).execute(select(items.c.item_id))
            cursor: Any = rows.cursor
            next(iter(rows))
            assert isinstance(cursor, ServerCursor)
            was_closed = cursor.closed
        assert (was_closed, cursor.closed) == (False, True)
        assert len(list(catalog.item_ids(catalog.collection("default")))) == 3


def test_workers_take_different_jobs_without_waiting(tmp_path: Path, url: str) -> None:
    with Catalog(DataPaths(tmp_path, url)) as catalog:
        jobs = [submit(catalog, "default", "check", {}) for _ in range(2)]
        with catalog.write(in_turn=False) as one, catalog.write(in_turn=False) as other:
            assert start_job(one, jobs[0])
            assert not start_job(other, jobs[0]), "another is about to start it"
            assert start_job(other, jobs[1])
        with catalog.write() as writer:  # nobody waits for an indexing run to commit
            assert writer.seq
            assert cancel(catalog, jobs[0].id).state == "cancelled"
        assert {find(catalog, job.id).attempts for job in jobs} == {1}


_VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53), st.text()
)


@given(_VALUES, _VALUES)
def test_sortable_values_stand_in_the_order_of_the_values(one: object, other: object) -> None:
    first, second = sortable(one), sortable(other)
    if isinstance(one, str) and isinstance(other, str):
        assert (first < second) == (one[:MOST_CHARS] < other[:MOST_CHARS])
    elif not isinstance(one, str) and not isinstance(other, str):
        assert (first < second) == (one < other)  # type: ignore[operator]
    if not isinstance(one, str) or len(one) < MOST_CHARS:
        assert plain(first) == one


def test_the_server_writes_sortable_values_alike(tmp_path: Path, url: str) -> None:
    values = [0, -0.0, 3, 3.0, -3.5, 1e300, -1e-300, 5e-324, 2**53, "", "ä", "x" * 700, True, False]
    with Catalog(DataPaths(tmp_path, url)) as catalog, catalog.read() as connection:
        for value in values:
            told = connection.exec_driver_sql(
                "SELECT eyedex_sortable(CAST(%(v)s AS jsonb))", {"v": json.dumps(value)}
            ).scalar()
            assert told == sortable(value)
