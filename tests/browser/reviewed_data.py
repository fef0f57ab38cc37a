"""Data in which jobs have looked for what to review, and a collection of hostile texts."""

import csv
from pathlib import Path

from search_engine.engine import SearchEngine
from tests.browser.payloads import TEXTS, plain
from tests.conftest import copy_data
from tests.indexer.jobs.doing import do


def look_through(folder: Path, hsv_data: Path, sample: Path) -> None:
    """Make the data directory in a folder; it takes longer than all that is done with it."""
    folder.mkdir()
    data = copy_data(hsv_data, folder / "data")
    table = hostile_table(folder / "hostile", sample)
    asked = {"source": {"path": table.name}, "sources": str(table.parent), "encoder": "hsv"}
    assert do(data, "index", "hostile", **asked).state == "done"
    for collection in ("default", "hostile"):
        for kind in ("mislabelled", "outliers"):
            assert do(data, kind, collection).state == "done"
        assert do(data, "map", collection, clusters=5).state == "done"
    assert do(data, "evaluate", "default", folds=3).state == "done"
    assert do(data, "evaluate", "hostile").state == "done"
    assert do(data, "tune", "hostile", target="no").state == "failed"
    with SearchEngine(data) as engine:
        engine.live("default").rebuild(None)


def hostile_table(folder: Path, sample: Path) -> Path:
    """Two items of each text."""
    folder.mkdir()
    pictures = sorted((sample / "images").rglob("*.jpg"))
    rows = []
    for number, text in enumerate([*TEXTS, *TEXTS]):
        name = f"{number}.jpg"
        (folder / name).write_bytes(pictures[number % len(pictures)].read_bytes())
        rows.append([f"h-{number}", name, plain(text.replace("/", "|")), plain(text)])
    table = folder / "hostile.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["item_id", "image", "label", "name"], *rows])
    return table
