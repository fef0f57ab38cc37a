"""Lists and maps of collections of made-up vectors: what is found, stored, and read again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.change.request import without_progress
from indexer.overviews import mapping
from indexer.overviews.making import make_mislabelled, make_outliers
from indexer.overviews.mapping import make_map
from indexer.overviews.neighbors import neighbors_of
from indexer.overviews.output import write_review
from indexer.overviews.reviewing import Applied, ToReview, apply_review
from search_engine.catalog.writer import ItemDraft
from search_engine.commands import overview_command
from search_engine.engine import SearchEngine
from search_engine.errors import OverviewNotFoundError, ParameterError, SourceError
from search_engine.maintenance.check import check_data
from search_engine.neighbors import nearest
from search_engine.overviews import map as maps
from search_engine.overviews.lists import Suspect, suspect_page, suspects_of
from search_engine.overviews.map import MapPage, map_page
from search_engine.overviews.storage import Overview, load_overview
from tests.small_catalog import (
    DIMENSION,
    NAME,
    bound_collection,
    draft,
    open_catalog,
    put,
    remove,
    unit_vectors,
)

EACH = 12
GROUPS = "abc"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SearchEngine]:
    """36 items in three groups around far directions, labelled by their group."""
    with open_catalog(tmp_path) as catalog:
        put(catalog, bound_collection(catalog), [*drafts()])
    with SearchEngine(tmp_path) as engine:
        yield engine


def drafts(**known: Any) -> Iterator[ItemDraft]:
    for number, name in enumerate(GROUPS):
        for row, vector in enumerate(near(number, EACH)):
            yield draft(f"{name}{row}", vector, label=name, **known)


def near(direction: int, count: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Unit vectors close to an axis."""
    rows = 0.2 * unit_vectors(count, seed + direction) + np.eye(DIMENSION)[direction]
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def add(engine: SearchEngine, *more: ItemDraft) -> dict[str, int]:
    return put(engine.catalog, engine.catalog.collection(NAME), more)


def suspects(engine: SearchEngine, made: Overview) -> list[Suspect]:
    return [each for _, each in suspects_of(engine.catalog, engine.live(NAME), made)]


def mislabelled(engine: SearchEngine, target: str = "label") -> Overview:
    return make_mislabelled(engine, NAME, target, without_progress)


def outliers(engine: SearchEngine) -> Overview:
    return make_outliers(engine, NAME, without_progress)


def drawn(engine: SearchEngine, clusters: int = 3) -> Overview:
    pytest.importorskip("openTSNE")
    return make_map(engine, NAME, without_progress, clusters)


def shown(engine: SearchEngine, limit: int = 100, **asked: Any) -> MapPage:
    live = engine.live(NAME)
    return map_page(
        engine.catalog, live, load_overview(engine.catalog, live.record, "map"), limit, **asked
    )


def test_neighbors_are_the_nearest_others(engine: SearchEngine) -> None:
    snapshot = engine.live(NAME).snapshot()
    assert snapshot is not None
    keys = snapshot.keys()
    counted: list[int] = []
    graph = neighbors_of(snapshot, keys, counted.append, 5)
    vectors = snapshot.vectors(keys)
    scores, rows = nearest(vectors, vectors, 5, np.arange(len(keys)))
    assert np.array_equal(graph.rows, rows)
    assert graph.scores == pytest.approx(scores, abs=1e-3)
    assert sum(counted) == len(keys)
    some = neighbors_of(snapshot, keys[::2], counted.append, 50)
    assert some.rows.shape == (18, 17)
    assert (some.rows != np.arange(18)[:, None]).all()


def test_a_wrong_label_comes_first_with_what_it_should_be(engine: SearchEngine) -> None:
    engine.describe("b3", {"label": "c"})
    made = mislabelled(engine)
    first, second, *_ = suspects(engine, made)
    assert (first.item.item_id, first.label) == ("b3", "c")
    assert first.score < 0.1 < 0.8 < second.score
    assert first.suggestion is not None
    assert (first.suggestion.label, first.suggestion.is_error) == ("b", True)
    assert first.suggestion.support > 0.9
    assert {each.item.label for each in first.neighbors} == {"b"}
    assert made.summary() == {
        "items": 36, "judged": 36, "target": "label", "probable_errors": 1, "listed": 36,
    }  # fmt: skip


