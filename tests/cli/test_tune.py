"""`eyedex tune`: the encoder adapted to labels, used by everything, and taken back."""

import csv
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from search_engine.encoders.projection import ProjectedEncoder
from search_engine.engine import SearchEngine
from search_engine.records import SearchResult
from search_engine.storage.locks import exclusive
from search_engine.vote.calibration.store import load_calibration
from tests.cli.conftest import Run
from tests.conftest import copy_data, index_folder, once

pytestmark = pytest.mark.long

LABELS, PRODUCTS, VIEWS, PHOTOS = 4, 40, 3, 8
CELLS, CELL_PX = 4, 32
"""The encoder of edges tells the directions of lines in so many cells a side."""
TELLING = 5
"""The cell whose lines have the direction of the label; those of the others tell the product."""


def hatched(directions: "np.typing.NDArray[np.float64]") -> Image.Image:
    """A picture with lines in a direction for each cell, in degrees."""
    image = Image.new("L", (CELLS * CELL_PX, CELLS * CELL_PX), "white")
    for place, angle in enumerate(np.deg2rad(directions)):
        row, column = divmod(place, CELLS)
        cell = Image.new("L", (CELL_PX, CELL_PX), "white")
        along = np.array([math.cos(angle), math.sin(angle)]) * CELL_PX
        across = np.array([-along[1], along[0]]) / CELL_PX
        for offset in range(-CELL_PX, CELL_PX + 1, 8):
            middle = CELL_PX / 2 + offset * across
            ImageDraw.Draw(cell).line([*(middle - along), *(middle + along)], "black", 2)
        image.paste(cell, (column * CELL_PX, row * CELL_PX))
    return image


def draw_patterns(folder: Path) -> None:
    """`catalog.csv` with pictures of products in several views, and `photos/` of some of them.

    Neighbors are of one product, and a label is in a small part of the picture: there is something
    to be learned.
    """
    random = np.random.default_rng(0)
    (folder / "photos").mkdir(parents=True)
    rows = ["item_id,image,label,product_id"]
    for product in range(PRODUCTS):
        directions = random.uniform(0, 180, CELLS**2)
        directions[TELLING] = 180 / LABELS * (product % LABELS)
        for view in range(VIEWS + (product < PHOTOS)):
            image = hatched(directions + random.normal(0, 10, CELLS**2))
            if view == VIEWS:
                image.save(folder / "photos" / f"{product}.png")
                continue
            name = f"{product}-{view}.png"
            image.save(folder / name)
            rows.append(f"{name},{name},x{product % LABELS},{product}")
    (folder / "catalog.csv").write_text("\n".join(rows))


@pytest.fixture
def patterns(shared: Path) -> Path:
    """Drawn pictures, small ones, of which there is something to be learned."""
    return once(shared / "patterns", draw_patterns)


@pytest.fixture
def edges_data(patterns: Path, shared: Path) -> Path:
    """A data directory with them indexed by the encoder of edges. Do not change it."""
    return once(
        shared / "edges-data",
        lambda folder: index_folder(patterns / "catalog.csv", folder, encoder="edges"),
    )


