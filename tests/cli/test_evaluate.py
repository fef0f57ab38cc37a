"""`eyedex evaluate`: queries, splits, reports, comparisons and bars."""

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from api.cli.exits import Exit
from search_engine.engine import SearchEngine
from search_engine.evaluate.report import page
from tests.cli.conftest import COLOURS, Index, Run, colour_picture

STAYING = {
    "accuracy", "macro_f1", "hit_rate@1", "hit_rate@10", "precision@10", "map", "ece", "coverage",
    "per_level", "queries", "unlabelled", "without_relevant", "gallery", "k", "seconds", "rejected",
    "target", "held_out_alone", "easy_accuracy", "ece_per_level", "ece_expected_per_level",
}  # fmt: skip


def test_json_has_everything_for_programs(run: Run, hsv_data: Path) -> None:
    unknown = ("--hold-out-classes", 2)
    body = run("evaluate", "--data", hsv_data, "--vote-k", 5, *unknown, "--json").json
    assert set(body) >= STAYING
    assert body["k"] == body["vote_k"] == 5
    assert body["vote"] == "vote of 5, not calibrated"
    assert body["split"] == "leave one product or scene out"
    for name, (low, high) in body["intervals"].items():
        assert 0 <= low <= high <= 1, name
    low, high = body["intervals"]["accuracy"]
    assert low <= body["accuracy"] <= high
    assert body["index_recall@10"] == 1.0
    assert body["latency_ms"]["search"]["p50"] <= body["latency_ms"]["search"]["p99"]
    assert body["search_p50_ms"] == body["latency_ms"]["search"]["p50"]
    assert sum(one["support"] for one in body["per_class"]) == body["queries"]
    assert sum(one["count"] for one in body["confusion"]) == body["queries"]
    right = sum(one["count"] for one in body["confusion"] if one["truth"] == one["predicted"])
    assert right / body["queries"] == pytest.approx(body["accuracy"], abs=1e-5)
    assert sum(one["count"] for one in body["reliability"]) == body["queries"]
    assert body["coverage_curve"][-1]["coverage"] == body["coverage"]
    assert body["unknown"]["known_queries"] + body["unknown"]["unknown_queries"] == 115
    assert len(body["unknown"]["classes"]) == 2
    for one in body["worst_confusions"]:
        assert one["examples"][0]["query"]
    assert "per_query" not in body


def test_the_vote_is_the_calibrated_one_unless_it_is_named(run: Run, hsv_data: Path) -> None:
    calibrated = run("evaluate", "--data", hsv_data, "--json").json
    assert calibrated["vote"].startswith("calibrated vote")
    sure = run("evaluate", "--data", hsv_data, "--accept-accuracy", 0.5, "--json").json
    assert "answers from a confidence" in sure["vote"]
    refused = run("evaluate", "--data", hsv_data, "--vote-k", 7, "--accept-accuracy", 0.5)
    assert refused.code == Exit.USAGE
    assert "nothing is known of the accuracy" in refused.error
    ranks = run("evaluate", "--data", hsv_data, "-k", 3, "--json").json
    assert (ranks["k"], ranks["vote_k"]) == (3, calibrated["vote_k"])
    assert "precision@3" in ranks
    assert ranks["accuracy"] == calibrated["accuracy"]


def test_the_other_pictures_of_a_product_are_not_found(run: Run, hsv_data: Path) -> None:
    """The drawn catalog has several of each product, which give the answer away."""
    whole = run("evaluate", "--data", hsv_data, "--vote-k", 5, "--json").json
    folds = run("evaluate", "--data", hsv_data, "--vote-k", 5, "--folds", 4, "--json").json
    assert folds["queries"] == whole["queries"]
    assert folds["split"] == "4 folds by product or scene"
    for each in (whole, folds):
        assert each["accuracy"] < each["easy_accuracy"] - 0.1
        assert each["held_out_alone"] == 0


def test_where_the_class_is_the_product_pictures_are_held_out_one_by_one(
    run: Run, hsv_data: Path
) -> None:
    asked = ("evaluate", "--data", hsv_data, "--vote-k", 1, "--target", "product_id")
    alone = run(*asked, "--json")
    assert alone.json["split"] == "leave one out"
    assert alone.json["accuracy"] > 0.3
    assert (alone.json["held_out_alone"], alone.err) == (0, "")
    assert "easy_accuracy" not in alone.json


