"""Who asks and what may be found."""

import numpy as np
import pytest

from search_engine.collections.labelled import Labelled, take
from search_engine.errors import ParameterError
from search_engine.evaluate.splits import (
    choose_classes,
    folds_by_thing,
    hiding_things,
    narrowed,
    sample_rows,
)
from tests.search_engine.evaluate.test_evaluation import labelled
from tests.small_catalog import unit_vectors


def shop(products: int, pictures: int, seed: int = 0) -> Labelled:
    """So many pictures of each product; products are in turn of class a and b."""
    names = [f"p{number}" for number in range(products) for _ in range(pictures)]
    labels = ["ab"[number % 2] for number in range(products) for _ in range(pictures)]
    count = products * pictures
    return Labelled(unit_vectors(count, seed), labels, np.arange(count), names)


def test_a_product_is_in_one_fold_and_every_picture_in_some() -> None:
    gallery = shop(products=20, pictures=3)
    folds = folds_by_thing(gallery, 5, seed=1)
    assert set(folds.gallery.tolist()) == set(range(5))
    for product in set(gallery.products):
        rows = [row for row, one in enumerate(gallery.products) if one == product]
        assert len(set(folds.gallery[rows].tolist())) == 1
    assert np.array_equal(folds.queries, folds.gallery)


def hidden(labels: str, products: str, values: list[str] | None = None) -> list[int] | None:
    """The groups that hide from each other, a letter of both texts for each item; - is none."""
    count = len(labels)
    names = [None if label == "-" else label for label in labels]
    gallery = Labelled(unit_vectors(count, 0), names, np.arange(count), list(products))
    sets = None if values is None else [frozenset(each) for each in values]
    found = hiding_things(gallery, sets)
    return None if found is None else found.gallery.tolist()


def test_an_item_hides_what_shows_its_product_unless_nothing_of_its_class_is_left() -> None:
    assert hidden("aaabbb", "112334") == [0, 0, 1, 2, 2, 3]
    assert hidden("aaabb-", "112334") == [0, 0, 1, -1, -1, -1]
    assert hidden("aabb", "1122") is None
    assert hidden("aabb", "1234") is None


def test_of_several_values_one_that_another_product_has_is_enough() -> None:
    alone = ["xy", "xy", "yz", "w", "w"]
    assert hidden("abcde", "11233", alone) == [0, 0, 1, -1, -1]


def test_folds_follow_the_seed() -> None:
    gallery = shop(products=20, pictures=2)
    first, same, other = (folds_by_thing(gallery, 4, seed).gallery for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_more_folds_than_products_are_refused() -> None:
    with pytest.raises(ParameterError, match="5 folds of 4 different"):
        folds_by_thing(shop(products=4, pictures=2), 5, seed=0)


def test_classes_are_drawn_from_those_on_both_sides() -> None:
    drawn = {
        choose_classes(["a", "b", "z", None], ["a", "b", "c", None], 1, seed) for seed in range(20)
    }
    assert drawn == {("a",), ("b",)}


@pytest.mark.parametrize(("gallery", "count"), [(["a"], 1), (["a", "b"], 2), (["a", "b"], 3)])
def test_a_class_must_be_left(gallery: list[str], count: int) -> None:
    with pytest.raises(ParameterError, match="cannot be held out"):
        choose_classes(["a", "b"], gallery, count, 0)


def test_rows_are_taken_with_all_that_is_known_of_them() -> None:
    gallery = labelled([0, 10, 20], ["a", "b", "c"])
    some = take(gallery, np.array([2, 0]))
    assert list(some.labels) == ["c", "a"]
    assert some.keys.tolist() == [3, 1]
    assert some.products == some.names == ()


def test_a_sample_is_ascending_without_repeats_and_follows_the_seed() -> None:
    rows = sample_rows(100, 10, seed=4)
    assert len(set(rows.tolist())) == 10
    assert rows.tolist() == sorted(rows.tolist()) == sample_rows(100, 10, seed=4).tolist()
    assert sample_rows(5, 10, seed=4).tolist() == [0, 1, 2, 3, 4]


def test_fewer_queries_keep_what_they_must_not_see() -> None:
    gallery = shop(products=6, pictures=2)
    folds = folds_by_thing(gallery, 3, seed=0)
    chosen, hiding = narrowed(gallery, folds, np.array([5, 7]))
    assert chosen.keys.tolist() == [5, 7]
    assert hiding is not None
    assert hiding.queries.tolist() == folds.gallery[[5, 7]].tolist()
    assert narrowed(gallery, None, np.array([1]))[1] is None
