"""`eyedex index` learns from labels without being asked, and leaves alone what somebody chose."""

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from search_engine.encoders.projection import ProjectedEncoder
from search_engine.engine import SearchEngine
from tests.cli.conftest import Run
from tests.conftest import copy_data, once

pytestmark = pytest.mark.long

KINDS, PRODUCTS, VIEWS = 4, 70, 3
SIDE, CELLS = 96, 6
WAVES = (0.35, 0.7, 1.1, 1.6)
"""The label is in faint waves, the product in coloured cells, which an untouched network sees."""


def draw_waves(folder: Path) -> None:
    """`catalog.csv` and `half.csv`, of too few items to learn from, with pictures beside them."""
    random = np.random.default_rng(0)
    folder.mkdir()
    across = np.arange(SIDE)[None, :, None]
    rows = ["item_id,image,label,product_id"]
    for product in range(PRODUCTS):
        cells = random.integers(40, 215, (CELLS, CELLS, 3))
        for view in range(VIEWS):
            seen = cells + random.normal(0, 8, cells.shape)
            pixels = np.kron(seen, np.ones((SIDE // CELLS, SIDE // CELLS, 1)))
            pixels += 5 * np.sin(WAVES[product % KINDS] * (across + random.integers(0, 9)))
            pixels += random.normal(0, 14, pixels.shape)
            name = f"{product}-{view}.jpg"
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name, quality=90)
            rows.append(f"{name},{name},k{product % KINDS},{product}")
    (folder / "catalog.csv").write_text("\n".join(rows))
    (folder / "half.csv").write_text("\n".join(rows[: len(rows) // 2]))


@pytest.fixture
def waves(shared: Path) -> Path:
    return once(shared / "waves", draw_waves)


@pytest.fixture
def fresh(layers: Path, cnn_data: Path, tmp_path: Path) -> Path:
    """A data directory with nothing but exported networks."""
    data = tmp_path / "data"
    shutil.copytree(cnn_data / "encoders", data / "encoders")
    shutil.copytree(layers, data / "encoders", dirs_exist_ok=True)
    return data


@pytest.fixture
def learned(waves: Path, fresh: Path, shared: Path, run: Run, tmp_path: Path) -> Path:
    """A data directory that learned from the labels."""

    def make(folder: Path) -> None:
        shutil.copytree(fresh, folder, dirs_exist_ok=True)
        assert run("index", waves / "catalog.csv", "--data", folder, "--source", "w").code == 0

    return copy_data(once(shared / "learned-unasked", make), tmp_path / "learned")


def index(run: Run, table: Path, data: Path, *more: str) -> dict[str, Any]:
    ran = run("index", table, "--data", data, "--source", "w", "--json", *more)
    assert ran.code == 0
    body: dict[str, Any] = ran.json
    return body


def is_tuned(data: Path) -> bool:
    with SearchEngine(data) as engine:
        return isinstance(engine.live("default").encoder(), ProjectedEncoder)


def test_the_first_index_with_enough_labels_learns_from_them(
    waves: Path, fresh: Path, run: Run
) -> None:
    few = index(run, waves / "half.csv", fresh)
    assert few["learned"] is None
    ran = run("index", waves / "catalog.csv", "--data", fresh, "--source", "w")
    assert "search learned from your labels: 0." in ran.out
    assert "`eyedex tune --undo` goes back" in ran.out
    assert is_tuned(fresh)
    with SearchEngine(fresh) as engine:
        item = engine.search(waves / "0-0.jpg", k=1).neighbors[0].item.item_id
    assert item == "0-0.jpg"
    assert run("check", "--data", fresh).code == 0


def test_an_undone_learning_is_left_alone(waves: Path, learned: Path, run: Run) -> None:
    assert is_tuned(learned)
    assert run("tune", "--undo", "--data", learned).code == 0
    assert not is_tuned(learned)
    assert index(run, waves / "catalog.csv", learned)["learned"] is None
    assert not is_tuned(learned)


def test_it_learns_again_when_many_labels_have_changed(
    waves: Path, learned: Path, run: Run
) -> None:
    assert index(run, waves / "catalog.csv", learned)["learned"] is None
    with (waves / "catalog.csv").open(newline="") as file:
        rows = [{**row, "label": row["label"].replace("k3", "new")} for row in csv.DictReader(file)]
    table = learned / "changed.csv"
    with table.open("w", newline="") as file:
        written = csv.DictWriter(file, ["item_id", "label"], extrasaction="ignore")
        written.writeheader()
        written.writerows(rows)
    body = index(run, table, learned)
    assert body["learned"]["changed"]
    assert body["learned"]["gate"]["accuracy"]["after"] > 0.9


def test_nothing_is_learned_where_it_is_not_wanted(waves: Path, fresh: Path, run: Run) -> None:
    assert index(run, waves / "catalog.csv", fresh, "--no-tune")["learned"] is None
    assert index(run, waves / "catalog.csv", fresh)["learned"] is None
    assert not is_tuned(fresh)


def test_quality_names_an_encoder(waves: Path, tmp_path: Path, run: Run) -> None:
    table = waves / "catalog.csv"
    ran = run("index", table, "--data", tmp_path, "--quality", "best", "--encoder", "hsv")
    assert "--quality best names an encoder too" in ran.error
