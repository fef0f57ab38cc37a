"""`eyedex evaluate --encoders`: encoders side by side on the pictures of a collection."""

import hashlib
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from api.cli.exits import Exit
from search_engine.collections.labelled import read_gallery
from search_engine.engine import SearchEngine
from search_engine.evaluate.evaluation import examine, measures
from search_engine.evaluate.predictors import PlainVote
from search_engine.evaluate.splits import hiding_things
from search_engine.vote.tally import WHOLE_LABEL
from tests.cli.conftest import Index, Run
from tests.conftest import copy_data

COLUMNS = {
    "name", "own", "accuracy", "map", "hit_rate@1", "images_per_second", "dimension",
    "bytes_an_item", "not_encoded", "skipped",
}  # fmt: skip
COLOURS = ("crimson", "navy", "gold", "seagreen", "black", "orchid")
SHAPES = {
    "square": ((0, 0), (1, 0), (1, 1), (0, 1)),
    "diamond": ((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)),
    "triangle": ((0, 1), (1, 1), (0.5, 0)),
}
PLACES = ((20, 140), (32, 128), (24, 152))
"""The first corner, and the length of a side, in pixels."""
RESNET = "torchvision:resnet18"


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that has no published weights."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))


def rows_of(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in body["encoders"]}


def state_of(data: Path) -> dict[str, str]:
    """Every file of a data directory and what is in it; locks and journals come and go."""
    return {
        str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(data.rglob("*"))
        if path.is_file() and not path.name.endswith(("lock", "-wal", "-shm"))
    }


