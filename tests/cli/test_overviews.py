"""The verbs that look at a collection as a whole, on pictures of six colours."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from search_engine.engine import SearchEngine
from tests.cli.conftest import COLOURS, Run, colour_picture
from tests.conftest import copy_data, index_folder

PICTURES = 48
WRONG = "red/6.png"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("overviews")
    root = folder / "shop"
    for number in range(PICTURES):
        file = root / COLOURS[number % len(COLOURS)] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(colour_picture(number))
    index_folder(root, folder / "data", encoder="hsv")
    with SearchEngine(folder / "data") as engine:
        engine.describe(WRONG, {"label": "blue"})
    return folder


@pytest.fixture
def shop(made: Path, tmp_path: Path) -> Path:
    """Eight pictures of each colour in a folder of its name, one of them labelled as another; they
    are indexed in `data`."""
    shutil.copytree(made / "shop", tmp_path / "shop")
    copy_data(made / "data", tmp_path / "data")
    return tmp_path / "shop"


def table(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def test_labels_that_look_wrong(run: Run, shop: Path, data: Path, tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    ran = run("mislabelled", "--data", data, "--limit", 2, "--output", file)
    lines = ran.out.splitlines()
    assert WRONG in ran.out
    assert lines[-1] == "1 label of 48 probably wrong; 0 of 48 items could not be judged"
    rows = table(file)
    assert len(rows) == PICTURES
    assert (rows[0]["item_id"], rows[0]["label"], rows[0]["suggested"]) == (WRONG, "blue", "red")
    assert rows[0]["probable_error"] == "yes"
    assert rows[0]["neighbor_3"].startswith("red/")
    ran = run("mislabelled", "--data", data, "--limit", 2, "--json")
    first, _ = map(json.loads, ran.out.splitlines())
    assert (first["item_id"], first["suggested"]) == (WRONG, "red")
    with SearchEngine(data) as engine:
        item = engine.catalog.get(engine.catalog.collection("default"), WRONG)
        assert item.label == "blue", "nothing in the catalog changes"


def test_items_unlike_all_others(run: Run, shop: Path, data: Path, tmp_path: Path) -> None:
    file = tmp_path / "lone.csv"
    ran = run("outliers", "--data", data, "--limit", 3, "--output", file, "--json")
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert len(found) == 3
    rows = table(file)
    assert [row["item_id"] for row in rows[:3]] == [each["item_id"] for each in found]
    scores = [float(row["similarity"]) for row in rows]
    assert scores == sorted(scores)
    assert "similarity" in run("outliers", "--data", data).out


def test_a_map_is_written_as_json_and_as_a_table(
    run: Run, shop: Path, data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("openTSNE")
    arguments = ("map", "--data", data, "--clusters", 6, "--output")
    told = run(*arguments, tmp_path / "map.json", "--json").json
    assert told == {"items": PICTURES, "clusters": 6}
    found = json.loads((tmp_path / "map.json").read_text())
    assert len(found["ids"]) == len(found["x"]) == found["total"] == PICTURES
    ran = run(*arguments, tmp_path / "map.csv")
    assert all(colour in ran.out for colour in COLOURS)
    rows = table(tmp_path / "map.csv")
    assert [row["item_id"] for row in rows] == found["ids"]
    assert [float(row["x"]) for row in rows] == pytest.approx(found["x"], abs=1e-4)
    wrong = next(row for row in rows if row["item_id"] == WRONG)
    assert (wrong["label"], wrong["cluster"]) == ("blue", "red")


def test_runs_are_among_the_jobs(run: Run, shop: Path, data: Path) -> None:
    run("outliers", "--data", data)
    assert "outliers" in run("jobs", "--data", data).out
    assert run("check", "--data", data).code == 0


def test_bad_questions_are_refused(run: Run, shop: Path, data: Path, tmp_path: Path) -> None:
    for verb in ("mislabelled", "outliers", "map"):
        assert run(verb, "--data", data, "--collection", "none").code == 2
        assert run(verb, "--data", data, "--output", tmp_path / "x.txt").code == 2
        assert run(verb, "--data", data, "--output", tmp_path / "none" / "x.csv").code == 2
    assert run("mislabelled", "--data", data, "--target", "size").code == 2
    assert run("mislabelled", "--data", data, "--limit", 0).code == 2


def test_what_to_label_next_comes_back_as_labels(
    run: Run, shop: Path, data: Path, tmp_path: Path
) -> None:
    unlabelled = [f"green/{number}.png" for number in range(1, PICTURES, len(COLOURS))]
    assert all((shop / each).exists() for each in unlabelled)
    with SearchEngine(data) as engine:
        for each in unlabelled:
            engine.describe(each, {"label": None})
    file = tmp_path / "review.csv"
    ran = run("review", "--data", data, "--output", file)
    assert ran.out.splitlines()[-1] == "40 of 48 items labelled"
    rows = table(file)
    assert rows[0]["item_id"] in unlabelled
    assert (rows[0]["label"], rows[0]["reach"]) == ("", "8")
    wrong = next(row for row in rows if row["item_id"] == WRONG)
    assert (wrong["label"], wrong["suggested"]) == ("blue", "red")
    listed = json.loads(run("review", "--data", data, "--limit", 1, "--json").out)
    assert listed["review"][0]["item_id"] == rows[0]["item_id"]

    file.write_text(
        f"item_id,label\n{rows[0]['item_id']},green\n{WRONG},red\n{unlabelled[1]},\nx,y\n"
    )
    ran = run("review", "--data", data, "--apply", file)
    assert ran.code == 4
    assert ran.out.splitlines() == ["2 labels changed, 1 as they were"]
    assert "line 5" in ran.err
    with SearchEngine(data) as engine:
        items = engine.catalog.collection("default")
        assert engine.catalog.get(items, WRONG).label == "red"
        assert engine.catalog.get(items, rows[0]["item_id"]).label == "green"
    ran = run("review", "--data", data, "--json")
    assert json.loads(ran.out)["labelled"] == 41

    ran = run("review", "--data", data, "--apply", file, "--target", "product_id")
    assert (ran.code, "only labels are taken back" in ran.err) == (2, True)
    ran = run("review", "--data", data, "--apply", file, "--output", tmp_path / "b.csv")
    assert (ran.code, "--apply writes no list" in ran.err) == (2, True)
    run("review", "--data", data, "--target", "product_id", "--output", file)
    assert file.read_text().startswith("item_id,product_id,suggested,")
    ran = run("review", "--data", data, "--apply", file)
    assert (ran.code, "no column label" in ran.err) == (3, True)

    file.write_text("id,label\na,b\n")
    ran = run("review", "--data", data, "--apply", file)
    assert ran.code == 3
    assert "no column item_id" in ran.err


def test_a_table_of_labels_that_contradicts_itself_is_applied_once(
    run: Run, shop: Path, data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "labels.jsonl"
    rows = [("new", 2), ("other", 1), ("new", 1), (0, 1)]
    items = [WRONG, "green/1.png"]
    lines = [{"item_id": items[number - 1], "label": label} for label, number in rows]
    file.write_text("\n".join(map(json.dumps, lines)))
    for said in ("2 labels changed, 0 as they were", "0 labels changed, 2 as they were"):
        ran = run("review", "--data", data, "--apply", file)
        assert (ran.code, ran.out.splitlines()) == (4, [said])
        assert "line 3: line 2 gives this id another label" in ran.err
        assert "line 4" in ran.err
