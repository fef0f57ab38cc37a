"""Patches: crops of pictures that are embedded beside the whole, and where they lie.

Comparing with a lattice of windows follows Tolias, Sicre and Jegou, "Particular object retrieval
with integral max-pooling of CNN activations", ICLR 2016.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from search_engine.encoders.base import Encoder, encode_pictures
from search_engine.errors import ImageError, ParameterError, WorkerLostError
from search_engine.images import Box
from search_engine.images.decoder import Decoder, answers_of
from search_engine.records import Vectors

STEPS = (0.0, 0.25, 0.5)
WINDOWS: tuple[Box, ...] = tuple((x, y, 0.5, 0.5) for y in STEPS for x in STEPS)
"""Windows of half the sides, each half over the next."""

QUARTERS = tuple(box for box in WINDOWS if 0.25 not in box[:2])
LATTICES: Mapping[int, tuple[Box, ...]] = MappingProxyType(
    {5: (*QUARTERS, (0.25, 0.25, 0.5, 0.5)), 9: WINDOWS}
)
"""By the number of patches: the quarters and the middle, or all windows."""

COST = 0.1
"""What the cosine of a patch counts less than the whole picture's: the best of several is higher by
chance (`benchmarks.regions`)."""


def check_patches(count: int) -> int:
    """The number of patches itself, if a picture can have so many.

    Raises:
        ParameterError: It cannot.
    """
    if count and count not in LATTICES:
        known = ", ".join(map(str, LATTICES))
        raise ParameterError(
            f"a picture cannot have {count} patches", where="patches", fix=f"give {known}, or 0"
        )
    return count


def patch_vectors(
    decoder: Decoder, encoder: Encoder, pictures: Sequence[tuple[bytes, Vectors]], count: int
) -> list[Vectors | ImageError | WorkerLostError]:
    """Embeddings (count, D) of the patches of pictures, in order, or why one cannot be read.

    A patch in which the encoder finds nothing counts as the whole picture, and is never the best.

    Args:
        decoder: Reads the pictures.
        encoder: Sees the patches.
        pictures: The bytes of each, with its own embedding, (1, D).
        count: One of `LATTICES`.
    """
    boxes = LATTICES[count]
    read = partial(decoder.parts, preprocessing=encoder.spec.preprocessing, boxes=boxes)
    outcomes = answers_of(decoder, read, [data for data, _ in pictures])
    decoded = [part for parts in outcomes if isinstance(parts, list) for part in parts]
    if not decoded:
        return [each for each in outcomes if not isinstance(each, list)]
    kept, rows = encode_pictures(encoder, decoded)
    row_of = dict(zip(kept, rows, strict=True))
    numbers = iter(range(len(decoded)))
    found: list[Vectors | ImageError | WorkerLostError] = []
    for (_, whole), parts in zip(pictures, outcomes, strict=True):
        if not isinstance(parts, list):
            found.append(parts)
            continue
        vectors = whole.repeat(count, axis=0)
        for place in range(count):
            vectors[place] = row_of.get(next(numbers), whole[0])
        found.append(vectors)
    return found
