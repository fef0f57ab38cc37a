"""Labels that the catalog does not have, and which one was likely meant."""

import pytest

from search_engine.evaluate.unknown_labels import is_known, refuse_all, unknown_labels

KNOWN = ("t-shirt", "mug", "Fruit/Apple/Fuji", "Fruit/Pear", "train/plate")


@pytest.mark.parametrize(
    ("label", "near"),
    [
        ("T-Shirt", "t-shirt"),
        ("val/mug", "mug"),
        ("a/b/Mug", "mug"),
        ("plate", "train/plate"),
        ("fruit/apple", "Fruit/Apple"),
        ("Apple", "Fruit/Apple"),
        ("tshirt", "t-shirt"),
        ("zebra", None),
        ("", None),
    ],
)
def test_the_label_that_was_likely_meant(label: str, near: str | None) -> None:
    (found,) = unknown_labels([frozenset((label,))], KNOWN)
    assert (found.label, found.photos, found.near) == (label, 1, near)


def test_a_level_of_a_known_path_is_known() -> None:
    asked = [frozenset((each,)) for each in ("Fruit", "Fruit/Apple", "Fruit/Apple/Gala", "mug")]
    assert is_known([*asked, None, frozenset()], KNOWN).tolist() == [
        True, True, False, True, True, True,
    ]  # fmt: skip
    assert is_known([frozenset(("mug", "zebra"))], KNOWN).tolist() == [True]


@pytest.mark.parametrize(
    ("labels", "what", "fix"),
    [
        (["val/mug", "val/t-shirt"], "none of the 2 labels", "did you mean tree/val?"),
        (["a/mug", "b/mug"], "none of the 2 labels", "did you mean tree/a or tree/b?"),
        (["Mug", "val/mug"], "none of the 2 labels", "did you mean mug?"),
        (["Mug"], "the label of the queries is not in the catalog: `Mug`", "did you mean mug?"),
        (["zebra"], "`zebra` is not in the catalog", "use the catalog's labels"),
    ],
)
def test_where_none_is_known_the_error_says_what_was_meant(
    labels: list[str], what: str, fix: str
) -> None:
    error = refuse_all(unknown_labels([frozenset((each,)) for each in labels], KNOWN), "tree")
    assert what in error.what
    assert error.fix == fix
