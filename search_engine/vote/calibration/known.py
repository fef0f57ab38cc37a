"""How much photos look as if their class were one of the catalog's.

A projection pulls a photo of a class that it never saw towards one that it knows; the embedding
before it does not, but separates classes worse. So both are asked: the cosine to the nearest class
mean behind the projection, and before it (class means as in Snell et al., "Prototypical networks
for few-shot learning", NeurIPS 2017). How much each counts is found by taking classes out of the
catalog's own items. A collection that is not tuned has a projection for this alone.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from pydantic import BaseModel, ConfigDict

from search_engine.encoders.projection import project
from search_engine.records import Floats, Vectors
from search_engine.vote.calibration.packed import unpack

UNLIKELY = 0.02
"""Below this share answers warn that the class may be one that the catalog lacks."""


class Known(BaseModel):
    """The class means, the weights of the cosines, and what held-out items of known classes reach.

    `means` are those behind the projection, `plain_means` those before it, packed, as are the
    `mean` and `matrix` of a projection that the collection itself has not; empty where it has.
    `auroc` is the area under the ROC curve of held-out items of known classes against those taken
    out, `caught` the share of the latter below `UNLIKELY`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    means: str
    plain_means: str
    dimensions: tuple[int, int]
    weights: tuple[float, float]
    quantiles: tuple[float, ...]
    auroc: float
    caught: float
    mean: str = ""
    matrix: str = ""

    @property
    def is_apart(self) -> bool:
        """Whether the projection is its own, so that there are only embeddings before it."""
        return self.matrix != ""

    @cached_property
    def _projection(self) -> tuple[Vectors, Vectors]:
        behind, before = self.dimensions
        return unpack(self.mean, before), unpack(self.matrix, behind)

    @cached_property
    def _means(self) -> tuple[Vectors, Vectors]:
        behind, before = self.dimensions
        return unpack(self.means, behind), unpack(self.plain_means, before)

    def shares(self, vectors: Vectors, plain: Vectors) -> Floats:
        """The share of photos of known classes that look no more known than each, (Q,).

        Args:
            vectors: Embeddings behind the projection, (Q, d); not looked at where that is apart.
            plain: Those before it, (Q, D).
        """
        if self.is_apart:
            vectors = project(plain, *self._projection)
        evidence = cosines_to(self._means, (vectors, plain)) @ np.array(self.weights)
        return ranked(evidence, np.array(self.quantiles))


def ranked(evidence: Floats, quantiles: Floats) -> Floats:
    """The share of the distribution with these equidistant quantiles that is below each."""
    return np.interp(evidence, quantiles, np.linspace(0.0, 1.0, len(quantiles)))


def cosines_to(means: Sequence[Vectors], photos: Sequence[Vectors]) -> Floats:
    """The cosines to the nearest class mean behind and before a projection, (Q, 2)."""
    best = [(asked @ mean.T).max(axis=1) for asked, mean in zip(photos, means, strict=True)]
    return np.stack(best, axis=1).astype(np.float64)
