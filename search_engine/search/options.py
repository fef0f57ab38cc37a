"""What a search and a classification can be asked for, declared once.

Whatever asks reads this declaration: Python's keyword arguments, fields of requests and their
schema, flags of the command line, the tables of the documentation. A new option is an entry of
OPTIONS, a field of SearchOptions with its type, and the code that obeys it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, SupportsFloat, SupportsIndex, TypedDict

from search_engine.errors import ParameterError
from search_engine.near import did_you_mean, shown

if TYPE_CHECKING:
    from search_engine.catalog.filters import Filter
    from search_engine.images import Box, PixelBox
    from search_engine.search.given_labels import GivenLabels

MAX_K = 200
PALETTE = "palette"
DEFAULT_K = 10

Verb = Literal["search", "classify"]
Kind = Literal[
    "whole",
    "number",
    "text",
    "filter",
    "box",
    "weights",
    "boosts",
    "colors",
    "fields",
    "labels",
    "flag",
]
BOTH: tuple[Verb, ...] = ("search", "classify")
CLASSIFY: tuple[Verb, ...] = ("classify",)


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    `name` is that of requests, and of Python unless `argument` is another. `low` and `high` bound
    numbers, themselves excluded where `exclusive`; `unit` is what they are. `metavar` is how a flag
    names a text. `verbs` take it. With `photo_only` it is about the photo that is sent, so that an
    item or a token has no use for it. With `changes_vote` others vote than those that were
    calibrated; without, it says only what is shown.
    """

    name: str
    kind: Kind
    help: str
    example: str
    default: str = ""
    verbs: tuple[Verb, ...] = BOTH
    low: float | None = None
    high: float | None = None
    exclusive: bool = False
    unit: str = ""
    choices: tuple[str, ...] = ()
    metavar: str = ""
    photo_only: bool = False
    changes_vote: bool = False
    argument: str = ""

    @property
    def keyword(self) -> str:
        """Its name in Python."""
        return self.argument or self.name


