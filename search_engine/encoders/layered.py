"""A network that computes the features of several layers, used by one part of them.

What `multi` pools holds the average over the last maps, which is what the network's own pooling
gives. So a collection can be embedded by that, and the features of all layers be kept to learn
from, in one pass.
"""

from dataclasses import replace

from search_engine.encoders.base import Encoder, unit_rows
from search_engine.encoders.poolings import AVERAGE, average_part
from search_engine.records import Pixels, Vectors


class LayeredEncoder:
    """The encoder of the average; `base` is that of all layers."""

    def __init__(self, base: Encoder, dimension: int) -> None:
        """Take the average, of `dimension` channels, out of what `base` gives."""
        self.base = base
        self.spec = replace(base.spec, dimension=dimension, pooling=AVERAGE)
        self._part = average_part(base.spec.dimension, dimension)

    @property
    def runtime(self) -> str:
        """See Encoder."""
        return self.base.runtime

    def encode(self, pixels: Pixels) -> Vectors:
        """See Encoder."""
        return self.project(self.base.encode(pixels))

    def project(self, features: Vectors) -> Vectors:
        """Return the embeddings (N, d) of the features of all layers (N, D).

        Raises:
            NoEmbeddingError: Some rows become zero; `rows` says which.
        """
        return unit_rows(features[:, self._part])
