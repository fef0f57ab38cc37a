"""Lists of suspicious items, and the map of a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from api.schemas.items import Item, Neighbor, image_url, item_answer, neighbor_json
from api.schemas.shape import shape
from api.schemas.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from search_engine.overviews import map as maps
    from search_engine.overviews.lists import Suspect, SuspectPage

PLACE_DIGITS = 5


class Made(TypedDict):
    """When something was made, and of what."""

    made_at: str
    """When: RFC 3339, in UTC."""
    outdated: bool
    """Whether items changed since."""


class ListState(Made):
    """A list as a whole."""

    items: int
    """How many the collection had then."""
    judged: int
    """How many of them something could be said of."""
    next_cursor: str | None
    """Leads to the next page; null where this is the last one."""


@shape
class MislabelledItem(Item):
    """An item whose label its neighbors contradict."""

    probability: float
    """Of its own label, by the vote of its neighbors, 0 to 1."""
    suggested: str | None
    """The label with the largest share of the votes among all others; null where there is none."""
    support: float
    """The share of the suggested label, 0 to 1."""
    probable_error: bool
    """Whether it is counted among the `probable_errors`."""
    neighbors: list[Neighbor]
    """The nearest items with the suggested label, 3 at most."""


@shape
class MislabelledPage(ListState):
    """Some of the items whose labels look wrong, the most suspicious first."""

    suspects: list[MislabelledItem]
    probable_errors: int
    """How many labels are probably wrong, by confident learning."""


@shape
class Outlier(Item):
    """An item that is unlike all others."""

    similarity: float
    """Its mean cosine with the 50 nearest items, -1 to 1."""
    neighbors: list[Neighbor]
    """The nearest items, 3 at most."""


@shape
class OutlierPage(ListState):
    """Some of the items that are unlike all others, the loneliest first."""

    suspects: list[Outlier]


@shape
class MapCluster(TypedDict):
    """A group of items that look alike."""

    name: str
    """After the labels of its items; no other cluster has it."""
    named_after: list[str]
    """The labels that the name is made of: one, two where most items agree on none, none where no
    item has a label or an older version drew the map."""
    items: int
    """How many it had when the map was made."""
    medoid: str | None
    """Id of the item that is most like the others; null where that was removed."""
    image_url: str | None
    """Where the picture of the medoid is served."""
    x: float
    """Where the medoid lies."""
    y: float


@shape
class MapAnswer(Made):
    """Points of a map, in columns of equal length: the first point has the first value of each.

    Neighbors lie together; distances between groups, and what lies where, mean little.
    """

    ids: list[str]
    """Ids of the items."""
    x: list[float]
    """Where they lie from left to right, about 0 to 1."""
    y: list[float]
    """Where they lie from top to bottom, about 0 to 1."""
    label: list[int]
    """Positions in `labels`, -1 for none."""
    cluster: list[int]
    """Positions in `clusters`."""
    labels: list[str]
    """The labels of these points, in alphabetical order."""
    clusters: list[MapCluster]
    """All clusters of the map, the largest first."""
    total: int
    """How many points there are on all pages."""
    items: int
    """How many items the collection has."""
    next_cursor: str | None
    """Leads to the next page; null where this is the last one."""


def mislabelled_item(collection: str, found: Suspect) -> MislabelledItem:
    """A suspect of the list of mislabelled items."""
    suggestion = found.suggestion
    return {
        **item_answer(collection, found.item),
        "probability": round(found.score, 6),
        "suggested": None if suggestion is None else suggestion.label,
        "support": 0.0 if suggestion is None else round(suggestion.support, 6),
        "probable_error": suggestion is not None and suggestion.is_error,
        "neighbors": _neighbors(collection, found),
    }


def outlier(collection: str, found: Suspect) -> Outlier:
    """A suspect of the list of outliers."""
    return {
        **item_answer(collection, found.item),
        "similarity": round(found.score, 6),
        "neighbors": _neighbors(collection, found),
    }


def mislabelled_json(collection: str, page: SuspectPage) -> MislabelledPage:
    """A page of mislabelled items as HTTP answers it."""
    return {
        "suspects": [mislabelled_item(collection, each) for each in page.suspects],
        "probable_errors": page.origin.errors,
        **_state(page),
    }


def outliers_json(collection: str, page: SuspectPage) -> OutlierPage:
    """A page of outliers as HTTP answers it."""
    return {"suspects": [outlier(collection, each) for each in page.suspects], **_state(page)}


def map_json(collection: str, page: maps.MapPage) -> MapAnswer:
    """Points of a map in columns; items that were just removed are left out."""
    rows = [row for row, item in enumerate(page.items) if item is not None]
    items = [item for item in page.items if item is not None]
    labels = sorted({item.label for item in items if item.label is not None})
    number = {label: code for code, label in enumerate(labels)}
    places = page.points.places[rows].astype(float).round(PLACE_DIGITS)
    return {
        "ids": [item.item_id for item in items],
        "x": places[:, 0].tolist(),
        "y": places[:, 1].tolist(),
        "label": [-1 if item.label is None else number[item.label] for item in items],
        "cluster": page.points.clusters[rows].tolist(),
        "labels": labels,
        "clusters": _clusters(collection, page.clusters),
        "total": page.total,
        "items": page.size,
        "next_cursor": page.next_cursor,
        "made_at": rfc3339(page.origin.made_at),
        "outdated": page.outdated,
    }


def _clusters(collection: str, clusters: Sequence[maps.MapCluster]) -> list[MapCluster]:
    return [
        {
            "name": each.name,
            "named_after": list(each.named_after),
            "items": each.items,
            "medoid": None if each.medoid is None else each.medoid.item_id,
            "image_url": (
                None if each.medoid is None else image_url(collection, each.medoid.item_id)
            ),
            "x": round(each.place[0], PLACE_DIGITS),
            "y": round(each.place[1], PLACE_DIGITS),
        }
        for each in clusters
    ]


def _neighbors(collection: str, found: Suspect) -> list[Neighbor]:
    return [
        {**neighbor_json(each), "image_url": image_url(collection, each.item.item_id)}
        for each in found.neighbors
    ]


def _state(page: SuspectPage) -> ListState:
    return {
        "made_at": rfc3339(page.origin.made_at),
        "outdated": page.outdated,
        "items": page.origin.items,
        "judged": page.origin.judged,
        "next_cursor": page.next_cursor,
    }
