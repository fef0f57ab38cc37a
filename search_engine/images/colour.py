"""What the numbers of a picture mean as colours: from its ICC profile to sRGB.

littleCMS converts, relative to white and with black point compensation, as browsers do. Pictures
without a profile are taken for sRGB and cost nothing; so does, after the first of its kind, a
profile that is sRGB itself. PNG's gAMA, cHRM and cICP are not looked at, nor are the notes of
cameras in Exif.
"""

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

MAX_PROFILE_BYTES = 4 * 2**20
"""Those of printing presses, the largest there are, have up to 3 MiB."""

KEPT_CONVERSIONS = 8
SAME_LEVELS = 2
"""A profile that moves no colour by more, of 255, is sRGB: its makers rounded otherwise."""

LEAST_RANGE = 64
"""Levels between the darkest and the lightest colour of a profile that can be meant."""

_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
"""Colour space of a profile by the mode of the pictures that it describes."""

_OF_PICTURES = ("scnr", "mntr", "prtr", "spac")
"""Classes of profiles; others join devices or name colours."""


class BadProfileError(Exception):
    """The profile is damaged, too large, or for pictures of another kind."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """From the colours of a profile, which is for pictures of one mode, to sRGB."""

    mode: str
    _transform: "ImageCmsTransform"

    def apply(self, image: Image.Image) -> Image.Image:
        """The picture in sRGB."""
        same = image if image.mode == self.mode else image.convert(self.mode)
        converted = self._transform.apply(same)
        converted.info.clear()  # a profile of sRGB, which would go into every file made of it
        return converted


def conversion(profile: bytes | None, mode: str) -> Conversion | None:
    """How colours of a profile become sRGB; None where they are that already.

    Args:
        profile: As the file has it, or None.
        mode: `RGB`, `L` or `CMYK`; an RGB profile describes grey pictures too.

    Raises:
        BadProfileError: It cannot be used.
    """
    if not profile:
        return None
    if len(profile) > MAX_PROFILE_BYTES:
        raise BadProfileError
    if mode == "L" and profile[16:20] == b"RGB ":
        mode = "RGB"
    return _conversion(profile, mode)


@lru_cache(KEPT_CONVERSIONS)
def _conversion(profile: bytes, mode: str) -> Conversion | None:
    found = Conversion(mode, _transform(profile, mode))
    probe = _probe(mode)
    seen = np.asarray(found.apply(probe)).astype(int)
    if seen.max() - seen.min() < LEAST_RANGE:
        raise BadProfileError
    moved = np.abs(seen - np.asarray(probe.convert("RGB")))
    return None if moved.max() <= SAME_LEVELS else found


def _transform(profile: bytes, mode: str) -> "ImageCmsTransform":
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        described = source.profile
        if described.xcolor_space != _SPACES[mode] or described.device_class not in _OF_PICTURES:
            raise BadProfileError
        return ImageCms.buildTransform(
            source,
            ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        raise BadProfileError from error


def _probe(mode: str) -> Image.Image:
    """One pixel of each of some colours, black and white among them."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    levels = np.linspace(0, 255, 3 if bands == 4 else 6).astype(np.uint8)
    colours = np.stack(np.meshgrid(*[levels] * bands), axis=-1).reshape(1, -1, bands)
    return Image.fromarray(colours if bands > 1 else colours[..., 0], mode)
