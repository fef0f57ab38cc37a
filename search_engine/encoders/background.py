"""How similar pictures of unrelated things are to an encoder.

Pictures with nothing in common do not have a cosine of 0, and how far above it they are depends on
the encoder. A catalog with dozens of labelled items learns it from them
(`search_engine.vote.calibration`); for smaller ones it has to be known beforehand.
"""

from collections.abc import Mapping
from types import MappingProxyType

from search_engine.encoders.registry import DEFAULT_ENCODER

UNRELATED: Mapping[str, float] = MappingProxyType({DEFAULT_ENCODER: 0.37})
"""Scores by encoder, without adaptation.

Measured with 3,409 photos of clothes and 2,936 of groceries: 999 in 1,000 pairs of one each have a
cosine below 0.37. Against ten catalogs of 40 clothes, 0.977 of the groceries and 0.014 of new
photos of clothes stay below it with their nearest item (10 clothes: 0.988 and 0.057); with 40
groceries as the catalog, 0.982 of the clothes and none of the groceries.
"""


def unrelated_score(encoder: str | None, options: Mapping[str, str]) -> float | None:
    """Return the cosine that hardly any picture reaches with an unrelated one.

    Args:
        encoder: Its name.
        options: Other weights, pooling or a projection make it another encoder.

    Returns:
        The score, or None if it was never measured.
    """
    return None if encoder is None or options else UNRELATED.get(encoder)
