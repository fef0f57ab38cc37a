"""`eyedex evaluate` on photos whose labels the catalog does not have."""

import shutil
from pathlib import Path

from tests.cli.conftest import Index, Run, colour_picture


def asked(root: Path, **labels: str) -> Path:
    """A folder with a picture for each name, under its label."""
    for number, (name, label) in enumerate(labels.items()):
        path = root / label / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(colour_picture(60 + number))
    return root


def test_a_folder_too_far_up_is_refused_with_the_right_one(
    run: Run, index: Index, data: Path, folder: Path, tmp_path: Path
) -> None:
    index(folder)
    shutil.copytree(folder, tmp_path / "tree" / "val")
    refused = run("evaluate", tmp_path / "tree", "--data", data)
    assert refused.code == 2
    assert "none of the 2 labels of the queries is in the catalog" in refused.error
    assert "`val/A` is not in the catalog; `A` is" in refused.error
    assert "did you mean tree/val?" in refused.error
    assert run("evaluate", tmp_path / "tree" / "val", "--data", data).code == 0


def test_labels_spelled_otherwise_are_named_and_left_out(
    run: Run, index: Index, data: Path, folder: Path, tmp_path: Path
) -> None:
    index(folder)
    known = asked(tmp_path / "known", one="A", two="B")
    mixed = asked(tmp_path / "mixed", one="A", two="B", three="a", four="a", five="zebra")
    usual = run("evaluate", known, "--data", data, "--json").json
    ran = run("evaluate", mixed, "--data", data, "--json")
    body = ran.json
    assert (usual["not_in_catalog"], usual["labels_not_in_catalog"]) == (0, [])
    for measure in ("queries", "accuracy", "macro_f1", "map", "ece", "coverage"):
        assert body[measure] == usual[measure], measure
    assert body["not_in_catalog"] == 3
    assert 0 <= body["not_in_catalog_refused"] <= 3
    assert body["labels_not_in_catalog"] == [
        {"label": "a", "photos": 2, "near": "A"},
        {"label": "zebra", "photos": 1, "near": None},
    ]
    assert "note: `a` is not in the catalog; `A` is (2 photos, left out of" in ran.err
    assert "note: `zebra` is not in the catalog (1 photo, left out of" in ran.err


def test_a_table_of_encoders_names_them_too(
    run: Run, index: Index, data: Path, folder: Path, tmp_path: Path
) -> None:
    index(folder)
    mixed = asked(tmp_path / "mixed", one="A", two="B", three="a", four="a", five="zebra")
    ran = run("evaluate", mixed, "--data", data, "--encoders", "edges", "--json")
    assert ran.json["labels_not_in_catalog"] == [
        {"label": "a", "photos": 2, "near": "A"},
        {"label": "zebra", "photos": 1, "near": None},
    ]
    assert "note: `a` is not in the catalog; `A` is (2 photos, left out of" in ran.err


def test_what_is_rightly_refused_is_counted(
    run: Run, hsv_data: Path, sample: Path, tmp_path: Path
) -> None:
    """Half of the photos get a label that no item has; with a high bar none is answered."""
    rows = (sample / "shopper" / "shopper.csv").read_text(encoding="utf-8").splitlines()
    place = rows[0].split(",").index("label")
    table = [rows[0]]
    for number, row in enumerate(rows[1:]):
        cells = row.split(",")
        cells[place] = "Nothing/Known" if number % 2 else cells[place]
        table.append(",".join(cells))
    copied = shutil.copytree(sample / "shopper", tmp_path / "shopper")
    (copied / "shopper.csv").write_text("\n".join(table), encoding="utf-8")
    asked = ("evaluate", copied / "shopper.csv", "--data", hsv_data, "--json")
    free = run(*asked).json
    strict = run(*asked, "--accept-accuracy", 0.6).json
    assert free["not_in_catalog"] == strict["not_in_catalog"] == len(rows[1:]) // 2
    assert free["not_in_catalog_refused"] <= strict["not_in_catalog_refused"]
    report = tmp_path / "report.html"
    assert run(*asked[:-1], "--html", report).code == 0
    assert "have a label that the catalog does not have" in report.read_text(encoding="utf-8")


def test_lists_are_unknown_if_the_catalog_has_none_of_their_values(
    run: Run, index: Index, data: Path, folder: Path, tmp_path: Path
) -> None:
    pictures = [path.relative_to(tmp_path).as_posix() for path in sorted(folder.rglob("*.png"))]
    said = ("red;blue", "red", "green", "blue", "green;red", "blue")
    other = ("red;pink", "pink", "")
    for name, tags in (("items", said), ("asked", other)):
        rows = [f"{path},{path},{each}" for path, each in zip(pictures, tags, strict=False)]
        table = "\n".join(["item_id,image,tags", *rows])
        (tmp_path / f"{name}.csv").write_text(table, encoding="utf-8")
    index(tmp_path / "items.csv")
    lists = ("--target", "tags", "--separator", ";", "--json")
    ran = run("evaluate", tmp_path / "asked.csv", "--data", data, *lists)
    assert ran.json["not_in_catalog"] == 1
    assert [one["label"] for one in ran.json["labels_not_in_catalog"]] == ["pink"]
