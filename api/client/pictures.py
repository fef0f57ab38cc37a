"""Pictures as programs have them, as the bytes of a file; neither Pillow nor NumPy is needed."""

from __future__ import annotations

import io
import os
import struct
import sys
import zlib
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

Picture: TypeAlias = (
    "bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO"
    " | Image.Image | NDArray[Any]"
)
"""Bytes of a file, a path, a file opened with "rb", a PIL image, or an array (uint8; height x
width, or height x width x 1, 3 or 4 in the order RGB or RGBA)."""

_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
"""Of PNG, by the number of channels."""


def picture_file(picture: Picture) -> tuple[str, bytes, str]:
    """A picture as a part of a form: its name, its bytes and a kind that says nothing.

    Raises:
        TypeError, ValueError: It is no picture.
        OSError: Its file cannot be read.
    """
    name = os.path.basename(os.fspath(picture)) if isinstance(picture, str | os.PathLike) else ""
    return name or "picture", picture_bytes(picture), "application/octet-stream"


def picture_bytes(picture: Picture) -> bytes:
    """The bytes of a file with the picture; pixels become PNG.

    Raises:
        TypeError, ValueError: It is no picture.
        OSError: Its file cannot be read.
    """
    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    if isinstance(picture, str) and picture.startswith(("http://", "https://")):
        raise ValueError(f"{picture:.80} is an address, of which nothing is fetched: give the file")
    if isinstance(picture, str | os.PathLike):
        return Path(picture).read_bytes()
    if _is_of(picture, "PIL.Image", "Image"):
        return _png_of_image(picture)
    if _is_of(picture, "numpy", "ndarray"):
        return _png_of_array(picture)
    read = getattr(picture, "read", None)
    data = read() if callable(read) else None
    if not isinstance(data, bytes):
        raise TypeError(
            f"{type(picture).__name__} is no picture: give bytes, a path, a file opened with 'rb', "
            "a PIL image or a NumPy array"
        )
    return data


def _is_of(picture: Any, module: str, name: str) -> bool:
    """Whether it is of a class of a module, which is imported already if it is."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(picture, kind)


def _png_of_image(image: Any) -> bytes:
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        upright = upright.convert("RGB")
    buffer = io.BytesIO()
    upright.save(buffer, "PNG", compress_level=1, icc_profile=image.info.get("icc_profile"))
    return buffer.getvalue()


def _png_of_array(pixels: Any) -> bytes:
    shape = (*pixels.shape, 1) if pixels.ndim == 2 else pixels.shape
    if str(pixels.dtype) != "uint8" or len(shape) != 3 or shape[2] not in _COLOUR_TYPES:
        raise ValueError(
            f"an array of shape {pixels.shape} and type {pixels.dtype} is no picture: give uint8, "
            "height x width, or height x width x 1, 3 or 4 in the order RGB or RGBA"
        )
    height, width, channels = shape
    rows = pixels.reshape(height, width * channels)
    content = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows), 1)
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks = {b"IHDR": head, b"IDAT": content, b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(starmap(_chunk, chunks.items()))


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
