"""Check from its header what a picture is and costs, before a pixel is decoded.

Only parsers of accepted formats run, chosen by content and not by file name.
"""

import io
import re
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from search_engine.errors import (
    CorruptImageError,
    EmptyFileError,
    ImageError,
    TooComplexError,
    TooManyBytesError,
    TooManyPixelsError,
    UnsupportedTypeError,
)
from search_engine.images.heif import HEIF_FORMATS, register_heif
from search_engine.images.other_files import AS_JPEG, OtherFile, other_file

UPLOAD_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""Formats accepted from anybody."""

CATALOG_FORMATS = (*UPLOAD_FORMATS, "BMP", "TIFF")
"""Formats accepted from the owner's own files."""

CATALOG_SETTING = "EYEDEX_CATALOG_MAX_"
"""Prefix of the settings for the owner's own files."""

MAX_RESTART_MARKERS = 65_535
"""JPEG restart markers; a 40 megapixel photo with one for each row of blocks has about 1,000."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The limits of a picture. Sizes are checked from the header, before decoding.

    `max_jpeg_pixels` is for JPEGs, which are decoded at a reduced size so that at most `max_pixels`
    result; None for `max_pixels`. `setting` is the prefix of the settings that an error names.
    """

    max_bytes: int = 10 * 2**20
    max_pixels: int = 40_000_000
    max_side_px: int = 16_384
    max_jpeg_scans: int = 100
    formats: tuple[str, ...] = UPLOAD_FORMATS
    max_jpeg_pixels: int | None = None
    setting: str | None = None

    def most_pixels(self, kind: str | None) -> int:
        """Return the pixel limit of a format."""
        return (kind == "JPEG" and self.max_jpeg_pixels) or self.max_pixels


def sniff_format(data: bytes) -> str | None:
    """Return the Pillow name of the format that the first bytes show, or None."""
    for name, is_format in _MAGIC.items():
        if is_format(data):
            return name
    return None


def _brands(data: bytes) -> list[bytes]:
    """Return the brands of an ISO media file: the main one and the compatible ones."""
    if data[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(data[:4], "big"), len(data))
    return [data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))]


def _is_avif(data: bytes) -> bool:
    return any(brand in (b"avif", b"avis") for brand in _brands(data))


def _is_heif(data: bytes) -> bool:
    return not _is_avif(data) and any(brand in _HEIF_BRANDS for brand in _brands(data)[:1])


_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})

_MAGIC: dict[str, Callable[[bytes], bool]] = {
    "JPEG": lambda data: data.startswith(b"\xff\xd8\xff"),
    "PNG": lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"),
    "WEBP": lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP",
    "GIF": lambda data: data.startswith((b"GIF87a", b"GIF89a")),
    "BMP": lambda data: data.startswith(b"BM"),
    "TIFF": lambda data: data.startswith((b"II*\x00", b"MM\x00*")),
    "AVIF": _is_avif,
    "HEIF": _is_heif,
}


