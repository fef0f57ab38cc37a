"""Going back to an earlier generation, and the kind of index that a collection is given."""

from pathlib import Path

import pytest

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.errors import NotFoundError, ParameterError
from search_engine.indexes import generations as generation
from tests.published_index import answers, oracle_answers, published, reseal
from tests.small_catalog import (
    live,
    put,
    remove,
)


def test_going_back_loses_no_item(catalog: Catalog, collection: Collection) -> None:
    first = published(catalog, collection, "a", "b", "c")
    second = published(catalog, collection, "d", "e")
    before = answers(catalog, collection)
    opened = live(catalog, collection)
    assert opened.roll_back() == first
    assert generation.current(opened.folder) == first != second
    snapshot = opened.snapshot()
    assert snapshot is not None
    assert (snapshot.generation, snapshot.pending) == (first, 2)
    assert answers(catalog, collection) == before


def test_there_is_nothing_before_the_first(catalog: Catalog, collection: Collection) -> None:
    published(catalog, collection, "a")
    with pytest.raises(NotFoundError):
        live(catalog, collection).roll_back()


def damage(folder: Path, file: str) -> None:
    """Turn a bit of a file in its middle."""
    data = bytearray((folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / file).write_bytes(data)


@pytest.mark.parametrize("file", ["vectors.f16", "index.faiss", "keys.i64", "manifest.json"])
def test_going_back_passes_over_a_damaged_generation(
    catalog: Catalog, collection: Collection, file: str
) -> None:
    first = published(catalog, collection, "a", "b")
    second = published(catalog, collection, "c")
    folder = live(catalog, collection).folder
    damage(folder / second, file)
    third = published(catalog, collection, "d")
    assert generation.generations(folder) == [third, second, first], "second does not count"
    before = answers(catalog, collection)
    assert live(catalog, collection).roll_back() == first
    assert answers(catalog, collection) == before
    fourth = published(catalog, collection, "e")
    published(catalog, collection, "f")
    assert generation.generations(folder)[1:] == [fourth]


def test_damage_that_was_sealed_over_is_passed_over_too(
    catalog: Catalog, collection: Collection
) -> None:
    first = published(catalog, collection, "a", "b")
    second = published(catalog, collection, "c")
    third = published(catalog, collection, "d")
    folder = live(catalog, collection).folder
    assert generation.generations(folder) == [third, second], first
    reseal(folder / second, count=9)
    with pytest.raises(NotFoundError, match=f"{second} is damaged: the index and its manifest"):
        live(catalog, collection).roll_back()
    assert generation.current(folder) == third


def test_without_a_sound_one_the_damaged_are_named_and_nothing_changes(
    catalog: Catalog, collection: Collection
) -> None:
    first = published(catalog, collection, "a", "b")
    second = published(catalog, collection, "c")
    folder = live(catalog, collection).folder
    (folder / first / "vectors.f16").write_bytes(b"")
    with pytest.raises(NotFoundError, match=f"{first} is damaged: vectors.f16") as caught:
        live(catalog, collection).roll_back()
    assert "eyedex check" in str(caught.value.fix)
    assert generation.current(folder) == second


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_going_back_needs_no_sound_current(
    catalog: Catalog, collection: Collection, content: bytes | None
) -> None:
    published(catalog, collection, "a", "b")
    second = published(catalog, collection, "c")
    current = live(catalog, collection).folder / "CURRENT"
    current.unlink()
    if content is not None:
        current.write_bytes(content)
    assert live(catalog, collection).roll_back() == second


def test_generations_are_described(catalog: Catalog, collection: Collection) -> None:
    published(catalog, collection, "a", "b")
    published(catalog, collection, "c")
    folder = live(catalog, collection).folder
    (folder / "gen-000001" / "keys.i64").write_bytes(b"")
    described = generation.describe_generations(folder)
    assert [(one["name"], one["current"], one["sound"], one["items"]) for one in described] == [
        ("gen-000002", True, True, 3),
        ("gen-000001", False, False, None),
    ]


def test_a_kind_that_is_refused_leaves_everything_as_it_was(
    catalog: Catalog, collection: Collection
) -> None:
    """However often, and whatever other processes name meanwhile."""
    name = published(catalog, collection, "a", "b", "c")
    opened = live(catalog, collection)
    for refused in ("nonsense", "IVF16,Flat", "IVF16,Flat"):
        with pytest.raises(ParameterError):
            opened.rebuild(refused)
        assert catalog.collection("default").index_factory is None
    live(catalog, collection).rebuild("SQ8")
    with pytest.raises(ParameterError):
        opened.rebuild("HNSW1")
    assert catalog.collection("default").index_factory == "SQ8"
    assert generation.generations(opened.folder) == ["gen-000002", name]


@pytest.mark.parametrize("kind", ["SQ8", "HNSW8"])
@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_named_kind_is_kept_while_items_go(
    catalog: Catalog, collection: Collection, kind: str, left: int
) -> None:
    """Down to none, of which some kinds cannot be made: another takes its place for now."""
    names = ["a", "b", "c", "d"]
    keys = put(catalog, collection, names)
    opened = live(catalog, collection)
    opened.rebuild(kind)
    remove(catalog, *(keys[name] for name in names[left:]))
    assert opened.compact(force=True) == "gen-000002"
    assert len(answers(catalog, collection)) == left
    put(catalog, collection, names)
    opened.compact()
    snapshot = live(catalog, collection).snapshot()
    assert snapshot is not None
    assert snapshot.base is not None
    assert snapshot.base.spec.factory == kind
    assert answers(catalog, collection) == oracle_answers(catalog, collection)
