"""Which column is which field, by its name, by what the owner says, and by what is remembered."""

import pytest

from indexer.sources import SourceOptions
from indexer.sources.mapping import ALIASES, map_columns, plain_name
from search_engine.errors import SourceError

NOTHING = SourceOptions()


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["item_id", "image", "label", "product_id"],
         {"item_id": "item_id", "image": "image", "label": "label", "product_id": "product_id"}),
        (["SKU", "Image URL", "Category", "Title"],
         {"item_id": "SKU", "image": "Image URL", "label": "Category"}),
        (["Item-ID", "IMAGE", "Label"], {"item_id": "Item-ID", "image": "IMAGE", "label": "Label"}),
        (["g:id", "g:image_link", "g:item_group_id"],
         {"item_id": "g:id", "image": "g:image_link", "product_id": "g:item_group_id"}),
        (["Artikel-Nr.", "Bild", "Kategorie", "Name"],
         {"item_id": "Artikel-Nr.", "image": "Bild", "label": "Kategorie"}),
        (["Réf.", "Photo", "Catégorie"],
         {"item_id": "Réf.", "image": "Photo", "label": "Catégorie"}),
        (["id", "sku", "image"], {"item_id": "id", "image": "image"}),
        (["sku", "item_id", "picture", "image"], {"item_id": "item_id", "image": "image"}),
        (["file_name", "text"], {"image": "file_name"}),
        (["sku", "price"], {"item_id": "sku"}),
        (["product_id", "price"], {"item_id": "product_id", "product_id": "product_id"}),
        (["product_id", "photo"], {"image": "photo", "product_id": "product_id"}),
        (["id", "image", "title", "name", "description", "type"],
         {"item_id": "id", "image": "image"}),
    ],
)  # fmt: skip
def test_names_mean_fields(names: list[str], columns: dict[str, str]) -> None:
    assert map_columns(names, NOTHING).columns == columns


def test_a_name_means_one_field_only() -> None:
    plain = [{plain_name(alias) for alias in aliases} for aliases in ALIASES.values()]
    assert len(set.union(*plain)) == sum(map(len, plain))


def test_the_choice_between_columns_is_told() -> None:
    (note,) = map_columns(["id", "sku", "ean", "image"], NOTHING).notes
    assert note == "item_id is the column 'id'; --map item_id=... takes 'sku', 'ean' instead"
    assert map_columns(["item_id", "sku", "image"], NOTHING).notes == ()


def test_what_is_missing_is_told() -> None:
    assert map_columns(["file_name"], NOTHING).notes == (
        "the table has no column of ids: the path in 'file_name' is the id",
    )
    assert map_columns(["sku", "price"], NOTHING).notes == (
        "the table has no column of pictures: it changes what is known of items",
    )


def test_neither_ids_nor_pictures_are_an_error_with_what_was_found() -> None:
    with pytest.raises(SourceError) as caught:
        map_columns(["name", "price"], NOTHING, where="table x.csv")
    assert caught.value.what == "the header has no column of ids and none of pictures"
    assert "expected item_id" in str(caught.value.fix)
    assert "found: name, price" in str(caught.value.fix)


def test_the_owner_names_columns() -> None:
    options = SourceOptions(columns={"item_id": "ean", "label": "brand"})
    assert map_columns(["sku", "ean", "image", "category", "brand"], options).columns == {
        "item_id": "ean",
        "label": "brand",
        "image": "image",
    }
    spelled = SourceOptions(columns={"item_id": "article no"})
    assert map_columns(["Article No.", "image"], spelled).columns["item_id"] == "Article No."


def test_the_owner_can_say_that_there_is_no_column() -> None:
    options = SourceOptions(columns={"label": ""})
    assert "label" not in map_columns(["id", "image", "label"], options).columns


def test_label_from_names_a_column_or_the_folder() -> None:
    names = ["id", "image", "label", "brand"]
    assert map_columns(names, SourceOptions(label_from="brand")).columns["label"] == "brand"
    parent = map_columns(names, SourceOptions(label_from="parent"))
    assert parent.label_from_folder
    assert "label" not in parent.columns


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (SourceOptions(columns={"image": "imgae"}), "did you mean 'image'"),
        (SourceOptions(label_from="catgory"), "did you mean 'category'"),
        (SourceOptions(columns={"picture": "image"}), "known: item_id, image"),
    ],
)
def test_a_column_that_is_not_there_is_an_error_with_near_names(
    options: SourceOptions, words: str
) -> None:
    with pytest.raises(SourceError) as caught:
        map_columns(["id", "image", "category"], options)
    assert words in str(caught.value.fix)


def test_what_is_remembered_comes_before_names_and_yields_where_it_is_not() -> None:
    remembered = SourceOptions(known_columns={"item_id": "ean", "label": "brand", "image": "pic"})
    names = ["id", "ean", "image", "brand", "category"]
    assert map_columns(names, remembered).columns == {
        "item_id": "ean",
        "image": "image",
        "label": "brand",
    }
    assert map_columns(["ean", "price"], remembered).columns == {"item_id": "ean"}


def test_ids_must_come_from_the_column_they_came_from() -> None:
    remembered = SourceOptions(known_columns={"item_id": "ean"})
    with pytest.raises(SourceError, match="ids come from"):
        map_columns(["id", "image"], remembered)
    said = SourceOptions(known_columns={"item_id": "ean"}, columns={"item_id": "id"})
    assert map_columns(["id", "image"], said).columns["item_id"] == "id"
