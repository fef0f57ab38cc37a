"""Names that messages have from requests, as the command line spells them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from search_engine.errors import EyedexError, FilterError, ParameterError
from search_engine.search.declared import OPTIONS

ONE_LETTER = {"k": "-k", "q": "-q"}
PRINTED = ("next_cursor",)
"""Fields of answers that messages name."""
_ONLY_IN_REQUESTS = {"item_id": "item"}
"""What a flag is called otherwise, by the name in requests."""
_NAMED = re.compile(r"`([a-z_]+)`")
_WHERE = re.compile(r"^[a-z_]+(?=$|[ ,[])")
_PART = re.compile(r"^[a-z_]+(?=\[\d+\]: )")


def flag_of(name: str) -> str:
    """How an option of requests is spelled on the command line."""
    return ONE_LETTER.get(name, f"--{name.replace('_', '-')}")


OPTION_FLAGS: Mapping[str, str] = {each.name: flag_of(each.name) for each in OPTIONS}


def flags_among(parameters: Iterable[Any]) -> dict[str, str]:
    """The flags of a verb by the names that requests and Python have for them.

    Args:
        parameters: typer's own, of a class that it does not export.
    """
    flags = {}
    for each in parameters:
        if each.param_type_name == "option":
            flags[each.name] = each.opts[0]
            flags[each.opts[0].lstrip("-").replace("-", "_")] = each.opts[0]
    for name, flag in _ONLY_IN_REQUESTS.items():
        if flag in flags:
            flags[name] = flags[flag]
    return flags


def as_typed(text: str, flags: Mapping[str, str] = OPTION_FLAGS) -> str:
    """A text in which flags, and fields of what --json prints, stand for names in backticks."""

    def typed(named: re.Match[str]) -> str:
        if named[1] in PRINTED:
            return f"{named[0]} of --json"
        return flags.get(named[1], named[0])

    return _NAMED.sub(typed, text)


@contextmanager
def errors_in_flags(parameters: Iterable[Any]) -> Iterator[None]:
    """Let errors that leave the block name the flags of a verb."""
    try:
        yield
    except EyedexError as error:
        flags = flags_among(parameters)
        error.what = as_typed(_spelled(_PART, error.what, flags), flags)
        error.fix = error.fix and as_typed(error.fix, flags)
        if isinstance(error, ParameterError | FilterError) and error.where:
            error.where = _spelled(_WHERE, error.where, flags)
        raise


def _spelled(place: re.Pattern[str], text: str, flags: Mapping[str, str]) -> str:
    """A text with the flag of the name that stands at its place."""
    return place.sub(lambda name: flags.get(name[0], name[0]), text)
