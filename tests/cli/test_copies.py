"""Copies, `--fold` and `--turns` on the command line."""

from pathlib import Path

from PIL import Image, ImageOps

from tests.cli.conftest import Run
from tests.images.pictures import jpeg


def test_a_thumbnail_is_told_to_be_the_same_picture(
    run: Run, hsv_data: Path, sample: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small.jpg"
    photo = Image.open(sample / "images" / "backpack-0001-a.jpg")
    small.write_bytes(jpeg(ImageOps.contain(photo, (64, 64))))
    ran = run("search", small, "--data", hsv_data, "-k", "3")
    assert "the same picture as the photo: backpack-0001-a" in ran.err
    found = run("search", small, "--data", hsv_data, "-k", "3", "--fold", "--json").json
    assert found["neighbors"][0]["same_picture"] is True
    assert found["neighbors"][0]["views"] == {"count": 1, "item_ids": ["backpack-0001-a"]}
    turned = run("search", small, "--data", hsv_data, "--turns", "any", "--json").json
    assert turned["neighbors"][0]["item_id"] == "backpack-0001-a"
