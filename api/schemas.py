"""Records as JSON: the same shapes for HTTP and for `--json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from search_engine.records import CatalogItem, FacetCount, Neighbor, Prediction, SearchResult


def item_json(item: CatalogItem) -> dict[str, Any]:
    """An item without its score."""
    return {
        "item_id": item.item_id,
        "label": item.label,
        "product_id": item.product_id,
        "attributes": dict(item.attributes),
    }


def item_answer(collection: str, item: CatalogItem) -> dict[str, Any]:
    """An item with the address of its picture, as HTTP answers have it."""
    return {**item_json(item), "image_url": image_url(collection, item.item_id)}


def neighbor_json(neighbor: Neighbor) -> dict[str, Any]:
    """An item with its score."""
    return {**item_json(neighbor.item), "score": round(neighbor.score, 6)}


def prediction_json(prediction: Prediction) -> dict[str, Any]:
    """The class and the votes behind it."""
    return {
        "label": prediction.label,
        "confidence": round(prediction.confidence, 6),
        "abstained": prediction.abstained,
        "reason": prediction.reason,
        "votes": [
            {"label": vote.label, "share": round(vote.share, 6)} for vote in prediction.votes
        ],
    }


def result_json(result: SearchResult) -> dict[str, Any]:
    """Neighbors, the prediction if there is one, and how it went."""
    body: dict[str, Any] = prediction_json(result.prediction) if result.prediction else {}
    return {
        **body,
        "neighbors": [neighbor_json(neighbor) for neighbor in result.neighbors],
        "timings_ms": dict(result.timings_ms),
        "encoder": result.encoder,
        "generation": result.generation,
        "warnings": list(result.warnings),
    }


def facets_json(facets: Mapping[str, Sequence[FacetCount]]) -> dict[str, Any]:
    """The values of each field with their counts, most frequent first."""
    return {
        field: [{"value": one.value, "count": one.count} for one in counts]
        for field, counts in facets.items()
    }


def image_url(collection: str, item_id: str) -> str:
    """Where an item's picture is served."""
    return f"/v1/collections/{collection}/items/{quote(item_id, safe='')}/image"