def test_what_was_mended_leaves_the_list(engine: SearchEngine) -> None:
    for item_id in ("a1", "b3", "c5"):
        engine.describe(item_id, {"label": "a" if item_id != "a1" else "b"})
    made = mislabelled(engine)
    assert {each.item.item_id for each in suspects(engine, made)[:3]} == {"a1", "b3", "c5"}
    engine.describe("b3", {"label": "b"})
    engine.remove("c5")
    assert suspects(engine, made)[0].item.item_id == "a1"
    assert {"b3", "c5"}.isdisjoint(each.item.item_id for each in suspects(engine, made))


def test_photos_of_the_same_product_are_no_witnesses(tmp_path: Path) -> None:
    """All photos of a product have the same wrong label: only others can tell."""
    with open_catalog(tmp_path) as catalog:
        wrong = [draft(f"x{n}", v, label="c", product_id="x") for n, v in enumerate(near(0, 5, 9))]
        put(catalog, bound_collection(catalog), [*drafts(), *wrong])
    with SearchEngine(tmp_path) as engine:
        found = suspects(engine, mislabelled(engine))[:5]
    assert {each.item.product_id for each in found} == {"x"}
    assert {each.suggestion.label for each in found if each.suggestion} == {"a"}


def test_the_same_file_again_is_no_witness_unless_it_has_another_label(
    engine: SearchEngine,
) -> None:
    """Twenty copies with one wrong label confirm nothing; a copy with two labels is a sign."""
    vector, other = near(0, 2, 9)
    copies = (draft(f"x{row}", vector, label="c", content_hash="x") for row in range(20))
    twins = (draft(f"y{label}", other, label=label, content_hash="y") for label in "ac")
    add(engine, *copies, *twins)
    found = [each for each in suspects(engine, mislabelled(engine)) if each.score < 0.5]
    wrong = {f"x{row}" for row in range(20)} | {"yc"}
    assert {each.item.item_id for each in found} == wrong


def test_labels_that_nothing_else_has_are_not_judged(engine: SearchEngine) -> None:
    add(engine, draft("lone", near(0, 1, 5)[0], label="z"), draft("none", near(0, 1, 6)[0]))
    made = mislabelled(engine)
    assert made.summary()["judged"] == 36
    assert {"lone", "none"}.isdisjoint(each.item.item_id for each in suspects(engine, made))


def test_attributes_are_judged_too_but_no_lists(engine: SearchEngine) -> None:
    for name in GROUPS:
        for row in range(EACH):
            engine.describe(f"{name}{row}", {"attributes": {"size": GROUPS.index(name)}})
    engine.describe("a0", {"attributes": {"size": 2}})
    first = suspects(engine, mislabelled(engine, "size"))[0]
    assert (first.item.item_id, first.label) == ("a0", "2")
    with pytest.raises(ParameterError, match="no such field"):
        mislabelled(engine, "colour")
    engine.describe("a0", {"attributes": {"size": [1, 2]}})
    with pytest.raises(ParameterError, match="several values"):
        mislabelled(engine, "size")


def test_what_is_unlike_everything_comes_first(engine: SearchEngine) -> None:
    add(engine, draft("alien", near(5, 1)[0], label="a"))
    made = outliers(engine)
    first, second, *rest = suspects(engine, made)
    assert first.item.item_id == "alien"
    assert first.score < second.score
    assert len(first.neighbors) == 3
    assert len(rest) == 35
    assert made.summary() == {"items": 37, "judged": 37, "listed": 37}


