"""Records as JSON: the same shapes for HTTP and for `--json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from search_engine.catalog.labels import LabelCount
    from search_engine.classifiers.storage import Description
    from search_engine.records import CatalogItem, FacetCount, Neighbor, Prediction, SearchResult
    from search_engine.vote.calibration.record import Calibration


ACCURACIES = (0.9, 0.95, 0.99)
"""For which a calibration tells the coverage."""


def item_json(item: CatalogItem) -> dict[str, Any]:
    """An item without its score; `damage` tells what of it cannot be read, if anything."""
    from search_engine.catalog.damaged import damage_of

    damage = damage_of(item)
    return {
        "item_id": item.item_id,
        "label": item.label,
        "product_id": item.product_id,
        "attributes": dict(item.attributes),
        **({} if damage is None else {"damage": damage}),
    }


def item_answer(collection: str, item: CatalogItem) -> dict[str, Any]:
    """An item with the address of its picture, as HTTP answers have it."""
    return {**item_json(item), "image_url": image_url(collection, item.item_id)}


def neighbor_json(neighbor: Neighbor) -> dict[str, Any]:
    """An item with its score."""
    return {**item_json(neighbor.item), "score": round(neighbor.score, 6)}


def prediction_json(prediction: Prediction) -> dict[str, Any]:
    """The class and the votes behind it; `values` only where pictures have several."""
    body = {
        **prediction.summary(),
        "levels": [
            {"label": level.label, "confidence": round(level.confidence, 6)}
            for level in prediction.levels
        ],
        "votes": [
            {"label": vote.label, "share": round(vote.share, 6)} for vote in prediction.votes
        ],
        "voters": prediction.voters,
    }
    if prediction.values is None:
        return body
    chances = [
        {"value": one.value, "probability": round(one.probability, 6)} for one in prediction.chances
    ]
    return {**body, "values": list(prediction.values), "chances": chances}


def calibration_json(found: Calibration) -> dict[str, Any]:
    """What was found by calibrating; `coverage` has null where no confidence is so sure."""
    return {
        "target": found.target,
        "items": found.items,
        "k": found.rule.k,
        "temperature": found.rule.temperature,
        "per_product": found.rule.per_product,
        "balanced": found.class_weights is not None,
        "twin_score": round(found.twin_score, 6),
        "least_score": round(found.least_score, 6),
        **{
            name: round(value, 6) if isinstance(value, float) else value
            for name, value in found.figures.model_dump().items()
        },
        "coverage": {f"{wanted:g}": _coverage(found, wanted) for wanted in ACCURACIES},
    }


def _coverage(found: Calibration, wanted: float) -> dict[str, float] | None:
    point = found.point(wanted)
    if point is None:
        return None
    return {"confidence": round(point.confidence, 6), "coverage": round(point.coverage, 6)}


def classifier_json(found: Description) -> dict[str, Any]:
    """A trained classifier: its name, what it learned from, and how often it was right.

    `held_out_accuracy` is null where nothing could be held out.
    """
    accuracy = found.held_out_accuracy
    return {
        "classifier": found.name,
        "target": found.origin.target,
        "items": found.origin.items,
        "classes": len(found.classes),
        "held_out_accuracy": None if accuracy is None else round(accuracy, 5),
        "temperature": round(found.temperature, 5),
        "encoder": found.origin.fingerprint,
        "seq": found.origin.seq,
    }


def result_json(result: SearchResult) -> dict[str, Any]:
    """Neighbors, the prediction if there is one, and how it went; `rerank` only where asked for."""
    body: dict[str, Any] = prediction_json(result.prediction) if result.prediction else {}
    if result.rerank is not None:
        body["rerank"] = result.rerank
    return {
        **body,
        "neighbors": [neighbor_json(neighbor) for neighbor in result.neighbors],
        "timings_ms": dict(result.timings_ms),
        "encoder": result.encoder,
        "generation": result.generation,
        "warnings": list(result.warnings),
    }


def label_json(collection: str, found: LabelCount) -> dict[str, Any]:
    """A label with the number of its items, and one of them as an example."""
    example = {"item_id": found.example, "image_url": image_url(collection, found.example)}
    return {"label": found.label, "count": found.count, "example": example}


def facets_json(facets: Mapping[str, Sequence[FacetCount]]) -> dict[str, Any]:
    """The values of each field with their counts, most frequent first."""
    return {
        field: [{"value": one.value, "count": one.count} for one in counts]
        for field, counts in facets.items()
    }


def image_url(collection: str, item_id: str) -> str:
    """Where an item's picture is served."""
    return f"/v1/collections/{collection}/images/{quote(item_id, safe='')}"