OPTIONS = (
    Option(
        "k",
        "whole",
        "how many neighbors are shown",
        "20",
        default=f"{DEFAULT_K}, for a class those that vote",
        low=1,
        high=MAX_K,
    ),
    Option(
        "filter",
        "filter",
        "only items that fulfil it: a line, or JSON",
        "price < 30 and label under Home/Kitchen",
        changes_vote=True,
    ),
    Option(
        "box",
        "box",
        "look at this region of the photo: x,y,w,h as fractions of its sides, or in pixels as "
        "120px,40px,300px,300px",
        "0.1,0.2,0.5,0.5",
        photo_only=True,
    ),
    Option(
        "regions",
        "text",
        "propose regions of the photo that stand out, or search with its parts too and take the "
        "best match of each item",
        "auto",
        choices=("propose", "auto"),
        metavar="NAME",
        verbs=("search",),
        photo_only=True,
    ),
    Option(
        "turns",
        "text",
        "search with the photo turned by quarters too, and take the best match of each item",
        "any",
        choices=("any",),
        metavar="NAME",
        verbs=("search",),
        photo_only=True,
    ),
    Option(
        "q",
        "text",
        "words to look for in labels, names and other texts of items, the last one as a beginning: "
        "instead of a picture, or beside it by the ranks in both; one page",
        "red mug",
        metavar="WORDS",
        verbs=("search",),
    ),
    Option(
        "color",
        "colors",
        "colours to look for in pictures, by name or as #rrggbb, several with weights: instead of "
        "a picture, or beside it; same stands for those of the picture itself; one page",
        "teal:0.7,#ffffff:0.3",
        verbs=("search",),
    ),
    Option(
        "color_weight",
        "number",
        "how much `color` counts beside a picture: 0 not, 1 alone",
        "0.3",
        default="0.5",
        verbs=("search",),
        low=0,
        high=1,
        unit="a share",
    ),
    Option(
        "group_by",
        "text",
        "at most one neighbor for each value of this field",
        "product_id",
        metavar="FIELD",
    ),
    Option(
        "fold",
        "flag",
        "show the same picture once, in whatever size and pose; not with group_by",
        "true",
        default="false",
        verbs=("search",),
    ),
    Option(
        "min_score",
        "number",
        "leave out neighbors below this cosine",
        "0.4",
        low=-1,
        high=1,
        unit="a cosine",
    ),
    Option(
        "min_alike",
        "number",
        "leave out neighbors that a person would call alike with less than this probability; "
        "needs a calibration",
        "0.5",
        verbs=("search",),
        low=0,
        high=1,
        unit="a probability",
    ),
    Option(
        "rerank",
        "text",
        "put what is found in a better order; scores stay cosines, so they need not fall",
        "k-reciprocal",
        choices=("aqe", "dba", "k-reciprocal", "geometric"),
        metavar="NAME",
        changes_vote=True,
    ),
    Option(
        "weights",
        "weights",
        "how much parts of the embedding count, where the encoder has parts",
        "color=2,shape=1",
        verbs=("search",),
        changes_vote=True,
    ),
    Option(
        "mix",
        "text",
        "how examples to like and unlike count: by one query moved towards the likes, or by the "
        "nearest of them; best has one page",
        "best",
        default="rocchio",
        choices=("rocchio", "best"),
        verbs=("search",),
        metavar="NAME",
    ),
    Option(
        "boost",
        "boosts",
        "move items up or down by numbers and booleans: field:weight, added to the score for the "
        "order only; one page",
        "in_stock:0.1,price:-0.02",
        verbs=("search",),
    ),
    Option(
        "diversity",
        "number",
        "how much results should differ from each other, against being alike: 0 not, 1 most; "
        "one page",
        "0.3",
        default="0",
        verbs=("search",),
        low=0,
        high=1,
        unit="a share",
    ),
    Option(
        "facets",
        "fields",
        "count the items that fulfil the filter by their values of these fields",
        "color,brand",
    ),
    Option(
        "include",
        "text",
        "add the embeddings of the neighbors and of the query, as numbers or as the base64 of "
        "little-endian float32; or the dominant colours of the neighbors",
        "vector",
        choices=("vector", "vector_base64", PALETTE),
        metavar="NAME",
    ),
    Option(
        "explain",
        "text",
        "show how much each place of both pictures adds to the score: numbers, or also as pictures "
        "to lay over them",
        "heatmap",
        choices=("grid", "heatmap"),
        metavar="NAME",
        verbs=("search",),
    ),
    Option(
        "cursor",
        "text",
        "go on behind the page before: its `next_cursor`",
        "WyI4Y2Q0MjEw",
        verbs=("search",),
        metavar="CURSOR",
    ),
    Option(
        "target",
        "text",
        "what to classify by: label, product_id or an attribute",
        "color",
        default="label",
        metavar="FIELD",
        verbs=CLASSIFY,
    ),
    Option(
        "vote_k",
        "whole",
        "how many neighbors vote",
        "15",
        default="as calibrated, else 10",
        verbs=CLASSIFY,
        low=1,
        high=MAX_K,
    ),
    Option(
        "accept_accuracy",
        "number",
        "abstain unless so many of such answers are right",
        "0.95",
        verbs=CLASSIFY,
        low=0,
        high=1,
        exclusive=True,
        unit="a share",
    ),
    Option(
        "labels",
        "labels",
        "choose one of these labels by what they say, where the encoder reads texts; nothing in "
        "the catalog needs a label",
        "mug,plate,lamp",
        verbs=CLASSIFY,
    ),
    Option(
        "with",
        "text",
        "a trained classifier (`eyedex train`) that answers instead of the vote",
        "svm",
        metavar="NAME",
        verbs=CLASSIFY,
        argument="classifier",
    ),
)
_ORDERS = ("rerank", "boost", "diversity", "q", "color")
SUBJECTS = ("image_base64", "item_id", "query_token", "vector", "text")
"""Beside an uploaded `image`: what is asked about."""
EXAMPLES = ("like", "unlike")
"""Of a search: lists of examples, beside a subject or instead."""


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
    """The options of one search, checked."""

    k: int = DEFAULT_K
    filter: Filter | None = None
    box: Box | PixelBox | None = None
    regions: str | None = None
    turns: str | None = None
    q: str | None = None
    color: Mapping[str, float] | None = None
    color_weight: float | None = None
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

    @property
    def describes(self) -> bool:
        """Whether words or colours say what is wanted."""
        return self.q is not None or self.color is not None

    @property
    def ordered_by(self) -> str | None:
        """The first of these that orders by something else than the score; None for none."""
        if self.mix == "best":
            return "mix"
        return next((each for each in _ORDERS if getattr(self, each)), None)

    def in_the_vote(self) -> SearchOptions:
        """These without those that only say what is shown."""
        shows = (each for each in OPTIONS if not each.changes_vote and not each.photo_only)
        kept = {each.name: None for each in shows if hasattr(self, each.name) and each.name != "k"}
        return replace(self, **kept)  # type: ignore[arg-type]

    def changing_the_vote(self) -> str | None:
        """The first of these that lets others vote than those that were calibrated."""
        changing = (each.name for each in OPTIONS if each.changes_vote)
        return next((name for name in changing if getattr(self, name) is not None), None)


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

    What is empty or None counts as not given, unless nothing has such a name.

    Raises:
        ParameterError: It names the option, and where it belongs or what was meant.
    """
    options = {each.name: each for each in OPTIONS}
    for name, value in given.items():
        option = options.get(name)
        if option is None:
            check_names([name], [*names_of(verb), *SUBJECTS])
            continue
        if value is None or value == "":
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


_CHECKS: Mapping[Kind, Callable[[Any, Option], Any]] = {
    "whole": lambda value, option: check_k(value, option.name),
    "number": check_number,
    "text": lambda value, option: value,
    "filter": _filter,
    "box": _box,
    "weights": _weights,
    "boosts": _boosts,
    "colors": _colors,
    "flag": lambda value, option: check_flag(value, option.name),
}
