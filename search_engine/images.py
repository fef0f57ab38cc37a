"""From untrusted bytes to an upright RGB picture at the size an encoder wants.

Everything that can be known from the header (type, bytes, pixels, scans) is checked before a
pixel is decoded. Only the parsers of the accepted formats ever run, chosen by the content and
not by the file name. Metadata other than the orientation is dropped. Animated pictures give
their first frame. Decoding in separate processes is the business of `search_engine.decoding`.
"""

import io
import os
import re
import stat
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from search_engine.errors import (
    CorruptImageError,
    EmptyFileError,
    ImageError,
    MissingPictureError,
    ParameterError,
    TooComplexError,
    TooManyBytesError,
    TooManyPixelsError,
    UnsupportedTypeError,
)

UPLOAD_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""Accepted from anybody."""

CATALOG_FORMATS = (*UPLOAD_FORMATS, "BMP", "TIFF")
"""Accepted from the owner's own files."""

MAX_RESTART_MARKERS = 65_535
"""JPEG restart markers; a 40 megapixel photo with one a row of blocks has about 1,000."""

THUMBNAIL_QUALITY = 85
PICTURE_QUALITY = 92

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

Box = tuple[float, float, float, float]
"""A region of the upright picture: x, y, width, height as fractions of its sides, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What a picture may cost. Sizes are checked from the header, before decoding."""

    max_bytes: int = 10 * 2**20
    max_pixels: int = 40_000_000
    max_side_px: int = 16_384
    max_jpeg_scans: int = 100
    formats: tuple[str, ...] = UPLOAD_FORMATS


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an encoder wants its pictures; part of the encoder's identity.

    `crop` scales the short side to `resize_px` and takes the central `size_px` square;
    `squash` scales the whole picture to the `size_px` square.
    """

    size_px: int
    resize_px: int
    fit: Literal["crop", "squash"] = "crop"
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """Pixels of shape (size_px, size_px, 3), uint8, RGB, and what a user should know."""

    pixels: NDArray[np.uint8]
    warnings: tuple[str, ...] = ()


def read_file(path: Path, max_bytes: int) -> bytes:
    """The bytes of a regular file, at most `max_bytes`; never hangs on a pipe or a device.

    Raises:
        ImageError: Not there (`not_found`), not a regular file or unreadable (`corrupt_image`), or
            too large.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise CorruptImageError("not a regular file", where=str(path))
            if status.st_size > max_bytes:
                raise _too_many_bytes(status.st_size, max_bytes)
            return file.read(max_bytes + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise MissingPictureError("there is no such picture", where=str(path)) from None
    except IsADirectoryError:
        raise CorruptImageError("a folder, not a picture", where=str(path)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the name is not usable"
        raise CorruptImageError(f"the file cannot be read: {reason}", where=str(path)) from error


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def decode_pixels(
    data: bytes, preprocessing: Preprocessing, limits: ImageLimits, box: Box | None = None
) -> DecodedImage:
    """One picture as an encoder wants it.

    Large JPEGs are decoded at a fraction of their size, never smaller than what is needed.

    Args:
        data: The file's content; its type is found from the content alone.
        preprocessing: Size and fit.
        limits: What is accepted.
        box: Look at this region only.

    Raises:
        ImageError: A subclass that names the reason.
    """
    needed_px = preprocessing.resize_px / (min(box[2], box[3]) if box else 1.0)
    image, notes = load_rgb(data, limits, min_side_px=needed_px)
    return DecodedImage(_fit(crop_box(image, box), preprocessing), notes)


def render_jpeg(
    data: bytes, max_side_px: int, limits: ImageLimits, quality: int = THUMBNAIL_QUALITY
) -> bytes:
    """The picture upright, without metadata, as JPEG with the long side at most `max_side_px`."""
    image, _ = load_rgb(data, limits, min_side_px=max_side_px)
    image.thumbnail((max_side_px, max_side_px), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def load_rgb(
    data: bytes, limits: ImageLimits, min_side_px: float | None = None
) -> tuple[Image.Image, tuple[str, ...]]:
    """Decode to an upright RGB picture on a white ground, with warnings.

    Args:
        data: The file's content.
        limits: Checked from the header first.
        min_side_px: A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as its short
            side stays at least this long; None decodes at full size.

    Raises:
        ImageError: A subclass that names the reason.
    """
    image = _open(data, limits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which we drop anyway
        try:
            notes = ("first_frame_used",) if getattr(image, "is_animated", False) else ()
            if min_side_px is not None:
                side = max(1, int(min_side_px))
                image.draft("RGB", (side, side))
            rgb = _to_rgb(image)
            orientation = _orientation(image)  # after loading, which turns a TIFF by itself
        except ImageError:
            raise
        except MemoryError as error:
            raise TooComplexError("decoding needs more memory than is allowed") from error
        except Exception as error:
            raise _corrupt(error) from error
    if orientation in _UPRIGHT:
        rgb = rgb.transpose(_UPRIGHT[orientation])
    rgb.info.clear()  # comments would be written into every JPEG made of it
    return rgb, notes


def crop_box(image: Image.Image, box: Box | None) -> Image.Image:
    """The region `box` of the picture, at least one pixel large; the picture itself without one."""
    if box is None:
        return image
    x, y, width, height = box
    left, top = int(x * image.width), int(y * image.height)
    right = max(left + 1, round((x + width) * image.width))
    bottom = max(top + 1, round((y + height) * image.height))
    return image.crop((left, top, min(right, image.width), min(bottom, image.height)))


def parse_box(text: str) -> Box:
    """`x,y,w,h` as fractions of the upright picture.

    Raises:
        ParameterError: Not four numbers, or not inside the picture.
    """
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise ParameterError(
            "box is not four numbers", where="box", fix="give x,y,w,h as fractions from 0 to 1"
        ) from None
    inside = 0 <= x < 1 and 0 <= y < 1 and 0 < width <= 1 and 0 < height <= 1
    if not inside or x + width > 1 + 1e-6 or y + height > 1 + 1e-6:
        raise ParameterError(
            "box does not lie inside the picture",
            where="box",
            fix="give x,y,w,h as fractions from 0 to 1 with x+w and y+h at most 1",
        )
    return x, y, width, height


def sniff_format(data: bytes) -> str | None:
    """The Pillow name of the format that the first bytes announce, or None."""
    for name, is_format in _MAGIC.items():
        if is_format(data):
            return name
    return None


_MAGIC: dict[str, Callable[[bytes], bool]] = {
    "JPEG": lambda data: data.startswith(b"\xff\xd8\xff"),
    "PNG": lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"),
    "WEBP": lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP",
    "GIF": lambda data: data.startswith((b"GIF87a", b"GIF89a")),
    "BMP": lambda data: data.startswith(b"BM"),
    "TIFF": lambda data: data.startswith((b"II*\x00", b"MM\x00*")),
}


def _open(data: bytes, limits: ImageLimits) -> Image.Image:
    """The picture with its header parsed and every limit checked, not decoded yet."""
    if not data:
        raise EmptyFileError("the file is empty")
    if len(data) > limits.max_bytes:
        raise _too_many_bytes(len(data), limits.max_bytes)
    kind = sniff_format(data)
    if kind not in limits.formats:
        raise _unsupported(data, limits)
    _check_size(_announced_size(data, kind), limits)
    if kind == "JPEG":
        _check_jpeg_markers(data, limits)
    if kind == "PNG":
        _check_png_pixels(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data), formats=(kind,))
        except Image.DecompressionBombError as error:
            raise _too_many_pixels(limits) from error
        except Exception as error:
            raise _corrupt(error) from error
    if min(image.size) < 1:
        raise CorruptImageError("the picture has no pixels")
    _check_size(image.size, limits)
    return image


def _check_size(size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    if width * height > limits.max_pixels or max(width, height) > limits.max_side_px:
        raise _too_many_pixels(limits, size)


def _announced_size(data: bytes, kind: str | None) -> tuple[int, int]:
    """Width and height where they have a fixed place, though all else may be missing; else 0, 0.

    So a header that is all there is of a picture is refused for what it announces.
    """
    if kind == "PNG" and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if kind == "GIF" and len(data) >= 10:
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    return 0, 0


def _check_jpeg_markers(data: bytes, limits: ImageLimits) -> None:
    """Each scan of a progressive JPEG costs a pass over all pixels, for a few bytes of file.

    Where the bytes that begin markers are few anywhere, so are the markers; only else are they told
    from the same bytes elsewhere, which takes longer.
    """
    few_scans = data.count(b"\xff\xda") <= limits.max_jpeg_scans
    if not few_scans or data.count(b"\xff") > MAX_RESTART_MARKERS:
        _count_jpeg_markers(data, limits)


def _count_jpeg_markers(data: bytes, limits: ImageLimits) -> None:
    """Only markers up to the end of the picture count: profiles, and the film clips that phones put
    behind their photos, hold any bytes."""
    scans = restarts = 0
    position = 2
    while (marker := _JPEG_MARKER.search(data, position)) and marker[1] != b"\xd9":
        position = marker.end()
        if b"\xd0" <= marker[1] <= b"\xd7":
            restarts += 1
            if restarts > MAX_RESTART_MARKERS:
                raise TooComplexError(f"more than {MAX_RESTART_MARKERS} restart markers")
            continue
        if marker[1] == b"\xda":
            scans += 1
            if scans > limits.max_jpeg_scans:
                raise TooComplexError(f"more than {limits.max_jpeg_scans} progressive scans")
        position += int.from_bytes(data[position : position + 2], "big")


_JPEG_MARKER = re.compile(rb"\xff+([^\x00\x01\xff])", re.DOTALL)


def _check_png_pixels(data: bytes) -> None:
    """Pillow checks the sums of all chunks but those that hold the pixels."""
    position = 8
    while len(head := data[position : position + 8]) == 8 and head[4:] != b"IEND":
        end = position + 8 + int.from_bytes(head[:4], "big")
        if head[4:] == b"IDAT" and len(data) >= end + 4:
            found = zlib.crc32(memoryview(data)[position + 4 : end])
            if found != int.from_bytes(data[end : end + 4], "big"):
                raise CorruptImageError("the picture cannot be decoded: wrong checksum of pixels")
        position = end + 4


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - a broken Exif block never spoils a good picture
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    """RGB on white, whatever the mode; 16-bit and float samples are scaled, not clipped."""
    image.load()
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _scale_samples(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        ground = Image.new("RGB", rgba.size, "white")
        ground.paste(rgba, mask=rgba.getchannel("A"))
        return ground
    return image.convert("RGB")


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


def _fit(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Scale (and crop, in the same step) to the encoder's square."""
    resampling = Image.Resampling[preprocessing.interpolation.upper()]
    size = (preprocessing.size_px, preprocessing.size_px)
    box: tuple[float, float, float, float] | None = None
    if preprocessing.fit == "crop":
        side = min(image.size) * preprocessing.size_px / preprocessing.resize_px
        left, top = (image.width - side) / 2, (image.height - side) / 2
        box = (left, top, left + side, top + side)
    return np.asarray(image.resize(size, resampling, box=box))


def _corrupt(error: Exception) -> CorruptImageError:
    reason = str(error).split("\n")[0][:120] or type(error).__name__
    if isinstance(error, UnidentifiedImageError):
        reason = "its header is damaged"
    return CorruptImageError(f"the picture cannot be decoded: {reason}")


def _unsupported(data: bytes, limits: ImageLimits) -> UnsupportedTypeError:
    hint = None
    if data[4:8] == b"ftyp":
        hint = "save HEIC, HEIF or AVIF photos as JPEG first"
    accepted = ", ".join(limits.formats)
    return UnsupportedTypeError(f"not a picture of an accepted type: {accepted}", fix=hint)


def _too_many_bytes(size: int, limit: int) -> TooManyBytesError:
    return TooManyBytesError(f"{size:,} bytes; at most {limit:,} are accepted")


def _too_many_pixels(limits: ImageLimits, size: tuple[int, int] | None = None) -> ImageError:
    found = f"{size[0]} x {size[1]} pixels" if size else "far too many pixels"
    return TooManyPixelsError(
        f"{found}; at most {limits.max_pixels:,} and {limits.max_side_px:,} a side are accepted"
    )
