"""Convert the colours of a picture from its ICC profile to sRGB.

littleCMS converts relative to white and with black point compensation, as browsers do. Pictures
without a profile are taken for sRGB at no cost; so are profiles equal to sRGB after their first
use. PNG's gAMA, cHRM and cICP are ignored, and so is the colour space in Exif data.
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
"""Size limit of profiles; the largest, of printing presses, have up to 3 MiB."""

KEPT_CONVERSIONS = 8
SAME_LEVELS = 2
"""A profile that moves no colour by more levels (of 255) is sRGB, rounded in another way."""

LEAST_RANGE = 64
"""Levels between the darkest and lightest colour of a plausible profile, at least."""

_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
"""Colour space of a profile by the mode of the pictures that it applies to."""

_OF_PICTURES = ("scnr", "mntr", "prtr", "spac")
"""Classes of profiles for pictures; others link devices or name colours."""


class BadProfileError(Exception):
    """The profile is damaged, too large, or for pictures of another kind."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A conversion from a profile, for pictures of one mode, to sRGB."""

    mode: str
    _transform: "ImageCmsTransform"

    def apply(self, image: Image.Image) -> Image.Image:
        """Return the picture in sRGB."""
        same = image if image.mode == self.mode else image.convert(self.mode)
        converted = self._transform.apply(same)
        converted.info.clear()  # else it would be written into every file made of it
        return converted


def conversion(profile: bytes | None, mode: str) -> Conversion | None:
    """Return the conversion of a profile to sRGB; None if it is sRGB already.

    Args:
        profile: The profile in the file, or None.
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
    """Return a pixel for each of some colours, including black and white."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    levels = np.linspace(0, 255, 3 if bands == 4 else 6).astype(np.uint8)
    colours = np.stack(np.meshgrid(*[levels] * bands), axis=-1).reshape(1, -1, bands)
    return Image.fromarray(colours if bands > 1 else colours[..., 0], mode)
