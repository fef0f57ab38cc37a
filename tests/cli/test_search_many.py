"""`eyedex search` with many photos, or with embeddings."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from api.cli.exits import Exit
from tests.cli.conftest import Run
from tests.images.pictures import CORRUPT


@pytest.fixture
def photos(sample: Path, tmp_path: Path) -> Path:
    """A folder with ten pictures and a broken one between them."""
    root = tmp_path / "photos"
    root.mkdir()
    for number, photo in enumerate(sorted((sample / "images").rglob("*.jpg"))[:10]):
        shutil.copy(photo, root / f"{number}.jpg")
    (root / "5a.jpg").write_bytes(CORRUPT["half a JPEG"])
    return root


def test_a_folder_is_searched_into_a_file(
    run: Run, hsv_data: Path, photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "found.parquet"
    asked = ("search", photos, "--data", hsv_data, "-k", 3, "--filter", "view = front")
    ran = run(*asked, "--output", output, "--json")
    assert ran.code == Exit.SOME_REJECTED
    assert (ran.json["rows"], ran.json["answered"], ran.json["rejected"]) == (11, 10, 1)
    assert ran.err.startswith("rejected: corrupt_image: 5a.jpg: ")
    rows = pyarrow.parquet.read_table(output).to_pylist()
    assert [row["rank"] for row in rows] == [1, 2, 3] * 6 + [None] + [1, 2, 3] * 4
    one = photos / "3.jpg"
    alone = run("search", one, "--data", hsv_data, "-k", 3, "--filter", "view = front", "--json")
    assert [row["item_id"] for row in rows if row["query"] == "3.jpg"] == [
        each["item_id"] for each in alone.json["neighbors"]
    ]
    assert run(*asked, "--output", output).code == Exit.USAGE
    assert "--overwrite" in run(*asked, "--output", output).error


def test_several_photos_have_a_line_each(run: Run, hsv_data: Path, photos: Path) -> None:
    names = [photos / "0.jpg", photos / "5a.jpg", photos / "1.jpg"]
    ran = run("search", *names, "--data", hsv_data, "-k", 2, "--json", "--include", "vector")
    assert ran.code == Exit.SOME_REJECTED
    first, bad, last = map(json.loads, ran.out.splitlines())
    assert [each["path"] for each in (first, bad, last)] == [str(name) for name in names]
    assert bad["error"]["code"] == "corrupt_image"
    assert len(last["neighbors"]) == 2
    assert len(first["neighbors"][0]["vector"]) == len(first["vector"])
    shown = run("search", names[0], names[2], "--data", hsv_data, "-k", 1)
    assert shown.out.startswith(f"{names[0]}:\n")
    assert shown.code == Exit.OK


def test_embeddings_are_searched(run: Run, hsv_data: Path, photos: Path, tmp_path: Path) -> None:
    photo = photos / "0.jpg"
    body = run("search", photo, "--data", hsv_data, "--json", "--include", "vector").json
    np.save(tmp_path / "one.npy", np.array(body["vector"], dtype=np.float32))
    found = run("search", "--vector", tmp_path / "one.npy", "--data", hsv_data, "--json").json
    assert [each["item_id"] for each in found["neighbors"]] == [
        each["item_id"] for each in body["neighbors"]
    ]
    (tmp_path / "none.npy").write_bytes(b"none")
    ran = run("search", "--vector", tmp_path / "none.npy", "--data", hsv_data)
    assert ran.code == Exit.CATALOG_UNUSABLE
    assert "not an NPY file" in ran.error


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--facets", "label"], "of one query"),
        (["--explain", "grid"], "not in files"),
        (["--like", "x", "--item", "y"], "one of them"),
        (["--cursor", "x"], "of one query"),
        (["--label-from", "parent"], "--label-from"),
    ],
)
def test_what_files_do_not_have_is_refused(
    run: Run, hsv_data: Path, photos: Path, tmp_path: Path, asked: list[str], said: str
) -> None:
    output = tmp_path / "found.csv"
    ran = run("search", photos, "--data", hsv_data, "--output", output, *asked)
    assert ran.code == Exit.USAGE
    assert said in ran.error
    assert not output.exists()


def test_a_file_is_of_photos_or_embeddings(run: Run, hsv_data: Path, tmp_path: Path) -> None:
    for asked in (["--item", "x"], ["--like", "x"], ["--text", "a mug"]):
        ran = run("search", *asked, "--data", hsv_data, "--output", tmp_path / "found.csv")
        assert ran.code == Exit.USAGE
        assert "answers to photos or embeddings" in ran.error
