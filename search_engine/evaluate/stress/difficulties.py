"""Image defects made on purpose: each is a pure function of picture, amount and generator.

A function takes an upright RGB picture of any size and returns a new one; random choices (the place
of a crop, the direction of a shadow) come from the generator, so equal seeds give equal pictures.
The table at the end has three amounts for each difficulty, from slight to severe. The kinds follow
Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and
perturbations", ICLR 2019; the deformation Simard, Steinkraus and Platt, "Best practices for
convolutional neural networks applied to visual document analysis", ICDAR 2003.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from search_engine.encoders.torch_imports import import_transforms

Picture = Image.Image
Make = Callable[[Picture, float, np.random.Generator], Picture]

BICUBIC = Image.Resampling.BICUBIC
STRENGTHS = ("slight", "medium", "severe")
SHAPES_ON_GROUND = 140
WAVES_A_SIDE = 8
"""Control points on a side of an elastic deformation; the others are interpolated smoothly."""
MOTION_STEPS = 24


@dataclass(frozen=True, slots=True)
class Difficulty:
    """One way in which a photo can be difficult.

    `amounts` are slight, medium and severe; `means` describes an amount, with `{}` for it, or each
    of the three.
    """

    name: str
    family: str
    means: str | tuple[str, str, str]
    amounts: tuple[float, float, float]
    make: Make

    def told(self, strength: int) -> str:
        """Describe the amount of a strength (0, 1 or 2)."""
        if isinstance(self.means, tuple):
            return self.means[strength]
        return self.means.format(self.amounts[strength])


def rotate(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Turn by `amount` degrees, left or right."""
    angle = amount * rng.choice((-1, 1))
    return picture.rotate(angle, BICUBIC, fillcolor=border_colour(picture))


