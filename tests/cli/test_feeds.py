"""Feeds that come again: what they change, what they leave, what is moved and what is gone."""

import re
import zipfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tests.cli.conftest import Feed, Index, Items, Run, colour_picture


@pytest.fixture
def full(feed: Feed) -> Path:
    rows = (f"id{n},{n}.png,Home/Mug,P{n},red,{n + 10}" for n in range(10))
    return feed("full.csv", "item_id,image,label,product_id,color,price", *rows)


def test_a_feed_changes_only_the_columns_that_it_has(
    index: Index, items: Items, feed: Feed, full: Path
) -> None:
    index(full)
    ran = index(feed("price.csv", "item_id,image,price", "id0,0.png,9", "id1,1.png,11"))
    assert (ran.json["updated"], ran.json["unchanged"], ran.json["encoded"]) == (1, 1, 0)
    assert items()["id0"] == {
        "label": "Home/Mug", "product_id": "P0", "attributes": {"color": "red", "price": 9},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("header", "became"),
    [
        ("ID,PRICE", {"price": 9}),
        ("Sku,Pri-ce", {"price": 9}),
        ("item_id,price %", {"price": 10, "price %": 9}),
        ("item_id,Price,PRICE", {"price": 10, "Price": 9, "PRICE": 8}),
        ("item_id,price,Price", {"price": 9, "Price": 8}),
    ],
)
def test_a_column_spelled_otherwise_is_the_attribute_it_means(
    run: Run, data: Path, items: Items, feed: Feed, full: Path, header: str, became: dict[str, int]
) -> None:
    flags = ("--data", data, "--encoder", "hsv", "--workers", 1)
    run("index", full, *flags)
    said = run("index", feed("feed.csv", header, "id0,9,8"[: 2 * header.count(",") + 3]), *flags)
    assert items()["id0"]["attributes"] == {"color": "red", **became}
    assert ("is called 'price', as this collection" in said.err) == (became == {"price": 9})


def test_a_feed_without_pictures_describes_known_items(
    index: Index, items: Items, feed: Feed, full: Path
) -> None:
    index(full)
    ran = index(feed("price.csv", "item_id,price,stock", "id0,9,4", "new,1,1"))
    assert ran.code == 4
    assert ran.json["reasons"] == {"no_picture": 1}
    assert (ran.json["updated"], ran.json["encoded"], ran.json["gone"]) == (1, 0, 0)
    assert items()["id0"]["attributes"] == {"color": "red", "price": 9, "stock": 4}


def test_a_feed_without_pictures_describes_all_pictures_of_a_product(
    index: Index, items: Items, feed: Feed
) -> None:
    index(feed("full.csv", "sku,image,price", 'a,"0.png, 1.png",5', "b,2.png,6"))
    index(feed("other.csv", "item_id,image,product_id", "c,3.png,P", "d,4.png,P"))
    ran = index(feed("price.csv", "sku,price", "a,7", "P,8"))
    assert (ran.code, ran.json["updated"]) == (0, 4)
    prices = {name: each["attributes"].get("price") for name, each in items().items()}
    assert prices == {"a": 7, "a/2": 7, "b": 6, "c": 8, "d": 8}


def test_an_empty_cell_clears(index: Index, items: Items, feed: Feed, full: Path) -> None:
    index(full)
    index(feed("less.csv", "item_id,label,color", "id0,,", "id1,Home/Cup,blue"))
    found = items()
    assert found["id0"] == {"label": None, "product_id": "P0", "attributes": {"price": 10}}
    assert found["id1"]["label"] == "Home/Cup"


def test_a_source_can_be_the_whole_truth(
    index: Index, items: Items, feed: Feed, full: Path
) -> None:
    index(full)
    index(feed("price.csv", "item_id,image,price", "id0,0.png,9"), "--replace")
    found = items()
    assert found["id0"] == {"label": None, "product_id": None, "attributes": {"price": 9}}
    assert found["id1"]["label"] == "Home/Mug"


def test_flags_of_a_source_need_to_be_given_once(index: Index, items: Items, feed: Feed) -> None:
    lines = ("code,file,kind", "a,0.png,Mug", "b,1.png,Cup")
    table = feed("shop.csv", *lines)
    flags = ("--map", "item_id=code", "--map", "image=file", "--label-from", "kind")
    assert index(table, *flags).json["added"] == 2
    assert items()["a"]["label"] == "Mug"
    feed("shop.csv", *lines[:2], "b,1.png,Bowl")
    ran = index(table)
    assert ran.json["updated"] == 1
    assert "note: read as it was said before: --label-from kind\n" in ran.err
    assert {name: each["label"] for name, each in items().items()} == {"a": "Mug", "b": "Bowl"}
    assert index(table, "--map", "image=nothing").code == 3


