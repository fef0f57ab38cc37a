"""What a search and a classification can be asked for, declared once.

Readers of requests take the names from here, and so do the messages about names that do not belong.
"""

import math
import operator
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, SupportsFloat, SupportsIndex

from search_engine.errors import ParameterError
from search_engine.near import did_you_mean, shown

MAX_K = 200

Verb = Literal["search", "classify"]
BOTH: tuple[Verb, ...] = ("search", "classify")


@dataclass(frozen=True, slots=True)
class SearchOption:
    """One option: its name in requests, the verbs that take it, and what it is for.

    `photo_only`: it is about the photo that is sent, so an item or a token has no use for it.
    """

    name: str
    help: str
    verbs: tuple[Verb, ...] = BOTH
    photo_only: bool = False


OPTIONS = (
    SearchOption("k", "how many neighbors are shown, 1 to 200"),
    SearchOption("filter", "only items that fulfil it, such as price < 30"),
    SearchOption("box", "the region of the photo: x,y,w,h as fractions", photo_only=True),
    SearchOption("group_by", "at most one neighbor for each value of this field"),
    SearchOption("min_score", "leave out neighbors below this cosine"),
    SearchOption("rerank", "put what is found in a better order"),
    SearchOption("facets", "fields whose values are counted under the filter"),
    SearchOption("weights", "how much parts of the embedding count", ("search",)),
    SearchOption("target", "what to classify by: label, product_id or an attribute", ("classify",)),
    SearchOption("vote_k", "how many neighbors vote, 1 to 200", ("classify",)),
    SearchOption("accept_accuracy", "abstain unless so many such answers are right", ("classify",)),
    SearchOption("with", "a trained classifier that answers instead of the vote", ("classify",)),
)
SUBJECTS = ("image_base64", "item_id", "query_token")
"""Beside an uploaded `image`: what is asked about."""


def names_of(verb: Verb, photo: bool = True) -> tuple[str, ...]:
    """The options of a verb; without those that only a photo has, if there is none."""
    return tuple(
        each.name for each in OPTIONS if verb in each.verbs and (photo or not each.photo_only)
    )


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


def check_min_score(value: SupportsFloat | None) -> float | None:
    """A least cosine; real numbers of any kind are accepted, NumPy's too.

    Raises:
        ParameterError: It is none, or not from -1 to 1.
    """
    if value is None:
        return None
    score = math.nan
    if not isinstance(value, bool | str | bytes):
        with suppress(TypeError, ValueError, OverflowError):
            score = float(value)
    if not -1 <= score <= 1:
        what = f"min_score is {shown(repr(value))}, which is not a cosine"
        raise ParameterError(what, where="min_score", fix="give a number from -1 to 1")
    return score


def check_names(given: Collection[str], known: Collection[str], kind: str = "field") -> None:
    """Refuse names that nothing has.

    Raises:
        ParameterError: It names the first of them, and what may have been meant.
    """
    for name in given:
        if name not in known:
            fix = did_you_mean(name, sorted(known))
            raise ParameterError(f"unknown {kind}", where=shown(name), fix=fix)
