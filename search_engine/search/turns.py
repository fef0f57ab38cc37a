"""Photos that lie on their side: searched with in all four quarter turns, the best match counts.

What an encoder learned stands upright, so a photo that was taken or saved on its side is another to
it. Copies of catalog pictures need none of this: their hashes are the same in all turns.
"""

from dataclasses import replace

import numpy as np

from search_engine.encoders.base import Encoder, encode_pictures
from search_engine.errors import ParameterError
from search_engine.images import DecodedImage
from search_engine.records import Vectors
from search_engine.search.options import SearchOptions, check_choice

OPTION = "turns"
QUARTERS = (1, 2, 3)

COST = 0.02
"""What the cosine of a turned photo counts less than that of the photo as it is: the best of four
is higher by chance (`benchmarks.turns`)."""


def turned(encoder: Encoder, photo: DecodedImage) -> Vectors:
    """The embeddings of a photo after one, two and three quarter turns, (3, D) at most."""
    squares = [np.rot90(photo.views, quarter, axes=(1, 2)) for quarter in QUARTERS]
    pictures = [replace(photo, views=np.ascontiguousarray(each)) for each in squares]
    return encode_pictures(encoder, pictures)[1]


def check_turns(
    turns: str | None, has_regions: bool, has_examples: bool, options: SearchOptions
) -> None:
    """Refuse options that turns do not go with.

    Raises:
        ParameterError: It names the option.
    """
    if turns is None:
        return
    check_choice(turns, OPTION)
    others = "regions" if has_regions else "like" if has_examples else None
    name = others or options.about_the_whole
    if name is not None:
        raise ParameterError(
            f"`{name}` is about the photo as it is, and `{OPTION}` asks with it turned",
            where=name,
            fix=f"leave out `{name}`, or `{OPTION}`",
        )
