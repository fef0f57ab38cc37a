"""Options that are spelled as a text: only one meaning is taken."""

from collections.abc import Callable
from typing import Any

import pytest

from search_engine.errors import InputError
from search_engine.images import parse_box
from search_engine.search.boosts import parse_boosts
from search_engine.search.colors import parse_colors
from search_engine.search.parts import parse_parts


@pytest.mark.parametrize("number", ["1_0", "+5", "٣", "nan", "inf", "1e999", "0x1", "", "5\n5"])
@pytest.mark.parametrize(
    ("parse", "form"),
    [
        (parse_boosts, "price:{}"),
        (parse_colors, "red:{}"),
        (parse_parts, "shape:{}"),
        (parse_box, "0,0,{},1"),
        (parse_box, "0px,0px,{}px,1px"),
    ],
)
def test_numbers_in_other_spellings_are_refused(
    parse: Callable[[str], Any], form: str, number: str
) -> None:
    with pytest.raises(InputError):
        parse(form.format(number))


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_boosts, '{"a": 0.1, "a": 0.2}'),
        (parse_boosts, '{"a": NaN}'),
        (parse_colors, '{"red": 1, "red": 2}'),
        (parse_parts, '{"shape": 0.1, "shape": 0.2}'),
        (parse_boosts, "{" * 100_000),
    ],
)
def test_json_that_only_python_takes_is_refused(parse: Callable[[str], Any], text: str) -> None:
    with pytest.raises(InputError, match="not a JSON object"):
        parse(text)


@pytest.mark.parametrize("box", ["0,0,1", "0,0,1,1,1", "0,0,,1", "٠px,0px,1px,1px", ",,,"])
def test_a_box_has_four_numbers(box: str) -> None:
    with pytest.raises(InputError, match="not four"):
        parse_box(box)
