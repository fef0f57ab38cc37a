"""How alike pictures of unrelated things are to an encoder.

Two pictures that show nothing in common do not have a cosine of 0, and how far above it they are
differs from encoder to encoder. A catalog with some dozens of labelled items learns it from them
(`search_engine.vote.calibration`); for a smaller one it has to be known beforehand.
"""

from collections.abc import Mapping
from types import MappingProxyType

from search_engine.encoders.registry import DEFAULT_ENCODER

UNRELATED: Mapping[str, float] = MappingProxyType({DEFAULT_ENCODER: 0.37})
"""By encoder, as it comes.

Measured with 3,409 photos of clothes and 2,936 of groceries: of the pairs of one each, 999 in 1,000
have a cosine below 0.37. Against ten catalogs of 40 clothes, 0.977 of the groceries stay below it
with their nearest item, and 0.014 of new photos of clothes (of 10 clothes: 0.988 and 0.057); with
40 groceries as the catalog, 0.982 of the clothes and none of the groceries.
"""


def unrelated_score(encoder: str | None, options: Mapping[str, str]) -> float | None:
    """The cosine that hardly any picture reaches with one that shows nothing alike.

    Args:
        encoder: Its name.
        options: Other weights, another pooling, a projection: it is another encoder then.

    Returns:
        None where nobody has measured it.
    """
    return None if encoder is None or options else UNRELATED.get(encoder)
