"""Boosts: numbers and booleans of items that move them up or down the order of results.

A boost adds its weight times a value from 0 to 1 to the score that orders: true is 1, and numbers
are spread between the least and the greatest of the candidates. Scores as they are shown stay.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.fields import check_field
from search_engine.catalog.groups import COLUMNS, Group
from search_engine.catalog.store import Catalog
from search_engine.errors import ParameterError
from search_engine.near import shown
from search_engine.records import Floats
from search_engine.strict_json import read_json

MAX_BOOST = 1.0
MAX_BOOSTS = 10
FORM = "in_stock:0.1,price:-0.02"
_NUMBER = re.compile(r"[+-]?(\d{1,3}\.?\d{0,10}|\.\d{1,10})", re.ASCII)
_TRUTHS = ("true", "false")


def parse_boosts(text: str) -> dict[str, float]:
    """Parse `in_stock:0.1,price:-0.02`, or a JSON object, to weights by field.

    Raises:
        ParameterError: The text has another form, or a weight is out of range.
    """
    if text.lstrip().startswith("{"):
        return check_boosts(_object(text))
    boosts: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (each.strip() for each in part.rpartition(":"))
        if not name or not _NUMBER.fullmatch(number) or name in boosts:
            raise _refused(f"{shown(part)} is not a field with a number, each field once")
        boosts[name] = float(number)
    return check_boosts(boosts)


def check_boosts(boosts: Any) -> dict[str, float]:
    """Weights by field, those of 0 left out.

    Raises:
        ParameterError: They are something else, too many or out of range.
    """
    if not isinstance(boosts, Mapping) or not all(isinstance(name, str) for name in boosts):
        raise _refused("not fields with numbers")
    if len(boosts) > MAX_BOOSTS:
        raise ParameterError(
            f"{len(boosts):,} boosts are too many", where="boost", fix=f"give at most {MAX_BOOSTS}"
        )
    for name, weight in boosts.items():
        is_number = not isinstance(weight, bool) and isinstance(weight, int | float | np.floating)
        if not is_number or not -MAX_BOOST <= weight <= MAX_BOOST:
            raise ParameterError(
                f"the boost by {shown(name)} is {shown(repr(weight))}",
                where="boost",
                fix=f"give a number from {-MAX_BOOST:g} to {MAX_BOOST:g}",
            )
    return {name: float(weight) for name, weight in boosts.items() if weight}


def check_boosted_fields(catalog: Catalog, collection: Collection, names: Sequence[str]) -> None:
    """Raise ParameterError unless each name is an attribute of the collection."""
    for name in names:
        check_field(catalog, collection, name, "boost")
        if name in COLUMNS:
            raise _unfit(name, "text")


def boosted(catalog: Catalog, keys: Sequence[int], boosts: Mapping[str, float]) -> Floats:
    """What the boosts add to the scores of candidates, (C,).

    A candidate without a number stands where the average of the others does; one without a
    boolean counts as false.

    Raises:
        ParameterError: No candidate has a number or a boolean in a field, but other values.
    """
    found = np.zeros(len(keys))
    for name, weight in boosts.items():
        groups = catalog.groups_of(keys, name)
        found += weight * _spread([groups.get(key, ("none", key)) for key in keys], name)
    return found


def _object(text: str) -> Any:
    try:
        return read_json(text)
    except (ValueError, RecursionError):
        raise _refused("not a JSON object") from None


def _spread(values: Sequence[Group], name: str) -> Floats:
    """Values as numbers from 0 to 1."""
    kinds = {kind for kind, _ in values}
    if "number" in kinds:
        return _spread_numbers(
            np.array([value if kind == "number" else np.nan for kind, value in values], dtype=float)
        )
    others = kinds - {"none", *_TRUTHS}
    if others and not kinds & set(_TRUTHS):
        raise _unfit(name, min(others))
    return np.array([kind == "true" for kind, _ in values], dtype=float)


def _spread_numbers(numbers: Floats) -> Floats:
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    if not high > low:
        return np.zeros(len(numbers))
    spread = numbers / 2 - low / 2  # halves, as a difference may be beyond all floats
    spread /= high / 2 - low / 2
    return np.where(np.isnan(spread), np.nanmean(spread), spread)


def _refused(what: str) -> ParameterError:
    return ParameterError(what, where="boost", fix=f"give them as {FORM}")


def _unfit(name: str, kind: str) -> ParameterError:
    return ParameterError(
        f"{shown(name)} has values of the type {kind}",
        where="boost",
        fix="boost by numbers or booleans; keep others apart by a filter",
    )
