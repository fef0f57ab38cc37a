"""The verb that clusters, and the table that goes back into the catalog."""

import csv
from pathlib import Path

import pytest

from search_engine.engine import SearchEngine
from tests.cli.conftest import COLOURS, Index, Run, colour_picture

SHADES = 8


@pytest.fixture
def coloured(tmp_path: Path) -> Path:
    """A table of eight shades of each of three colours; of each colour, three have no label."""
    root = tmp_path / "shop"
    (root / "images").mkdir(parents=True)
    lines = ["item_id,image,label,product_id,price,size"]
    for colour in range(3):
        for shade in range(SHADES):
            number = colour + len(COLOURS) * shade
            (root / "images" / f"{number}.png").write_bytes(colour_picture(number))
            label = COLOURS[colour] if shade < 5 else ""
            size = "007" if shade else ""
            lines.append(f"i{number},images/{number}.png,{label},p{number},{number}.5,{size}")
    (root / "catalog.csv").write_text("\n".join(lines) + "\n")
    return root


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def test_clusters_are_told_with_their_agreement(
    run: Run, index: Index, coloured: Path, data: Path
) -> None:
    index(coloured / "catalog.csv")
    report = run("cluster", "--data", data, "--clusters", 3, "--json").json
    assert (report["items"], report["clusters"], report["labelled"]) == (24, 3, 15)
    assert (report["purity"], report["nmi"], report["in_none"]) == (1.0, 1.0, 0)
    assert len(report["medoids"]) == 3
    assert sorted(report["names"]) == sorted(COLOURS[:3])
    ran = run("cluster", "--data", data, "--clusters", 3)
    header, first = [line.split() for line in ran.out.splitlines()[:2]]
    assert header[:3] == ["cluster", "items", "labelled"]
    assert first[:3] == ["cluster-01", "8", "5"]
    assert "purity" in ran.out


def test_dense_regions_are_found_too(run: Run, index: Index, coloured: Path, data: Path) -> None:
    index(coloured / "catalog.csv")
    report = run("cluster", "--data", data, "--method", "hdbscan", "--json").json
    assert report["method"] == "hdbscan"
    assert report["purity"] == 1.0


def test_proposals_fill_in_labels_and_come_back(
    run: Run, index: Index, coloured: Path, data: Path
) -> None:
    """The catalog has them only after the owner indexed the table, and loses nothing by it."""
    index(coloured / "catalog.csv")
    table = coloured / "clusters.csv"
    arguments = ("--data", data, "--clusters", 3, "--propose-labels", "--output", table)
    report = run("cluster", *arguments, "--json").json
    assert (report["proposed"], report["named"]) == (9, 0)
    with SearchEngine(data) as engine:
        before = engine.catalog.get_many(engine.catalog.collection("default"), ["i30", "i0"])
    assert before["i30"].label is None
    rows = rows_of(table)
    assert sum(row["is_medoid"] == "yes" for row in rows) == 3
    (proposed,) = [row for row in rows if row["item_id"] == "i30"]
    assert (proposed["label"], proposed["proposed_label"]) == ("red", "red")
    assert proposed["support"] == "1.0"
    (known,) = [row for row in rows if row["item_id"] == "i0"]
    assert (known["label"], known["proposed_label"], known["support"]) == ("red", "", "")

    report = index(table).json
    assert (report["updated"], report["encoded"], report["rejected"]) == (24, 0, 0)
    with SearchEngine(data) as engine:
        after = engine.catalog.get_many(engine.catalog.collection("default"), ["i30", "i0"])
    assert after["i30"].label == "red"
    assert after["i30"].product_id == "p30"
    assert before["i30"].attributes.items() <= after["i30"].attributes.items()
    assert after["i30"].attributes["size"] == "007"
    assert after["i0"].label == "red"
    assert str(after["i0"].attributes["cluster"]).startswith("cluster-0")


def test_without_the_option_no_label_is_filled_in(
    run: Run, index: Index, coloured: Path, data: Path
) -> None:
    index(coloured / "catalog.csv")
    run("cluster", "--data", data, "--clusters", 3, "--output", coloured / "clusters.csv")
    rows = rows_of(coloured / "clusters.csv")
    assert sum(row["label"] == "" for row in rows) == 9
    assert all(row["proposed_label"] == "" for row in rows)


def test_clusters_of_unlabelled_pictures_get_names(
    run: Run, index: Index, coloured: Path, data: Path
) -> None:
    flat = coloured / "images"
    assert index(flat).json["added"] == 24
    ran = run(
        "cluster", "--data", data, "--clusters", 3, "--propose-labels",
        "--output", flat / "clusters.csv", "--json",
    )  # fmt: skip
    assert (ran.json["purity"], ran.json["named"], ran.json["proposed"]) == (None, 24, 0)
    names = {row["label"] for row in rows_of(flat / "clusters.csv")}
    assert names == {"cluster-01", "cluster-02", "cluster-03"}


def test_clustering_a_clustered_table_again_is_fine(
    run: Run, index: Index, coloured: Path, data: Path
) -> None:
    table = coloured / "clusters.csv"
    index(coloured / "catalog.csv")
    for _ in range(2):
        assert run("cluster", "--data", data, "--clusters", 3, "--output", table).code == 0
        assert index(table).json["rejected"] == 0
    assert len(rows_of(table)) == 24


def test_a_table_elsewhere_says_what_it_lacks(
    run: Run, index: Index, coloured: Path, data: Path, tmp_path: Path
) -> None:
    index(coloured / "catalog.csv")
    with SearchEngine(data) as engine:
        engine.describe("i0", {"attributes": {"sizes": ["S", "M"], "sold": True}})
    (tmp_path / "elsewhere").mkdir()
    table = tmp_path / "elsewhere" / "clusters.csv"
    ran = run("cluster", "--data", data, "--clusters", 2, "--output", table)
    assert "note: 24 of the pictures are not below" in ran.err
    assert "attributes of 1 of the items" in ran.err
    assert {row["image"] for row in rows_of(table)} == {""}


def test_wrong_options_are_refused(run: Run, index: Index, coloured: Path, data: Path) -> None:
    index(coloured / "catalog.csv")
    assert run("cluster", "--data", data, "--clusters", 25).code == 2
    assert run("cluster", "--data", data, "--clusters", 1).code == 2
    ran = run("cluster", "--data", data, "--method", "hdbscan", "--clusters", 3)
    assert (ran.code, "by itself" in ran.error) == (2, True)
    ran = run("cluster", "--data", data, "--propose-labels", "--target", "size")
    assert (ran.code, "only labels are proposed" in ran.error) == (2, True)
    assert run("cluster", "--data", data, "--output", coloured / "x.xlsx").code == 2
    assert run("cluster", "--data", data, "--output", coloured / "none" / "x.csv").code == 2
    assert run("cluster", "--data", data, "--collection", "none").code == 2


def test_a_field_that_does_not_exist_is_refused(
    run: Run, index: Index, folder: Path, data: Path
) -> None:
    index(folder)
    refused = run("cluster", "--data", data, "--target", "colour")
    assert refused.code == 2
    assert "there is no such field: colour (--target)" in refused.error


def test_too_few_items_are_told_as_such(run: Run, data: Path) -> None:
    run("collections", "create", "default", "--data", data)
    assert run("cluster", "--data", data).error.endswith("make 2 clusters; index more first")
