"""Options of a search, as forms, JSON and addresses have them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import Request

from api.forms.values import field_names, refuse_empty, text_value, true_or_false, whole_number
from search_engine.catalog.filter_text import read_filter
from search_engine.encoders.union import parse_weights
from search_engine.errors import ParameterError
from search_engine.images import Box, PixelBox, parse_box
from search_engine.plain_numbers import parse_real
from search_engine.search.boosts import check_boosts, parse_boosts
from search_engine.search.colors import check_colors, parse_colors
from search_engine.search.declared import EXAMPLES, OPTIONS, SUBJECTS, Kind, Option
from search_engine.search.given_labels import check_labels
from search_engine.search.options import check_names
from search_engine.search.parts import check_parts, parse_parts


def read_options(values: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The options that are given, by their names in Python, and the names of facets.

    Raises:
        ParameterError: One has a bad value.
        FilterError: The filter has.
    """
    options = {each.keyword: read_option(each, values.get(each.name)) for each in OPTIONS}
    facets = options.pop("facets") or ()
    return {name: value for name, value in options.items() if value is not None}, facets


def read_option(option: Option, value: Any) -> Any:
    """The value of an option in a form, an address or JSON; None where it is not given.

    Raises:
        ParameterError, FilterError: It cannot be.
    """
    if value is None:
        return None
    refuse_empty(value, option.name)
    return _READERS[option.kind](option, value)


def without_subjects(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are options."""
    asked = (*SUBJECTS, *EXAMPLES)
    return {name: value for name, value in values.items() if name not in asked}


def query_parameters(request: Request, known: Iterable[str]) -> dict[str, str]:
    """Query-string parameters; each known one at most once."""
    check_names(request.query_params, tuple(known), "parameter")
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in values:
            raise ParameterError(f"{name} is given twice", where=name)
        values[name] = value
    return values


def read_box(value: Any, name: str = "box") -> Box | PixelBox | None:
    """A region: a text, or in JSON a list of numbers; None where there is none.

    Raises:
        ParameterError: It is none.
    """
    if value is None:
        return None
    refuse_empty(value, name)
    if isinstance(value, list) and all(isinstance(each, int | float) for each in value):
        value = ",".join(str(each) for each in value)
    if not isinstance(value, str):
        raise ParameterError("not four numbers", where=name)
    return parse_box(value)


def _number(option: Option, value: Any) -> float:
    if isinstance(value, str):
        value = parse_real(value)
    low, high = option.low, option.high
    assert low is not None
    assert high is not None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        fix = f"give {low:g} to {high:g}"
        raise ParameterError(f"not {option.unit}", where=option.name, fix=fix)
    return float(value)


def _whole(option: Option, value: Any) -> int:
    low, high = option.low, option.high
    assert low is not None
    assert high is not None
    return whole_number(value, option.name, int(low), int(low), int(high))


def _spelled(
    parse: Callable[[str], Any], check: Callable[[Any], Any] | None = None
) -> Callable[[Option, Any], Any]:
    """A reader of what is a text in forms, and may be an object in JSON."""

    def read(option: Option, value: Any) -> Any:
        if check is not None and isinstance(value, Mapping):
            return check(value)
        text = text_value({option.name: value}, option.name)
        assert text is not None
        return parse(text)

    return read


_READERS: Mapping[Kind, Callable[[Option, Any], Any]] = {
    "whole": _whole,
    "number": _number,
    "text": lambda option, value: text_value({option.name: value}, option.name),
    "filter": lambda option, value: read_filter(value),
    "box": lambda option, value: read_box(value, option.name),
    "weights": _spelled(parse_weights),
    "boosts": _spelled(parse_boosts, check_boosts),
    "colors": _spelled(parse_colors, check_colors),
    "parts": _spelled(parse_parts, check_parts),
    "labels": lambda option, value: check_labels(value),
    "fields": lambda option, value: field_names(value, option.name),
    "flag": lambda option, value: true_or_false(value, option.name),
}
