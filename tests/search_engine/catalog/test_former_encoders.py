"""Two encoders of one collection side by side: in the catalog, and among the generations."""

import hashlib

import numpy as np
import pytest

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.collections.publishing import publish_index
from search_engine.errors import NotFoundError
from search_engine.indexes import generations as generation
from search_engine.records import Vectors
from tests.small_catalog import (
    DIMENSION,
    FINGERPRINT,
    bound_collection,
    draft,
    live,
    put,
    remove,
    settings_of,
    unit_vectors,
)

OTHER, THIRD = "o" * 32, "t" * 32
ITEMS = 30


@pytest.fixture
def collection(catalog: Catalog) -> Collection:
    collection = bound_collection(catalog)
    put(catalog, collection, [str(number) for number in range(ITEMS)])
    return collection


def change(
    catalog: Catalog, collection: Collection, fingerprint: str, **options: str
) -> Collection:
    with catalog.write() as writer:
        writer.change_encoder(collection.id, "made-up", options, fingerprint, DIMENSION)
    return catalog.collection(collection.name)


def embed(catalog: Catalog, collection: Collection, fingerprint: str = OTHER) -> Vectors:
    keys = catalog.keys(collection)
    vectors = unit_vectors(len(keys), seed=9)
    with catalog.write() as writer:
        writer.add_vectors(fingerprint, keys.tolist(), vectors)
    return vectors


def former(catalog: Catalog, collection: Collection) -> str | None:
    found = catalog.former(collection)
    return found.fingerprint if found else None


def test_the_encoder_before_the_last_change_is_remembered(
    catalog: Catalog, collection: Collection
) -> None:
    assert catalog.former(collection) is None
    now = change(catalog, collection, OTHER, pooling="max")
    assert catalog.former(now) == collection
    assert former(catalog, change(catalog, collection, OTHER)) == FINGERPRINT
    assert former(catalog, change(catalog, collection, THIRD)) == OTHER
    with catalog.write() as writer:
        writer.set_encoder(collection.id, "made-up", {}, THIRD, DIMENSION)
    assert former(catalog, collection) == OTHER
    with catalog.write() as writer:
        writer.forget_former(collection.id)
    assert catalog.former(collection) is None


def test_an_embedding_of_a_picture_that_changed_meanwhile_is_passed_over(
    catalog: Catalog, collection: Collection
) -> None:
    seq, keys = catalog.seq(), catalog.keys(collection)
    put(catalog, collection, [draft("3", content_hash="another picture")])
    remove(catalog, int(keys[5]))
    vectors = unit_vectors(len(keys), seed=9)
    with catalog.write() as writer:
        writer.add_vectors(OTHER, keys.tolist(), vectors, seq)
    changed = catalog.get(collection, "3").key
    assert catalog.keys_without(collection, OTHER).tolist() == [changed]
    assert catalog.keys_without(collection, OTHER, seq).tolist() == [changed]
    assert catalog.keys_without(collection, OTHER, catalog.seq()).tolist() == []
    assert catalog.keys(collection, until=seq).tolist() == sorted(
        {*keys.tolist()} - {changed, int(keys[5])}
    )


def test_items_without_an_embedding_are_noted_until_they_get_one(
    catalog: Catalog, collection: Collection
) -> None:
    keys = catalog.keys(collection).tolist()
    now = change(catalog, collection, OTHER)
    with catalog.write() as writer:
        writer.add_vectors(OTHER, keys[3:], unit_vectors(ITEMS - 3))
        reasons = dict.fromkeys(keys[:4], "picture_not_found")
        writer.note_unsearchable(collection.id, OTHER, reasons)
    assert catalog.unsearchable(now) == dict.fromkeys(keys[:3], "picture_not_found")
    assert catalog.unsearchable(collection) == {}
    opened = live(catalog, now)
    snapshot = opened.snapshot()
    assert snapshot is not None
    assert snapshot.keys().tolist() == keys[3:]
    assert opened.compact(force=True) == "gen-000001"
    again = live(catalog, now)
    assert again.snapshot() is not None
    assert again.drifted is None
    with catalog.write() as writer:
        writer.put(collection.id, OTHER, [draft("0")])
        writer.remove([keys[1]])
    assert catalog.unsearchable(now) == {keys[2]: "picture_not_found"}
    with catalog.write() as writer:
        writer.note_unsearchable(collection.id, OTHER, {})
    assert catalog.unsearchable(now) == {}