def test_what_is_gone_is_told_and_removed_only_when_asked(
    run: Run, data: Path, items: Items, full: Path
) -> None:
    flags = ("--data", data, "--encoder", "hsv")
    run("index", full, *flags)
    lines = full.read_text().splitlines()
    full.write_text("\n".join(lines[:-2]) + "\n")
    ran = run("index", full, *flags)
    assert "2 items of this source are no longer in it; --prune removes" in ran.err
    assert len(items()) == 10
    assert run("index", full, *flags, "--prune").code == 0
    assert set(items()) == {f"id{n}" for n in range(8)}


@pytest.mark.parametrize("kept", [0, 1, 7])
def test_pruning_much_needs_to_be_confirmed(
    run: Run, data: Path, items: Items, full: Path, kept: int
) -> None:
    flags = ("--data", data, "--encoder", "hsv")
    run("index", full, *flags)
    before = items()
    full.write_text("\n".join(full.read_text().splitlines()[: kept + 1]) + "\n")
    ran = run("index", full, *flags, "--prune")
    assert ran.code == 3
    assert ran.error.startswith("error: prune_refused: ")
    assert "10 items" in ran.error
    assert "none of them was removed" in ran.error
    assert items() == before
    assert run("index", full, *flags, "--prune", "--yes").code == 0
    assert set(items() if kept else {}) == {f"id{n}" for n in range(kept)}


def test_another_folder_cannot_prune_what_came_from_elsewhere(
    index: Index, items: Items, folder: Path, full: Path
) -> None:
    index(full)
    index(folder)
    ran = index(folder, "--prune", "--yes")
    assert (ran.json["removed"], ran.json["others"]) == (0, 10)
    assert len(items()) == 16


def test_items_of_other_sources_are_told_where_they_could_be_meant(
    run: Run, data: Path, feed: Feed
) -> None:
    flags = ("--data", data, "--encoder", "hsv", "--workers", 1)
    run("index", feed("monday.csv", "item_id,image", "id0,0.png", "id1,1.png"), *flags)
    tuesday = feed("tuesday.csv", "item_id,image", "id0,0.png")
    assert "other sources" not in run("index", tuesday, *flags).err
    said = run("index", tuesday, *flags, "--prune").err
    assert "note: 1 item of other sources stays; if a file or folder only has another name" in said


def test_sources_that_give_one_id_different_pictures_are_told(
    run: Run, data: Path, feed: Feed
) -> None:
    flags = ("--data", data, "--encoder", "hsv", "--workers", 1)
    summer = feed("summer.csv", "item_id,image,price", "id0,0.png,3", "id1,1.png,4")
    winter = feed("winter.csv", "item_id,image,price", "id1,2.png,5", "id2,3.png,6")
    assert "take turns" not in run("index", summer, *flags).err
    for source in (winter, summer):
        said = run("index", source, *flags).err
        assert "note: 1 item had another picture, from another source; sources with" in said
    assert run("index", winter, *flags, "--dry-run", "--json").json["from_elsewhere"] == 1
    prices = feed("prices.csv", "item_id,image,price", "id0,0.png,1", "id1,1.png,2")
    assert "take turns" not in run("index", prices, *flags).err  # the same pictures
    feed("prices.csv", "item_id,image,price", "id0,4.png,1", "id1,1.png,2")
    assert "take turns" not in run("index", prices, *flags).err  # its own by now


def test_a_flag_without_a_value_is_told_as_it_is_given(run: Run, data: Path, folder: Path) -> None:
    flags = ("--data", data, "--encoder", "hsv", "--workers", 1)
    run("index", folder, *flags, "--follow-links")
    assert "read as it was said before: --follow-links\n" in run("index", folder, *flags).err


def test_flags_that_hold_from_before_are_told_as_they_are_given(
    run: Run, data: Path, feed: Feed
) -> None:
    table = feed("shop.csv", "item_id,image,size,ean", "a,0.png,7,12")
    flags = ("--data", data, "--encoder", "hsv", "--workers", 1, "--no-tune")
    run("index", table, *flags, "--type", "size=text", "--type", "ean=text")
    said = run("index", table, *flags).err
    assert "read as it was said before: --type size=text, --type ean=text\n" in said


