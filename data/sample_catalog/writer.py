"""Draws a plan into a folder: picture files, two CSVs and a stamp that says they are whole."""

import csv
import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from data.sample_catalog.photo import shopper_photo
from data.sample_catalog.plan import (
    DEFAULT_PHOTOS,
    DEFAULT_PRODUCTS,
    DEFAULT_SEED,
    VERSION,
    CatalogPlan,
    Photo,
    Picture,
    plan_catalog,
)
from data.sample_catalog.scene import catalog_picture, draw_product

CATALOG_CSV: Final = "catalog.csv"
SHOPPER_DIR: Final = "shopper"
SHOPPER_CSV: Final = "shopper.csv"
IMAGES_DIR: Final = "images"
STAMP: Final = ".sample-catalog.json"
CATALOG_QUALITY: Final = 88
SHOPPER_QUALITY: Final = 80
CATALOG_COLUMNS: Final = (
    "item_id", "image", "label", "product_id", "name", "price", "color", "pattern", "view",
)  # fmt: skip
SHOPPER_COLUMNS: Final = ("item_id", "image", "label", "product_id")


class OutputRefusedError(Exception):
    """The output folder cannot be used; nothing was changed."""


@dataclass(frozen=True)
class WriteReport:
    """What a run wrote, or found already there."""

    folder: Path
    products: int
    pictures: int
    photos: int
    kinds: int
    already_there: bool


def write_catalog(
    folder: Path,
    seed: int = DEFAULT_SEED,
    products: int = DEFAULT_PRODUCTS,
    photos: int = DEFAULT_PHOTOS,
    workers: int = 1,
) -> WriteReport:
    """Write the catalog into the folder, or leave it alone when it is already there whole.

    Files of an earlier run with other settings are replaced; a folder that holds a catalog
    this program did not write is refused. The files do not depend on the number of workers.

    Raises:
        OutputRefusedError: The folder is a file, cannot be made, or holds somebody else's catalog.
        ValueError: Fewer than one product, or a negative number of photos.
    """
    plan = plan_catalog(seed, products, photos)
    settings = {"version": VERSION, "seed": seed, "products": products, "photos": photos}
    stamp = _read_stamp(folder)
    if stamp == settings | {"complete": True} and _all_there(folder, plan):
        return _report(folder, plan, already_there=True)
    _prepare(folder, owned=stamp is not None)
    _write_stamp(folder, settings | {"complete": False})
    _draw_all(folder, plan, workers)
    _write_rows(folder / CATALOG_CSV, CATALOG_COLUMNS, map(_catalog_row, plan.pictures))
    _write_rows(folder / SHOPPER_DIR / SHOPPER_CSV, SHOPPER_COLUMNS, map(_shopper_row, plan.photos))
    _write_stamp(folder, settings | {"complete": True})
    return _report(folder, plan, already_there=False)


def _report(folder: Path, plan: CatalogPlan, already_there: bool) -> WriteReport:
    kinds = len({product.kind.slug for product in plan.products})
    return WriteReport(
        folder, len(plan.products), len(plan.pictures), len(plan.photos), kinds, already_there
    )


def _read_stamp(folder: Path) -> dict[str, object] | None:
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def _write_stamp(folder: Path, content: dict[str, int | bool]) -> None:
    _replace(folder / STAMP, json.dumps(content, indent=2) + "\n")


def _all_there(folder: Path, plan: CatalogPlan) -> bool:
    wanted = [folder / CATALOG_CSV, folder / SHOPPER_DIR / SHOPPER_CSV]
    wanted += [folder / picture.image for picture in plan.pictures]
    wanted += [folder / SHOPPER_DIR / photo.image for photo in plan.photos]
    return all(path.is_file() for path in wanted)


def _prepare(folder: Path, owned: bool) -> None:
    """Make the folders; clear what an earlier run left in them."""
    if folder.exists() and not folder.is_dir():
        raise OutputRefusedError(f"{folder} is a file; name a folder to write into")
    if not owned and (folder / CATALOG_CSV).exists():
        raise OutputRefusedError(
            f"{folder} holds a {CATALOG_CSV} that this program did not write; name another folder"
        )
    for name in (IMAGES_DIR, SHOPPER_DIR):
        try:
            (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputRefusedError(f"cannot write into {folder}: {error.strerror}") from error
        if owned:
            for old in (folder / name).glob("*.jpg"):
                old.unlink()


def _draw_all(folder: Path, plan: CatalogPlan, workers: int) -> None:
    groups = [
        [picture for picture in plan.pictures if picture.product == product]
        for product in plan.products
    ]
    if workers <= 1:
        for group in groups:
            _draw_pictures(folder, group)
        for photo in plan.photos:
            _draw_photo(folder, photo)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_draw_pictures, folder, group) for group in groups]
        jobs += [pool.submit(_draw_photo, folder, photo) for photo in plan.photos]
        for job in jobs:
            job.result()


def _draw_pictures(folder: Path, pictures: Sequence[Picture]) -> None:
    """All views of one product; views that see the same drawing share it."""
    drawings = {}
    for picture in pictures:
        seen = (picture.pose.tilt, picture.pose.yaw, picture.pose.light)
        if seen not in drawings:
            drawings[seen] = draw_product(picture.product, picture.pose)
        image = catalog_picture(picture, drawings[seen])
        image.save(folder / picture.image, quality=CATALOG_QUALITY)


def _draw_photo(folder: Path, photo: Photo) -> None:
    shopper_photo(photo).save(folder / SHOPPER_DIR / photo.image, quality=SHOPPER_QUALITY)


def _catalog_row(picture: Picture) -> tuple[str, ...]:
    product = picture.product
    return (
        picture.item_id, picture.image, product.kind.label, product.product_id, product.name,
        product.price, product.color_name, product.pattern, picture.view,
    )  # fmt: skip


def _shopper_row(photo: Photo) -> tuple[str, ...]:
    return (photo.item_id, photo.image, photo.product.kind.label, photo.product.product_id)


def _write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    partial = path.with_name(path.name + ".part")
    with partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    os.replace(partial, path)


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
