"""What a neighbor has in common with what was asked with, as answers tell it."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, NotRequired

from typing_extensions import TypedDict

from api.schemas.shape import shape

if TYPE_CHECKING:
    from search_engine import records

HEATMAP = "heatmap"


@shape
class Heat(TypedDict):
    """How much each place of a picture adds to the score."""

    box: list[float]
    """What the grid covers of the upright picture: x, y, width and height as fractions of its
    sides."""
    grid: list[list[float]]
    """Rows from the top, values from the left. They add up to the score; what speaks against the
    neighbor is below 0."""
    png: NotRequired[str]
    """The grid as a clear picture to lay over the box, for `explain=heatmap`: a data URI."""


@shape
class Explanation(TypedDict):
    """What a neighbor has in common with what was asked with."""

    query: Heat | None
    """In the picture that was asked with; null where there is none here, as for a token."""
    item: Heat
    """In the picture of the neighbor."""
    shared: list[str]
    """Fields of which both have the same value, where an item was asked with."""


def explanation_json(explanation: records.Explanation, form: str | None) -> Explanation:
    """An explanation in the form that `explain` names."""
    query = explanation.query
    return {
        "query": None if query is None else _heat_json(query, form),
        "item": _heat_json(explanation.item, form),
        "shared": list(explanation.shared),
    }


def _heat_json(heat: records.Heat, form: str | None) -> Heat:
    found: Heat = {
        "box": [round(each, 4) for each in heat.box],
        "grid": [[round(float(each), 5) for each in row] for row in heat.grid],
    }
    if form == HEATMAP:
        from search_engine.images.overlay import overlay_png

        found["png"] = f"data:image/png;base64,{b64encode(overlay_png(heat.grid)).decode()}"
    return found
