"""Changing items through the engine: seen at once by every search, or refused whole."""

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from search_engine.collections.pictures import content_hash
from search_engine.engine import SearchEngine
from search_engine.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    ImageError,
    ItemNotFoundError,
    ModelMismatchError,
    ParameterError,
    PictureNotFoundError,
)
from search_engine.search.declared import MAX_K
from tests.sealing import execute, reseal
from tests.search_engine.engine.conftest import ids, picture, size


def test_an_upsert_is_found_at_once_by_every_engine(
    engine: SearchEngine, data: Path, shopper_photo: Path
) -> None:
    with SearchEngine(data) as other:
        query = picture("magenta", "lime")
        assert ids(other.search(query, k=1)) != ["flag"]
        engine.upsert("flag", query, label="Flag", attributes={"price": 3})
        for each in (engine, other):
            (best,) = each.search(query, k=1).neighbors
            assert (best.item.item_id, best.item.label) == ("flag", "Flag")
            assert best.score == pytest.approx(1.0, abs=2e-3)
        other.remove("flag")
        for each in (engine, other):
            assert "flag" not in ids(each.search(query, k=100))


def test_another_picture_under_the_same_id_replaces_the_former(engine: SearchEngine) -> None:
    first = engine.upsert("flag", picture("magenta", "lime"), label="Flag")
    second = engine.upsert("flag", picture("cyan", "brown"))
    assert (second.key, second.label) == (first.key, None)
    assert second.content_hash == content_hash(picture("cyan", "brown")) != first.content_hash
    assert ids(engine.search(picture("cyan", "brown"), k=1)) == ["flag"]
    assert ids(engine.search(picture("magenta", "lime"), k=MAX_K)).count("flag") == 1


def test_a_removed_item_is_not_found_and_cannot_be_removed_again(engine: SearchEngine) -> None:
    before = size(engine)
    engine.remove("backpack-0001-a")
    with pytest.raises(ItemNotFoundError):
        engine.remove("backpack-0001-a")
    with pytest.raises(ItemNotFoundError):
        engine.similar("backpack-0001-a")
    assert "backpack-0001-a" not in ids(engine.similar("backpack-0001-b", k=MAX_K))
    assert len(engine.similar("backpack-0001-b", k=MAX_K).neighbors) == before - 2


def test_a_description_changes_without_the_picture(engine: SearchEngine) -> None:
    before = engine.similar("backpack-0001-a")
    known = engine.catalog.get(engine.live("default").record, "backpack-0001-a").attributes
    item = engine.describe("backpack-0001-a", {"label": "Bag", "attributes": {"season": "winter"}})
    assert (item.label, item.attributes) == ("Bag", {**known, "season": "winter"})
    without = engine.describe("backpack-0001-a", {"attributes": dict.fromkeys(known)})
    assert without.attributes == {"season": "winter"}
    assert without == engine.catalog.get(engine.live("default").record, "backpack-0001-a")
    result = engine.similar("backpack-0001-b", filter={"field": "season", "eq": "winter"})
    assert ids(result) == ["backpack-0001-a"]
    assert result.neighbors[0].item.label == "Bag"
    assert ids(engine.similar("backpack-0001-a")) == ids(before)


@pytest.mark.parametrize(
    "wrong",
    ["", "..", "a/../b", "a//b", " a", "a\nb", "x" * 5_000, 7, None, "\ud800"],
    ids=lambda one: repr(one)[:12],
)
def test_ids_that_no_way_in_takes_are_refused(engine: SearchEngine, wrong: Any) -> None:
    with pytest.raises(ParameterError, match="the id"):
        engine.upsert(wrong, picture("red"))


@pytest.mark.parametrize(
    "known",
    [
        {"label": 5},
        {"label": "/".join("x" * 33)},
        {"product_id": 7},
        {"attributes": {"a": float("nan")}},
        {"attributes": {"": 1}},
        {"attributes": "x"},
    ],
)
def test_what_cannot_be_known_of_an_item_is_refused(
    engine: SearchEngine, known: dict[str, Any]
) -> None:
    (where,) = known
    with pytest.raises(ParameterError) as put:
        engine.upsert("never", picture("red"), **known)
    with pytest.raises(ParameterError) as described:
        engine.describe("backpack-0001-a", known)
    assert put.value.where == described.value.where == where
    with pytest.raises(ItemNotFoundError):
        engine.similar("never")


def test_a_column_that_items_do_not_have_cannot_be_described(engine: SearchEngine) -> None:
    with pytest.raises(ParameterError, match="known: attributes, label, product_id"):
        engine.describe("backpack-0001-a", {"lable": "Bag"})


