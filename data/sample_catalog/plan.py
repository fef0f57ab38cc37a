"""Decides what the catalog holds, without drawing anything.

Pure and quick: products with names and prices, their pictures, and the shopper photos.
"""

import random
from dataclasses import dataclass
from typing import Final

from data.sample_catalog.kinds import KINDS, Kind
from data.sample_catalog.looks import Look, Pose
from data.sample_catalog.palette import PALETTE, Color, luma
from data.sample_catalog.patterns import ADJECTIVES
from data.sample_catalog.shading import Light

VERSION: Final = 1
DEFAULT_SEED: Final = 7
DEFAULT_PRODUCTS: Final = 8 * len(KINDS)
DEFAULT_PHOTOS: Final = 40
VIEW_COUNTS: Final = (2, 3, 2, 3, 1, 3, 2, 3)
VIEWS: Final = ("front", "angle", "zoom")
LEAST_ACCENT_CONTRAST: Final = 0.22


@dataclass(frozen=True)
class Product:
    """One made-up product."""

    product_id: str
    kind: Kind
    name: str
    price: str
    color_name: str
    color: Color
    accent: Color
    pattern: str
    key: str

    def look(self, pose: Pose) -> Look:
        """The product as seen in a pose."""
        return Look(self.key, self.color, self.accent, self.pattern, pose)


@dataclass(frozen=True)
class Picture:
    """One catalog picture of a product."""

    item_id: str
    image: str
    product: Product
    view: str
    pose: Pose


@dataclass(frozen=True)
class Photo:
    """One shopper photo of a catalog product; a bystander may get into it."""

    item_id: str
    image: str
    product: Product
    bystander: Product
    number: int
    key: str


@dataclass(frozen=True)
class CatalogPlan:
    """Everything that will be drawn; image paths are relative to their own CSV."""

    seed: int
    products: tuple[Product, ...]
    pictures: tuple[Picture, ...]
    photos: tuple[Photo, ...]


def plan_catalog(
    seed: int = DEFAULT_SEED, products: int = DEFAULT_PRODUCTS, photos: int = DEFAULT_PHOTOS
) -> CatalogPlan:
    """The plan for a seed; a larger catalog of the same seed keeps the smaller one's products.

    Raises:
        ValueError: Fewer than one product, or a negative number of photos.
    """
    if products < 1 or photos < 0:
        raise ValueError(f"need at least 1 product and 0 photos, got {products} and {photos}")
    made = sorted(
        (_product(seed, KINDS[i % len(KINDS)], i // len(KINDS)) for i in range(products)),
        key=lambda product: product.product_id,
    )
    pictures = tuple(picture for product in made for picture in _pictures(product))
    return CatalogPlan(seed, tuple(made), pictures, _photos(seed, made, photos))


def _product(seed: int, kind: Kind, number: int) -> Product:
    product_id = f"{kind.slug}-{number + 1:04d}"
    key = f"{seed}/{product_id}"
    color_names = sorted(kind.colors)
    random.Random(f"{seed}/{kind.slug}/colors").shuffle(color_names)
    color_name = color_names[number % len(color_names)]
    color = kind.colors[color_name]
    start = random.Random(f"{seed}/{kind.slug}/patterns").randrange(len(kind.patterns))
    pattern = kind.patterns[(start + number) % len(kind.patterns)]
    words = (color_name, ADJECTIVES[pattern], kind.noun)
    name = " ".join(word for word in words if word)
    return Product(
        product_id=product_id,
        kind=kind,
        name=name[0].upper() + name[1:],
        price=f"{random.Random(f'{key}/price').randint(*kind.price) - 0.1:.2f}",
        color_name=color_name,
        color=color,
        accent=_accent(key, color),
        pattern=pattern,
        key=key,
    )


def _accent(key: str, color: Color) -> Color:
    """A palette colour that stands out from the main one."""
    apart = [
        other
        for _, other in sorted(PALETTE.items())
        if abs(luma(other) - luma(color)) >= LEAST_ACCENT_CONTRAST
    ]
    return random.Random(f"{key}/accent").choice(apart)


def _pictures(product: Product) -> list[Picture]:
    number = int(product.product_id.rsplit("-", 1)[1]) - 1
    pictures = []
    for letter, view in zip("abc", VIEWS[: VIEW_COUNTS[number % len(VIEW_COUNTS)]], strict=False):
        item_id = f"{product.product_id}-{letter}"
        pose = _pose(product, view)
        pictures.append(Picture(item_id, f"images/{item_id}.jpg", product, view, pose))
    return pictures


def _pose(product: Product, view: str) -> Pose:
    rng = random.Random(f"{product.key}/{view}")
    if view == "front":
        return Pose()
    if view == "zoom":
        return Pose(zoom=rng.uniform(1.3, 1.6))
    turn = rng.choice((-1, 1)) * rng.uniform(0.5, 0.9)
    return Pose(
        tilt=rng.uniform(0.24, 0.32),
        yaw=turn,
        roll_degrees=rng.uniform(-14, 14) if product.kind.stance == "lying" else 0.0,
        mirror=product.kind.stance == "standing" and turn < 0,
        light=Light(x=-0.3, y=-0.6),
    )


def _photos(seed: int, products: list[Product], count: int) -> tuple[Photo, ...]:
    """Photos in turn over the kinds, so that every kind gets its share."""
    by_kind: dict[str, list[Product]] = {}
    for product in products:
        by_kind.setdefault(product.kind.slug, []).append(product)
    for slug, shelf in by_kind.items():
        random.Random(f"{seed}/{slug}/photos").shuffle(shelf)
    slugs = sorted(by_kind)
    random.Random(f"{seed}/photos").shuffle(slugs)
    photos = []
    for i in range(count):
        shelf = by_kind[slugs[i % len(slugs)]]
        product = shelf[(i // len(slugs)) % len(shelf)]
        item_id = f"photo-{i + 1:03d}"
        key = f"{seed}/{item_id}"
        bystander = random.Random(f"{key}/bystander").choice(products)
        photos.append(Photo(item_id, f"{item_id}.jpg", product, bystander, i, key))
    return tuple(photos)
