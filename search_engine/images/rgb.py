"""From a file's content to an upright RGB picture on white, its colours as viewers show them.

Animated pictures give their first frame. Metadata other than the orientation and the colour profile
is dropped.
"""

import warnings

import numpy as np
from PIL import Image

from search_engine.errors import ImageError, TooComplexError
from search_engine.images.colour import BadProfileError, conversion
from search_engine.images.limits import ImageLimits, corrupt, open_checked

FIRST_FRAME_USED = "first_frame_used"
COLOUR_PROFILE_IGNORED = "colour_profile_ignored"
NOTHING: tuple[str, ...] = ()

_EXIF_ORIENTATION = 0x0112
_UPRIGHT: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WITH_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")


RgbPicture = tuple[Image.Image, tuple[str, ...]]
"""An upright sRGB picture, and what a user should know of it."""


def load_rgb(
    data: bytes, limits: ImageLimits, min_side_px: float | None = None, profiles: bool = True
) -> RgbPicture:
    """Decode to an upright sRGB picture on a white ground.

    Colours are converted before the picture is made smaller: as an average of other numbers, edges
    of strong contrast would become other colours.

    Args:
        data: The file's content.
        limits: Checked from the header first.
        min_side_px: A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as its short
            side stays at least this long; None decodes at full size.
        profiles: Whether colour profiles count.

    Raises:
        ImageError: A subclass that names the reason.
    """
    image = open_checked(data, limits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which we drop anyway
        try:
            animated = (FIRST_FRAME_USED,) if getattr(image, "is_animated", False) else ()
            if min_side_px is not None:
                side = max(1, int(min_side_px))
                image.draft("RGB", (side, side))
            image.load()
            rgb, notes = to_rgb(image, image.info.get("icc_profile") if profiles else None)
            rgb = upright(rgb, image)  # after loading, which turns a TIFF by itself
        except ImageError:
            raise
        except MemoryError as error:
            raise TooComplexError("decoding needs more memory than is allowed") from error
        except Exception as error:
            raise corrupt(error) from error
    rgb.info.clear()  # comments would be written into every JPEG made of it
    return rgb, animated + notes


def upright(image: Image.Image, source: Image.Image) -> Image.Image:
    """The picture turned as the Exif data of its source say."""
    try:
        orientation = int(source.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - a broken Exif block never spoils a good picture
        return image
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def to_rgb(image: Image.Image, profile: bytes | None) -> RgbPicture:
    """sRGB on white, whatever the mode; 16-bit and float samples are scaled, not clipped."""
    deep = image.mode.startswith("I") or image.mode == "F"
    if not deep and (image.mode in _WITH_ALPHA or "transparency" in image.info):
        return _on_white(image, profile)
    colours = _scale_samples(image) if deep else image
    if colours.mode not in ("RGB", "L", "CMYK"):
        colours = colours.convert("L" if colours.mode == "1" else "RGB")
    try:
        to_srgb = conversion(profile, colours.mode)
    except BadProfileError:
        return _as_rgb(colours), (COLOUR_PROFILE_IGNORED,)
    return _as_rgb(colours) if to_srgb is None else to_srgb.apply(colours), ()


def _on_white(image: Image.Image, profile: bytes | None) -> RgbPicture:
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    colours, notes = rgba, NOTHING
    if profile:
        grey = image.mode in ("L", "LA", "La")
        colours, notes = to_rgb(rgba.convert("L" if grey else "RGB"), profile)
    ground = Image.new("RGB", rgba.size, "white")
    ground.paste(colours, mask=rgba.getchannel("A"))
    return ground, notes


def _as_rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _scale_samples(image: Image.Image) -> Image.Image:
    """Grey samples of 16 bits or more, or floats, to 8 bits: `convert` would clip to white."""
    stored = np.asarray(image)
    if stored.dtype.itemsize == 2:  # rounds stored / 257 without another type
        return Image.fromarray(((stored - (stored >> 8) + 128) >> 8).astype(np.uint8))
    samples = stored.astype(np.float32)
    samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    top = float(samples.max())
    if image.mode == "F":
        scale = 255.0 if top <= 1.0 else 255.0 / top
    else:
        scale = 1.0 / 257.0 if top <= 65_535 else 255.0 / top
    return Image.fromarray(np.clip(samples * scale + 0.5, 0, 255).astype(np.uint8), "L")