def test_lists_are_read_page_by_page(engine: SearchEngine) -> None:
    live = engine.live(NAME)
    with pytest.raises(OverviewNotFoundError, match="not made yet") as missing:
        suspect_page(engine.catalog, live, "outliers", "label", 10)
    assert "eyedex outliers" in str(missing.value)
    outliers(engine)
    page = suspect_page(engine.catalog, live, "outliers", "label", 10)
    assert not page.outdated
    ids = [each.item.item_id for each in page.suspects]
    engine.remove(ids[2], "a0" if "a0" not in ids else "b0")
    while page.next_cursor is not None:
        page = suspect_page(engine.catalog, live, "outliers", "label", 10, page.next_cursor)
        ids += [each.item.item_id for each in page.suspects]
    assert page.outdated
    assert len(ids) == len(set(ids)) == 35
    outliers(engine)
    with pytest.raises(ParameterError, match="another list"):
        suspect_page(
            engine.catalog, live, "outliers", "label", 10,
            suspect_page_cursor(engine, "mislabelled"),
        )  # fmt: skip


def suspect_page_cursor(engine: SearchEngine, kind: str) -> str | None:
    assert kind == "mislabelled"
    mislabelled(engine)
    return suspect_page(engine.catalog, engine.live(NAME), "mislabelled", "label", 1).next_cursor


def test_a_damaged_or_foreign_file_is_as_none(engine: SearchEngine) -> None:
    outliers(engine)
    live = engine.live(NAME)
    (file,) = engine.catalog.paths.overviews(NAME).iterdir()
    content = file.read_bytes()
    for damaged in (content[:-1] + bytes([content[-1] ^ 1]), content[:100], b""):
        file.write_bytes(damaged)
        with pytest.raises(OverviewNotFoundError, match="damaged"):
            load_overview(engine.catalog, live.record, "outliers")
        (found,) = [each for each in check_data(engine.settings).findings if each.level == "error"]
        assert (found.where, found.code) == (str(file), "overview_damaged")
        assert found.what.endswith(f"{overview_command('outliers', NAME, 'label')} makes it anew")
    file.write_bytes(content)
    assert load_overview(engine.catalog, live.record, "outliers").origin.items == 36
    engine.delete_collection(NAME)
    assert not engine.catalog.paths.overviews(NAME).exists()


