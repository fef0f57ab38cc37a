"""The catalog: what a transaction keeps, what changed since when, and what is refused."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.catalog.vectors import pack, unpack
from search_engine.errors import ItemNotFoundError, ParameterError, StorageError
from tests.small_catalog import (
    DIMENSION,
    FINGERPRINT,
    bound_collection,
    draft,
    put,
    remove,
    unit_vectors,
)


def test_an_item_comes_back_as_it_was_put(catalog: Catalog, collection: Collection) -> None:
    attributes = {"price": 3, "größe": "weiß 🧢", "list": [1, "a", None], "new": True, "none": None}
    known: dict[str, Any] = {
        "label": "Home/Mug",
        "product_id": "p",
        "attributes": attributes,
        "picture": "/m.jpg",
    }
    key = put(catalog, collection, [draft("mug 🥛", **known)])["mug 🥛"]
    item = catalog.get(collection, "mug 🥛")
    assert (item.key, item.item_id, item.content_hash) == (key, "mug 🥛", "hash of mug 🥛")
    assert (item.label, item.product_id, item.picture) == ("Home/Mug", "p", "/m.jpg")
    assert item.attributes == attributes
    assert catalog.by_keys([key, key + 1]) == {key: item}


def test_vectors_are_stored_rounded_to_float16(catalog: Catalog, collection: Collection) -> None:
    vector = unit_vectors(1, seed=5)
    key = put(catalog, collection, [draft("a", vector[0])])["a"]
    stored = catalog.vector(collection, key)
    assert stored.shape == (1, DIMENSION)
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored, vector.astype(np.float16).astype(np.float32))


def test_vectors_survive_packing() -> None:
    vectors = unit_vectors(3)
    blobs = [pack(vector)[0] for vector in vectors]
    np.testing.assert_array_equal(unpack(blobs, DIMENSION), vectors.astype(np.float16))
    assert unpack([], DIMENSION).shape == (0, DIMENSION)
    assert pack(vectors[0])[1] != pack(vectors[1])[1]


def test_replacing_an_item_keeps_its_key(catalog: Catalog, collection: Collection) -> None:
    keys = put(catalog, collection, [draft("a", jpeg=b"old"), "b"])
    again = put(catalog, collection, [draft("c"), draft("a", unit_vectors(1, 9)[0], label="new")])
    assert again["a"] == keys["a"]
    assert again["c"] > max(keys.values())
    assert catalog.count(collection) == 3
    assert catalog.get(collection, "a").label == "new"
    assert catalog.picture_jpeg(keys["a"]) is None
    np.testing.assert_allclose(
        catalog.vector(collection, keys["a"]), unit_vectors(1, 9), rtol=0, atol=1e-3
    )


def test_keys_come_in_the_order_of_the_drafts(catalog: Catalog, collection: Collection) -> None:
    first = put(catalog, collection, [f"item {number}" for number in range(1_200)])
    names = [f"item {number}" for number in range(1_300)]
    np.random.default_rng(0).shuffle(names)
    second = put(catalog, collection, names)
    assert {name: second[name] for name in first} == first
    found = catalog.get_many(collection, [*names, "unknown"])
    assert {name: item.key for name, item in found.items()} == second
    assert len(catalog.by_keys(list(second.values()))) == 1_300


def test_an_id_twice_in_one_call_is_refused_whole(catalog: Catalog, collection: Collection) -> None:
    with pytest.raises(StorageError):
        put(catalog, collection, ["a", "b", "a"])
    assert catalog.count(collection) == 0


def test_a_removed_item_is_gone_and_its_key_is_never_used_again(
    catalog: Catalog, collection: Collection
) -> None:
    keys = put(catalog, collection, [draft("a", jpeg=b"x", label="l"), "b"])
    remove(catalog, keys["a"], keys["b"], 12_345)
    assert catalog.count(collection) == 0
    assert catalog.labels(collection) == []
    assert catalog.by_keys(list(keys.values())) == {}
    assert catalog.picture_jpeg(keys["a"]) is None
    with pytest.raises(ItemNotFoundError):
        catalog.get(collection, "a")
    with pytest.raises(ItemNotFoundError):
        catalog.vector(collection, keys["a"])
    again = put(catalog, collection, ["a", "b"])
    assert min(again.values()) > max(keys.values())
    assert catalog.count(collection) == 2


def test_changes_since_tell_all_that_an_index_lacks(
    catalog: Catalog, collection: Collection
) -> None:
    start = catalog.changes_since(collection, -1)
    assert (len(start.keys), start.vectors.shape, len(start.removed)) == (0, (0, DIMENSION), 0)

    keys = put(catalog, collection, ["a", "b", "c"])
    added = catalog.changes_since(collection, start.seq)
    assert added.keys.tolist() == sorted(keys.values())
    assert added.seq == catalog.seq() > start.seq
    wanted = np.concatenate([catalog.vector(collection, key) for key in sorted(keys.values())])
    np.testing.assert_array_equal(added.vectors, wanted.astype(np.float16))

    nothing = catalog.changes_since(collection, added.seq)
    assert (len(nothing.keys), len(nothing.removed), nothing.seq) == (0, 0, added.seq)

    put(catalog, collection, [draft("b", unit_vectors(1, 77)[0])])
    remove(catalog, keys["c"])
    changed = catalog.changes_since(collection, added.seq)
    assert (changed.keys.tolist(), changed.removed.tolist()) == ([keys["b"]], [keys["c"]])


def test_what_was_added_and_removed_since_is_only_removed(
    catalog: Catalog, collection: Collection
) -> None:
    before = catalog.seq()
    first = put(catalog, collection, ["a"])["a"]
    remove(catalog, first)
    second = put(catalog, collection, ["a"])["a"]
    changes = catalog.changes_since(collection, before)
    assert (changes.keys.tolist(), changes.removed.tolist()) == ([second], [first])


def test_a_description_is_no_change_for_an_index(catalog: Catalog, collection: Collection) -> None:
    key = put(catalog, collection, [draft("a", label="x", attributes={"old": 1})])["a"]
    before = catalog.seq()
    with catalog.write() as writer:
        writer.describe(collection.id, {key: {"label": None, "attributes": {"fresh": 2}}})
    changes = catalog.changes_since(collection, before)
    assert (len(changes.keys), len(changes.removed)) == (0, 0)
    assert changes.seq > before
    item = catalog.get(collection, "a")
    assert (item.label, item.attributes, item.content_hash) == (None, {"fresh": 2}, "hash of a")
    assert catalog.fields(collection) == ["fresh", "old"]


def test_changes_of_one_collection_are_not_those_of_another(
    catalog: Catalog, collection: Collection
) -> None:
    other = bound_collection(catalog, "other")
    mine = put(catalog, collection, ["a"])["a"]
    theirs = put(catalog, other, ["a"])["a"]
    assert mine != theirs
    assert catalog.changes_since(collection, -1).keys.tolist() == [mine]
    assert catalog.changes_since(other, -1).keys.tolist() == [theirs]
    assert catalog.get(other, "a").key == theirs
    assert catalog.fields(other) == []


def test_every_transaction_takes_one_number_and_numbers_only_grow(
    catalog: Catalog, collection: Collection
) -> None:
    seen = [catalog.seq()]
    put(catalog, collection, ["a", "b"])
    seen.append(catalog.seq())
    put(catalog, collection, ["b"])
    seen.append(catalog.seq())
    remove(catalog, 1, 2)
    seen.append(catalog.seq())
    with catalog.write() as writer:
        writer.delete_collection(collection.id)
    seen.append(catalog.seq())
    assert np.diff(seen).tolist() == [1, 1, 1, 1]


def test_a_block_that_fails_leaves_nothing(catalog: Catalog, collection: Collection) -> None:
    put(catalog, collection, ["kept"])
    before = catalog.seq()

    def fail_halfway() -> None:
        with catalog.write() as writer:
            writer.put(collection.id, FINGERPRINT, [draft("lost", attributes={"lost": 1})])
            writer.create_collection("lost")
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert catalog.seq() == before
    assert list(catalog.item_ids(collection)) == ["kept"]
    assert catalog.fields(collection) == []
    assert [one.name for one in catalog.collections()] == ["default"]
    put(catalog, collection, ["more"])


def test_attributes_that_json_cannot_hold_are_refused(
    catalog: Catalog, collection: Collection
) -> None:
    """SQLite could not read them back, and every filter on the collection would fail."""
    key = put(catalog, collection, [draft("a", attributes={"price": 1})])["a"]
    for bad in (float("nan"), float("inf"), [float("-inf")], "\ud800", b"", {"x": object()}):
        with pytest.raises(ParameterError):
            put(catalog, collection, [draft("b", attributes={"price": bad})])
        with pytest.raises(ParameterError), catalog.write() as writer:
            writer.describe(collection.id, {key: {"attributes": {"price": bad}}})
    for name in (1, None, "\ud800"):
        with pytest.raises(ParameterError):
            put(catalog, collection, [draft("b", attributes={name: 1})])
    assert list(catalog.item_ids(collection)) == ["a"]
    assert catalog.get(collection, "a").attributes == {"price": 1}


def test_ids_that_are_no_valid_text_are_simply_not_there(
    catalog: Catalog, collection: Collection
) -> None:
    put(catalog, collection, ["a"])
    assert set(catalog.get_many(collection, ["\ud800", "a", "\x00"])) == {"a"}
    with pytest.raises(ItemNotFoundError):
        catalog.get(collection, "\udfff")


def test_labels_are_counted(catalog: Catalog, collection: Collection) -> None:
    labels = ["b", "a", "b", None, "c"]
    drafts = [draft(str(number), label=label) for number, label in enumerate(labels)]
    keys = put(catalog, collection, drafts)
    remove(catalog, keys["4"])
    found = [(one.label, one.count, one.first) for one in catalog.labels(collection)]
    assert found == [("a", 1, keys["1"]), ("b", 2, keys["0"])]


def test_pages_follow_each_other_by_key(catalog: Catalog, collection: Collection) -> None:
    keys = put(catalog, collection, [str(number) for number in range(7)])
    remove(catalog, keys["3"])
    pages, after = [], 0
    while page := catalog.page(collection, after, 3):
        pages.append([item.item_id for item in page])
        after = page[-1].key
    assert pages == [["0", "1", "2"], ["4", "5", "6"]]


def test_keys_by_hash_name_an_item_for_each_picture(
    catalog: Catalog, collection: Collection
) -> None:
    drafts = [draft("a", content_hash="1"), draft("b", content_hash="2")]
    keys = put(catalog, collection, drafts)
    assert catalog.keys_by_hash(collection) == {"1": keys["a"], "2": keys["b"]}


def test_readers_cannot_write(catalog: Catalog, collection: Collection) -> None:
    with pytest.raises(StorageError, match=r"readonly|only be read"), catalog.read() as connection:
        connection.execute(text("DELETE FROM items"))


def test_a_reader_sees_one_state(catalog: Catalog, collection: Collection) -> None:
    count = text("SELECT count(*) FROM items")
    with catalog.read() as connection:
        before = connection.execute(count).scalar_one()
        put(catalog, collection, ["a"])
        assert connection.execute(count).scalar_one() == before
    with catalog.read() as connection:
        assert connection.execute(count).scalar_one() == before + 1
