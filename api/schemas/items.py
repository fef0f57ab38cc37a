"""Items, and labels, values and pictures of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NotRequired, cast
from urllib.parse import quote

from typing_extensions import TypedDict

from api.schemas.explanations import Explanation, explanation_json
from api.schemas.shape import shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from search_engine import records
    from search_engine.catalog.labels import LabelCount


class WithVector(TypedDict):
    """What may have an embedding."""

    vector: NotRequired[list[float]]
    """Its embedding, where `include=vector` asks for it; left out where it has none."""
    vector_base64: NotRequired[str]
    """Its embedding as the base64 of little-endian float32, for `include=vector_base64`."""


@shape
class Swatch(TypedDict):
    """A colour of a picture."""

    color: str
    """`#rrggbb`"""
    name: str
    """What it is called, such as `teal`."""
    share: float
    """How much of the picture has it, a plain ground left out, 0 to 1."""


@shape
class Item(WithVector):
    """An item of a collection; with its embedding or its colours where `include` asks for them."""

    palette: NotRequired[list[Swatch]]
    """The dominant colours of its picture, most first, for `include=palette`; left out where they
    are unknown."""

    item_id: str
    """Its id: 1 to 256 bytes of UTF-8."""
    label: str | None
    """Its label, which may be a path such as `Fruit/Apple`."""
    product_id: str | None
    """The product that it is a picture of."""
    attributes: dict[str, Any]
    """Everything else that is known of it, by name: whatever JSON can hold."""
    image_url: NotRequired[str]
    """Where its picture is served, on this server."""
    damage: NotRequired[str]
    """What of it cannot be read; only where something cannot."""


@shape
class GroupViews(TypedDict):
    """The items of one group, such as the pictures of one product or copies of one picture."""

    count: int
    """How many of them fulfil the filter, this one among them."""
    item_ids: list[str]
    """The first 20, in the order in which they were added."""


@shape
class Neighbor(Item):
    """An item that was found."""

    score: float
    """Its cosine similarity to what was asked with, -1 to 1. With `q` alone the bm25 of the words;
    with `color`, and no picture, how much of the colours its picture has, 0 to 1."""
    alike: NotRequired[float]
    """The probability that a person would call the two alike, 0 to 1: that they show one product or
    have one label; left out where `alike_unknown_because` says why, and where a `patch` matches."""
    likeness: NotRequired[str | None]
    """The same in words: `very close`, `close` or `loosely alike`; null where it is less."""
    views: NotRequired[GroupViews]
    """Its group, in a search with `group_by`; with `fold`, the items that show the same picture."""
    same_picture: NotRequired[bool]
    """True where its picture is the photo that was sent: in another size, coded anew, framed,
    turned by quarters or mirrored, but the same. Such items come first, whatever their score; left
    out for all others, and with `rerank`."""
    region: NotRequired[int]
    """Which of the `regions` of the answer it matches, counted from 0; left out where it matches
    the whole photo better, and where a `patch` matches."""
    patch: NotRequired[list[float]]
    """The crop of its picture that matches, where one does better than the whole: x, y, width and
    height as fractions of its sides. Only in a collection that was indexed with `patches`."""
    explanation: NotRequired[Explanation]
    """What makes the score, where `explain` asks for it and its picture can be read."""


@shape
class ItemPage(TypedDict):
    """Some items in order."""

    items: list[Item]
    next_cursor: str | None
    """Leads to the next page; null where this is the last one."""
    total: int
    """How many there are on all pages."""
    warnings: list[str]
    """What to know of the filter: sentences, each behind a code and a colon."""


@shape
class ItemPatch(TypedDict, total=False):
    """What changes of an item (RFC 7396): what is named; null clears it."""

    label: str | None
    """Its label, which may be a path such as `Fruit/Apple`; null or an empty text for none."""
    product_id: str | None
    """The product that it is a picture of; null or an empty text for none."""
    attributes: dict[str, Any] | None
    """Of these those that are named change, null removes one; null for all of them."""


@shape
class ItemRequest(TypedDict):
    """An item as it shall be, with its picture; what is missing it has not."""

    image_base64: str
    """The picture's bytes in base64, or a data URI."""
    label: NotRequired[str | None]
    """Its label, which may be a path such as `Fruit/Apple`."""
    product_id: NotRequired[str | None]
    """The product that it is a picture of."""
    attributes: NotRequired[dict[str, Any] | None]
    """Everything else that is known of it, by name: whatever JSON can hold."""