def shear(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Slant and stretch: an affine map that keeps the centre in place."""
    slant, stretch = amount * rng.choice((-1, 1)), 1 + amount * rng.uniform(0.5, 1)
    width, height = picture.size
    terms = (stretch, slant, (1 - stretch) * width / 2 - slant * height / 2, 0.0, 1.0, 0.0)
    return picture.transform(
        picture.size, Image.Transform.AFFINE, terms, BICUBIC, fillcolor=border_colour(picture)
    )


def perspective(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """View from the side: move each corner inwards by up to `amount` of the sides."""
    width, height = picture.size
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    moved = corners + inwards * rng.uniform(0.2, 1, (4, 2)) * amount * (width, height)
    seen: Picture = import_transforms().functional.perspective(
        picture, corners.tolist(), moved.tolist(), BICUBIC, [*border_colour(picture)]
    )
    return seen


def mirror(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Mirror (1), turn upside down (2), or lay on the side (3)."""
    turns = {
        1: Image.Transpose.FLIP_LEFT_RIGHT,
        2: Image.Transpose.FLIP_TOP_BOTTOM,
        3: Image.Transpose.ROTATE_90,
    }
    return picture.transpose(turns[int(amount)])


def far_away(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Shrink to `amount` of the sides, anywhere on a plain background."""
    ground = Image.new("RGB", picture.size, border_colour(picture))
    return _pasted(picture, amount, ground, rng)


def crop(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Come too close: keep only `amount` of the area, from anywhere."""
    share = amount**0.5
    width, height = (max(1, round(side * share)) for side in picture.size)
    left = int(rng.integers(picture.width - width + 1))
    top = int(rng.integers(picture.height - height + 1))
    return picture.crop((left, top, left + width, top + height)).resize(picture.size, BICUBIC)


def low_resolution(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Reduce the short side to `amount` pixels."""
    scale = amount / min(picture.size)
    small = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(small, BICUBIC).resize(picture.size, BICUBIC)


def gamma(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Raise samples to the power of `amount`: above 1 is darker, below 1 brighter."""
    table = (255 * (np.arange(256) / 255) ** amount).round().astype(int).tolist()
    return picture.point(table * 3)


def white_balance(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Make the light warm or cold: red up, blue down by the factor 1 + `amount`, or inversely."""
    factor = (1 + amount) ** rng.choice((-1, 1))
    return _picture(_samples(picture) * (factor, 1.0, 1 / factor))


def shadow(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Cast a soft-edged shadow over about half of the picture, taking `amount` of its light."""
    angle = rng.uniform(0, 2 * np.pi)
    down, right = np.indices((picture.height, picture.width), dtype=np.float64)
    down, right = down / picture.height - 0.5, right / picture.width - 0.5
    inside = (np.cos(angle) * right + np.sin(angle) * down + rng.uniform(-0.1, 0.1)) / 0.05
    light = 1 - amount / (1 + np.exp(-np.clip(inside, -50, 50)))
    return _picture(_samples(picture) * light[..., None])


def elastic(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Displace smoothly at random, by at most `amount` of the short side."""
    from scipy.ndimage import map_coordinates

    shape = (picture.height, picture.width)
    moves = np.stack([_waves(picture.size, rng) for _ in range(2)])
    moves *= amount * min(shape) / max(float(np.abs(moves).max()), 1e-9)
    where = np.indices(shape, dtype=np.float32) + moves
    samples = np.asarray(picture)
    channels = [map_coordinates(samples[..., one], where, order=1, mode="nearest")
                for one in range(3)]  # fmt: skip
    return Image.fromarray(np.stack(channels, axis=-1))


def occlusion(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Cover `amount` of the area by something of one colour."""
    share = amount**0.5
    width, height = (round(side * share) for side in picture.size)
    left = int(rng.integers(picture.width - width + 1))
    top = int(rng.integers(picture.height - height + 1))
    hidden = picture.copy()
    hidden.paste(_any_colour(rng), (left, top, left + width, top + height))
    return hidden


def clutter(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Paste at `amount` of the sides on a background of random shapes."""
    ground = Image.new("RGB", picture.size, _any_colour(rng))
    draw = ImageDraw.Draw(ground)
    for number in range(SHAPES_ON_GROUND):
        size = rng.uniform(0.03, 0.25, 2) * picture.size
        x, y = rng.uniform(-0.1, 1, 2) * picture.size
        shape = draw.ellipse if number % 2 else draw.rectangle
        shape((float(x), float(y), float(x + size[0]), float(y + size[1])), fill=_any_colour(rng))
    return _pasted(picture, amount, ground, rng)


def defocus(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Blur by a Gaussian of `amount` of the short side."""
    return picture.filter(ImageFilter.GaussianBlur(amount * min(picture.size)))


def motion(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Blur by motion over `amount` of the short side, in any direction."""
    angle, length = rng.uniform(0, np.pi), amount * min(picture.size)
    steps = np.linspace(-length / 2, length / 2, min(max(2, round(length) + 1), MOTION_STEPS))
    total = np.zeros((picture.height, picture.width, 3))
    padding = int(length / 2) + 1
    padded = Image.fromarray(
        np.pad(np.asarray(picture), ((padding, padding), (padding, padding), (0, 0)), mode="edge")
    )
    for step in steps:
        left, top = padding + step * np.cos(angle), padding + step * np.sin(angle)
        box = (round(left), round(top), round(left) + picture.width, round(top) + picture.height)
        total += np.asarray(padded.crop(box))
    return _picture(total / len(steps))


def noise(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Add Gaussian noise of `amount` of 255."""
    samples = _samples(picture)
    return _picture(samples + rng.normal(0, amount, samples.shape))


def jpeg(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Save as JPEG of quality `amount`."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=int(amount))
    with Image.open(buffer) as saved:
        return saved.convert("RGB")


def grey(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Remove `amount` of the colour; 1 gives a grey picture."""
    return Image.blend(picture, ImageOps.grayscale(picture).convert("RGB"), amount)


def sketch(picture: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Mix in a drawing, dark lines on white, by `amount`."""
    level = ImageOps.grayscale(picture).filter(ImageFilter.GaussianBlur(1))
    rows, columns = np.gradient(np.pad(np.asarray(level, dtype=np.float64), 1, mode="edge"))
    lines = np.hypot(rows, columns)[1:-1, 1:-1]
    lines = 255 - 255 * np.clip(lines / max(float(np.quantile(lines, 0.97)), 1.0), 0, 1)
    drawn = _picture(np.repeat(lines[..., None], 3, axis=2))
    return Image.blend(picture, drawn, amount)


def border_colour(picture: Picture) -> tuple[int, int, int]:
    """Return the median colour of the outermost pixels, usually that of the background."""
    samples = np.asarray(picture)
    edge = np.concatenate([samples[0], samples[-1], samples[:, 0], samples[:, -1]])
    red, green, blue = np.median(edge, axis=0).astype(int).tolist()
    return red, green, blue


def _pasted(picture: Picture, share: float, ground: Picture, rng: np.random.Generator) -> Picture:
    """Paste the picture at `share` of its size anywhere on a background of its own size."""
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    left = int(rng.integers(ground.width - size[0] + 1))
    top = int(rng.integers(ground.height - size[1] + 1))
    ground.paste(picture.resize(size, BICUBIC), (left, top))
    return ground


def _waves(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return random numbers that vary slowly over the picture, shape (height, width)."""
    coarse = rng.uniform(-1, 1, (WAVES_A_SIDE, WAVES_A_SIDE)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize(size, BICUBIC))


def _any_colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = rng.integers(256, size=3).tolist()
    return red, green, blue


def _samples(picture: Picture) -> NDArray[np.float64]:
    return np.asarray(picture, dtype=np.float64)


def _picture(samples: NDArray[np.float64]) -> Picture:
    return Image.fromarray(np.clip(samples.round(), 0, 255).astype(np.uint8))


DIFFICULTIES = (
    Difficulty("tilted", "viewpoint", "turned by {:.0f} degrees", (10, 25, 45), rotate),
    Difficulty("slanted", "viewpoint", "slanted and stretched by {:.0%}", (0.1, 0.25, 0.45), shear),
    Difficulty("from the side", "viewpoint", "corners moved by up to {:.0%}", (0.1, 0.2, 0.35),
               perspective),
    Difficulty("mirrored", "viewpoint", ("left and right exchanged", "upside down", "lying"),
               (1, 2, 3), mirror),
    Difficulty("far away", "scale", "{:.0%} of the sides", (0.7, 0.45, 0.25), far_away),
    Difficulty("too close", "scale", "{:.0%} of the area is left", (0.75, 0.5, 0.25), crop),
    Difficulty("few pixels", "scale", "{:.0f} pixels on the short side", (96, 48, 24),
               low_resolution),
    Difficulty("dark", "light", "gamma {:.1f}", (1.6, 2.5, 4.0), gamma),
    Difficulty("overexposed", "light", "gamma {:.2f}", (0.65, 0.45, 0.28), gamma),
    Difficulty("wrong white balance", "light", "red against blue {:.0%} off", (0.2, 0.45, 0.9),
               white_balance),
    Difficulty("shadow", "light", "half of it {:.0%} darker", (0.4, 0.65, 0.85), shadow),
    Difficulty("deformed", "deformation", "pixels moved by up to {:.1%}", (0.015, 0.035, 0.07),
               elastic),
    Difficulty("half hidden", "occlusion", "{:.0%} of it covered", (0.1, 0.25, 0.45), occlusion),
    Difficulty("busy background", "clutter", "{:.0%} of the sides is the product", (0.8, 0.6, 0.4),
               clutter),
    Difficulty("out of focus", "blur", "blurred by {:.1%} of the side", (0.006, 0.015, 0.035),
               defocus),
    Difficulty("shaken", "blur", "moved by {:.0%} of the side", (0.02, 0.06, 0.12), motion),
    Difficulty("noise", "noise", "{:.0f} of 255", (12, 35, 75), noise),
    Difficulty("strong compression", "compression", "JPEG quality {:.0f}", (30, 12, 4), jpeg),
    Difficulty("without colour", "style", "{:.0%} of the colour gone", (0.5, 0.8, 1.0), grey),
    Difficulty("drawing", "style", "{:.0%} lines instead of photo", (0.4, 0.7, 1.0), sketch),
)  # fmt: skip
