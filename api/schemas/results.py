"""What search and classify answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, cast

from typing_extensions import TypedDict

from api.schemas.items import FacetValue, Neighbor, WithVector, add_vector, neighbor_json
from api.schemas.shape import shape

if TYPE_CHECKING:
    from search_engine import records


@shape
class Vote(TypedDict):
    """The share of all votes that a label got."""

    label: str
    share: float
    """0 to 1."""


@shape
class Level(TypedDict):
    """A level of a label path."""

    label: str
    """The path from its first part to this level."""
    confidence: float
    """How sure it is that the path is right so far, 0 to 1."""


@shape
class Chance(TypedDict):
    """A value that a picture may have beside others."""

    value: str
    probability: float
    """0 to 1."""


@shape
class PredictionSummary(TypedDict):
    """A class, without what is behind it."""

    label: str | None
    """The class; null where the answer abstains."""
    confidence: float
    """The probability of being right where `calibrated`, else the share of the votes."""
    calibrated: bool
    """Whether `confidence` is a probability."""
    uncalibrated_because: str | None
    """The code of why it is none."""
    abstained: bool
    """Whether there is no answer, for the `reason` given."""
    reason: str | None
    """`no_labels`, `too_few`, `too_far` or `disagree`; null where there is an answer."""


@shape
class Prediction(PredictionSummary):
    """A class by the vote of the neighbors, or by a trained classifier."""

    levels: list[Level]
    """The path of the winner, from its first part to the whole label."""
    votes: list[Vote]
    """Best first."""
    voters: int
    """How many neighbors voted."""
    known: NotRequired[float]
    """How much the photo looks as if its class were one of the catalog's: the share of photos of
    these that look no more so, 0 to 1; only where labels are calibrated."""
    values: NotRequired[list[str]]
    """The answer where pictures have several values, best first."""
    chances: NotRequired[list[Chance]]
    """All values that got a vote, best first."""


@shape
class Region(TypedDict):
    """A part of the photo."""

    box: list[float]
    """x, y, width and height as fractions of the photo's sides: a `box` to ask with."""
    score: float
    """Where proposed, the share of what stands out in the photo that lies within; else of its
    area."""


@shape
class SearchAnswer(WithVector):
    """Neighbors, and what it took to find them; with the embedding that was asked with where
    `include` asks for embeddings."""

    neighbors: list[Neighbor]
    """Best first; in the order of the re-ranking, mix, boosts or diversity where there is one."""
    timings_ms: dict[str, float]
    """Milliseconds by stage, and `total`."""
    encoder: str
    """Fingerprint of the encoder."""
    generation: str | None
    """The index that was asked; null while everything is compared with."""
    warnings: list[str]
    """Sentences, each behind a code and a colon."""
    next_cursor: NotRequired[str | None]
    """Leads to the neighbors behind these; null where there are none, and with such an order."""
    left_out: NotRequired[int]
    """How many of the nearest k `min_score` or `min_alike` left out; only with one of them."""
    alike_unknown_because: NotRequired[str]
    """Why neighbors have no `alike`: `not_calibrated`, `foreign` (nothing here looks like it),
    `weights`, `mix` or `regions`."""
    rerank: NotRequired[str]
    """The re-ranking, if one was asked for."""
    regions: NotRequired[list[Region]]
    """Where `regions` asks for them: what stands out most, or what neighbors match."""
    facets: NotRequired[dict[str, list[FacetValue]]]
    """Values of the fields that were asked for, most frequent first."""
    query_token: NotRequired[str | None]
    """Stands for the photo or the mix in further questions; null where an item was asked with."""
    request_id: NotRequired[str]
    """Names this answer in the log of the server."""


@shape
class ClassifyAnswer(SearchAnswer, Prediction):
    """A class, and the neighbors of the picture."""


def prediction_json(prediction: records.Prediction) -> Prediction:
    """The class and the votes behind it; `values` only where pictures have several."""
    rest = {
        "levels": [
            {"label": level.label, "confidence": round(level.confidence, 6)}
            for level in prediction.levels
        ],
        "votes": [
            {"label": vote.label, "share": round(vote.share, 6)} for vote in prediction.votes
        ],
        "voters": prediction.voters,
    }
    body = cast(Prediction, {**prediction.summary(), **rest})
    if prediction.known is not None:
        body["known"] = round(prediction.known, 4)
    if prediction.values is not None:
        body["values"] = list(prediction.values)
        body["chances"] = [
            {"value": one.value, "probability": round(one.probability, 6)}
            for one in prediction.chances
        ]
    return body


def search_json(result: records.SearchResult) -> SearchAnswer:
    """Neighbors, and how it went; `rerank` only where asked for."""
    body = _found_json(result)
    body["next_cursor"] = result.next_cursor
    return body


def _found_json(result: records.SearchResult) -> SearchAnswer:
    body: SearchAnswer = {
        "neighbors": [
            neighbor_json(each, result.include, result.explain) for each in result.neighbors
        ],
        "timings_ms": dict(result.timings_ms),
        "encoder": result.encoder,
        "generation": result.generation,
        "warnings": list(result.warnings),
    }
    if result.left_out is not None:
        body["left_out"] = result.left_out
    if result.alike_unknown_because is not None:
        body["alike_unknown_because"] = result.alike_unknown_because
    if result.rerank is not None:
        body["rerank"] = result.rerank
    if result.regions is not None:
        body["regions"] = [region_json(each) for each in result.regions]
    if len(result.vector):
        add_vector(body, result.vector[0], result.include)
    return body


def region_json(region: records.Region) -> Region:
    """A part of a photo."""
    return {"box": [round(each, 4) for each in region.box], "score": round(region.score, 4)}


def classify_json(result: records.SearchResult) -> ClassifyAnswer:
    """The prediction of a classification, and its neighbors."""
    assert result.prediction is not None
    return cast(ClassifyAnswer, {**prediction_json(result.prediction), **_found_json(result)})


def result_json(result: records.SearchResult) -> SearchAnswer | ClassifyAnswer:
    """A result of either kind."""
    return search_json(result) if result.prediction is None else classify_json(result)
