"""The engine over real pictures with the colour-histogram encoder."""

import io
import threading
from collections.abc import Iterator
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
    FilterError,
    ImageError,
    ItemNotFoundError,
    ModelMismatchError,
    ParameterError,
    PictureNotFoundError,
    UnknownFieldError,
)
from search_engine.records import SearchResult
from search_engine.search.declared import MAX_K
from search_engine.vote.tally import VoteRule
from tests.conftest import copy_data
from tests.sealing import execute, reseal


def picture(colour: str, other: str | None = None, side: int = 60) -> bytes:
    """A PNG of one colour, or of one left and another right."""
    image = Image.new("RGB", (side, side), colour)
    if other:
        image.paste(other, (side // 2, 0, side, side))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def data(tmp_path: Path, hsv_data: Path) -> Path:
    copy_data(hsv_data, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def engine(data: Path) -> Iterator[SearchEngine]:
    with SearchEngine(data) as engine:
        yield engine


def size(engine: SearchEngine) -> int:
    return engine.catalog.count(engine.live("default").record)


def ids(result: SearchResult) -> list[str]:
    return [neighbor.item.item_id for neighbor in result.neighbors]


def test_a_picture_finds_itself_first(engine: SearchEngine, sample: Path) -> None:
    result = engine.search(sample / "images" / "backpack-0001-a.jpg", k=5)
    assert ids(result)[0] == "backpack-0001-a"
    assert result.neighbors[0].score == pytest.approx(1.0, abs=2e-3)
    scores = [neighbor.score for neighbor in result.neighbors]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 5
    assert result.encoder == engine.live("default").record.fingerprint
    assert result.generation == "gen-000001"
    assert result.timings_ms["total"] > 0


def test_path_text_and_bytes_are_the_same_picture(engine: SearchEngine, sample: Path) -> None:
    path = sample / "images" / "backpack-0001-a.jpg"
    wanted = engine.search(path).neighbors
    assert engine.search(str(path)).neighbors == engine.search(path.read_bytes()).neighbors
    assert engine.search(str(path)).neighbors == wanted


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


def test_similar_leaves_the_item_out(engine: SearchEngine) -> None:
    result = engine.similar("backpack-0001-a", k=MAX_K)
    assert "backpack-0001-a" not in ids(result)
    assert len(ids(result)) == len(set(ids(result))) == size(engine) - 1
    assert ids(engine.similar("backpack-0001-a", k=3)) == ids(result)[:3]


def test_similar_leaves_itself_out_among_equal_pictures(engine: SearchEngine) -> None:
    for name in ("one", "two", "three"):
        engine.upsert(name, picture("magenta", "lime"))
    assert ids(engine.similar("one", k=2)) == ["two", "three"]
    assert ids(engine.similar("three", k=2)) == ["one", "two"]


@pytest.mark.parametrize("k", [1, 3, 10, MAX_K])
def test_a_filter_gives_k_or_all_that_match(engine: SearchEngine, sample: Path, k: int) -> None:
    path = sample / "images" / "backpack-0001-a.jpg"
    source = {"field": "label", "under": "Clothing"}
    matching = [
        item
        for item in engine.catalog.page(engine.live("default").record, 0, 1_000)
        if (item.label or "").startswith("Clothing/")
    ]
    result = engine.search(path, k=k, filter=source)
    assert 3 < len(matching) < MAX_K
    assert len(result.neighbors) == min(k, len(matching))
    assert all(str(one.item.label).startswith("Clothing/") for one in result.neighbors)
    everything = [one for one in ids(engine.search(path, k=MAX_K)) if one in ids(result)]
    assert everything == ids(result)


def test_a_filter_that_nothing_fulfils_gives_nothing(engine: SearchEngine) -> None:
    result = engine.search(picture("red"), filter={"field": "price", "lt": -1})
    assert result.neighbors == ()


def test_wrong_filters_are_refused(engine: SearchEngine) -> None:
    with pytest.raises(UnknownFieldError, match="no such field"):
        engine.search(picture("red"), filter={"field": "prize", "lt": 3})
    with pytest.raises(FilterError):
        engine.search(picture("red"), filter="{")


def test_groups_are_represented_by_their_best(engine: SearchEngine) -> None:
    plain = engine.similar("backpack-0001-a", k=MAX_K)
    grouped = engine.similar("backpack-0001-a", k=10, group_by="product_id")
    seen: dict[str, str] = {}
    for one in plain.neighbors:
        seen.setdefault(str(one.item.product_id), one.item.item_id)
    assert ids(grouped) == list(seen.values())[:10]
    assert len({one.item.product_id for one in grouped.neighbors}) == 10


def test_there_are_no_more_groups_than_values(engine: SearchEngine) -> None:
    labels = engine.catalog.labels(engine.live("default").record)
    grouped = engine.similar("backpack-0001-a", k=MAX_K, group_by="label")
    assert len(grouped.neighbors) == len(labels)


def test_items_without_the_field_stand_for_themselves(engine: SearchEngine) -> None:
    for name in ("one", "two"):
        engine.upsert(name, picture("magenta", "lime"))
    result = engine.search(picture("magenta", "lime"), k=2, group_by="product_id")
    assert ids(result) == ["one", "two"]


def test_the_very_same_picture_has_a_score_of_1(engine: SearchEngine, sample: Path) -> None:
    """Whatever the rounding of stored vectors to float16 does to their lengths."""
    for item in engine.catalog.page(engine.live("default").record, 0, 20):
        assert item.picture is not None
        for k in (1, 20):
            found = engine.search(Path(item.picture), k=k, min_score=1.0)
            assert found.neighbors[0].score == 1.0
            assert item.item_id in ids(found)


def test_numbers_of_numpy_are_numbers(engine: SearchEngine, sample: Path) -> None:
    photo = sample / "images" / "backpack-0001-a.jpg"
    plain = engine.search(photo, k=3, min_score=0.5).neighbors
    numbers: dict[str, Any] = {"k": np.int64(3), "min_score": np.float32(0.5)}
    assert engine.search(photo, **numbers).neighbors == plain


def test_unknown_options_are_no_options(engine: SearchEngine, sample: Path) -> None:
    photo = sample / "images" / "backpack-0001-a.jpg"
    unknown: dict[str, Any]
    for unknown in ({"kk": 3}, {"kk": None}):
        for ask in (engine.search, engine.classify):
            with pytest.raises(TypeError, match="unexpected keyword"):
                ask(photo, **unknown)
        with pytest.raises(TypeError, match="unexpected keyword"):
            engine.question(**unknown)
    with pytest.raises(ParameterError, match="name of a field is empty"):
        engine.classify(photo, target="")
    with pytest.raises(TypeError, match="unexpected keyword"):
        engine.classify(item_id="backpack-0001-a", box="0,0,1,1")


def test_a_filter_may_be_a_line_everywhere(engine: SearchEngine, sample: Path) -> None:
    photo = sample / "images" / "backpack-0001-a.jpg"
    line, meant = "price < 30 AND view = 'front'", {
        "all": [{"field": "price", "lt": 30}, {"field": "view", "eq": "front"}]
    }  # fmt: skip
    for ask in (engine.search, engine.classify):
        found = ask(photo, k=50, filter=line)
        assert ids(found) == ids(ask(photo, k=50, filter=meant)) != []
    assert engine.facets(["view"], filter=line) == engine.facets(["view"], filter=meant)


def test_neighbors_below_the_least_score_are_left_out(engine: SearchEngine) -> None:
    everything = engine.similar("backpack-0001-a", k=50).neighbors
    least = everything[20].score
    close = engine.similar("backpack-0001-a", k=50, min_score=least).neighbors
    assert close == everything[:21]
    assert engine.similar("backpack-0001-a", min_score=1).neighbors == ()
    for odd in (1.1, float("nan"), "0.5"):
        with pytest.raises(ParameterError, match="from -1 to 1"):
            engine.similar("backpack-0001-a", min_score=odd)  # type: ignore[arg-type]
    grouped = engine.similar("backpack-0001-a", k=50, min_score=least, group_by="product_id")
    assert all(one.score >= least for one in grouped.neighbors)


def test_a_box_looks_at_a_region_only(engine: SearchEngine) -> None:
    engine.upsert("magenta", picture("magenta"))
    engine.upsert("lime", picture("lime"))
    both = picture("magenta", "lime")
    assert ids(engine.search(both, k=1, box=(0, 0, 0.5, 1))) == ["magenta"]
    assert ids(engine.search(both, k=1, box="0.5,0,0.5,1")) == ["lime"]
    with pytest.raises(ParameterError):
        engine.search(both, box="0.5,0,0.6,1")


@pytest.mark.parametrize("k", [0, -1, MAX_K + 1])
def test_k_out_of_range_is_refused(engine: SearchEngine, k: int) -> None:
    with pytest.raises(ParameterError) as caught:
        engine.search(picture("red"), k=k)
    assert caught.value.where == "k"


def test_unknown_fields_and_collections_are_refused(engine: SearchEngine) -> None:
    with pytest.raises(ParameterError, match="no such field"):
        engine.search(picture("red"), group_by="maker")
    with pytest.raises(ParameterError, match="no such field"):
        engine.classify(picture("red"), target="maker")
    with pytest.raises(CollectionNotFoundError):
        engine.search(picture("red"), collection="absent")
    with pytest.raises(ParameterError):
        engine.upsert("a", picture("red"), collection="Not A Name")


def test_what_is_no_picture_is_refused_and_changes_nothing(engine: SearchEngine) -> None:
    before = engine.catalog.seq()
    for junk in (b"", b"junk", picture("red")[:40]):
        with pytest.raises(ImageError):
            engine.search(junk)
        with pytest.raises(ImageError):
            engine.upsert("junk", junk)
    assert engine.catalog.seq() == before


def test_classification_votes_on_labels_and_attributes(engine: SearchEngine) -> None:
    for number in range(3):
        attributes = {"stripes": 2.0}
        engine.upsert(
            f"flag {number}", picture("magenta", "lime"), label="Flag", attributes=attributes
        )
    prediction = engine.classify(picture("magenta", "lime"), vote_k=3).prediction
    assert prediction is not None
    assert (prediction.label, prediction.confidence) == ("Flag", 1.0)
    prediction = engine.classify(picture("magenta", "lime"), vote_k=3, target="stripes").prediction
    assert prediction is not None
    assert prediction.label == "2"
    prediction = engine.classify(item_id="flag 0", vote_k=2).prediction
    assert prediction is not None
    assert prediction.label == "Flag"


def test_classification_abstains_by_rule(engine: SearchEngine) -> None:
    rule = VoteRule(min_score=0.9999)
    prediction = engine.classify(picture("magenta", "lime"), rule=rule).prediction
    assert prediction is not None
    assert (prediction.label, prediction.reason) == (None, "too_far")


def test_classification_wants_one_of_picture_and_item(engine: SearchEngine) -> None:
    with pytest.raises(ParameterError):
        engine.classify()
    with pytest.raises(ParameterError):
        engine.classify(picture("red"), item_id="backpack-0001-a")


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