def test_an_empty_collection_has_nothing_to_tell(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog:
        bound_collection(catalog)
    with SearchEngine(tmp_path) as engine:
        assert suspects(engine, mislabelled(engine)) == []
        assert suspects(engine, outliers(engine)) == []
        with pytest.raises(ParameterError, match="no items"):
            drawn(engine)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_items_are_no_trouble(tmp_path: Path, count: int) -> None:
    with open_catalog(tmp_path) as catalog:
        put(catalog, bound_collection(catalog), [*drafts()][:count])
    with SearchEngine(tmp_path) as engine:
        assert mislabelled(engine).origin.judged == (count if count > 1 else 0)
        assert outliers(engine).origin.judged == (count if count > 1 else 0)
        drawn(engine, clusters=min(2, count))
        assert len(shown(engine).items) == count


def test_a_map_has_a_place_and_a_cluster_for_every_item(engine: SearchEngine) -> None:
    drawn(engine)
    page = shown(engine)
    assert (page.total, page.next_cursor, page.outdated) == (36, None, False)
    assert sorted((each.name, each.items) for each in page.clusters) == [
        (name, EACH) for name in GROUPS
    ]
    names = [page.clusters[cluster].name for cluster in page.points.clusters.tolist()]
    assert names == [item and item.label for item in page.items]
    for each in page.clusters:
        assert each.medoid is not None
        assert each.medoid.label == each.name


def test_later_items_are_placed_and_removed_ones_left_out(engine: SearchEngine) -> None:
    drawn(engine)
    before = shown(engine)
    keys = add(engine, draft("new", near(1, 1, 7)[0]))
    engine.remove("a0")
    page = shown(engine)
    assert (page.total, page.outdated) == (36, True)
    ids = [item and item.item_id for item in page.items]
    assert ("a0" in ids, ids[-1]) == (False, "new")
    assert page.points.keys[-1] == keys["new"]
    assert page.clusters[int(page.points.clusters[-1])].name == "b"
    of_b = before.points.places[12:24]
    assert (of_b.min(axis=0) <= page.points.places[-1]).all()
    assert (page.points.places[-1] <= of_b.max(axis=0)).all()
    assert np.array_equal(page.points.places[:-1], before.points.places[1:])


def test_pages_and_samples_of_a_map(engine: SearchEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn(engine)
    add(engine, *(draft(f"n{row}", each) for row, each in enumerate(near(2, 10, 8))))
    monkeypatch.setattr(maps, "PLACED_A_PAGE", 4)
    page, sizes, ids = shown(engine, 30), [], []
    while True:
        sizes.append(len(page.items))
        ids += [item.item_id for item in page.items if item]
        if page.next_cursor is None:
            break
        page = shown(engine, 30, cursor=page.next_cursor)
    assert sizes == [30, 10, 4, 2]
    assert len(set(ids)) == page.total == 46
    sample = shown(engine, sample=5)
    assert (sample.total, len(sample.items)) == (5, 5)
    with pytest.raises(ParameterError, match="another sample"):
        shown(engine, cursor=shown(engine, 2, sample=5).next_cursor)


def test_of_many_items_some_are_laid_out_and_the_others_placed(
    engine: SearchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "LAID_OUT", 18)
    drawn(engine)
    page = shown(engine)
    assert sorted(each.items for each in page.clusters) == [EACH] * 3
    names = [page.clusters[cluster].name for cluster in page.points.clusters.tolist()]
    assert names == [item and item.label for item in page.items]


def test_a_map_of_which_nothing_is_left_is_none(engine: SearchEngine) -> None:
    drawn(engine)
    live = engine.live(NAME)
    snapshot = live.snapshot()
    assert snapshot is not None
    add(engine, draft("new"))
    remove(engine.catalog, *snapshot.keys().tolist())
    with pytest.raises(OverviewNotFoundError, match="no item is left"):
        shown(engine)


def applied(engine: SearchEngine, file: Path, *lines: str) -> Applied:
    """What becomes of a table of labels."""
    file.write_text("\n".join(lines) + "\n")
    return apply_review(engine, NAME, file)


def labels(engine: SearchEngine, *ids: str) -> list[str | None]:
    items = engine.catalog.collection(NAME)
    return [engine.catalog.get(items, each).label for each in ids]


def test_a_line_of_a_review_that_nobody_touched_sets_nothing_back(
    engine: SearchEngine, tmp_path: Path
) -> None:
    file = tmp_path / "review.csv"
    for item_id in ("a0", "b0"):
        engine.describe(item_id, {"label": None}, collection=NAME)
    found = [
        ToReview(engine.catalog.get(engine.catalog.collection(NAME), each), label, None, 0, 1)
        for each, label in (("a0", None), ("a1", "a"), ("a2", "a"), ("a3", "a"), ("b0", None))
    ]
    write_review(file, "label", found)
    for item_id in ("a1", "a2", "b0"):
        engine.describe(item_id, {"label": "since"}, collection=NAME)
    text = file.read_text().replace("a2,a,", "a2,c,").replace("a3,a,", "a3,c,")
    text = text.replace("b0,,", "b0,c,").replace("a0,,", "a0,a,")
    done = applied(engine, file, *text.splitlines())
    assert (done.changed, done.same) == (2, 1)
    assert done.refused == (
        (4, "the item has the label 'since' now, and had the label 'a' when the table was written"),
        (6, "the item has the label 'since' now, and had no label when the table was written"),
    )
    assert labels(engine, "a0", "a1", "a2", "a3", "b0") == ["a", "since", "since", "c", "since"]
    again = apply_review(engine, NAME, file)
    assert (again.changed, again.same) == (0, 3)


def test_columns_of_a_review_are_found_as_those_of_an_index(
    engine: SearchEngine, tmp_path: Path
) -> None:
    file = tmp_path / "review.csv"
    assert applied(engine, file, "Item_ID,Label", "a0,new").changed == 1
    assert applied(engine, file, "item_id,label,label", "a1,new,new").changed == 1
    assert labels(engine, "a0", "a1") == ["new", "new"]
    for header in ("item_id,label,label", "item_id,LABEL,Label"):
        with pytest.raises(SourceError, match="two columns label"):
            applied(engine, file, header, "a2,new,other")
    with pytest.raises(SourceError, match="no column label"):
        applied(engine, file, "item_id,category", "a2,new")
    assert labels(engine, "a2") == ["a"]
