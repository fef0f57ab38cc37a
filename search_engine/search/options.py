"""Options as they are given and as they are obeyed: read and checked by their declaration."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, SupportsFloat, SupportsIndex, TypedDict

from search_engine.errors import ParameterError
from search_engine.near import did_you_mean, shown
from search_engine.search.declared import (
    DEFAULT_K,
    MAX_K,
    OPTIONS,
    SUBJECTS,
    Kind,
    Option,
    Verb,
)

if TYPE_CHECKING:
    from search_engine.catalog.filters import Filter
    from search_engine.images import Box, PixelBox
    from search_engine.search.given_labels import GivenLabels


class SearchArguments(TypedDict, total=False):
    """Options of a search as Python takes them; None is as if they were not given."""

    k: int | None
    filter: Filter | Mapping[str, Any] | str | None
    box: Box | PixelBox | str | None
    regions: str | None
    turns: str | None
    q: str | None
    color: Mapping[str, float] | str | None
    color_weight: float | None
    parts: Mapping[str, float] | str | None
    group_by: str | None
    fold: bool | None
    min_score: float | None
    min_alike: float | None
    rerank: str | None
    weights: Mapping[str, float] | str | None
    mix: str | None
    boost: Mapping[str, float] | str | None
    diversity: float | None
    include: str | None
    explain: str | None
    cursor: str | None


class ClassifyArguments(SearchArguments, total=False):
    """Options of a classification as Python takes them."""

    target: str | None
    vote_k: int | None
    accept_accuracy: float | None
    classifier: str | None
    labels: GivenLabels | None


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The options of one search, checked.

    `min_copy_score` is the least cosine of copies of the photo where it is not that of others.
    """

    k: int = DEFAULT_K
    filter: Filter | None = None
    box: Box | PixelBox | None = None
    regions: str | None = None
    turns: str | None = None
    q: str | None = None
    color: Mapping[str, float] | None = None
    color_weight: float | None = None
    parts: Mapping[str, float] | None = None
    group_by: str | None = None
    fold: bool | None = None
    min_score: float | None = None
    min_alike: float | None = None
    rerank: str | None = None
    weights: Mapping[str, float] | None = None
    mix: str | None = None
    boost: Mapping[str, float] | None = None
    diversity: float | None = None
    include: str | None = None
    explain: str | None = None
    cursor: str | None = None
    min_copy_score: float | None = None

    @property
    def describes(self) -> bool:
        """Whether words or colours say what is wanted."""
        return self.q is not None or self.color is not None

    @property
    def ordered_by(self) -> str | None:
        """The first of these that orders by something else than the score; None for none."""
        if self.mix == "best":
            return "mix"
        orders = (each.name for each in OPTIONS if each.orders)
        return next((name for name in orders if getattr(self, name)), None)

    @property
    def about_the_whole(self) -> str | None:
        """The first of these that is about whole pictures; None for none."""
        return self._first(each.name for each in OPTIONS if each.whole)

    @property
    def compares_wholes(self) -> str | None:
        """The first of these because of which patches are left aside; None for none."""
        least = None if self.min_alike is None else "min_alike"  # calibrated for whole pictures
        return self.about_the_whole or self.ordered_by or least

    @property
    def of_likeness(self) -> str | None:
        """The first of these that needs something to be like; None for none."""
        return self._first(each.name for each in OPTIONS if each.likeness)

    def in_the_vote(self) -> SearchOptions:
        """These without those that only say what is shown."""
        shows = (each for each in OPTIONS if not each.changes_vote and not each.photo_only)
        kept = {each.name: None for each in shows if hasattr(self, each.name) and each.name != "k"}
        return replace(self, **kept)  # type: ignore[arg-type]

    def changing_the_vote(self) -> str | None:
        """The first of these that lets others vote than those that were calibrated."""
        return self._first(each.name for each in OPTIONS if each.changes_vote)

    def _first(self, names: Iterable[str]) -> str | None:
        """The first of these options that is given."""
        return next((name for name in names if getattr(self, name) is not None), None)


def search_options(given: Mapping[str, Any], photo: bool = True) -> SearchOptions:
    """Options as Python takes them, checked.

    Args:
        given: By their names.
        photo: Whether a photo is asked about.

    Raises:
        TypeError: There is no such option, as for any argument that a function does not have.
        ParameterError, FilterError: A value cannot be.
    """
    known = {each.keyword: each for each in OPTIONS if each.name in SearchOptions.__slots__}
    checked = {}
    for name, value in given.items():
        option = known.get(name)
        if option is None or (option.photo_only and not photo and value is not None):
            raise TypeError(f"got an unexpected keyword argument {name!r}")
        if value is not None:
            checked[name] = _CHECKS[option.kind](value, option)
    return SearchOptions(**checked)


def names_of(verb: Verb, photo: bool = True) -> tuple[str, ...]:
    """The options of a verb; without those that only a photo has, if there is none."""
    return tuple(each.name for each in options_of(verb) if photo or not each.photo_only)


