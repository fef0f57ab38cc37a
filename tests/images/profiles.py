"""Small ICC profiles for tests, written byte by byte; none is stored.

Displays of three primaries and a gamma, grey by a gamma, and four inks whose corners are given.
"""

import io
import struct
from collections.abc import Sequence
from itertools import product

import numpy as np
from PIL import Image, ImageCms

WHITE = (0.9642, 1.0, 0.8249)
"""D50, to which all profiles are adapted."""

Triple = tuple[float, float, float]


def display(red: Triple, green: Triple, blue: Triple, gamma: float = 2.2) -> bytes:
    """A profile of RGB pictures; primaries as XYZ relative to D50."""
    primaries = {
        name: _xyz(value)
        for name, value in zip((b"rXYZ", b"gXYZ", b"bXYZ"), (red, green, blue), strict=True)
    }
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma))
    return _profile(b"mntr", b"RGB ", b"XYZ ", primaries | curves)


def grey(gamma: float) -> bytes:
    """A profile of grey pictures."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _curve(gamma)})


def inks(corners: Sequence[Triple]) -> bytes:
    """A profile of CMYK pictures: Lab of the 16 mixtures of full and no ink, black fastest."""
    ramp = bytes(range(256))
    table = b"".join(
        bytes([round(light * 2.55), round(a) + 128, round(b) + 128]) for light, a, b in corners
    )
    identity = b"".join(_s15(value) for value in np.eye(3).ravel().tolist())
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + table + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut, b"A2B1": lut})


def in_colours_of(image: Image.Image, profile: bytes) -> Image.Image:
    """An sRGB picture as it looks the same under a profile."""
    wanted = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    found = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), wanted)
    assert found is not None
    found.info.clear()  # the profile, which would go into every file made of it
    return found


def _profile(kind: bytes, space: bytes, meeting: bytes, tags: dict[bytes, bytes]) -> bytes:
    about = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"CC0\0",
        b"wtpt": _xyz(WHITE),
    }
    index, data = b"", b""
    start = 128 + 4 + 12 * len(about | tags)
    for name, content in (about | tags).items():
        index += name + struct.pack(">II", start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    header = struct.pack(
        ">I4sI4s4s4s6H4s", start + len(data), b"test", 0x02200000, kind, space, meeting,
        2024, 1, 1, 0, 0, 0, b"acsp",
    )  # fmt: skip
    header += bytes(28) + b"".join(_s15(value) for value in WHITE) + bytes(48)
    return header + struct.pack(">I", len(about | tags)) + index + data


def _xyz(value: Triple) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(_s15(part) for part in value)


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def _s15(value: float) -> bytes:
    return struct.pack(">i", round(value * 65_536))


DISPLAY_P3 = display((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE_RGB = display((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
PROPHOTO = display((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249), 1.8)
WIDE = {"P3": DISPLAY_P3, "AdobeRGB": ADOBE_RGB, "ProPhoto": PROPHOTO}

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

INKS = inks(
    [
        (0.0, 0.0, 0.0) if black else (95 - 25 * (c + m + y), 40.0 * (m - c), 40.0 * (y - c))
        for c, m, y, black in product((0, 1), repeat=4)
    ]
)
"""Paper is a little grey, as no naive conversion has it."""
