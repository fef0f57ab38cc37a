"""Pages of answers: what is shown of what was found, and the cursor that leads to the rest."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from search_engine.cursors import Scalar, write_cursor

T = TypeVar("T")


def page_of(
    found: Sequence[T],
    limit: int,
    place: Callable[[T], Sequence[Scalar]],
    question: Mapping[str, Any],
) -> tuple[Sequence[T], str | None]:
    """The first `limit` of what was found, and the cursor of the next page; None ends it.

    Args:
        found: What a page shows and, where there is more, one that it does not.
        limit: So many are shown.
        place: The place of the last one shown, as `search_engine.cursors.read_cursor` gives it.
        question: What was asked, by name: the cursor serves no other question.
    """
    shown = found[:limit]
    return shown, write_cursor(place(shown[-1]), question) if len(found) > limit else None
