"""`eyedex feedback`: files of events are stored once, listed, written and deleted."""

import csv
import json
from pathlib import Path
from time import time

import pytest

from tests.cli.conftest import Run
from tests.conftest import copy_data


@pytest.fixture
def data(hsv_data: Path, tmp_path: Path) -> Path:
    return copy_data(hsv_data, tmp_path / "data")


@pytest.fixture
def ids(sample: Path) -> list[str]:
    with (sample / "catalog.csv").open(newline="") as file:
        return [row["item_id"] for row in csv.DictReader(file)][::7][:10]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_file_is_imported_once(
    run: Run, data: Path, ids: list[str], tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"events{suffix}"
    events = [
        {"event": "clicked", "item_id": ids[1], "query_item_id": ids[0], "position": 2},
        {"event": "clicked", "item_id": ids[1], "query_item_id": ids[0], "position": 2},
        {"event": "stolen", "item_id": ids[1], "query_item_id": ids[0], "position": 2},
        {"event": "bought", "item_id": "gone", "query_item_id": ids[0], "position": 2},
    ]
    if suffix == ".csv":
        with file.open("w", newline="") as table:
            writer = csv.DictWriter(table, events[0])
            writer.writeheader()
            writer.writerows(events)
    else:
        file.write_text("\n".join(map(json.dumps, events)))
    first = run("feedback", "import", file, "--data", data, "--json")
    again = run("feedback", "import", file, "--data", data, "--json")
    assert (first.code, first.json["stored"], first.json["known"]) == (4, 2, 0)
    assert (again.json["stored"], again.json["known"]) == (0, 2)
    reasons = [each["reason"] for each in first.json["refused"]]
    assert "stolen" in reasons[0]
    assert "gone" in reasons[1]
    listed = run("feedback", "list", "--data", data, "--json").json
    assert listed["total"] == 2
    assert [each["position"] for each in listed["events"]] == [2, 2]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_an_export_is_imported_again(
    run: Run, data: Path, hsv_data: Path, ids: list[str], tmp_path: Path, suffix: str
) -> None:
    events = tmp_path / "events.jsonl"
    said = [
        {
            "event": "liked",
            "item_id": ids[1],
            "query_item_id": ids[0],
            "session": "=a",
            "at": time(),
        },
        {"event": "shown", "item_id": ids[2], "query_item_id": ids[0], "position": 1},
    ]
    events.write_text("\n".join(map(json.dumps, said)))
    assert run("feedback", "import", events, "--data", data).code == 0
    exported = tmp_path / f"exported{suffix}"
    assert run("feedback", "export", exported, "--data", data, "--json").json == {"exported": 2}
    assert run("feedback", "export", exported, "--data", data).code != 0
    other = copy_data(hsv_data, tmp_path / "other")
    assert run("feedback", "import", exported, "--data", other).code == 0
    listed = [run("feedback", "list", "--data", each, "--json").json for each in (data, other)]
    assert listed[0] == listed[1]


def test_a_table_with_other_columns_is_refused(run: Run, data: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text("event,item,query_item_id\nclicked,a,b\n")
    ran = run("feedback", "import", file, "--data", data)
    assert ran.code == 3
    assert "item_id" in ran.error


def test_which_events_are_deleted_has_to_be_said(
    run: Run, data: Path, ids: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "events.csv"
    file.write_text(
        "event,item_id,query_item_id,session\n"
        f"liked,{ids[1]},{ids[0]},a\nliked,{ids[2]},{ids[0]},b\n"
    )
    assert run("feedback", "import", file, "--data", data).code == 0
    assert run("feedback", "delete", "--data", data).code == 2
    assert run("feedback", "delete", "--session", "a", "--data", data, "--json").json == {
        "deleted": 1
    }
    assert run("feedback", "delete", "--all", "--data", data, "--json").json == {"deleted": 1}


def test_an_order_is_learned_from_enough_and_undone(
    run: Run, data: Path, ids: list[str], tmp_path: Path
) -> None:
    assert run("rerank", "show", "--data", data, "--json").json == {"current": None}
    assert run("rerank", "undo", "--data", data).code == 2
    few = run("rerank", "learn", "--data", data)
    assert few.code == 2
    assert "100 visits are needed" in few.error
    file = tmp_path / "events.csv"
    lines = [
        f"{kind},{item},{ids[0]},{place},{visit}"
        for visit in range(100)
        for place, (kind, item) in enumerate((("clicked", ids[1]), ("shown", ids[2])), 1)
    ]
    lines += [
        f"{kind},{item},{asked},1,{asked}"
        for asked in ids[1:]
        for kind, item in (("clicked", ids[0]), ("shown", ids[5]))
    ]
    file.write_text("event,item_id,query_item_id,position,session\n" + "\n".join(lines))
    assert run("feedback", "import", file, "--data", data).code == 0
    learned = run("rerank", "learn", "--force", "--data", data, "--json").json
    assert learned["used"]
    shown = run("rerank", "show", "--data", data, "--json").json["current"]
    assert shown["weights"] == learned["weights"]
    photo = ("search", "--item", ids[0], "--data", data, "--rerank", "learned", "--json")
    assert run(*photo).json["rerank"] == "learned"
    assert run("rerank", "undo", "--data", data, "--json").json == {"current": None}