def open_checked(data: bytes, limits: ImageLimits) -> Image.Image:
    """Open the picture with its header parsed and every limit checked, but not decoded."""
    if not data:
        raise EmptyFileError("the file is empty")
    if len(data) > limits.max_bytes:
        raise too_many_bytes(len(data), limits.max_bytes, limits.setting)
    kind = sniff_format(data)
    if kind not in limits.formats:
        raise _unsupported(data, limits)
    check_size(_announced_size(data, kind), limits, kind)
    if kind == "JPEG":
        _check_jpeg_markers(data, limits)
    if kind == "PNG":
        _check_png_pixels(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = _opened(data, kind, limits)
        except Image.DecompressionBombError as error:
            raise _too_many_pixels(limits, kind) from error
        except Exception as error:
            raise corrupt(error) from error
    if min(image.size) < 1:
        raise CorruptImageError("the picture has no pixels")
    check_size(image.size, limits, kind)
    return image


def check_size(size: tuple[int, int], limits: ImageLimits, kind: str | None = None) -> None:
    """Raise TooManyPixelsError if a picture has too many pixels or too long sides."""
    width, height = size
    if width * height > limits.most_pixels(kind) or max(width, height) > limits.max_side_px:
        raise _too_many_pixels(limits, kind, size)


def _opened(data: bytes, kind: str | None, limits: ImageLimits) -> Image.Image:
    if kind == "HEIF":
        register_heif()
    try:
        return Image.open(io.BytesIO(data), formats=(str(kind),))
    except Image.DecompressionBombError:
        if kind != "JPEG" or limits.max_jpeg_pixels is None:
            raise
        return JpegImageFile(io.BytesIO(data))  # decoded at a smaller size


def _announced_size(data: bytes, kind: str | None) -> tuple[int, int]:
    """Return width and height if they have a fixed place in the file, else 0, 0.

    So even a file with nothing but a header is refused for its declared size.
    """
    if kind == "PNG" and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if kind == "GIF" and len(data) >= 10:
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    return 0, 0


def _check_jpeg_markers(data: bytes, limits: ImageLimits) -> None:
    """Limit the scans of progressive JPEGs: each costs a pass over all pixels, for few bytes.

    If the bytes that begin markers are rare in the file, so are the markers; otherwise they are
    counted exactly, which takes longer.
    """
    few_scans = data.count(b"\xff\xda") <= limits.max_jpeg_scans
    if not few_scans or data.count(b"\xff") > MAX_RESTART_MARKERS:
        _count_jpeg_markers(data, limits)


def _count_jpeg_markers(data: bytes, limits: ImageLimits) -> None:
    """Count markers up to the end of the picture only: profiles, and the film clips that phones
    append to photos, contain any bytes."""
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


def has_all_scans(data: bytes) -> bool:
    """Return whether the scans of a JPEG give all bits of all its coefficients.

    Progressive JPEGs have many scans, and a file may end between two of them.
    """
    components = 0
    progressive = False
    whole: set[tuple[int, int]] = set()
    position = 2
    while marker := _JPEG_MARKER.search(data, position):
        position = marker.end()
        if b"\xd0" <= marker[1] <= b"\xd7":
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        segment = data[position + 2 : position + length]
        if marker[1] in (b"\xc0", b"\xc1", b"\xc2") and len(segment) > 5:
            components, progressive = segment[5], marker[1] == b"\xc2"
        if marker[1] == b"\xda" and len(segment) >= 4 + 2 * segment[0]:
            named = segment[1 : 1 + 2 * segment[0] : 2]
            first, last, bits = segment[-3:] if progressive else (0, 63, 0)
            if bits & 15 == 0:
                whole.update((name, at) for name in named for at in range(first, last + 1))
        position += length
    return len(whole) >= 64 * components > 0


_JPEG_MARKER = re.compile(rb"\xff+([^\x00\x01\xff])", re.DOTALL)


def _check_png_pixels(data: bytes) -> None:
    """Check the pixel chunks of a PNG: Pillow verifies the checksums of all others."""
    position = 8
    while len(head := data[position : position + 8]) == 8 and head[4:] != b"IEND":
        end = position + 8 + int.from_bytes(head[:4], "big")
        if head[4:] == b"IDAT" and len(data) >= end + 4:
            found = zlib.crc32(memoryview(data)[position + 4 : end])
            if found != int.from_bytes(data[end : end + 4], "big"):
                raise CorruptImageError("the picture cannot be decoded: wrong checksum of pixels")
        position = end + 4


def corrupt(error: Exception) -> CorruptImageError:
    """Return the error for a picture whose decoder failed."""
    reason = str(error).split("\n")[0][:120] or type(error).__name__
    if isinstance(error, UnidentifiedImageError):
        reason = "its header is damaged"
    return CorruptImageError(f"the picture cannot be decoded: {reason}")


def _unsupported(data: bytes, limits: ImageLimits) -> UnsupportedTypeError:
    what = f"not a picture of an accepted type: {', '.join(limits.formats)}"
    found = _refused_format(data, limits) or other_file(data)
    if found is None:
        return UnsupportedTypeError(what)
    return UnsupportedTypeError(f"{what}; this is {found.name}", fix=found.fix)


def _refused_format(data: bytes, limits: ImageLimits) -> OtherFile | None:
    """Return which of the picture formats it is that are read elsewhere, or with an extra."""
    kind, fix = sniff_format(data), "save HEIC, HEIF or AVIF photos as JPEG first"
    if kind is None or kind not in HEIF_FORMATS:
        return None if kind is None else OtherFile(kind, AS_JPEG)
    if kind == "HEIF" and limits.setting:
        return OtherFile(
            "HEIC, for which eyedex[heif] is needed", f"pip install 'eyedex[heif]', or {fix}"
        )
    return OtherFile("HEIC, HEIF or AVIF", fix)


def too_many_bytes(size: int, limit: int, setting: str | None = None) -> TooManyBytesError:
    """Return the error for a file that is too large."""
    named = f" ({setting}BYTES)" if setting else ""
    return TooManyBytesError(f"{size:,} bytes; at most {limit:,} are accepted{named}")


def _too_many_pixels(
    limits: ImageLimits, kind: str | None, size: tuple[int, int] | None = None
) -> ImageError:
    found = f"{size[0]} x {size[1]} pixels" if size else "far too many pixels"
    named = f" of a {kind} ({limits.setting}PIXELS)" if limits.setting else ""
    most = f"{limits.most_pixels(kind):,} and {limits.max_side_px:,} a side are accepted"
    return TooManyPixelsError(f"{found}; at most {most}{named}")
