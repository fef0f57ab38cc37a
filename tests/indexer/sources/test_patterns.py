"""Patterns that choose files by their path."""

import pytest

from indexer.sources.patterns import matcher
from search_engine.errors import SourceError


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        ("*.jpg", ["a.jpg", "x/y/a.jpg"], ["a.JPG", "a.jpeg", "jpg"]),
        ("drafts", ["drafts", "drafts/a.jpg", "x/drafts/y/a.jpg"], ["drafts2/a.jpg", "my-drafts"]),
        ("drafts/", ["drafts/a.jpg", "x/drafts/a.jpg"], ["drafts2/a.jpg"]),
        ("x/*.jpg", ["x/a.jpg"], ["y/x/a.jpg", "x/y/a.jpg"]),
        ("/a.jpg", ["a.jpg"], ["x/a.jpg"]),
        ("x/**/a.jpg", ["x/a.jpg", "x/y/z/a.jpg"], ["a.jpg", "xa.jpg"]),
        ("**/a.jpg", ["a.jpg", "x/y/a.jpg"], ["xa.jpg"]),
        ("x/**", ["x/a", "x/y/a"], ["y/x/a", "xa"]),
        ("0?.[jp]*", ["01.jpg", "x/02.png"], ["0.jpg", "01.gif", "0/.jpg"]),
        ("[!0-4]*", ["5.jpg", "a"], ["4.jpg", "01"]),
        ("a+b(1).jpg", ["a+b(1).jpg"], ["aab1.jpg"]),
        ("[", ["["], ["a"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[]]", ["]"], ["["]),
        ("line*end", ["line\nend"], []),
    ],
)
def test_what_a_pattern_fits(pattern: str, fits: list[str], does_not: list[str]) -> None:
    is_fit = matcher([pattern], "--include")
    assert [path for path in [*fits, *does_not] if is_fit(path)] == fits


def test_one_of_several_is_enough_and_none_fits_nothing() -> None:
    is_fit = matcher(["*.jpg", "x/*.png"], "--include")
    assert [is_fit(path) for path in ("a.jpg", "x/a.png", "a.png")] == [True, True, False]
    assert not matcher([], "--include")("a.jpg")


@pytest.mark.parametrize("pattern", ["", "/"])
def test_an_empty_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(SourceError, match="--exclude"):
        matcher(["*.jpg", pattern], "--exclude")
