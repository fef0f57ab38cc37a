"""The verb that finds items that show the same, in a small shop with changed copies."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageEnhance, ImageOps

from search_engine.engine import SearchEngine
from search_engine.storage.paths import DataPaths
from tests.cli.conftest import Index, Run
from tests.images.pictures import jpeg
from tests.images.test_spectrum import textured

COPIES = ("mirrored", "turned", "small", "framed", "brighter", "recoded", "cropped")
OTHERS = 1
"""Few, as the encoder sees colours alone, which all of them share."""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A photo, a file equal to it, copies changed in each way, and other photos."""
    root = tmp_path / "shop"
    root.mkdir()
    photo = textured(0)
    changed = (
        ImageOps.mirror(photo),
        photo.transpose(Image.Transpose.ROTATE_90),
        photo.resize((64, 64)),
        ImageOps.expand(photo, 20, "white"),
        ImageEnhance.Brightness(photo).enhance(1.2),
        photo,
        photo.crop((8, 8, 150, 155)),
    )
    for name, image in zip(COPIES, changed, strict=True):
        (root / f"{name}.jpg").write_bytes(jpeg(image, quality=80))
    for number in range(OTHERS):
        (root / f"other{number}.jpg").write_bytes(jpeg(textured(number + 1)))
    alike = photo.copy()
    alike.paste(textured(9).crop((0, 0, 70, 90)), (10, 50))
    (root / "alike.jpg").write_bytes(jpeg(alike))
    (root / "a.jpg").write_bytes(jpeg(photo))
    shutil.copyfile(root / "a.jpg", root / "equal.jpg")
    return root


def groups(run: Run, data: Path, *options: object) -> list[dict[str, Any]]:
    ran = run("duplicates", "--data", data, "--json", *options)
    assert ran.code == 0
    return [json.loads(line) for line in ran.out.splitlines()]


def test_three_tiers_are_found(run: Run, index: Index, shop: Path, data: Path) -> None:
    index(shop)
    exact, near, *alike = groups(run, data, "--min-score", 1)
    assert exact == {"tier": "exact", "items": ["a.jpg", "equal.jpg"]}
    assert near["tier"] == "near"
    assert sorted(near["items"]) == sorted(
        ["a.jpg", "equal.jpg", *(f"{name}.jpg" for name in COPIES)]
    )
    assert alike == []
    found = groups(run, data, "--min-score", 0.5)
    tiers = Counter((group["tier"], item) for group in found for item in group["items"])
    assert max(tiers.values()) == 1, "an item is in one group of a tier"
    assert {tier for tier, _ in tiers} == {"exact", "near", "alike"}


def test_people_read_a_table_and_programs_a_file(
    run: Run, index: Index, shop: Path, data: Path, tmp_path: Path
) -> None:
    index(shop)
    table = tmp_path / "duplicates.csv"
    ran = run("duplicates", "--data", data, "--min-score", 1, "--output", table)
    assert ran.out.splitlines()[0].split() == ["tier", "items", "ids"]
    assert ran.out.splitlines()[-1] == "1 exact, 8 near, 0 alike among 11 items; alike from 1 on"
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["tier"] for row in rows) == {"exact": 2, "near": 9}
    assert {row["group"] for row in rows} == {"1", "2"}


def test_hashes_are_kept_and_may_be_deleted(run: Run, index: Index, shop: Path, data: Path) -> None:
    index(shop)
    first = groups(run, data)
    kept = DataPaths(data).spectra
    written = kept.stat().st_mtime_ns
    assert groups(run, data) == first
    assert kept.stat().st_mtime_ns == written, "nothing is computed again"
    kept.unlink()
    assert groups(run, data) == first
    kept.write_bytes(b"no hashes" * 1000)
    assert groups(run, data) == first
    assert run("check", "--data", data).code == 0


def test_a_changed_picture_has_another_hash(run: Run, index: Index, shop: Path, data: Path) -> None:
    index(shop)
    groups(run, data)
    with SearchEngine(data) as engine:
        engine.upsert("turned.jpg", jpeg(textured(40)))
        engine.upsert("other0.jpg", jpeg(ImageOps.mirror(textured(0))))
    (near,) = [each for each in groups(run, data) if each["tier"] == "near"]
    assert "turned.jpg" not in near["items"]
    assert "other0.jpg" in near["items"]


def test_pictures_that_are_gone_are_told(run: Run, index: Index, shop: Path, data: Path) -> None:
    index(shop)
    shutil.rmtree(shop)
    ran = run("duplicates", "--data", data, "--min-score", 1)
    assert ran.code == 0
    assert "note: 11 pictures could not be read" in ran.err
    assert "1 exact, " in ran.out


def test_bad_questions_are_refused(
    run: Run, index: Index, shop: Path, data: Path, tmp_path: Path
) -> None:
    assert run("duplicates", "--data", data).code != 0
    index(shop)
    assert run("duplicates", "--data", data, "--min-score", 1.1).code == 2
    assert run("duplicates", "--data", data, "--output", tmp_path / "x.txt").code == 2
    assert run("duplicates", "--data", data, "--collection", "none").code == 2


def test_an_empty_collection_has_none(run: Run, index: Index, shop: Path, data: Path) -> None:
    index(shop)
    assert run("collections", "create", "empty", "--data", data).code == 0
    ran = run("duplicates", "--data", data, "--collection", "empty")
    assert (ran.code, ran.out.strip()) == (
        0,
        "0 exact, 0 near, 0 alike among 0 items; alike from 0.9 on",
    )
