"""Embeddings split over the positions of a picture, and the encoders that can do that.

A network that pools a feature map adds up what it sees at each position. So the cosine of two
embeddings is a sum over positions too: each adds the inner product of its part with the other
embedding. What follows the pooling is linear (a projection, a mean of views) but for the length,
which is divided out of every part alike.
"""

from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.base import MIN_NORM, Encoder, EncoderSpec
from search_engine.encoders.poolings import AVERAGE
from search_engine.errors import ParameterError
from search_engine.records import Pixels, Vectors

Positions = NDArray[np.float32]
"""Parts of embeddings by position, (N, rows, columns, D): their sum over positions is the row."""

LEAST_AGREEMENT = 0.995
"""Cosine of the sum over positions to the embedding; a network that does more than to pool, such as
one with layers behind its pooling, stays far below."""


class PositionEncoder(Encoder, Protocol):
    """An encoder whose embeddings can be split over the positions of a picture."""

    def positions(self, pixels: Pixels) -> Positions:
        """Split embeddings over positions, those of `Encoder.encode` but for rounding.

        Args:
            pixels: As for `encode`.

        Raises:
            ParameterError: The network does not pool what it sees at positions.
        """
        ...


def positions_of(encoder: Encoder, pixels: Pixels, where: str) -> Positions:
    """Split embeddings of any encoder over positions; see `PositionEncoder.positions`.

    Args:
        encoder: Any.
        pixels: As for `Encoder.encode`.
        where: The option that asks for it, for errors.

    Raises:
        ParameterError: The encoder cannot do it; the message names it.
    """
    if not hasattr(encoder, "positions"):
        raise no_positions(encoder.spec, where)
    try:
        return cast(PositionEncoder, encoder).positions(pixels)
    except ParameterError as error:
        raise no_positions(encoder.spec, where) from error


def no_positions(spec: EncoderSpec, where: str = "encoder") -> ParameterError:
    """Return the error for encoders that cannot say what they see where."""
    return ParameterError(
        f"the encoder {spec.name} with the pooling {spec.pooling} does not tell what it sees where",
        where=where,
        fix=f"leave out {where}, or index with a network whose feature maps are pooled, such as "
        f"the default one, or by --pooling {AVERAGE}",
    )


def adds_up(sums: Vectors, features: Vectors) -> bool:
    """Return whether sums over positions are the features of a network, (N, D) each."""
    lengths = np.linalg.norm(sums, axis=1) * np.linalg.norm(features, axis=1)
    cosines = np.vecdot(sums, features) / np.maximum(lengths, MIN_NORM)
    return bool(cosines.min() >= LEAST_AGREEMENT)


def unit_positions(parts: Positions) -> Positions:
    """Scale parts so that their sums have length 1; sums without a direction stay as they are."""
    lengths = np.linalg.norm(parts.sum(axis=(1, 2)), axis=1)[:, None, None, None]
    return np.asarray(parts / np.where(lengths < MIN_NORM, 1, lengths), dtype=np.float32)