@pytest.mark.parametrize(
    "odd", ["a\u00a0b", "\U0001f469\u200d\U0001f467", "\ufeff", "soft\u00adhyphen"]
)
def test_items_whose_ids_do_not_print_are_never_taken_for_gone(
    index: Index, items: Items, feed: Feed, tmp_path: Path, odd: str
) -> None:
    table = feed("shop.csv", "item_id,image", f"{odd},0.png", "plain,1.png")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / f"{odd}.png").write_bytes(colour_picture(2))
    for _ in range(2):
        for source in (table, pictures):
            assert index(source, "--prune", "--yes").json["removed"] == 0
    assert {odd, "plain", f"{odd}.png"} == set(items())


def test_a_wrong_folder_of_the_same_name_prunes_nothing(
    index: Index, items: Items, folder: Path
) -> None:
    index(folder, "--source", "shop")
    other = folder.parent / "other"
    other.mkdir()
    for number in range(20, 30):
        (other / f"{number}.png").write_bytes(colour_picture(number))
    ran = index(other, "--source", "shop", "--prune")
    assert ran.code == 3
    assert "6 of the 6 items" in ran.err
    assert ran.json["removed"] == 0
    (folder.parent / "0.png").write_bytes(colour_picture(0))
    assert len(items()) == 16


def test_a_source_whose_file_has_another_name_each_night(
    index: Index, items: Items, feed: Feed
) -> None:
    feed("monday.csv", "item_id,image", *(f"id{n},{n}.png" for n in range(9)))
    tuesday = feed("tuesday.csv", "item_id,image", *(f"id{n},{n}.png" for n in range(8)))
    index(tuesday.parent / "monday.csv", "--source", "shop")
    assert index(tuesday, "--source", "shop", "--prune").json["removed"] == 1
    assert len(items()) == 8


def test_moved_and_renamed_pictures_keep_their_embedding(
    run: Run, index: Index, data: Path, folder: Path
) -> None:
    index(folder)
    before = {each: vector(run, data, folder, each) for each in ("A/0.png", "A/2.png")}
    (folder / "C").mkdir()
    (folder / "A" / "0.png").rename(folder / "C" / "0.png")
    (folder / "A" / "2.png").rename(folder / "A" / "two.png")
    ran = index(folder)
    assert (ran.json["moved"], ran.json["added"], ran.json["encoded"]) == (2, 0, 0)
    assert (ran.json["gone"], ran.json["unchanged"]) == (0, 4)
    found = run("search", folder / "C" / "0.png", "--data", data, "-k", 9, "--json").json
    labels = {each["item_id"]: each["label"] for each in found["neighbors"]}
    assert labels == {
        "C/0.png": "C", "A/two.png": "A", "A/4.png": "A",
        "B/1.png": "B", "B/3.png": "B", "B/5.png": "B",
    }  # fmt: skip
    assert vector(run, data, folder, "C/0.png") == before["A/0.png"]
    assert vector(run, data, folder, "A/two.png") == before["A/2.png"]


def test_a_moved_item_keeps_what_only_the_catalog_knows(
    index: Index, items: Items, feed: Feed
) -> None:
    index(feed("full.csv", "item_id,image,color", "a,0.png,red", "b,1.png,blue"))
    ran = index(feed("full.csv", "item_id,image,size", "c,0.png,L", "b,1.png,S"))
    assert ran.json["moved"] == 1
    assert {name: each["attributes"] for name, each in items().items()} == {
        "c": {"color": "red", "size": "L"},
        "b": {"color": "blue", "size": "S"},
    }


def test_a_dry_run_moves_nothing(index: Index, items: Items, feed: Feed) -> None:
    index(feed("full.csv", "item_id,image", "a,0.png", "b,1.png"))
    ran = index(feed("full.csv", "item_id,image", "c,0.png", "b,1.png"), "--dry-run")
    assert (ran.json["moved"], ran.json["gone"]) == (1, 0)
    assert set(items()) == {"a", "b"}


