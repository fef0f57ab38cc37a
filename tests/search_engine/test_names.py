"""Ids, labels, product ids and attributes: what is accepted, and how it is spelled."""

from typing import Any

import numpy as np
import pytest

from search_engine.catalog.attribute_values import check_attributes
from search_engine.errors import ParameterError
from search_engine.names import check_item_id, check_label, check_product_id


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("a", "a"),
        ("7", "7"),
        ("shelf/three/left.jpg", "shelf/three/left.jpg"),
        ("cafe\u0301", "caf\u00e9"),
        ("..a/b..", "..a/b.."),
        ("foo/image", "foo/image"),
        ("a b", "a b"),
        ("%2e%2e", "%2e%2e"),
        ("\u00e9" * 128, "\u00e9" * 128),
    ],
)
def test_ids_that_are_accepted(given: str, stored: str) -> None:
    assert check_item_id(given) == stored


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("", "is empty"),
        ("..", "has the part '..'"),
        (".", "has the part '.'"),
        ("a/../b", "has the part '..'"),
        ("a/./b", "has the part '.'"),
        ("/a", "empty part beside a slash"),
        ("a/", "empty part beside a slash"),
        ("a//b", "empty part beside a slash"),
        (" a", "space at its start or end"),
        ("a\u00a0", "space at its start or end"),
        ("a\nb", "control character or line break (U+000A) at place 2"),
        ("a\u2028b", "U+2028"),
        ("a\x00", "U+0000"),
        ("\x85", "U+0085"),
        ("x" * 257, "has 257 bytes"),
        ("\u00e9" * 129, "has 258 bytes"),
        ("a\ud800", "is not valid Unicode"),
        (7, "is a number, not a text"),
        (True, "is true or false, not a text"),
        (b"a", "is bytes, not a text"),
        (None, "is a NoneType, not a text"),
    ],
)
def test_ids_that_are_refused(given: object, says: str) -> None:
    with pytest.raises(ParameterError) as caught:
        check_item_id(given)
    assert says in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (None, None),
        ("", None),
        (" / ", None),
        ("/Home//Mug/", "Home/Mug"),
        ("Cafe\u0301/Tasse", "Caf\u00e9/Tasse"),
        ("/".join("abcd" * 8), "/".join("abcd" * 8)),
        ("x" * 1_024, "x" * 1_024),
    ],
)
def test_labels_that_are_accepted(given: str | None, stored: str | None) -> None:
    assert check_label(given) == stored


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("/".join("x" * 33), "has 33 levels"),
        ("a/" * 10_000, "has 20,000 bytes"),
        ("x" * 1_025, "has 1,025 bytes"),
        ("a\tb", "U+0009"),
        ("\ud800", "is not valid Unicode"),
        (5, "is a number, not a text"),
        (["a"], "is a list, not a text"),
    ],
)
def test_labels_that_are_refused(given: object, says: str) -> None:
    with pytest.raises(ParameterError) as caught:
        check_label(given)
    assert says in str(caught.value)
    assert caught.value.where == "label"


def test_product_ids_are_texts_of_any_form() -> None:
    assert check_product_id("cafe\u0301 /a//") == "caf\u00e9 /a//"
    assert check_product_id("") is None
    for wrong in ("x" * 1_025, "a\nb", 7):
        with pytest.raises(ParameterError, match="the product id"):
            check_product_id(wrong)


def test_attributes_are_stored_in_nfc_as_plain_values() -> None:
    given = {
        "gro\u0308\u00dfe": "cafe\u0301",
        "tags": ("e\u0301", 1, None, np.float32(0.5)),
        "count": np.int64(3),
        "share": np.float64(0.25),
        "sold": np.bool_(True),
        "name": np.str_("n"),
        "none": None,
    }
    stored = check_attributes(given)
    assert stored == {
        "gr\u00f6\u00dfe": "caf\u00e9",
        "tags": ["\u00e9", 1, None, 0.5],
        "count": 3,
        "share": 0.25,
        "sold": True,
        "name": "n",
        "none": None,
    }
    kinds = {name: type(stored[name]) for name in ("count", "share", "sold", "name")}
    assert kinds == {"count": int, "share": float, "sold": bool, "name": str}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["a"], "are not an object"),
        ({str(number): 1 for number in range(1_001)}, "are 1,001"),
        ({"": 1}, "have a name that is empty"),
        ({'a"b': 1}, "has quotes"),
        ({5: 1}, "have a name"),
        ({"\u00e9": 1, "e\u0301": 2}, "differ only in how accents are coded"),
        ({"a": {"b": 1}}, "the value of 'a' has another kind"),
        ({"a": [[1]]}, "the value of 'a' has another kind"),
        ({"a": float("nan")}, "the value of 'a' is not a number (NaN)"),
        ({"a": np.float32("inf")}, "the value of 'a'"),
        ({"a": 2**63}, "is a number that is too large"),
        ({"a": "x" * 65_537}, "has 65,537 characters"),
        ({"a": list(range(1_001))}, "has 1,001 values"),
        ({"a": "b\x00"}, "holds a NUL"),
        ({"a": ["\ud800"]}, "half of a surrogate pair"),
        ({"a": np.datetime64("2026-01-01")}, "has another kind"),
    ],
)
def test_attributes_that_are_refused(given: Any, says: str) -> None:
    with pytest.raises(ParameterError) as caught:
        check_attributes(given)
    assert says in str(caught.value)
    assert (caught.value.where, bool(caught.value.fix)) == ("attributes", True)