def test_every_encoder_has_a_row_and_the_collection_stays(
    run: Run, hsv_data: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    copy_data(hsv_data, data)
    with SearchEngine(data) as engine:
        gallery = read_gallery(engine.catalog, "default")
    own = PlainVote(10, WHOLE_LABEL)
    plain = measures(examine(gallery, gallery, own, hiding=hiding_things(gallery)))
    before = state_of(data)
    body = run("evaluate", "--data", data, "--encoders", "edges,lbp,hsv", "--json").json
    assert state_of(data) == before
    assert [row["name"] for row in body["encoders"]] == ["hsv", "edges", "lbp"]
    rows = rows_of(body)
    assert set(rows["lbp"]) == COLUMNS
    assert [row["own"] for row in body["encoders"]] == [True, False, False]
    for measure in ("accuracy", "map", "hit_rate@1"):
        assert rows["hsv"][measure] == plain[measure]
    assert len({row["map"] for row in rows.values()}) == 3
    assert (rows["edges"]["dimension"], rows["edges"]["bytes_an_item"]) == (192, 384)
    assert min(row["images_per_second"] for row in rows.values()) > 0
    chance = plain["baseline_accuracy"]
    for row in rows.values():
        assert row["accuracy"] > 1.5 * chance
        assert row["not_encoded"] == 0


def test_queries_are_asked_of_every_encoder(run: Run, hsv_data: Path, sample: Path) -> None:
    """What a collection of that encoder would answer, the table says beforehand."""
    shopper = sample / "shopper" / "shopper.csv"
    ran = run("evaluate", shopper, "--data", hsv_data, "--encoders", "edges", "--json")
    assert ran.code == 0
    told = rows_of(ran.json)["edges"]
    assert told["accuracy"] > 0
    own = run("evaluate", shopper, "--data", hsv_data, "--json").json
    assert rows_of(ran.json)["hsv"]["map"] == own["map"]


def test_the_row_of_another_encoder_is_what_it_would_be(
    run: Run, hsv_data: Path, sample: Path, tmp_path: Path
) -> None:
    shopper = sample / "shopper" / "shopper.csv"
    told = run("evaluate", shopper, "--data", hsv_data, "--encoders", "edges", "--json").json
    data = tmp_path / "edges"
    index = ("index", sample / "catalog.csv", "--data", data, "--encoder", "edges")
    assert run(*index, "--workers", 1).code == 0
    real = run("evaluate", shopper, "--data", data, "--json").json
    own = run("evaluate", shopper, "--data", data, "--encoders", "edges", "--json").json
    row = rows_of(told)["edges"]
    assert row["accuracy"] == pytest.approx(rows_of(own)["edges"]["accuracy"], abs=1e-4)
    for measure in ("map", "hit_rate@1"):
        assert row[measure] == pytest.approx(real[measure], abs=1e-4)


def test_folds_and_samples_hold_for_every_encoder(run: Run, hsv_data: Path) -> None:
    whole, folds, sample = (
        rows_of(run("evaluate", "--data", hsv_data, "--encoders", "edges", *more, "--json").json)
        for more in ((), ("--folds", 4), ("--sample", 40))
    )
    for name in ("hsv", "edges"):
        assert len({each[name]["map"] for each in (whole, folds, sample)}) == 3


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """A table of drawn shapes in several colours, places and sizes, on white."""
    rows = []
    for colour, (shape, outline), (left, side) in product(COLOURS, SHAPES.items(), PLACES):
        picture = Image.new("RGB", (192, 192), "white")
        corners = [(left + side * x, left + side * y) for x, y in outline]
        ImageDraw.Draw(picture).polygon(corners, fill=colour)
        name = f"{colour}-{shape}-{left}.png"
        picture.save(tmp_path / name)
        rows.append(f"{name},{name},{shape},{colour}\n")
    table = tmp_path / "shapes.csv"
    table.write_text("item_id,image,label,color\n" + "".join(rows))
    return table


def test_hsv_alone_finds_the_same_colour(run: Run, index: Index, shapes: Path, data: Path) -> None:
    """Whatever the shape; edges, which see no colour, find the same shape."""
    assert index(shapes).code == 0
    colours, forms = (
        rows_of(run("evaluate", "--data", data, *target, "--encoders", "edges", "--json").json)
        for target in (("--target", "color"), ())
    )
    assert colours["hsv"]["accuracy"] > 0.95
    assert colours["hsv"]["hit_rate@1"] > 0.95
    assert colours["edges"]["accuracy"] < 0.5
    assert forms["edges"]["accuracy"] > 0.8


def test_words_are_learnt_for_the_occasion(
    run: Run, index: Index, sample: Path, tmp_path: Path, data: Path
) -> None:
    pytest.importorskip("cv2")
    lines = (sample / "catalog.csv").read_text(encoding="utf-8").splitlines()
    few = tmp_path / "few"
    shutil.copytree(sample / "images", few / "images")
    (few / "catalog.csv").write_text("\n".join(lines[:31]), encoding="utf-8")
    assert index(few / "catalog.csv").code == 0
    rows = rows_of(run("evaluate", "--data", data, "--encoders", "orb", "--json").json)
    assert rows["orb"]["skipped"] is None
    assert 2 <= rows["orb"]["dimension"] <= 512
    assert rows["orb"]["accuracy"] > 0


def test_a_table_for_people(run: Run, hsv_data: Path) -> None:
    ran = run("evaluate", "--data", hsv_data, "--encoders", "edges")
    assert ran.code == 0
    head, own, other, legend = ran.out.splitlines()
    assert head.split() == [
        "encoder", "accuracy", "mAP", "hit_rate@1", "images/s", "dimension", "bytes",
    ]  # fmt: skip
    assert own.startswith("hsv *")
    assert own.split()[-2:] == ["972", "1,944"]
    assert other.startswith("edges ")
    assert other.split()[-2:] == ["192", "384"]
    assert legend.startswith("* the collection's own")
    assert max(map(len, (head, own, other))) <= 80


@pytest.mark.usefixtures("no_hub")
def test_what_cannot_be_made_here_has_its_reason(run: Run, hsv_data: Path) -> None:
    body = run("evaluate", "--data", hsv_data, "--encoders", f"{RESNET},edges", "--json").json
    assert [row["name"] for row in body["encoders"]] == ["hsv", RESNET, "edges"]
    rows = rows_of(body)
    assert "not on this machine" in rows[RESNET]["skipped"]
    assert rows[RESNET]["accuracy"] is None
    assert rows["edges"]["accuracy"] > 0


@pytest.mark.parametrize("names", ["sepia", "edges,sepia", "torchvision:nothing"])
def test_unknown_names_are_refused_before_anything_is_done(
    run: Run, hsv_data: Path, tmp_path: Path, names: str
) -> None:
    broken = tmp_path / "queries.csv"
    broken.write_text("item_id,image,label\na,none.jpg,A\n")
    ran = run("evaluate", broken, "--data", hsv_data, "--encoders", names)
    assert ran.code == run("index", tmp_path, "--data", tmp_path / "x", "--encoder", "sepia").code
    assert "rejected" not in ran.err
    assert names.split(",")[-1].split(":")[-1] in ran.error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--encoders", "edges,,lbp"), "not a list of encoders"),
        (("--encoders", "edges/gem"), "has no poolings"),
        (("--encoders", "efficientnet_lite0/most"), "no pooling 'most'"),
        (("--encoders", "edges", "--all"), "leave out --all"),
        (("--encoders", "edges", "--fail-under", "map=0.1"), "leave out --fail-under"),
    ],
)
def test_what_makes_no_sense_is_refused(
    run: Run, hsv_data: Path, arguments: tuple[str, ...], said: str
) -> None:
    ran = run("evaluate", "--data", hsv_data, *arguments)
    assert ran.code == Exit.USAGE
    assert said in ran.error
    assert ran.out == ""


def test_without_labels_there_is_no_table(run: Run, index: Index, folder: Path, data: Path) -> None:
    flat = folder / "A"
    table = flat / "items.csv"
    table.write_text(
        "item_id,image\n" + "".join(f"{p.stem},{p.name}\n" for p in flat.glob("*.png"))
    )
    assert index(table).code == 0
    ran = run("evaluate", "--data", data, "--encoders", "edges")
    assert ran.code == Exit.USAGE
    assert "none tells what is asked for" in ran.error


def test_pictures_without_an_embedding_are_told(
    run: Run, index: Index, folder: Path, data: Path
) -> None:
    assert index(folder).code == 0
    for path in (folder / "A").glob("*.png"):
        path.unlink()
    ran = run("evaluate", "--data", data, "--encoders", "lbp", "--json")
    row = rows_of(ran.json)["lbp"]
    assert row["not_encoded"] == 3
    assert row["accuracy"] <= 0.5
