"""Attributes of items: which names and values are accepted, and how they are spelled when stored.

As with `names`, every way in checks here, and texts are in Unicode's composed form (NFC).
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from search_engine.errors import ParameterError
from search_engine.names import normal

MAX_ATTRIBUTES = 1_000
MAX_NAME_CHARS = 128
MAX_TEXT_CHARS = 2**16
MAX_LIST = 1_000

_NAME = re.compile(rf'[^"\\\x00-\x1f\ud800-\udfff]{{1,{MAX_NAME_CHARS}}}')
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def check_attributes(value: object) -> dict[str, Any]:
    """Attributes as they are stored: texts, finite numbers, true, false, null, lists of these.

    NumPy's scalars count as what they hold.

    Raises:
        ParameterError: They are of another form, too many or too long; names the attribute.
    """
    if not isinstance(value, Mapping):
        raise _refused("are not an object of names and values", "give names with their values")
    check_count(value)
    checked = {_name(name): _value(name, each) for name, each in value.items()}
    if len(checked) != len(value):
        raise _refused("have two names that differ only in how accents are coded", "give one")
    return checked


def check_count(attributes: Mapping[str, Any]) -> None:
    """Raise ParameterError where an item would have too many attributes."""
    if len(attributes) > MAX_ATTRIBUTES:
        raise _refused(f"are {len(attributes):,}", f"give at most {MAX_ATTRIBUTES:,}")


def is_attribute_name(name: object) -> bool:
    """Whether an attribute can have this name."""
    return isinstance(name, str) and _NAME.fullmatch(normal(name)) is not None


def _name(name: object) -> str:
    if not is_attribute_name(name):
        raise _refused(
            "have a name that is empty, too long, or has quotes, backslashes or control characters",
            f"give names of 1 to {MAX_NAME_CHARS} other characters",
        )
    return normal(str(name))


def _value(name: str, value: object) -> Any:
    if not isinstance(value, list | tuple):
        return _scalar(name, value)
    if len(value) > MAX_LIST:
        raise _bad_value(name, f"has {len(value):,} values", f"give at most {MAX_LIST:,}")
    return [_scalar(name, each) for each in value]


def _scalar(name: str, value: object) -> str | int | float | bool | None:
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, str):
        return _text(name, plain)
    if plain is None or isinstance(plain, bool):
        return plain
    if isinstance(plain, int) and abs(plain) < 2**63:
        return int(plain)
    if isinstance(plain, float) and math.isfinite(plain):
        return float(plain)
    what = "is a number that is too large" if isinstance(plain, int | float) else "has another kind"
    if isinstance(plain, float) and math.isnan(plain):
        what = "is not a number (NaN)"
    fix = "use texts, finite numbers, true, false, null and lists of these"
    raise _bad_value(name, what, fix)


def _text(name: str, value: str) -> str:
    text = normal(value)
    if len(text) > MAX_TEXT_CHARS:
        what = f"has {len(text):,} characters"
        raise _bad_value(name, what, f"give at most {MAX_TEXT_CHARS:,}")
    if _UNSTORABLE.search(text):
        raise _bad_value(name, "holds a NUL or half of a surrogate pair", "remove it")
    return text


def _bad_value(name: str, what: str, fix: str) -> ParameterError:
    return ParameterError(f"the value of {normal(name)!r} {what}", where="attributes", fix=fix)


def _refused(what: str, fix: str) -> ParameterError:
    return ParameterError(f"the attributes {what}", where="attributes", fix=fix)
