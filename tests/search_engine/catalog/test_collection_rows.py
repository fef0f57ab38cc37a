"""Collections in the catalog: their names, their encoder, the number and checksum of their keys."""

import numpy as np
import pytest

from search_engine.catalog.checksum import key_checksum
from search_engine.catalog.collection_rows import Collection, check_collection_name
from search_engine.catalog.store import Catalog
from search_engine.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    ModelMismatchError,
    ParameterError,
    StorageError,
)
from tests.small_catalog import bound_collection, draft, put, remove


def test_collections_are_made_listed_and_deleted(catalog: Catalog) -> None:
    assert catalog.collections() == []
    for name in ("b", "a"):
        bound_collection(catalog, name)
    assert [one.name for one in catalog.collections()] == ["a", "b"]
    with pytest.raises(CollectionExistsError), catalog.write() as writer:
        writer.create_collection("a")
    first = catalog.collection("a")
    keys = put(catalog, first, [draft("x", jpeg=b"picture", attributes={"f": 1})])
    with catalog.write() as writer:
        writer.delete_collection(first.id)
    for unknown in ("a", "\udcff", ""):
        with pytest.raises(CollectionNotFoundError):
            catalog.collection(unknown)
    assert catalog.picture_jpeg(keys["x"]) is None
    again = bound_collection(catalog, "a")
    assert again.uid != first.uid
    assert again.id != first.id
    assert put(catalog, again, ["x"])["x"] > keys["x"]


@pytest.mark.parametrize("name", ["default", "a", "0", "a-b_c", "x" * 63])
def test_collection_names_that_are_accepted(name: str) -> None:
    assert check_collection_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "A", "-a", "_a", "a b", "a/b", "..", "a.b", "é", "x" * 64, "a\n", "a\x00"]
)
def test_collection_names_that_are_refused(name: str) -> None:
    with pytest.raises(ParameterError):
        check_collection_name(name)


def test_a_collection_belongs_to_one_encoder(catalog: Catalog) -> None:
    with catalog.write() as writer:
        writer.create_collection("default")
    fresh = catalog.collection("default")
    assert (fresh.encoder, fresh.fingerprint, fresh.dimension) == (None, None, None)
    with catalog.write() as writer:
        writer.set_encoder(fresh.id, "one", {"weights": "/w"}, "first", 8)
    with catalog.write() as writer:
        writer.set_encoder(fresh.id, "one", {}, "first", 8)
    with pytest.raises(ModelMismatchError), catalog.write() as writer:
        writer.set_encoder(fresh.id, "two", {}, "second", 8)
    bound = catalog.collection("default")
    assert (bound.encoder, bound.fingerprint, bound.dimension) == ("one", "first", 8)
    assert bound.encoder_options == {"weights": "/w"}


def live_state(catalog: Catalog, collection: Collection) -> tuple[int, int]:
    """Number and checksum of the keys that are really there."""
    keys = np.array([item.key for item in catalog.page(collection, -1, 10_000)], dtype=np.int64)
    return len(keys), key_checksum(keys)


def test_number_and_checksum_follow_every_change_of_the_keys(
    catalog: Catalog, collection: Collection
) -> None:
    other = bound_collection(catalog, "other")
    assert catalog.key_state(collection) == (0, 0)
    keys = put(catalog, collection, [str(number) for number in range(1_200)])
    theirs = put(catalog, other, ["x", "y", "z"])
    seen = [catalog.key_state(collection)]
    assert seen[0] == live_state(catalog, collection)
    assert seen[0][0] == catalog.count(collection) == 1_200

    put(catalog, collection, ["5", draft("6", label="replaced"), "new"])
    seen.append(catalog.key_state(collection))
    assert seen[-1] == live_state(catalog, collection)
    assert seen[-1][0] == 1_201

    remove(catalog, keys["0"], keys["0"], keys["7"], theirs["y"], 99_999)
    seen.append(catalog.key_state(collection))
    assert seen[-1] == live_state(catalog, collection)
    assert seen[-1][0] == 1_199
    assert catalog.key_state(other) == live_state(catalog, other)
    assert catalog.key_state(other)[0] == 2

    remove(catalog, keys["0"], keys["7"])
    with catalog.write() as writer:
        writer.describe(collection.id, {keys["8"]: {"label": "described"}})
    assert catalog.key_state(collection) == seen[-1]
    assert len(set(seen)) == 3

    remove(catalog, *keys.values())
    remove(catalog, catalog.get(collection, "new").key)
    assert catalog.key_state(collection) == (0, 0)


def test_number_and_checksum_stay_when_a_change_fails(
    catalog: Catalog, collection: Collection
) -> None:
    put(catalog, collection, ["a"])
    before = catalog.key_state(collection)
    with pytest.raises(StorageError):
        put(catalog, collection, ["b", "c", "b"])
    assert catalog.key_state(collection) == before == live_state(catalog, collection)


def test_a_collection_that_was_deleted_has_no_keys(
    catalog: Catalog, collection: Collection
) -> None:
    put(catalog, collection, ["a"])
    with catalog.write() as writer:
        writer.delete_collection(collection.id)
    assert catalog.key_state(collection) == (0, 0)
    assert catalog.count(collection) == 0
    again = bound_collection(catalog)
    assert catalog.key_state(again) == (0, 0)


def test_the_kind_of_index_can_be_fixed_and_let_go(
    catalog: Catalog, collection: Collection
) -> None:
    assert collection.index_factory is None
    before = catalog.seq()
    with catalog.write() as writer:
        writer.set_index_factory(collection.id, "IVF1024,PQ32")
    assert catalog.collection("default").index_factory == "IVF1024,PQ32"
    assert catalog.collections()[0].index_factory == "IVF1024,PQ32"
    assert catalog.seq() > before
    for wrong in ("", "x" * 129):
        with pytest.raises(ParameterError, match="not a kind of index"), catalog.write() as writer:
            writer.set_index_factory(collection.id, wrong)
    with catalog.write() as writer:
        writer.set_index_factory(collection.id, None)
    assert catalog.collection("default").index_factory is None