def test_however_accents_are_coded_it_is_one_item(engine: SearchEngine) -> None:
    decomposed, composed = "cafe\u0301/x", "caf\u00e9/x"
    item = engine.upsert(
        decomposed, picture("magenta"), label=decomposed, product_id=decomposed,
        attributes={decomposed: [decomposed]},
    )  # fmt: skip
    assert item == engine.upsert(
        composed, picture("magenta"), label=composed, product_id=composed,
        attributes={composed: [composed]},
    )  # fmt: skip
    assert (item.item_id, item.label, item.product_id) == (composed,) * 3
    assert item.attributes == {composed: [composed]}
    for spelling in (decomposed, composed):
        assert (
            engine.classify(item_id=spelling, k=1).neighbors
            == engine.similar(spelling, k=1).neighbors
        )
        assert engine.describe(spelling, {"label": spelling}).label == composed
    engine.remove(decomposed)
    with pytest.raises(ItemNotFoundError):
        engine.similar(composed)


def test_what_is_no_picture_is_refused_and_changes_nothing(engine: SearchEngine) -> None:
    before = engine.catalog.seq()
    for junk in (b"", b"junk", picture("red")[:40]):
        with pytest.raises(ImageError):
            engine.search(junk)
        with pytest.raises(ImageError):
            engine.upsert("junk", junk)
    assert engine.catalog.seq() == before


def test_an_upserted_picture_is_kept_and_served(engine: SearchEngine) -> None:
    item = engine.upsert("large", picture("magenta", "lime", side=1_500))
    assert item.picture is None
    served = Image.open(io.BytesIO(engine.picture(item, 2_000, 90)))
    assert (served.format, served.size) == ("JPEG", (1_024, 1_024))
    red, green, blue = served.convert("RGB").resize((2, 1)).getpixel((0, 0))  # type: ignore[misc]
    assert red > 200 > 100 > green
    assert blue > 200
    small = Image.open(io.BytesIO(engine.picture(item, 100, 80)))
    assert small.size == (100, 100)


def test_the_picture_of_an_indexed_item_comes_from_its_file(
    engine: SearchEngine, tmp_path: Path
) -> None:
    item = engine.catalog.get(engine.live("default").record, "backpack-0001-a")
    served = Image.open(io.BytesIO(engine.picture(item, 64, 80)))
    assert max(served.size) == 64
    path = tmp_path / "moved.jpg"
    record = engine.catalog.collection("default")
    with engine.catalog.write() as writer:
        writer.describe(record.id, {item.key: {"picture": str(path)}})
    item = engine.catalog.get(engine.live("default").record, "backpack-0001-a")
    with pytest.raises(PictureNotFoundError):
        engine.picture(item, 64, 80)


def test_vectors_of_another_encoder_are_never_searched(data: Path) -> None:
    execute(
        data,
        "UPDATE collections SET fingerprint = 'other'",
        "UPDATE embeddings SET fingerprint = 'other'",
    )
    reseal(data)
    with SearchEngine(data) as engine:
        with pytest.raises(ModelMismatchError):
            engine.search(picture("red"))
        with pytest.raises(ModelMismatchError):
            engine.upsert("a", picture("red"))


def test_collections_are_apart(engine: SearchEngine) -> None:
    engine.create_collection("other")
    assert engine.live("other").snapshot() is None
    with pytest.raises(CollectionExistsError):
        engine.create_collection("other")
    engine.delete_collection("default")
    with pytest.raises(CollectionNotFoundError):
        engine.search(picture("red"))
    assert not engine.catalog.paths.index("default").exists()
    with pytest.raises(CollectionNotFoundError):
        engine.delete_collection("default")


def test_compaction_changes_no_answer(engine: SearchEngine, data: Path) -> None:
    for number, colour in enumerate(("magenta", "lime", "cyan", "gold", "navy", "plum")):
        engine.upsert(f"new {number}", picture(colour, "white"))
    engine.remove("backpack-0001-a")
    before = engine.similar("backpack-0001-b", k=MAX_K).neighbors
    assert engine.live("default").compact(force=True) == "gen-000002"
    assert engine.similar("backpack-0001-b", k=MAX_K).neighbors == before
    with SearchEngine(data) as again:
        assert again.similar("backpack-0001-b", k=MAX_K).neighbors == before


def test_threads_may_search_and_change_at_the_same_time(engine: SearchEngine) -> None:
    before = size(engine)
    failures: list[BaseException] = []

    def work(colour: str) -> None:
        try:
            for number in range(5):
                engine.upsert(f"{colour} {number}", picture(colour, "white"))
                assert f"{colour} {number}" in ids(engine.search(picture(colour, "white"), k=10))
                if number % 2:
                    engine.remove(f"{colour} {number}")
        except BaseException as error:  # noqa: BLE001 - shown by the main thread
            failures.append(error)

    colours = ("magenta", "lime", "cyan")
    threads = [threading.Thread(target=work, args=(colour,)) for colour in colours]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    snapshot = engine.live("default").snapshot()
    assert snapshot is not None
    assert len(snapshot) == before + 3 * 3
    assert len(np.unique(snapshot.keys())) == len(snapshot)
