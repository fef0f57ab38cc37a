"""Single values of forms, JSON and addresses."""

from collections.abc import Mapping
from typing import Any

from search_engine.errors import ParameterError
from search_engine.plain_numbers import parse_whole

MAX_FACETS = 10


def refuse_empty(value: Any, name: str) -> None:
    """Refuse an empty text: whoever sends one meant a value, such as one that was not filled in.

    Raises:
        ParameterError: The value is an empty text.
    """
    if value == "":
        raise ParameterError("it is empty", where=name, fix="give a value, or leave it out")


def whole_number(value: Any, name: str, default: int, low: int, high: int) -> int:
    """A whole number in plain decimal digits within bounds."""
    if value is None:
        return default
    if isinstance(value, str):
        value = parse_whole(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ParameterError("not a whole number in range", where=name, fix=f"give {low} to {high}")
    return value


def true_or_false(value: Any, name: str) -> bool:
    """A boolean, in texts `true` or `false`.

    Raises:
        ParameterError: It is neither.
    """
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise ParameterError("neither true nor false", where=name, fix="give one of them")
    return bool(value == "true")


def field_names(value: Any, name: str) -> tuple[str, ...]:
    """Names of fields, each once: separated by commas, or in JSON a list of texts.

    Raises:
        ParameterError: They are something else, or too many.
    """
    if value is None:
        return ()
    refuse_empty(value, name)
    names = [each.strip() for each in value.split(",")] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(each, str) and each for each in names):
        raise ParameterError("not names of fields", where=name, fix="separate them by commas")
    different = tuple(dict.fromkeys(names))
    if len(different) > MAX_FACETS:
        raise ParameterError("too many fields", where=name, fix=f"give at most {MAX_FACETS}")
    return different


def text_value(values: Mapping[str, Any], name: str) -> str | None:
    """A text without characters that nothing could store; None when it is missing."""
    value = values.get(name)
    if value is None:
        return None
    refuse_empty(value, name)
    if not isinstance(value, str):
        raise ParameterError("not a text", where=name)
    if "\x00" in value or any("\ud800" <= one <= "\udfff" for one in value):
        raise ParameterError("the text holds characters that cannot be stored", where=name)
    return value