def test_the_only_product_of_a_class_is_held_out_picture_by_picture(
    run: Run, index: Index, data: Path, tmp_path: Path
) -> None:
    rows = ["item_id,image,label,product_id"]
    for number, label in enumerate(("one", "one", "two", "two", "lone")):
        for view in range(2):
            name = f"{number}-{view}.png"
            (tmp_path / name).write_bytes(colour_picture(number + view * len(COLOURS)))
            rows.append(f"{name},{name},{label},product-{number}")
    (tmp_path / "table.csv").write_text("\n".join(rows))
    index(tmp_path / "table.csv")
    report = tmp_path / "report.html"
    ran = run("evaluate", "--data", data, "--vote-k", 1, "--html", report, "--json")
    assert ran.json["held_out_alone"] == 2
    assert "same product or scene, 2 of them one by one" in report.read_text()
    assert "leave one product or scene out, but 2 items one by one" in ran.err
    right = {one["label"]: one["recall"] for one in ran.json["per_class"]}
    assert right["lone"] == 1


def test_folds_and_queries_do_not_go_together(run: Run, hsv_data: Path, sample: Path) -> None:
    shopper = sample / "shopper" / "shopper.csv"
    ran = run("evaluate", shopper, "--data", hsv_data, "--folds", 3)
    assert ran.code == Exit.USAGE
    assert "--folds" in ran.error


def test_what_has_one_value_of_a_field_is_held_out_together(
    run: Run, hsv_data: Path, sample: Path
) -> None:
    """Without folds the field was taken, and nothing held out by it."""
    asked = ("evaluate", "--data", hsv_data, "--vote-k", 5, "--json", "--per-query")
    whole = run(*asked).json
    apart = run(*asked, "--group-by", "product_id").json
    assert apart["split"] == "leave one product_id out"
    assert apart["per_query"] == whole["per_query"]
    assert run(*asked, "--group-by", "color").json["easy_accuracy"] == whole["easy_accuracy"]
    nothing_left = run(*asked, "--group-by", "label").json
    assert (nothing_left["accuracy"], nothing_left["without_relevant"]) == (0, whole["queries"])
    shopper = sample / "shopper" / "shopper.csv"
    refused = run("evaluate", shopper, "--data", hsv_data, "--group-by", "product_id")
    assert refused.code == Exit.USAGE
    assert "--group-by" in refused.error


def test_a_sample_asks_fewer_queries_and_always_the_same(run: Run, hsv_data: Path) -> None:
    first, again, other = (
        run("evaluate", "--data", hsv_data, "--sample", 20, "--seed", seed, "--json", "--per-query")
        for seed in (1, 1, 2)
    )
    assert first.json["queries"] == 20
    assert first.json["gallery"] == 115
    assert first.json["per_query"] == again.json["per_query"]
    assert first.json["per_query"]["query"] != other.json["per_query"]["query"]


def test_an_unknown_target_is_refused(run: Run, hsv_data: Path) -> None:
    ran = run("evaluate", "--data", hsv_data, "--target", "flavour")
    assert ran.code == Exit.USAGE
    assert "flavour" in ran.error or "no such field" in ran.error


class TestBars:
    @pytest.mark.parametrize(
        ("bar", "code"),
        [("accuracy=0", 0), ("accuracy=1.01", Exit.BELOW_BAR), ("ece=1", 0), ("ece=0", 8)],
    )
    def test_a_missed_bar_has_its_exit_code(
        self, run: Run, hsv_data: Path, bar: str, code: int
    ) -> None:
        ran = run("evaluate", "--data", hsv_data, "--fail-under", bar, "--json")
        assert ran.code == code
        assert "accuracy" in ran.json
        assert ("below the bar" in ran.err) == (code != 0)

    def test_wrong_bars_are_refused_before_anything_is_measured(
        self, run: Run, hsv_data: Path
    ) -> None:
        ran = run("evaluate", "--data", hsv_data, "--fail-under", "acuracy=0.9", "--json")
        assert ran.code == Exit.USAGE
        assert ran.out == ""

    def test_a_bar_on_what_was_not_asked_for_is_refused(self, run: Run, hsv_data: Path) -> None:
        ran = run("evaluate", "--data", hsv_data, "--fail-under", "unknown_auroc=0.5")
        assert ran.code == Exit.USAGE
        assert "not measured in this run" in ran.error