@pytest.fixture
def drawn(edges_data: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return copy_data(edges_data, tmp_path / "drawn")


@pytest.fixture
def tuned(edges_data: Path, shared: Path, run: Run, tmp_path: Path) -> Path:
    """A copy of the same, tuned."""

    def make(folder: Path) -> None:
        copy_data(edges_data, folder, dirs_exist_ok=True)
        assert run("tune", "--data", folder).code == 0

    return copy_data(once(shared / "tuned-by-label", make), tmp_path / "tuned")


@pytest.fixture
def photos(patterns: Path) -> list[Path]:
    return sorted((patterns / "photos").iterdir())


def results(data: Path, photos: list[Path]) -> list[SearchResult]:
    with SearchEngine(data) as engine:
        return [engine.search(photo, k=10) for photo in photos]


def found(answers: list[SearchResult]) -> list[list[tuple[str, float]]]:
    return [[(one.item.item_id, one.score) for one in each.neighbors] for each in answers]


def test_tuning_tells_what_it_brings(drawn: Path, run: Run) -> None:
    ran = run("tune", "--data", drawn, "--json")
    assert ran.code == 0
    body: dict[str, Any] = ran.json
    assert set(body["gate"]) == {"accuracy", "map", "hit_rate@1"}
    for measure in body["gate"].values():
        low, high = measure["difference"]
        assert low <= measure["after"] - measure["before"] <= high
    assert body["gate"]["map"]["difference"][0] > 0
    assert (body["accepted"], body["used"], body["without_embedding"]) == (True, True, [])
    assert body["dimension"] < body["dimension_before"] == 192
    with SearchEngine(drawn) as engine:
        record = engine.live("default").record
        assert record.fingerprint == body["fingerprint"]
        assert record.dimension == body["dimension"]
        assert isinstance(engine.live("default").encoder(), ProjectedEncoder)
    assert run("check", "--data", drawn).code == 0


def test_what_is_promised_is_what_the_calibrated_vote_reaches(drawn: Path, run: Run) -> None:
    measured = run("tune", "--data", drawn, "--dry-run", "--json").json
    assert measured["promised_accuracy"] == measured["gate"]["accuracy"]["after"]
    promised = run("tune", "--data", drawn, "--json").json
    low, high = promised["expected_accuracy"]
    assert low <= promised["promised_accuracy"] <= high
    with SearchEngine(drawn) as engine:
        calibrated = load_calibration(engine.catalog, engine.live("default").record, "label")
    assert calibrated is not None
    figures = calibrated.figures
    found = [figures.accuracy, figures.accuracy_low, figures.accuracy_high]
    assert found == pytest.approx([promised["promised_accuracy"], low, high], abs=1e-6)


def test_searches_see_it_and_undoing_brings_back_the_same_answers(
    drawn: Path, run: Run, photos: list[Path]
) -> None:
    before = results(drawn, photos)
    assert run("tune", "--data", drawn).code == 0
    after = results(drawn, photos)
    assert found(after) != found(before)
    assert len({one.encoder for one in before + after}) == 2
    assert all(len(each.neighbors) == 10 for each in after)
    back = run("tune", "--data", drawn, "--undo", "--json")
    assert back.code == 0
    assert back.json["fingerprint"] == before[0].encoder
    assert back.json["without_embedding"] == []
    assert found(results(drawn, photos)) == found(before)
    assert run("check", "--data", drawn).code == 0


def test_stored_embeddings_are_those_that_the_encoder_makes(tuned: Path) -> None:
    with SearchEngine(tuned) as engine:
        live = engine.live("default")
        encoder = live.encoder()
        assert encoder is not None
        pixels = engine.pixels(20)
        items = engine.catalog.page(live.record, 0, 20)
        stored = np.concatenate([engine.catalog.vector(live.record, one.key) for one in items])
    assert float(np.vecdot(encoder.encode(pixels), stored).min()) > 0.98  # kept as small JPEGs


def test_what_is_indexed_later_is_tuned_too_and_takes_part_in_the_next_tuning(
    tuned: Path, run: Run, patterns: Path, tmp_path: Path
) -> None:
    with (patterns / "catalog.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    photo = tmp_path / "photo.png"
    shutil.copy(patterns / rows[0]["image"], photo)
    more = tmp_path / "more.csv"
    label = rows[0]["label"]
    more.write_text(f"item_id,image,label\nnew,photo.png,{label}\n")
    indexed = run("index", more, "--data", tuned, "--json")
    assert (indexed.code, indexed.json["added"]) == (0, 1)
    best = run("search", photo, "--data", tuned, "-k", 2, "--json").json["neighbors"]
    assert "new" in {one["item_id"] for one in best}
    again = run("tune", "--data", tuned, "--json").json
    with SearchEngine(tuned) as engine:
        assert again["items"] == engine.catalog.count(engine.live("default").record)
    assert run("tune", "--data", tuned, "--undo").code == 0
    best = run("search", photo, "--data", tuned, "-k", 2, "--json").json["neighbors"]
    assert "new" in {one["item_id"] for one in best}
    assert run("check", "--data", tuned).code == 0


def test_an_item_that_came_after_tuning_is_found_after_going_back_without_its_picture(
    tuned: Path, run: Run, patterns: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    shutil.copy(min(patterns.glob("*.png")), photo)
    source = tmp_path / "more.csv"
    source.write_text("item_id,image\nnew,photo.png\n")
    assert run("index", source, "--data", tuned).code == 0
    photo.unlink()
    ran = run("tune", "--data", tuned, "--undo")
    assert (ran.code, ran.err) == (0, "")
    best = run("search", "--item", "new", "--data", tuned, "-k", 1, "--json").json["neighbors"]
    assert len(best) == 1


def test_the_confidence_of_a_tuned_catalog_is_that_of_new_photos(tuned: Path, run: Run) -> None:
    """Leaving items out one by one would flatter: the projection has seen them all."""
    held_out = run("calibrate", "--data", tuned, "--json").json["accuracy"]
    gate = run("tune", "--data", tuned, "--dry-run", "--json").json["gate"]["accuracy"]["after"]
    assert held_out == pytest.approx(gate, abs=0.1)
    evaluated = run("evaluate", "--data", tuned, "--json").json["accuracy"]
    assert evaluated == pytest.approx(held_out, abs=0.1)


def test_measuring_changes_nothing(drawn: Path, run: Run) -> None:
    before = run("check", "--data", drawn, "--json").json
    ran = run("tune", "--data", drawn, "--dry-run", "--json")
    assert (ran.code, ran.json["used"], ran.json["accepted"]) == (0, False, True)
    assert run("check", "--data", drawn, "--json").json == before


def test_what_is_not_better_is_refused_unless_forced(
    drawn: Path, run: Run, photos: list[Path]
) -> None:
    """Labels by chance teach nothing."""
    random = np.random.default_rng(1)
    with SearchEngine(drawn) as engine:
        record = engine.live("default").record
        keys = [item.key for item in engine.catalog.page(record, 0, 1_000)]
        with engine.catalog.write() as writer:
            writer.describe(
                record.id, {key: {"label": f"x{random.integers(0, 4)}"} for key in keys}
            )
    before = found(results(drawn, photos))
    ran = run("tune", "--data", drawn)
    assert ran.code == 8
    assert "not shown to be better: the encoder stays as it is; --force" in ran.out
    assert found(results(drawn, photos)) == before
    forced = run("tune", "--data", drawn, "--force", "--json")
    assert (forced.code, forced.json["accepted"], forced.json["used"]) == (0, False, True)
    with SearchEngine(drawn) as engine:
        encoder = engine.live("default").encoder()
        assert isinstance(encoder, ProjectedEncoder)
        assert encoder.projection.origin.forced


def test_a_network_is_tried_with_several_layers_too(
    network_data: Path, run: Run, photos: list[Path], tmp_path: Path
) -> None:
    """These photos differ in little that early layers see, so either may be found better."""
    data = copy_data(network_data, tmp_path / "network")
    before = found(results(data, photos))
    ran = run("tune", "--data", data, "--force", "--json")
    assert (ran.code, ran.json["pooling"] in {"penultimate", "multi"}) == (0, True)
    with SearchEngine(data) as engine:
        encoder = engine.live("default").encoder()
        assert isinstance(encoder, ProjectedEncoder)
        assert encoder.base.spec.pooling == ran.json["pooling"]
        assert encoder.base.spec.dimension == len(encoder.projection.mean)
    stored = run("tune", "--data", data, "--no-layers", "--dry-run", "--json").json
    assert (stored["pooling"], stored["dimension_before"]) == ("penultimate", 256)
    assert run("tune", "--data", data, "--undo").code == 0
    assert found(results(data, photos)) == before
    assert run("check", "--data", data).code == 0


def test_errors_say_what_is_missing(drawn: Path, run: Run, tmp_path: Path) -> None:
    ran = run("tune", "--data", drawn, "--undo")
    assert (ran.code, "nothing is kept of an encoder" in ran.error) == (2, True)
    ran = run("tune", "--data", drawn, "--target", "nothing")
    assert (ran.code, "no such field" in ran.error) == (2, True)
    ran = run("tune", "--data", tmp_path / "empty")
    assert ran.code == 2
    assert run("collections", "create", "bare", "--data", drawn).code == 0
    ran = run("tune", "--data", drawn, "--collection", "bare")
    assert (ran.code, "nothing is indexed" in ran.error) == (2, True)


def test_a_running_index_keeps_tuning_away(drawn: Path, run: Run) -> None:
    with SearchEngine(drawn) as engine:
        lock = engine.catalog.paths.index_run_lock("default")
        with exclusive(lock, 0.0, "testing"):
            assert run("tune", "--data", drawn, "--force").code == 6
    assert run("check", "--data", drawn).code == 0
