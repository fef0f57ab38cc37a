"""What is named as near to a name or value that is not there."""

import pytest

from search_engine.near import did_you_mean, near, shown

KNOWN = ("mug", "Home/Mug", "Plate", "Kü", "colour", "colours", "red|blue", "reddish-brown")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Mug", ["mug", "Home/Mug"]),
        (" plate ", ["Plate"]),
        ("K\u0075\u0308"[:1] + "u\u0308", ["Kü"]),
        ("color", ["colour", "colours"]),
        ("xylophone", []),
        ("red", ["red|blue"]),
        ("", []),
    ],
)
def test_other_spellings_come_first_then_what_is_much_alike_or_has_it_as_a_word(
    text: str, wanted: list[str]
) -> None:
    assert near(text, KNOWN) == wanted


def test_long_texts_are_compared_by_their_start() -> None:
    long = "x" * 100_000
    assert near(long, [long + "y", "short"]) == [long + "y"]


def test_all_names_are_listed_where_none_is_near() -> None:
    assert did_you_mean("kk", ["k", "facets"]) == "did you mean k? known: k, facets"
    assert did_you_mean("zzz", ["k", "facets"]) == "known: k, facets"
    assert did_you_mean("zzz", []) == "there are none"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("plain", "plain"), ("a\x1b[31m", "a\\x1b[31m"), ("x" * 100, "x" * 59 + "…")],
)
def test_what_is_shown_is_short_and_printable(text: str, wanted: str) -> None:
    assert shown(text) == wanted
