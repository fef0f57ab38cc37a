"""Convert pictures from the forms of Python programs to the bytes of a file.

Pixels become lossless PNG, so the limits of decoding, the content hash and the query cache are the
same for every form.
"""

import io
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search_engine.errors import (
    EmptyFileError,
    ImageError,
    MissingPictureError,
    ParameterError,
)
from search_engine.images.files import read_file
from search_engine.images.limits import ImageLimits, check_size, corrupt, too_many_bytes
from search_engine.images.rgb import to_rgb, upright

GivenPicture = (
    bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO | Image.Image | NDArray[Any]
)

ACCEPTED = (
    "give bytes, the path of a file, a binary file object, a PIL image, or a NumPy array (uint8, "
    "RGB; height x width x 3)"
)
QUICK = 1
"""Fast level of PNG compression."""

LEAST_SIDE_PX = 512
"""Pixels that exceed the byte limit are reduced, but not below this side."""

_IN_PNG = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def picture_bytes(picture: GivenPicture, limits: ImageLimits) -> bytes:
    """Return the content of a file with the picture.

    Args:
        picture: Its bytes, a path, a file opened for reading bytes, a PIL image (turned as its Exif
            data say, its colour profile kept) or an array of 8-bit samples: (H, W), (H, W, 1),
            (H, W, 3) for RGB or (H, W, 4) for RGBA. Not changed; a file is read to its end.
        limits: Larger files are refused; larger arrays and images are halved on each side until
            they fit, as no encoder uses so many pixels.

    Raises:
        ParameterError: It is none of these.
        MissingPictureError: There is no such file.
        ImageError: It is too large or unreadable.
    """
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, bytearray | memoryview):
        return bytes(picture)
    if isinstance(picture, str | os.PathLike):
        return _read_path(os.fspath(picture), limits.max_bytes)
    if isinstance(picture, Image.Image):
        return _png(picture, limits)
    if isinstance(picture, np.ndarray):
        return _png(_image(picture), limits)
    if callable(getattr(picture, "read", None)):
        return _read(picture, limits.max_bytes)
    raise ParameterError(f"{type(picture).__name__} is no picture", where="picture", fix=ACCEPTED)


def _read_path(path: Any, max_bytes: int) -> bytes:
    if not path:
        raise MissingPictureError("the path of the picture is empty", where="picture")
    return read_file(Path(os.fsdecode(path)), max_bytes)


def _read(file: BinaryIO, max_bytes: int) -> bytes:
    try:
        data = file.read(max_bytes + 1)
    except ValueError as error:  # it is closed, or was opened for writing
        raise ParameterError(
            f"the file cannot be read: {error}", where="picture", fix='open it with mode "rb"'
        ) from error
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ParameterError(
            f"the file gives {type(data).__name__}, not bytes",
            where="picture",
            fix='open it with mode "rb"',
        )
    if not data:
        raise EmptyFileError(
            "the file has nothing (more) to read", where="picture", fix="file.seek(0) goes back"
        )
    if len(data) > max_bytes:
        raise too_many_bytes(len(data), max_bytes)
    return bytes(data)


def _image(pixels: NDArray[Any]) -> Image.Image:
    shape = pixels.shape
    if pixels.dtype != np.uint8 or not _is_shape(shape):
        raise ParameterError(
            f"an array of shape {shape} and type {pixels.dtype} is no picture",
            where="picture",
            fix="give (height, width), or (height, width, 1, 3 or 4) in the order RGB or RGBA, as "
            "uint8 from 0 to 255",
        )
    flat = pixels[..., 0] if shape[2:] == (1,) else pixels
    return Image.fromarray(np.ascontiguousarray(flat))


def _is_shape(shape: tuple[int, ...]) -> bool:
    return min(shape, default=0) > 0 and (len(shape) == 2 or shape[2:] in ((1,), (3,), (4,)))


def _png(image: Image.Image, limits: ImageLimits) -> bytes:
    """Encode the picture as it looks: upright, with its profile, reduced if too large."""
    check_size(image.size, limits)
    profile = image.info.get("icc_profile")
    try:
        shown = upright(image, image)
        if shown.mode in _IN_PNG:
            data = _saved(shown, profile)
            if len(data) <= limits.max_bytes:
                return data
        shown, _ = to_rgb(shown, profile)
        while len(data := _saved(shown, None)) > limits.max_bytes:
            if min(shown.size) < 2 * LEAST_SIDE_PX:
                raise too_many_bytes(len(data), limits.max_bytes)
            shown = shown.reduce(2)
    except ImageError:
        raise
    except Exception as error:  # Pillow may only read the file now
        raise corrupt(error) from error
    return data


def _saved(image: Image.Image, profile: bytes | None) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=QUICK, icc_profile=profile, exif=b"")
    return buffer.getvalue()