def test_what_belongs_to_no_encoder_is_deleted(catalog: Catalog, collection: Collection) -> None:
    embed(catalog, collection)
    embed(catalog, collection, THIRD)
    learned = {hashlib.sha256(data).hexdigest(): data for data in (b"a", b"b", b"c")}
    first, second, _ = learned
    with catalog.write() as writer:
        for sha256, data in learned.items():
            writer.keep_learned(sha256, data)
    change(catalog, collection, OTHER, projection=first)
    change(catalog, collection, THIRD, network=second)
    with catalog.write() as writer:
        assert writer.keep_vectors_of(collection.id, [OTHER, THIRD]) == ITEMS
    assert catalog.learned(first) == b"a"
    assert catalog.learned(second) == b"b"
    with catalog.read() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM learned").scalar()
    assert kept == 2
    assert len(catalog.keys_without(collection, FINGERPRINT)) == ITEMS


def test_a_changed_item_without_an_embedding_leaves_the_index(
    catalog: Catalog, collection: Collection
) -> None:
    """Its place there is that of the picture before."""
    seq = catalog.seq()
    embed(catalog, collection)
    key = catalog.get(collection, "3").key
    with catalog.write() as writer:
        writer.put(collection.id, OTHER, [draft("3", content_hash="another picture")])
    changes = catalog.changes_since(collection, seq)
    assert (changes.keys.tolist(), changes.removed.tolist()) == ([], [key])
    changes = catalog.changes_since(change(catalog, collection, OTHER), seq)
    assert (changes.keys.tolist(), changes.removed.tolist()) == ([key], [])


def names(catalog: Catalog, collection: Collection) -> list[str]:
    return generation.generations(catalog.paths.index(collection.name))


def test_generations_of_two_encoders_lie_beside_each_other(
    catalog: Catalog, collection: Collection
) -> None:
    """The newest of the former one stays, however often the other is built anew."""
    folder = catalog.paths.index(collection.name)
    live(catalog, collection).compact(force=True)
    put(catalog, collection, ["more"])
    live(catalog, collection).compact(force=True)
    embed(catalog, collection)
    now = change(catalog, collection, OTHER)
    prepared = publish_index(catalog, settings_of(catalog), now, until=catalog.seq())
    assert prepared == "gen-000003"
    for number in range(3):
        with catalog.write() as writer:
            writer.put(collection.id, OTHER, [draft(f"new {number}")])
        live(catalog, now).compact(force=True)
    assert names(catalog, collection) == ["gen-000006", "gen-000005", "gen-000002"]
    found = generation.find(folder, collection.uid, FINGERPRINT)
    assert found is not None
    assert (found[0], found[1].count) == ("gen-000002", ITEMS + 1)
    assert generation.find(folder, collection.uid, THIRD) is None
    assert generation.find(folder, "another collection", OTHER) is None
    generation.collect(folder, OTHER)
    assert names(catalog, collection) == ["gen-000006", "gen-000005"]


def test_the_current_generation_of_another_encoder_is_no_obstacle(
    catalog: Catalog, collection: Collection
) -> None:
    """As a change that was killed leaves it, one way or the other."""
    folder = catalog.paths.index(collection.name)
    live(catalog, collection).compact(force=True)
    embed(catalog, collection)
    now = change(catalog, collection, OTHER)
    publish_index(catalog, settings_of(catalog), now, until=catalog.seq())
    for current in ("gen-000001", "gen-000002"):
        generation.settle(folder, current)
        for fingerprint, name in ((FINGERPRINT, "gen-000001"), (OTHER, "gen-000002")):
            found = generation.load(folder, collection.uid, fingerprint)
            assert found is not None
            assert found.name == name


def test_a_generation_of_another_encoder_is_not_gone_back_to(
    catalog: Catalog, collection: Collection
) -> None:
    live(catalog, collection).compact(force=True)
    embed(catalog, collection)
    now = change(catalog, collection, OTHER)
    opened = live(catalog, now)
    publish_index(catalog, settings_of(catalog), now, until=catalog.seq())
    with pytest.raises(NotFoundError):
        live(catalog, now).roll_back()
    assert generation.current(opened.folder) == "gen-000002"


def test_who_has_the_former_encoder_open_publishes_nothing(
    catalog: Catalog, collection: Collection
) -> None:
    opened = live(catalog, collection)
    assert opened.compact(force=True) == "gen-000001"
    embed(catalog, collection)
    now = change(catalog, collection, OTHER)
    live(catalog, now).compact(force=True)
    put(catalog, now, [])
    assert opened.compact(force=True) is None
    assert generation.current(opened.folder) == "gen-000002"
    snapshot = opened.snapshot()
    assert snapshot is not None
    np.testing.assert_array_equal(snapshot.keys(), catalog.keys(collection))
