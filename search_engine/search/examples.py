"""Examples of what a search wants, or does not want, weighted: items, pictures, vectors, texts."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any

from search_engine.errors import EyedexError, ParameterError
from search_engine.images import GivenPicture
from search_engine.near import shown
from search_engine.search.given_vectors import GivenVector
from search_engine.search.query_cache import QueryToken

Picture = GivenPicture | QueryToken

MAX_EXAMPLES = 20
MAX_WEIGHT = 100.0


@dataclass(frozen=True, slots=True)
class Example:
    """Exactly one of a picture (or its token), an item id, an embedding and a text.

    With `weight` 2 it counts twice as much as with 1, and with 0 it is as if it were not given.
    """

    picture: Picture | None = field(default=None, repr=False)
    item_id: str | None = None
    vector: GivenVector | None = field(default=None, repr=False)
    weight: float = 1.0
    text: str | None = None

    def __post_init__(self) -> None:
        given = (self.picture, self.item_id, self.vector, self.text)
        if sum(each is not None for each in given) != 1:
            raise ParameterError(
                "an example is not one of a picture, an item_id, a query_token, a vector, a text",
                fix="give one of them, and a weight if you like",
            )
        number = math.nan
        if not isinstance(self.weight, bool | str | bytes):
            with suppress(TypeError, ValueError, OverflowError):
                number = float(self.weight)
        if not 0 <= number <= MAX_WEIGHT:
            raise ParameterError(
                f"the weight is {shown(repr(self.weight))}",
                where="weight",
                fix=f"give a number from 0 to {MAX_WEIGHT:g}",
            )


GivenExample = Example | str | Mapping[str, Any]
"""As Python takes it: an example, the id of an item, or the fields of an example by their names."""


def examples(given: Sequence[GivenExample] | None, name: str) -> tuple[Example, ...]:
    """Examples as Python takes them, those of weight 0 left out.

    Raises:
        ParameterError: One is none, or there are more than 20; `name` says of which.
    """
    if given is None:
        return ()
    if isinstance(given, str | bytes | Mapping | Example) or not isinstance(given, Sequence):
        raise ParameterError("not a list of examples", where=name, fix="put it into a list")
    if len(given) > MAX_EXAMPLES:
        raise ParameterError(
            f"{len(given):,} examples are too many", where=name, fix=f"give at most {MAX_EXAMPLES}"
        )
    found = [_example(each, f"{name}[{number}]") for number, each in enumerate(given)]
    return tuple(each for each in found if each.weight)


def _example(given: GivenExample, name: str) -> Example:
    if isinstance(given, Example):
        return given
    if isinstance(given, str):
        return Example(item_id=given)
    names = [each.name for each in fields(Example)]
    if not isinstance(given, Mapping) or not set(given) <= set(names):
        raise ParameterError(
            "not an example", where=name, fix=f"give an item id, or {', '.join(names)} by name"
        )
    with at_example(name):
        return Example(**given)


@contextmanager
def at_example(name: str) -> Iterator[None]:
    """Name the example in errors about it, such as `like[0]`."""
    try:
        yield
    except EyedexError as error:
        raise named(error, name) from None


def named(error: EyedexError, name: str) -> EyedexError:
    """A copy of an error that names the example which it is about."""
    found = copy(error)
    if isinstance(error, ParameterError):
        found.where = f"{name}.{error.where}" if error.where else name
    else:
        found.what = f"{name}: {error.what}"
    return found
