"""The sample catalog: what it plans, that it draws the same files again, and what it refuses."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.sample_catalog import OutputRefusedError, plan_catalog, write_catalog
from data.sample_catalog.__main__ import main
from data.sample_catalog.kinds import KINDS
from data.sample_catalog.writer import CATALOG_COLUMNS, SHOPPER_COLUMNS

SMALL_PRODUCTS = len(KINDS)
SMALL_PHOTOS = 3
FEW = 2
LEAST_LIGHTNESS_RANGE = 60


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One product of every kind, and a few photos."""
    folder = tmp_path_factory.mktemp("sample") / "catalog"
    write_catalog(folder, seed=7, products=SMALL_PRODUCTS, photos=SMALL_PHOTOS, workers=2)
    return folder


def test_full_plan_is_large_and_varied() -> None:
    plan = plan_catalog()
    assert len(plan.pictures) >= 400
    assert len({product.kind.label for product in plan.products}) >= 12
    assert len({picture.item_id for picture in plan.pictures}) == len(plan.pictures)
    assert len({picture.image for picture in plan.pictures}) == len(plan.pictures)
    views = Counter(picture.product.product_id for picture in plan.pictures)
    assert set(views.values()) == {1, 2, 3}
    assert len({product.name for product in plan.products}) == len(plan.products)


def test_photos_spread_over_all_kinds() -> None:
    plan = plan_catalog()
    per_kind = Counter(photo.product.kind.slug for photo in plan.photos)
    assert len(plan.photos) == 40
    assert set(per_kind) == {kind.slug for kind in KINDS}
    assert max(per_kind.values()) - min(per_kind.values()) <= 1
    assert len({photo.product.product_id for photo in plan.photos}) == 40


def test_kinds_have_their_own_slug_and_label() -> None:
    assert len({kind.slug for kind in KINDS}) == len(KINDS)
    assert len({kind.label for kind in KINDS}) == len(KINDS)


def test_larger_catalog_keeps_the_smaller_ones_products() -> None:
    smaller = {product.product_id: product for product in plan_catalog(products=30).products}
    larger = {product.product_id: product for product in plan_catalog(products=60).products}
    assert smaller.items() <= larger.items()


@pytest.mark.parametrize(("products", "photos"), [(0, 4), (-1, 4), (5, -1)])
def test_plan_refuses_impossible_counts(products: int, photos: int) -> None:
    with pytest.raises(ValueError, match=str(min(products, photos))):
        plan_catalog(products=products, photos=photos)


def test_catalog_csv_lists_every_picture(small: Path) -> None:
    rows = _rows(small / "catalog.csv")
    assert tuple(rows[0]) == CATALOG_COLUMNS
    assert len({row["item_id"] for row in rows}) == len(rows)
    assert {row["label"] for row in rows} == {kind.label for kind in KINDS}
    assert {row["image"] for row in rows} == {
        path.relative_to(small).as_posix() for path in small.glob("images/*")
    }
    assert all(float(row["price"]) > 0 and all(row.values()) for row in rows)


def test_shopper_csv_refers_to_catalog_products(small: Path) -> None:
    labels = {row["product_id"]: row["label"] for row in _rows(small / "catalog.csv")}
    rows = _rows(small / "shopper" / "shopper.csv")
    assert tuple(rows[0]) == SHOPPER_COLUMNS
    assert len(rows) == SMALL_PHOTOS
    for row in rows:
        assert labels[row["product_id"]] == row["label"]
        assert (small / "shopper" / row["image"]).is_file()


def test_pictures_are_square_and_show_something(small: Path) -> None:
    for row in _rows(small / "catalog.csv"):
        with Image.open(small / row["image"]) as picture:
            assert picture.size == (400, 400)
            lightness = np.asarray(picture.convert("L"), dtype=np.int16)
        assert np.ptp(lightness) > LEAST_LIGHTNESS_RANGE, row["image"]


def test_same_seed_gives_the_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    write_catalog(tmp_path / "a", products=FEW, photos=1)
    write_catalog(tmp_path / "b", products=FEW, photos=1, workers=2)
    assert _digests(tmp_path / "a") == _digests(tmp_path / "b")


def test_another_seed_gives_other_pictures(tmp_path: Path) -> None:
    for seed in (7, 8):
        write_catalog(tmp_path / str(seed), seed=seed, products=1, photos=1)
    first, second = _digests(tmp_path / "7"), _digests(tmp_path / "8")
    assert all(first[name] != second[name] for name in first if name.endswith(".jpg"))


def test_second_run_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(tmp_path / "out"), "--products", "2", "--photos", "1", "--workers", "1"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("Wrote ")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("Already there")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_missing_picture_is_drawn_again(tmp_path: Path) -> None:
    write_catalog(tmp_path, products=2, photos=1)
    before = _digests(tmp_path)
    next(tmp_path.glob("images/*.jpg")).unlink()
    assert not write_catalog(tmp_path, products=2, photos=1).already_there
    assert _digests(tmp_path) == before


def test_other_settings_leave_no_old_pictures(tmp_path: Path) -> None:
    write_catalog(tmp_path, products=FEW, photos=1)
    write_catalog(tmp_path, products=1, photos=1)
    assert len(list(tmp_path.glob("images/*.jpg"))) == len(_rows(tmp_path / "catalog.csv"))


def test_file_as_output_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "taken"
    target.write_text("mine", encoding="utf-8")
    assert main([str(target), "--products", "1"]) == 2
    assert f"{target} is a file" in capsys.readouterr().err
    assert target.read_text(encoding="utf-8") == "mine"


def test_foreign_catalog_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputRefusedError, match="did not write"):
        write_catalog(tmp_path, products=1, photos=0)
    assert [path.name for path in tmp_path.iterdir()] == ["catalog.csv"]
