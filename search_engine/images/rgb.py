"""Decode a file to an upright RGB picture on white, with its colours as viewers show them.

Animated pictures give their first frame. Only the orientation and the colour profile are used of
the metadata.
"""

import io
import warnings

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from search_engine.errors import ImageError, TooComplexError
from search_engine.images.colour import BadProfileError, conversion
from search_engine.images.limits import ImageLimits, corrupt, has_all_scans, open_checked

FIRST_FRAME_USED = "first_frame_used"
COLOUR_PROFILE_IGNORED = "colour_profile_ignored"
END_MARK_MISSING = "end_mark_missing"
NOTHING: tuple[str, ...] = ()

MOST_SHRUNK = 8
"""JPEGs can be decoded at an eighth of their size, not smaller."""

_JPEG_END = b"\xff\xd9"
_RESTARTS = [bytes([0xFF, 0xD0 + number % 8]) for number in range(16)]
_ANYTHING = tuple(
    junk + b"".join(restart + junk for restart in _RESTARTS)
    for junk in (b"\xaa" * 300, b"\x55\x2a\x93" * 100)
)
"""Continuations of a picture after a restart marker, one for each of the eight that may be next."""

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
"""An upright sRGB picture, and notes for users."""


def load_rgb(
    data: bytes, limits: ImageLimits, min_side_px: float | None = None, profiles: bool = True
) -> RgbPicture:
    """Decode to an upright sRGB picture on a white ground.

    Colours are converted before the picture is reduced: averages in another colour space would
    change the colours of edges with strong contrast.

    Args:
        data: The file's content.
        limits: Checked from the header first.
        min_side_px: A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size if its short side stays at
            least this long; None decodes at full size.
        profiles: Whether to apply colour profiles.

    Raises:
        ImageError: A subclass that names the reason.
    """
    image = open_checked(data, limits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about odd metadata, which is dropped
        try:
            animated = (FIRST_FRAME_USED,) if getattr(image, "is_animated", False) else ()
            image.draft("RGB", _wanted_size(image.size, min_side_px, limits))
            image, ended = _loaded(image, data)
            rgb, notes = to_rgb(image, image.info.get("icc_profile") if profiles else None)
            rgb = upright(rgb, image)  # only now, as loading turns a TIFF by itself
        except ImageError:
            raise
        except MemoryError as error:
            raise TooComplexError("decoding needs more memory than is allowed") from error
        except Exception as error:
            raise corrupt(error) from error
    rgb.info.clear()  # else comments go into every JPEG made of it
    return rgb, animated + ended + notes


def _wanted_size(
    size: tuple[int, int], min_side_px: float | None, limits: ImageLimits
) -> tuple[int, int]:
    """Return the least size at which to decode a JPEG without exceeding the pixel limit."""
    side = max(size) if min_side_px is None else max(1, int(min_side_px))
    shrink = 1
    while size[0] * size[1] > limits.max_pixels * shrink**2 and shrink < MOST_SHRUNK:
        shrink *= 2
    return min(side, max(1, size[0] // shrink)), min(side, max(1, size[1] // shrink))


def _loaded(image: Image.Image, data: bytes) -> RgbPicture:
    """Decode the picture; a JPEG that only lacks its end marker gets one.

    It lacks nothing else if it has all its scans, and no continuation changes any pixel.
    """
    drafted = image.size
    try:
        image.load()
        return image, NOTHING
    except OSError:
        if image.format != "JPEG" or data.endswith(_JPEG_END) or not has_all_scans(data):
            raise
    body = data.removesuffix(_JPEG_END[:1])
    ended, *others = (_drafted(body + more + _JPEG_END, drafted) for more in (b"", *_ANYTHING))
    if any(other.tobytes() != ended.tobytes() for other in others):
        raise OSError("image file is truncated")
    return ended, (END_MARK_MISSING,)


def _drafted(data: bytes, size: tuple[int, int]) -> Image.Image:
    image = JpegImageFile(io.BytesIO(data))
    image.draft("RGB", size)
    image.load()
    return image


def lies_on_its_side(source: Image.Image) -> bool:
    """Return whether the Exif data of a picture turn it by a quarter."""
    return _orientation(source) >= 5


def _orientation(source: Image.Image) -> int:
    try:
        found = int(source.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - a broken Exif block never spoils a good picture
        return 1
    return found if found in _UPRIGHT else 1


def upright(image: Image.Image, source: Image.Image) -> Image.Image:
    """Turn the picture as the Exif data of its source say."""
    orientation = _orientation(source)
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def to_rgb(image: Image.Image, profile: bytes | None) -> RgbPicture:
    """Convert any mode to sRGB on white; 16-bit and float samples are scaled, not clipped."""
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
    """Scale grey samples of 16 bits or more, or floats, to 8 bits: `convert` would clip."""
    stored = np.asarray(image)
    if stored.dtype.itemsize == 2:  # stored / 257, rounded, in the same type
        return Image.fromarray(((stored - (stored >> 8) + 128) >> 8).astype(np.uint8))
    samples = stored.astype(np.float32)
    samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    top = float(samples.max())
    if image.mode == "F":
        scale = 255.0 if top <= 1.0 else 255.0 / top
    elif top <= 255:  # 8 bits in a wider type, as `convert("I")` makes them
        scale = 1.0
    else:
        scale = 1.0 / 257.0 if top <= 65_535 else 255.0 / top
    return Image.fromarray(np.clip(samples * scale + 0.5, 0, 255).astype(np.uint8), "L")
