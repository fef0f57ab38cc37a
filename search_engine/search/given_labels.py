"""Labels that a classification may choose from, as they are given: a list, or a line."""

from collections.abc import Sequence
from typing import Any

from search_engine.errors import ParameterError
from search_engine.names import check_label
from search_engine.near import shown

MAX_LABELS = 200
GivenLabels = str | Sequence[str]
"""A list of labels, or these with commas between."""


def check_labels(given: Any) -> tuple[str, ...]:
    """The labels in alphabetical order, each as labels are spelled.

    Raises:
        ParameterError: There are less than two or more than 200, one is none, or is there twice.
    """
    each = given.split(",") if isinstance(given, str) else given
    if not isinstance(each, Sequence) or not all(isinstance(label, str) for label in each):
        raise _refused("they are no list of texts")
    found = [check_label(label.strip()) for label in each]
    for label in found:
        if label is None or found.count(label) > 1:
            what = "one of them is empty" if label is None else f"{shown(label)} is there twice"
            raise _refused(what)
    if not 2 <= len(found) <= MAX_LABELS:
        raise _refused(f"there {'is one' if len(found) == 1 else f'are {len(found):,}'} of them")
    return tuple(sorted(label for label in found if label is not None))


def _refused(what: str) -> ParameterError:
    fix = f"give 2 to {MAX_LABELS} different ones, such as mug,plate,lamp"
    return ParameterError(what, where="labels", fix=fix)
