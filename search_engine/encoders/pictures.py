"""Encoders that describe one picture at a time, without a network."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from search_engine.encoders.base import EncoderSpec, unit_rows
from search_engine.encoders.poolings import refuse_pooling
from search_engine.encoders.registry import EncoderRequest
from search_engine.errors import WeightsError
from search_engine.records import Pixels, Vectors

Describe = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Computes the features (dimension,) of an RGB picture (H, W, 3)."""


class PictureEncoder:
    """A spec, and the function that describes one picture."""

    def __init__(self, spec: EncoderSpec, describe: Describe, runtime: str) -> None:
        self.spec = spec
        self.runtime = runtime
        self._describe = describe

    def encode(self, pixels: Pixels) -> Vectors:
        """See Encoder."""
        return encode_each(pixels, self._describe, self.spec.dimension)


def encode_each(pixels: Pixels, describe: Describe, dimension: int) -> Vectors:
    """Implement `Encoder.encode` by describing one picture at a time."""
    if len(pixels) == 0:
        return np.empty((0, dimension), dtype=np.float32)
    pictures = np.ascontiguousarray(pixels)
    return unit_rows(np.stack([describe(picture) for picture in pictures]))


def refuse_choices(request: EncoderRequest) -> None:
    """Refuse weights and poolings for an encoder that has no variants.

    Raises:
        WeightsError: The request has weights.
        ParameterError: The request has a pooling.
    """
    refuse_pooling(request.pooling, request.name)
    if request.weights is not None:
        raise WeightsError(f"the {request.name} encoder has no weights", fix="leave out --weights")