def options_of(verb: Verb) -> tuple[Option, ...]:
    """The options of a verb."""
    return tuple(each for each in OPTIONS if verb in each.verbs)


def check_options(given: Mapping[str, Any], verb: Verb, photo: bool) -> None:
    """Refuse options that the verb does not have, or that say nothing of what is asked about.

    What is None counts as not given, unless nothing has such a name.

    Raises:
        ParameterError: It names the option, and where it belongs or what was meant.
    """
    options = {each.name: each for each in OPTIONS}
    for name, value in given.items():
        option = options.get(name)
        if option is None:
            check_names([name], [*names_of(verb), *SUBJECTS])
            continue
        if value is None:
            continue
        if verb not in option.verbs:
            verbs = " and ".join(option.verbs)
            raise ParameterError(f"{name} is for {verbs}", where=name, fix="leave it out")
        if option.photo_only and not photo:
            raise ParameterError(
                f"{name} is about a photo that is sent; an item_id or a query_token has none",
                where=name,
                fix="leave it out, or send the photo",
            )


def check_k(value: SupportsIndex, name: str = "k") -> int:
    """A number of neighbors; whole numbers of any kind are accepted, NumPy's too.

    Raises:
        ParameterError: It is none, or not from 1 to 200.
    """
    k = 0
    if not isinstance(value, bool):
        with suppress(TypeError):
            k = operator.index(value)
    if not 1 <= k <= MAX_K:
        fix = f"give a whole number from 1 to {MAX_K}"
        raise ParameterError(f"{name} is {shown(repr(value))}", where=name, fix=fix)
    return k


def check_number(value: SupportsFloat, option: Option) -> float:
    """A number within an option's bounds; real numbers of any kind are accepted, NumPy's too.

    Raises:
        ParameterError: It is none, or out of bounds.
    """
    low, high = option.low, option.high
    assert low is not None
    assert high is not None
    number = math.nan
    if not isinstance(value, bool | str | bytes):
        with suppress(TypeError, ValueError, OverflowError):
            number = float(value)
    if not low <= number <= high:
        what = f"{option.name} is {shown(repr(value))}, which is not {option.unit}"
        fix = f"give a number from {low:g} to {high:g}"
        raise ParameterError(what, where=option.name, fix=fix)
    return number


def check_flag(value: bool, name: str) -> bool:
    """True or false.

    Raises:
        ParameterError: It is neither.
    """
    if not isinstance(value, bool):
        raise ParameterError(
            f"{name} is {shown(repr(value))}", where=name, fix="give true or false"
        )
    return value


def check_choice(value: str, name: str) -> str:
    """One of the texts that an option can be.

    Raises:
        ParameterError: It is none of them.
    """
    choices = next(each.choices for each in OPTIONS if each.name == name)
    if value not in choices:
        fix = f"known: {', '.join(choices)}"
        raise ParameterError(f"there is no {shown(str(value))}", where=name, fix=fix)
    return value


def check_names(given: Collection[str], known: Collection[str], kind: str = "field") -> None:
    """Refuse names that nothing has.

    Raises:
        ParameterError: It names the first of them, and what may have been meant.
    """
    for name in given:
        if name not in known:
            fix = did_you_mean(name, sorted(known))
            raise ParameterError(f"unknown {kind}", where=shown(name), fix=fix)


def _filter(value: Any, _: Option) -> Filter | None:
    from search_engine.catalog.filter_text import read_filter

    return read_filter(value)


def _box(value: Any, _: Option) -> Box | PixelBox:
    from search_engine.images import parse_box

    return parse_box(value) if isinstance(value, str) else value


def _weights(value: Any, _: Option) -> Mapping[str, float]:
    from search_engine.encoders.union import parse_weights

    return parse_weights(value) if isinstance(value, str) else value


def _boosts(value: Any, _: Option) -> Mapping[str, float]:
    from search_engine.search.boosts import check_boosts, parse_boosts

    return parse_boosts(value) if isinstance(value, str) else check_boosts(value)


def _colors(value: Any, _: Option) -> Mapping[str, float]:
    from search_engine.search.colors import check_colors, parse_colors

    return parse_colors(value) if isinstance(value, str) else check_colors(value)


def _parts(value: Any, _: Option) -> Mapping[str, float]:
    from search_engine.search.parts import check_parts, parse_parts

    return parse_parts(value) if isinstance(value, str) else check_parts(value)


_CHECKS: Mapping[Kind, Callable[[Any, Option], Any]] = {
    "whole": lambda value, option: check_k(value, option.name),
    "number": check_number,
    "text": lambda value, option: value,
    "filter": _filter,
    "box": _box,
    "weights": _weights,
    "boosts": _boosts,
    "colors": _colors,
    "parts": _parts,
    "flag": lambda value, option: check_flag(value, option.name),
}