class TestComparing:
    def test_with_an_earlier_run(self, run: Run, hsv_data: Path, tmp_path: Path) -> None:
        before = run("evaluate", "--data", hsv_data, "--vote-k", 1, "--json", "--per-query")
        path = tmp_path / "before.json"
        path.write_text(before.out)
        now = run("evaluate", "--data", hsv_data, "--vote-k", 20, "--compare", path, "--json").json
        comparison = now["comparison"]
        assert comparison["with"] == "before.json"
        assert comparison["common_queries"] == 115
        assert comparison["settings"]["k"] == [1, 20]
        by_name = {one["measure"]: one for one in comparison["differences"]}
        accuracy = by_name["accuracy"]
        assert accuracy["before"] == before.json["accuracy"]
        assert accuracy["now"] == now["accuracy"]
        assert 0 < accuracy["p_value"] <= 1
        assert by_name["map"]["difference"] == 0
        for_people = run("evaluate", "--data", hsv_data, "--compare", path)
        assert "against before.json" in for_people.out
        assert "note: k differs: 1 before" in for_people.err

    def test_with_a_run_without_single_queries(
        self, run: Run, hsv_data: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "before.json"
        path.write_text(run("evaluate", "--data", hsv_data, "--json").out)
        ran = run("evaluate", "--data", hsv_data, "--compare", path, "--json").json
        assert {one["verdict"] for one in ran["comparison"]["differences"]} == {"not tested"}

    def test_with_something_else(self, run: Run, hsv_data: Path, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("hello")
        ran = run("evaluate", "--data", hsv_data, "--compare", tmp_path / "notes.txt")
        assert ran.code == Exit.USAGE
        assert "not JSON" in ran.error


class TestReport:
    def test_a_report_is_written_and_said(self, run: Run, hsv_data: Path, tmp_path: Path) -> None:
        path = tmp_path / "report.html"
        ran = run("evaluate", "--data", hsv_data, "--html", path)
        assert ran.code == 0
        assert f"report: {path}" in ran.err
        assert path.read_text(encoding="utf-8").startswith("<!doctype html>")

    @pytest.mark.parametrize("where", ["", "no/such/folder.html"])
    def test_a_place_that_cannot_be_written_is_refused_first(
        self, run: Run, hsv_data: Path, tmp_path: Path, where: str
    ) -> None:
        ran = run("evaluate", "--data", hsv_data, "--html", tmp_path / where)
        assert ran.code == Exit.USAGE
        assert "cannot be written" in ran.error
        assert ran.out == ""

    def test_a_missing_package_is_named_with_the_remedy(
        self, run: Run, hsv_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(page, "EXTRA", ("matplotlib", "no_such_package"))
        ran = run("evaluate", "--data", hsv_data, "--html", tmp_path / "report.html")
        assert ran.code == Exit.USAGE
        assert "no_such_package" in ran.error
        assert "pip install 'eyedex[report]'" in ran.error

    def test_stress_is_reported(
        self, run: Run, hsv_data: Path, sample: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "report.html"
        ran = run(
            "evaluate", sample / "shopper" / "shopper.csv", "--data", hsv_data, "--stress",
            "--stress-queries", 2, "--html", path, "--json",
        )  # fmt: skip
        body = ran.json["stress"]
        assert body["queries"] == 2
        assert len(body["rows"]) == 60
        assert {one["strength"] for one in body["rows"]} == {1, 2, 3}
        assert "not a torch network" in body["skipped"][0]["reason"]
        html = path.read_text(encoding="utf-8")
        assert "half hidden" in html
        assert html.count("data:image/jpeg;base64,") > 60
        assert len(html) < 2_000_000


def test_stress_needs_pictures(run: Run, index: Index, folder: Path, data: Path) -> None:
    index(folder)
    shutil.rmtree(folder)
    ran = run("evaluate", "--data", data, "--stress", "--stress-queries", 2)
    assert ran.code == Exit.USAGE
    assert "pictures can be read" in ran.error


def test_a_report_without_pictures_is_a_report(
    run: Run, index: Index, folder: Path, data: Path, tmp_path: Path
) -> None:
    index(folder)
    shutil.rmtree(folder)
    path = tmp_path / "report.html"
    assert run("evaluate", "--data", data, "--html", path).code == 0
    assert "data:image" not in path.read_text(encoding="utf-8")


TAGS = ("red; round", "red", "blue; round", "blue", "red; round", "blue")


def table(folder: Path) -> Path:
    """A CSV with two tags for some pictures."""
    with (folder / "tags.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("item_id", "image", "tags"))
        for number, tags in enumerate(TAGS):
            (folder / f"{number}.png").write_bytes(colour_picture(number))
            writer.writerow((f"i{number}", f"{number}.png", tags))
    return folder / "tags.csv"


def test_several_values_in_a_cell(run: Run, index: Index, data: Path, tmp_path: Path) -> None:
    index(table(tmp_path))
    asked: tuple[Any, ...] = ("evaluate", "--data", data, "--target", "tags", "--json")
    whole = run(*asked).json
    assert "micro_f1" not in whole
    divided = run(*asked, "--separator", ";").json
    assert divided["values"] == 3
    for name in ("accuracy", "macro_f1", "micro_f1", "label_map", "map", "coverage"):
        assert 0 <= divided[name] <= 1, name
    path = tmp_path / "report.html"
    ran = run(*asked, "--separator", ";", "--html", path)
    assert ran.code == 0
    assert "several values at once" in path.read_text(encoding="utf-8")
    assert run(*asked, "--separator", ";", "--stress").code == Exit.USAGE
    assert run(*asked, "--separator", ";", "--hold-out-classes", 1).code == Exit.USAGE


def test_photos_that_the_catalog_has_are_told(
    run: Run, index: Index, folder: Path, data: Path
) -> None:
    index(folder)
    ran = run("evaluate", folder, "--data", data, "--json")
    assert ran.json["photos_in_catalog"] == ran.json["queries"] == 6
    assert "note: 6 photos that the catalog has: asked without the same photo" in ran.err


def test_a_separator_divides_values_that_were_calibrated_whole(run: Run, hsv_data: Path) -> None:
    asked = ("evaluate", "--data", hsv_data, "--separator", ",")
    found = run(*asked, "--json").json
    assert found["vote"].endswith("not calibrated")
    ran = run(*asked, "--accept-accuracy", 0.6)
    assert ran.code == Exit.USAGE
    assert ran.error.endswith("(--accept-accuracy); leave it out, or --separator")


def test_lists_in_the_catalog_are_several_values(
    run: Run, index: Index, folder: Path, data: Path
) -> None:
    index(folder)
    with SearchEngine(data) as engine:
        for number, tags in enumerate(TAGS):
            engine.upsert(
                f"i{number}", colour_picture(number), attributes={"tags": tags.split("; ")}
            )
    body = run("evaluate", "--data", data, "--target", "tags", "--json", "--per-query").json
    assert body["values"] == 3
    assert (body["queries"], body["unlabelled"]) == (6, 6)
    assert body["per_query"]["truth"][0] == "red; round"
    assert body["per_query"]["confidence"] is None


@pytest.mark.slow
def test_real_photos_from_stored_embeddings_take_seconds(run: Run, tmp_path: Path) -> None:
    """3,068 items and 400 queries, with report: 10 s at most."""
    photos = Path(__file__).parents[2].parent / "shared" / "datasets" / "clothing" / "train"
    if not photos.is_dir():
        pytest.skip("the clothing photos are not on this machine")
    data = tmp_path / "data"
    assert run("index", photos, "--data", data).code == 0
    report = tmp_path / "report.html"
    ran = run("evaluate", "--data", data, "--sample", 400, "--html", report, "--json")
    assert ran.json["seconds"] < 10
    assert re.search(r"In words", report.read_text(encoding="utf-8"))
    json.loads(ran.out)