def test_an_item_uploaded_since_is_not_of_the_source_any_more(
    index: Index, items: Items, data: Path, feed: Feed
) -> None:
    from search_engine import SearchEngine

    table = feed("full.csv", "item_id,image", *(f"id{n},{n}.png" for n in range(10)))
    index(table)
    with SearchEngine(data) as engine:
        engine.upsert("id9", colour_picture(42))
    feed("full.csv", "item_id,image", *(f"id{n},{n}.png" for n in range(9)))
    assert index(table, "--prune").json["removed"] == 0
    assert "id9" in items()


def vector(run: Run, data: Path, folder: Path, item_id: str) -> bytes:
    """The embedding of an item as it is stored."""
    from search_engine import SearchEngine

    with SearchEngine(data, create=False) as engine:
        record = engine.catalog.collection("default")
        key = engine.catalog.get(record, item_id).key
        return engine.catalog.vector(record, key).tobytes()


def test_pictures_within_a_table_of_hugging_face(run: Run, data: Path, tmp_path: Path) -> None:
    rows = [
        {"image": {"bytes": colour_picture(n), "path": f"{n}.png"}, "label": "ab"[n % 2]}
        for n in range(6)
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "train.parquet")
    flags = ("--data", data, "--encoder", "hsv", "--json")
    assert run("index", tmp_path / "train.parquet", *flags).json["added"] == 6
    again = run("index", tmp_path / "train.parquet", *flags).json
    assert (again["unchanged"], again["encoded"]) == (6, 0)
    (tmp_path / "photo.png").write_bytes(colour_picture(3))
    best = run("search", tmp_path / "photo.png", "--data", data, "-k", 1, "--json").json
    assert [each["item_id"] for each in best["neighbors"]] == ["3.png"]
    told = run("classify", tmp_path / "train.parquet", "--data", data)
    assert told.code == 0
    assert re.findall(r"^\S+\.png", told.out, re.MULTILINE) == [f"{n}.png" for n in range(6)]


def test_pictures_in_a_column_of_bytes(run: Run, data: Path, tmp_path: Path) -> None:
    """Without a path of their own, and paths as bytes, as some programs write texts."""
    rows = [{"id": f"p{n}", "image": colour_picture(n)} for n in range(2)]
    (tmp_path / "2.png").write_bytes(colour_picture(2))
    rows.append({"id": "p2", "image": b"2.png"})
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "t.parquet")
    ran = run("index", tmp_path / "t.parquet", "--data", data, "--encoder", "hsv", "--json")
    assert (ran.json["added"], ran.json["rejected"]) == (3, 0)
    (tmp_path / "photo.png").write_bytes(colour_picture(1))
    best = run("search", tmp_path / "photo.png", "--data", data, "-k", 1, "--json").json
    assert [each["item_id"] for each in best["neighbors"]] == ["p1"]


def test_pictures_under_several_ids_are_counted(run: Run, data: Path, feed: Feed) -> None:
    table = feed("full.csv", "item_id,image", "a,0.png", "b,0.png", "c,1.png")
    ran = run("index", table, "--data", data, "--encoder", "hsv", "--dry-run")
    assert "note: 1 row has the picture of an earlier row with another id" in ran.err


def test_an_archive_with_a_table_and_a_dry_run_that_writes_nothing(
    run: Run, data: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as file:
        file.writestr("shop/img/0.png", colour_picture(0))
        file.writestr("shop/img/1.png", colour_picture(1))
        file.writestr("shop/products.csv", "sku,image,price\na,img/0.png,5\nb,img/1.png,6\n")
        file.writestr("__MACOSX/x", b"")
    flags = ("--data", data, "--encoder", "hsv", "--json")
    would = run("index", tmp_path / "shop.zip", *flags, "--dry-run")
    assert would.json["added"] == 2
    assert "1 of the archive's members left out: hidden file" in would.err
    assert not data.exists()
    assert run("index", tmp_path / "shop.zip", *flags).json["added"] == 2
    for more in ((), ("--dry-run",)):
        assert run("index", tmp_path / "shop.zip", *flags, *more).json["unchanged"] == 2


def test_several_pictures_within_one_row(run: Run, data: Path, tmp_path: Path) -> None:
    pictures = [{"bytes": colour_picture(n), "path": f"{n}.png"} for n in range(3)]
    rows = [{"id": "a", "image": pictures}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "t.parquet")
    ran = run("index", tmp_path / "t.parquet", "--data", data, "--encoder", "hsv", "--json")
    assert (ran.json["added"], ran.json["rejected"]) == (3, 0)
