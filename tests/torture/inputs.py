"""G12 and G13: every bad input has its answer, and odd but good pictures mean the same."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from search_engine.encoders.base import Encoder
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.images import ImageLimits
from search_engine.images.decoder import InlineDecoder
from tests.api.asking import CheckedClient, ask
from tests.faults.forking import run_forked
from tests.images.pictures import (
    CORRUPT,
    FOREIGN_TYPES,
    TOO_MANY_PIXELS,
    animated,
    encoded,
    frames,
    jpeg,
    photo,
    png,
    png_of_rgb16,
    with_orientation,
)
from tests.torture.campaign import environment
from tests.torture.goals import Goal, Reached
from tests.torture.network_tools import copied

ROOT = Path(__file__).parents[2]
TABLES = (
    "tests/api/test_bad_pictures.py", "tests/api/test_envelope.py", "tests/api/test_values.py",
    "tests/api/test_addresses.py",
    "tests/images/test_limits.py", "tests/images/test_types.py",
    "tests/indexer/sources/test_json_table.py", "tests/indexer/sources/test_delimited.py",
    "tests/indexer/sources/test_parquet_table.py", "tests/indexer/sources/test_pictures.py",
    "tests/indexer/sources/test_addresses.py", "tests/contract/test_encoder_weights.py",
)  # fmt: skip
"""Where the rows of RELIABILITY.md, section 3, are tests; in small only that there are as many."""
WIDER = ("too_many_pixels", "unsupported_type")
"""Own files may be larger and of more kinds: then it is seen that there is no picture in them."""
LEAST = 250
RUN_FROM = 0.01
UPRIGHT, ALIKE = 0.999, 0.98
BEST = 100
"""Quality of JPEGs where pixels that are turned should be the same: the usual tables are coarser
across than along, which a network sees in noise."""
WIDTH, HEIGHT = 240, 160
MOVING = {"GIF": "GIF", "PNG": "PNG", "WEBP": "WEBP", "MPO": "JPEG"}
TURNS = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
}  # fmt: skip
"""What was done to a picture that an Exif orientation undoes."""


def bad_inputs(scale: float, seed: int) -> Reached:
    """Run the tests of bad inputs, and refuse the same pictures over HTTP and in the shell."""
    only = () if scale >= RUN_FROM else ("--collect-only",)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", *only, *TABLES],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    counted = re.search(r"(\d+) (?:passed|tests collected)", done.stdout)
    cases = int(counted[1]) if counted else 0
    pictures = {**CORRUPT, **FOREIGN_TYPES, **TOO_MANY_PIXELS, "empty": b""}
    if scale < RUN_FROM:
        pictures = dict(list(pictures.items())[:1])
    with copied() as data, CheckedClient(data) as client, tempfile.TemporaryDirectory() as folder:
        over_http = {name: ask(client, one).json()["code"] for name, one in pictures.items()}
        in_shell = {name: _refused(Path(folder), data, one) for name, one in pictures.items()}
    differ = [
        name
        for name, code in over_http.items()
        if in_shell[name] not in (code, "ok", "corrupt_image" if code in WIDER else code)
    ]
    what = "passed" if scale >= RUN_FROM else "are there"
    figures = (
        f"{cases} tests {what}; of {len(pictures)} bad pictures {len(differ)} have another code "
        f"in the shell {differ[:3]}"
    )
    return Reached(done.returncode == 0 and cases >= LEAST and not differ, figures)


def _refused(folder: Path, data: Path, picture: bytes) -> str:
    """The code that the command line refuses a picture with; `ok` where own files may be it."""
    file = folder / "a.jpg"
    file.write_bytes(picture)
    done = run_forked(["search", str(file), "--json", "--data", str(data)], environment())
    if done.returncode == 0:
        return "ok"
    return str(json.loads(done.stderr.splitlines()[-1])["code"])


def same_meaning(scale: float, seed: int) -> Reached:
    """Embed pictures that are stored in odd ways beside the plain ones."""
    name = DEFAULT_ENCODER if scale else "hsv"
    with tempfile.TemporaryDirectory() as folder:
        encoder = create_encoder(EncoderRequest(name, cache=Path(folder)))
    embed = partial(_embedded, encoder)
    plain = _scene()
    wanted, best = embed(jpeg(plain)), embed(jpeg(plain, quality=BEST))
    upright = min(float(best @ embed(each)) for each in _turned(plain))
    others = {kind: float(wanted @ embed(one)) for kind, one in _stored_otherwise(plain).items()}
    stills = sum(float(embed(one) @ embed(other)) >= UPRIGHT for one, other in _moving())
    least = {kind: round(value, 4) for kind, value in others.items() if value < ALIKE}
    figures = (
        f"{name}: orientations 1 to 8 at least {upright:.4f}; {len(others)} other forms at least "
        f"{min(others.values()):.4f} {least or ''}; first frames {stills} of {len(MOVING)}"
    )
    return Reached(upright >= UPRIGHT and not least and stills == len(MOVING), figures)


def _scene() -> Image.Image:
    """Things on a ground with noise: of a smooth ground alone a network sees next to nothing, so
    that the rounding of a JPEG decides."""
    ground = np.asarray(photo(WIDTH, HEIGHT), dtype=np.float64)
    noise = np.random.default_rng(0).normal(0, 6, ground.shape)
    scene = Image.fromarray(np.clip(ground + noise, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(scene)
    draw.ellipse((60, 30, 180, 130), fill=(200, 40, 60))
    draw.rectangle((90, 60, 150, 100), fill=(20, 160, 220))
    return scene


def _embedded(encoder: Encoder, data: bytes) -> np.ndarray:
    decoded = InlineDecoder(ImageLimits()).decode(data, encoder.spec.preprocessing)
    return np.asarray(encoder.encode(decoded.pixels[None])[0])


def _turned(plain: Image.Image) -> list[bytes]:
    pictures = {
        value: plain if turn is None else plain.transpose(turn) for value, turn in TURNS.items()
    }
    return [with_orientation(each, value, quality=BEST) for value, each in pictures.items()]


def _moving() -> Iterator[tuple[bytes, bytes]]:
    """Pictures of several frames, and the first frame alone in the same form."""
    still = frames()[0]
    for kind, alone in MOVING.items():
        options = {} if kind in ("GIF", "MPO") else {"lossless": True}
        yield animated(kind, **options), encoded(still, alone, **options)


def _stored_otherwise(plain: Image.Image) -> Mapping[str, bytes]:
    see_through = plain.copy()
    see_through.putalpha(255)
    return {
        "16 bits": png_of_rgb16(plain),
        "CMYK": encoded(plain.convert("CMYK"), "JPEG", quality=95),
        "alpha": png(see_through),
        "palette": png(plain.quantize(256)),
        "PNG": png(plain),
        "WebP": encoded(plain, "WEBP", lossless=True),
        "progressive": jpeg(plain, progressive=True),
    }


GOALS = [
    Goal("G12", "250 bad inputs answered as they should; shell and HTTP alike", bad_inputs),
    Goal("G13", "orientations >= 0.999, 16 bits, CMYK, alpha >= 0.98, first frames", same_meaning),
]
