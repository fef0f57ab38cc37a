"""What a writer of the catalog does at the edges: what is gone meanwhile, damaged, or not there."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import literal_column, select, update

from search_engine.access import new_token
from search_engine.catalog.access_rows import AccessKey, access_keys_in, add_access_key
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.damaged import Damaged, UnreadableOptions
from search_engine.catalog.job_writer import (
    add_job,
    cancel_job,
    cancel_jobs_of,
    remove_jobs,
    start_job,
)
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import access_keys, collections, items, learned
from search_engine.catalog.vectors import unpack
from search_engine.errors import (
    CollectionNotFoundError,
    DamagedRecordError,
    EngineClosedError,
    JobFinishedError,
    JobNotFoundError,
    ReadOnlyError,
)
from search_engine.storage.paths import DataPaths
from tests.small_catalog import (
    DIMENSION,
    FINGERPRINT,
    bound_collection,
    open_catalog,
    put,
    unit_vectors,
)


def test_an_item_is_found_as_the_transaction_leaves_it(
    catalog: Catalog, collection: Collection
) -> None:
    (key,) = put(catalog, collection, ["a"]).values()
    with catalog.write() as writer:
        found = writer.find(collection.id, "a")
        assert found is not None
        assert found.key == key
        writer.remove([key])
        assert writer.find(collection.id, "a") is None


def test_a_collection_that_is_gone_is_bound_to_nothing(
    catalog: Catalog, collection: Collection
) -> None:
    with catalog.write() as writer:
        writer.delete_collection(collection.id)
        with pytest.raises(CollectionNotFoundError, match="deleted meanwhile"):
            writer.set_encoder(collection.id, "made-up", {}, FINGERPRINT, 8)


def test_vectors_of_items_that_are_gone_are_passed_over(
    catalog: Catalog, collection: Collection
) -> None:
    keys = [*put(catalog, collection, ["a", "b"]).values()]
    with catalog.write() as writer:
        writer.remove(keys)
    with catalog.write() as writer:
        writer.add_vectors(FINGERPRINT, keys, unit_vectors(2))
        writer.replace_vectors(keys, {FINGERPRINT: unit_vectors(2)})
    assert catalog.packed_vectors(keys, FINGERPRINT) == {}


def test_other_vectors_take_the_place_of_all_that_an_item_has(
    catalog: Catalog, collection: Collection
) -> None:
    keys = [*put(catalog, collection, ["a"]).values()]
    other = unit_vectors(1, seed=7)
    with catalog.write() as writer:
        writer.replace_vectors(keys, {"0" * 32: other})
    assert catalog.packed_vectors(keys, FINGERPRINT) == {}
    found = catalog.packed_vectors(keys, "0" * 32)
    assert np.allclose(unpack([found[keys[0]][0]], DIMENSION), other[0], atol=1e-3)


def test_a_closed_catalog_is_closed_again_and_says_so(tmp_path: Path) -> None:
    catalog = open_catalog(tmp_path)
    catalog.close()
    catalog.close()
    with pytest.raises(EngineClosedError, match="closed"):
        catalog.collections()


@pytest.mark.sqlite_only("a server's catalog has no file")
def test_where_nothing_may_be_written_it_is_said(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as made:
        bound_collection(made)
    with (
        Catalog(DataPaths(tmp_path), lock_wait_s=1.0, read_only=True) as catalog,
        pytest.raises(ReadOnlyError, match="can only be read"),
        catalog.write(),
    ):
        pytest.fail("it was written")


def test_what_is_damaged_equals_nothing_and_answers_nothing() -> None:
    one, other = Damaged("no JSON"), Damaged("no JSON")
    assert (one == one, one == other, one != other, one == {}) == (True, False, True, False)
    options = UnreadableOptions("shop", "no JSON")
    assert options == options
    assert options != {}
    assert len({options, options}) == 1
    for use in (len, list, lambda found: found["x"], dict):
        with pytest.raises(DamagedRecordError, match="no JSON") as caught:
            use(options)
        assert caught.value.where == "collection shop"


def test_jobs_of_a_collection_that_goes_are_cancelled(catalog: Catalog) -> None:
    with catalog.write() as writer:
        waiting = add_job(writer, "default", "check", {}, "http")
        other = add_job(writer, "other", "check", {}, "http")
        assert other.id > waiting.id
        cancel_jobs_of(writer, "default")
        with pytest.raises(JobFinishedError, match="it is cancelled"):
            cancel_job(writer, waiting.id)
        assert cancel_job(writer, other.id).state == "cancelled"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("digest", "zz"),
        ("collections", "{bad"),
        ("collections", "5"),
        ("scope", "root"),
    ],
)
def test_a_key_does_not_grow_by_damage(catalog: Catalog, column: str, value: str) -> None:
    token = new_token()
    key = AccessKey(token.key_id, "feed", "read", token.digest, ("shop",), 1.0)
    with catalog.write() as writer:
        add_access_key(writer, key)
        writer.connection.execute(update(access_keys).values({column: value}))
    with catalog.read() as connection:
        (found,) = access_keys_in(connection)
    assert found.is_damaged
    assert not found.is_valid(2.0)
    assert found.digest in (token.digest, b"")
    assert found.collections in (("shop",), ())


@pytest.mark.sqlite_only("PostgreSQL takes no such values")
def test_what_was_learned_stays_while_it_cannot_be_seen_who_needs_it(
    catalog: Catalog, collection: Collection
) -> None:
    bound_collection(catalog, "other")
    with catalog.write() as writer:
        for data in (b"first", b"second"):
            writer.keep_learned("0" * 64, data)
        damaged = update(collections).where(collections.c.name == "other")
        writer.connection.execute(damaged.values(encoder_options=literal_column("'x'")))
    with catalog.write() as writer:
        writer.delete_collection(collection.id)
        writer.set_index_factory(catalog.collection("other").id, "Flat")
    assert catalog.collection("other").is_damaged, "a change of a damaged row would hide that"
    with catalog.read() as connection:
        assert connection.execute(select(learned.c.data)).scalars().all() == [b"first"]


def test_nothing_to_write_writes_nothing(catalog: Catalog, collection: Collection) -> None:
    put(catalog, collection, ["a"])
    before = catalog.seq()
    with catalog.write() as writer:
        writer.set_colors({})
        writer.add_vectors(FINGERPRINT, [], unit_vectors(0))
    assert catalog.seq() == before
    with catalog.write() as writer:
        writer.remove([999])
    assert catalog.count(catalog.collection("default")) == 1


@pytest.mark.sqlite_only("PostgreSQL takes no such values")
def test_a_damaged_item_is_not_described_and_keeps_its_place(
    catalog: Catalog, collection: Collection
) -> None:
    (key,) = put(catalog, collection, ["a"]).values()
    with catalog.write() as writer:
        writer.connection.execute(update(items).values(item_id=literal_column("x'c3'")))
        with pytest.raises(DamagedRecordError, match="does not match its checksum"):
            writer.describe(collection.id, {key: {"label": "x"}})
    (found,) = catalog.page(collection, 0, 10)
    assert (found.key, found.item_id, found.label) == (key, "\ufffd", None)


def test_a_running_job_is_asked_to_stop_once(catalog: Catalog) -> None:
    with catalog.write() as writer:
        job = add_job(writer, "default", "check", {}, "http")
        assert [start_job(writer, job) for _ in range(2)] == [True, False]
        for _ in range(2):
            found = cancel_job(writer, job.id)
            assert (found.state, found.cancel_requested) == ("running", True)
        remove_jobs(writer, [job.id])
        with pytest.raises(JobNotFoundError):
            cancel_job(writer, job.id)


def test_connections_are_made_anew_around_a_fork(catalog: Catalog, collection: Collection) -> None:
    catalog.before_fork()
    put(catalog, collection, ["a"])
    catalog.before_fork()
    catalog.after_fork(torn=False)
    assert catalog.count(collection) == 1
