"""HEIC and AVIF, as phones and browsers make them, and which of them can be read here.

Pillow reads AVIF by itself. HEIC needs pillow-heif, an extra: the libraries in its wheels are under
the LGPL and the GPL.
"""

from functools import cache
from importlib.util import find_spec

HEIF_FORMATS = ("AVIF", "HEIF")
"""Pillow's names of the formats."""


@cache
def readable_heif() -> tuple[str, ...]:
    """Return those of the two formats that can be read."""
    from PIL import features

    found = {"AVIF": features.check("avif"), "HEIF": find_spec("pillow_heif") is not None}
    return tuple(name for name in HEIF_FORMATS if found[name])


@cache
def register_heif() -> None:
    """Let Pillow open HEIC, using one thread a picture; leave other formats alone."""
    import pillow_heif

    pillow_heif.register_heif_opener(
        decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
    )