@shape
class ItemForm(TypedDict):
    """An item as it shall be, with its picture as a file; what is missing or empty it has not."""

    image: bytes
    """The picture, as a file."""
    label: NotRequired[str]
    """Its label, which may be a path such as `Fruit/Apple`."""
    product_id: NotRequired[str]
    """The product that it is a picture of."""
    attributes: NotRequired[str]
    """Everything else that is known of it: a JSON object."""


@shape
class Example(TypedDict):
    """One of the items that have a label."""

    item_id: str
    image_url: str


@shape
class Label(TypedDict):
    """A label with the number of its items."""

    label: str
    count: int
    example: Example


@shape
class LabelPage(TypedDict):
    """Some labels in order."""

    labels: list[Label]
    next_cursor: str | None
    """Leads to the next page; null where this is the last one."""


@shape
class FacetValue(TypedDict):
    """A value of a field, and how many items have it."""

    value: str | int | float | bool
    count: int


@shape
class FacetsAnswer(TypedDict):
    """How many items have which value of some fields."""

    facets: dict[str, list[FacetValue]]
    """The values of each field, most frequent first."""
    warnings: list[str]
    """Sentences, each behind a code and a colon."""


def item_json(item: records.CatalogItem) -> Item:
    """An item without its score; `damage` tells what of it cannot be read, if anything."""
    from search_engine.catalog.damaged import damage_of

    found: Item = {
        "item_id": item.item_id,
        "label": item.label,
        "product_id": item.product_id,
        "attributes": dict(item.attributes),
    }
    damage = damage_of(item)
    if damage is not None:
        found["damage"] = damage
    return found


def item_answer(collection: str, item: records.CatalogItem) -> Item:
    """An item with the address of its picture, as HTTP answers have it."""
    return {**item_json(item), "image_url": image_url(collection, item.item_id)}


def item_page_json(collection: str, page: records.ItemPage) -> ItemPage:
    """A page of items as HTTP answers it."""
    return {
        "items": [item_answer(collection, item) for item in page.items],
        "next_cursor": page.next_cursor,
        "total": page.total,
        "warnings": list(page.warnings),
    }


def neighbor_json(
    neighbor: records.Neighbor, include: str | None = None, explain: str | None = None
) -> Neighbor:
    """An item with its score, and its embedding and explanation in the forms that are named."""
    from search_engine.vote.calibration.alike import word_of

    found = cast(Neighbor, {**item_json(neighbor.item), "score": round(neighbor.score, 6)})
    if neighbor.alike is not None:
        found["alike"] = round(neighbor.alike, 4)
        found["likeness"] = word_of(neighbor.alike)
    if neighbor.views is not None:
        found["views"] = {
            "count": neighbor.views.count,
            "item_ids": list(neighbor.views.item_ids),
        }
    if neighbor.same_picture:
        found["same_picture"] = True
    if neighbor.region is not None:
        found["region"] = neighbor.region
    if neighbor.patch is not None:
        found["patch"] = list(neighbor.patch)
    if neighbor.explanation is not None:
        found["explanation"] = explanation_json(neighbor.explanation, explain)
    add_vector(found, neighbor.vector, include)
    add_palette(found, neighbor.palette)
    return found


def add_palette(found: Item, packed: bytes | None) -> None:
    """Add the dominant colours of a picture to an item, if they are given."""
    if packed is None:
        return
    from search_engine.images.color_names import nearest_name
    from search_engine.images.palette import swatches

    found["palette"] = [
        {"color": each.hex, "name": nearest_name(each.rgb), "share": round(each.share, 3)}
        for each in swatches(packed)
    ]


def add_vector(found: WithVector, vector: NDArray[np.float32] | None, include: str | None) -> None:
    """Add an embedding (D,) to an answer, in the form that `include` names, if any.

    Numbers are the shortest that are the same float32.
    """
    if vector is None or include is None:
        return
    if include == "vector":
        found["vector"] = vector.astype(str).astype(float).tolist()
    else:
        from search_engine.search.given_vectors import encode_vector

        found["vector_base64"] = encode_vector(vector)


def label_json(collection: str, found: LabelCount) -> Label:
    """A label with the number of its items, and one of them as an example."""
    example: Example = {
        "item_id": found.example,
        "image_url": image_url(collection, found.example),
    }
    return {"label": found.label, "count": found.count, "example": example}


def facets_json(facets: Mapping[str, Sequence[records.FacetCount]]) -> dict[str, list[FacetValue]]:
    """The values of each field with their counts, most frequent first."""
    return {
        field: [{"value": one.value, "count": one.count} for one in counts]
        for field, counts in facets.items()
    }


def image_url(collection: str, item_id: str) -> str:
    """Where an item's picture is served."""
    return f"/v1/collections/{collection}/images/{quote(item_id, safe='')}"
