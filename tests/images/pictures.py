"""Pictures for tests, good and bad, as bytes; nothing is stored."""

import io
import random
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

WIDTH, HEIGHT = 48, 32
ORIENTATION_TAG = 0x0112


def photo(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """A smooth picture, different in every corner, so that turning and mirroring show."""
    across = np.linspace(0, 255, width)[None, :].repeat(height, 0)
    down = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    mixed = (across + down) / 2
    return Image.fromarray(np.stack([across, down, 255 - mixed], axis=2).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(image: Image.Image | None = None, **options: Any) -> bytes:
    return encoded(image or photo(), "JPEG", **{"quality": 95, "subsampling": 0, **options})


def png(image: Image.Image | None = None, **options: Any) -> bytes:
    return encoded(image or photo(), "PNG", **options)


def frames() -> list[Image.Image]:
    """A picture, and two others to follow it."""
    return [photo(), Image.new("RGB", (WIDTH, HEIGHT), "red"), Image.new("RGB", (WIDTH, HEIGHT))]


def animated(kind: str, **options: Any) -> bytes:
    first, *others = frames()
    return encoded(first, kind, save_all=True, append_images=others, **options)


def with_orientation(
    image: Image.Image, value: Any, kind: str = "JPEG", quality: int = 95
) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = value
    options: dict[str, Any] = {"quality": quality, "subsampling": 0} if kind == "JPEG" else {}
    return encoded(image, kind, exif=exif, **options)


def png_chunk(name: bytes, content: bytes, checksum: int | None = None) -> bytes:
    checksum = zlib.crc32(name + content) if checksum is None else checksum
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def raw_png(
    width: int,
    height: int,
    pixels: bytes = b"",
    depth: int = 8,
    colour: int = 2,
    chunks: Sequence[bytes] = (),
) -> bytes:
    """A PNG of what its header claims and the pixel data that it is given."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            *chunks,
            png_chunk(b"IDAT", zlib.compress(pixels)),
            png_chunk(b"IEND", b""),
        ]
    )


def png_of_rgb16(image: Image.Image) -> bytes:
    """16 bits a channel, which Pillow reads but does not write."""
    samples = np.asarray(image).astype(">u2") * 257
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in samples)
    return raw_png(image.width, image.height, rows, depth=16)


def png_with_bomb(chunk: bytes, size: int = 50 * 2**20) -> bytes:
    """A small picture with a compressed text or profile that grows to `size` bytes."""
    packed = zlib.compress(bytes(size), 9)
    content = {
        b"zTXt": b"Comment\x00\x00" + packed,
        b"iTXt": b"Comment\x00\x01\x00\x00\x00" + packed,
        b"iCCP": b"profile\x00\x00" + packed,
    }[chunk]
    rows = b"".join(b"\x00" + row.tobytes() for row in np.asarray(photo()))
    return raw_png(WIDTH, HEIGHT, rows, chunks=[png_chunk(chunk, content)])


def png_with_bad_checksum(chunk: bytes) -> bytes:
    data = png()
    at = data.index(chunk) - 4
    length = struct.unpack(">I", data[at : at + 4])[0]
    end = at + 8 + length
    return data[:end] + bytes(4) + data[end + 4 :]


def jpeg_of_claimed_size(width: int, height: int) -> bytes:
    """A small JPEG whose header claims another size."""
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def gif_of_claimed_size(width: int, height: int) -> bytes:
    data = bytearray(encoded(Image.new("L", (4, 4)), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    at = data.index(b",\x00\x00\x00\x00") + 5
    data[at : at + 4] = struct.pack("<HH", width, height)
    return bytes(data)


def webp_of_claimed_size(width: int, height: int) -> bytes:
    data = bytearray(encoded(photo(), "WEBP", quality=50))
    at = data.index(b"\x9d\x01\x2a") + 3
    data[at : at + 4] = struct.pack("<HH", width, height)
    return bytes(data)


def bmp_of_claimed_size(width: int, height: int) -> bytes:
    data = bytearray(encoded(photo(), "BMP"))
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


def progressive_with_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is there again and again."""
    data = jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    scan = data[last:-2]
    return data[:-2] + scan * (count - data.count(b"\xff\xda")) + data[-2:]


def jpeg_with_noise_behind(size: int) -> bytes:
    """As phones write it: a photo with a film clip behind its end."""
    return jpeg() + random.Random(3).randbytes(size)


def png_info(**texts: str) -> PngInfo:
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    return info


FOREIGN_TYPES: dict[str, bytes] = {
    "one byte": b"\xff",
    "text": b"this is a shopping list, not a photo\n" * 20,
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "xml with entities": b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol">]><l>&a;</l>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "zip": b"PK\x03\x04" + bytes(40),
    "elf": b"\x7fELF\x02\x01\x01" + bytes(40),
    "ico": b"\x00\x00\x01\x00\x01\x00" + bytes(40),
    "psd": b"8BPS\x00\x01" + bytes(40),
    "heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
    "avif": b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00mif1avif",
    "jpeg 2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n",
    "ppm": b"P6\n4 4\n255\n" + bytes(48),
    "tga": bytes([0, 0, 2]) + bytes(9) + bytes([4, 0, 4, 0, 24, 0]) + bytes(48),
}
"""Content that no decoder of ours may see, by what it is."""

CORRUPT: dict[str, bytes] = {
    "half a JPEG": jpeg()[: len(jpeg()) // 2],
    "JPEG without its last bytes": jpeg()[: int(len(jpeg()) * 0.99)],
    "header of a JPEG only": jpeg()[: jpeg().index(b"\xff\xda")],
    "three bytes of a JPEG": jpeg()[:3],
    "half a PNG": png()[: len(png()) // 2],
    "signature of a PNG only": png()[:8],
    "PNG with a wrong checksum of its header": png_with_bad_checksum(b"IHDR"),
    "PNG with a wrong checksum of its pixels": png_with_bad_checksum(b"IDAT"),
    "PNG without pixels": raw_png(WIDTH, HEIGHT),
    "PNG with junk for pixels": png()[:60] + bytes(200),
    "half a WebP": encoded(photo(), "WEBP")[: len(encoded(photo(), "WEBP")) // 2],
    "half a GIF": encoded(photo(), "GIF")[:900],
    "GIF with junk for pixels": encoded(photo(), "GIF")[:790] + b"\xff" * 400,
    "0 x 0 PNG": raw_png(0, 0),
    "0 x 0 GIF": gif_of_claimed_size(0, 0),
}
"""Content of an accepted type that cannot be decoded."""

TOO_MANY_PIXELS: dict[str, bytes] = {
    "PNG of 50,000 x 50,000": raw_png(50_000, 50_000),
    "PNG of 2^31-1 square": raw_png(2**31 - 1, 2**31 - 1),
    "PNG of 41 megapixels": raw_png(8_200, 5_000),
    "PNG of 1 x 40,000,000": raw_png(1, 40_000_000),
    "PNG of 16,385 x 1": raw_png(16_385, 1),
    "JPEG of 65,000 x 65,000": jpeg_of_claimed_size(65_000, 65_000),
    "JPEG of 41 megapixels": jpeg_of_claimed_size(8_200, 5_000),
    "GIF of 65,535 x 65,535": gif_of_claimed_size(65_535, 65_535),
    "WebP of 16,383 x 16,383": webp_of_claimed_size(16_383, 16_383),
}
"""Headers that promise more than is accepted; there are no such pixels behind them."""
