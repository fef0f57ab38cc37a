"""`color+shape+texture`: joined hand-made descriptors, weighted by each query.

Each part of a stored embedding has the same length. If a query scales its parts by weights, the
plain inner product is the weighted mean of the similarities of the parts: so any weights work with
the same index.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from search_engine.encoders.base import Encoder, EncoderSpec, unit_rows
from search_engine.encoders.classic import (
    GREY_PICTURE,
    HOG_SPEC,
    HSV_SPEC,
    LBP_SPEC,
    binary_patterns,
    colours,
    gradient_blocks,
)
from search_engine.encoders.opencv_import import import_opencv
from search_engine.encoders.pictures import Describe, refuse_choices
from search_engine.encoders.registry import EncoderRequest
from search_engine.errors import ParameterError
from search_engine.records import Pixels, Vectors

MAX_WEIGHT = 1_000.0

_PARTS: Mapping[str, tuple[EncoderSpec, Describe]] = MappingProxyType(
    {
        "color": (HSV_SPEC, colours),
        "shape": (HOG_SPEC, gradient_blocks),
        "texture": (LBP_SPEC, binary_patterns),
    }
)

UNION_SPEC = EncoderSpec(
    name="+".join(_PARTS),
    dimension=sum(spec.dimension for spec, _ in _PARTS.values()),
    preprocessing=GREY_PICTURE,
    pooling="; ".join(f"{spec.name} {spec.pooling}" for spec, _ in _PARTS.values()),
)


class UnionEncoder:
    """Several descriptors as one, equally weighted unless a query says otherwise."""

    runtime = "opencv"

    def __init__(self, spec: EncoderSpec = UNION_SPEC) -> None:
        self.spec = spec
        ends = np.cumsum([spec.dimension for spec, _ in _PARTS.values()]).tolist()
        starts = [0, *ends[:-1]]
        self.blocks: Mapping[str, slice] = MappingProxyType(
            {name: slice(*ends) for name, *ends in zip(_PARTS, starts, ends, strict=True)}
        )

    def encode(self, pixels: Pixels) -> Vectors:
        """See Encoder; a part without content is zero, but every picture has colour."""
        if len(pixels) == 0:
            return np.empty((0, self.spec.dimension), dtype=np.float32)
        pictures = np.ascontiguousarray(pixels)
        parts = [
            _lengths_one(np.stack([describe(picture) for picture in pictures]))
            for _, describe in _PARTS.values()
        ]
        return unit_rows(np.concatenate(parts, axis=1))

    def weighted(self, query: Vectors, weights: Mapping[str, float]) -> Vectors:
        """Weight the parts of queries; returns unit rows.

        Args:
            query: Unit rows of this encoder, shape (N, dimension). Not changed.
            weights: By part, at least 0; missing parts have 1.

        Raises:
            ParameterError: A part is unknown, or a weight is out of range.
            NoEmbeddingError: A query becomes zero.
        """
        check_weights(weights, tuple(self.blocks))
        scaled = query.copy()
        for name, weight in weights.items():
            scaled[:, self.blocks[name]] *= weight
        return unit_rows(scaled)


def color_shape_texture(request: EncoderRequest) -> UnionEncoder:
    """Factory for the registry."""
    refuse_choices(request)
    import_opencv()
    return UnionEncoder(UNION_SPEC.as_made(request.fingerprint))


def parse_weights(text: str) -> dict[str, float]:
    """Parse `color=2,shape=1` to weights by name.

    Raises:
        ParameterError: The text has another form.
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        found = re.fullmatch(r"\s*([a-z]+)\s*=\s*([0-9]{1,4}(?:\.[0-9]{1,6})?)\s*", part)
        if found is None or found[1] in weights:
            raise ParameterError(
                "weights are not names with numbers, each name once",
                where="weights",
                fix="give them as color=2,shape=1",
            )
        weights[found[1]] = float(found[2])
    return weights


def check_weights(weights: Mapping[str, float], known: tuple[str, ...]) -> None:
    """Raise ParameterError unless all names are known and a weight is above 0."""
    for name, weight in weights.items():
        if name not in known:
            raise ParameterError(
                f"there is no part {name!r} to weigh",
                where="weights",
                fix=f"known: {', '.join(known)}",
            )
        if not 0 <= weight <= MAX_WEIGHT:
            raise ParameterError(
                f"the weight of {name} is {weight}",
                where="weights",
                fix=f"give 0 to {MAX_WEIGHT:g}",
            )
    if not any(weights.get(name, 1.0) for name in known):
        raise ParameterError("all weights are 0", where="weights", fix="leave one above 0")


def weighted_query(encoder: Encoder, query: Vectors, weights: Mapping[str, float]) -> Vectors:
    """Do the same as `UnionEncoder.weighted` for any encoder of a collection.

    Raises:
        ParameterError: Its parts cannot be weighted; or as there.
    """
    if not isinstance(encoder, UnionEncoder):
        raise ParameterError(
            f"the encoder {encoder.spec.name} has no parts to weigh",
            where="weights",
            fix=f"{UNION_SPEC.name} has: index with it into another collection",
        )
    return encoder.weighted(query, weights)


def _lengths_one(rows: Vectors) -> Vectors:
    """Scale rows to length 1; zero rows stay zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)
