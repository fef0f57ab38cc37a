"""Switching where `eyedex tune` has learned: both verbs undo what changed the encoder."""

import json
from pathlib import Path

import pytest

from search_engine.engine import SearchEngine
from tests.cli.conftest import Run
from tests.cli.switch.conftest import ITEMS, encoders_kept, found, result, rows

pytestmark = pytest.mark.long


def test_a_tuned_encoder_comes_back_tuned(drawn: Path, run: Run, photo: Path) -> None:
    assert run("tune", "--force", "--no-layers", "--data", drawn).code == 0
    tuned = found(drawn, photo)
    ran = run("switch", "edges", "--force", "--data", drawn)
    assert ran.code == 0
    assert "what `eyedex tune` learned belongs to hsv: --undo brings it back too" in ran.out
    assert len(rows(drawn, "SELECT 1 FROM learned")) == 1
    assert run("switch", "--undo", "--data", drawn).code == 0
    assert found(drawn, photo) == tuned
    assert run("switch", "hsv", "--force", "--data", drawn, "--json").json["encoded"] == 0
    assert run("switch", "--forget", "--data", drawn).code == 0
    assert rows(drawn, "SELECT 1 FROM learned") == []
    assert encoders_kept(drawn) == 1
    assert run("check", "--data", drawn).code == 0


def test_tuning_is_a_change_to_go_back_from(drawn: Path, run: Run, photo: Path) -> None:
    before = found(drawn, photo)
    assert run("tune", "--force", "--no-layers", "--data", drawn).code == 0
    assert found(drawn, photo) != before
    assert run("switch", "--undo", "--data", drawn).code == 0
    assert found(drawn, photo) == before
    ran = run("switch", "--undo", "--data", drawn)
    assert "instead of hsv" in ran.out
    assert found(drawn, photo) != before


@pytest.mark.parametrize("verb", ["switch", "tune"])
@pytest.mark.parametrize("change", [("switch", "edges", "--force"), ("tune", "--force")])
def test_both_verbs_undo_whatever_changed_the_encoder_and_tell_the_same(
    drawn: Path, run: Run, photo: Path, verb: str, change: tuple[str, ...]
) -> None:
    before = found(drawn, photo)
    assert run(*change, "--data", drawn).code == 0
    after = result(drawn, photo).encoder
    ran = run(verb, "--undo", "--data", drawn, "--json")
    assert (ran.code, found(drawn, photo)) == (0, before)
    body = ran.json
    assert (body["before"]["fingerprint"], body["before"]["tuned"]) == (after, change[0] == "tune")
    assert (body["after"]["encoder"], body["fingerprint"]) == ("hsv", result(drawn, photo).encoder)
    assert (body["changed"], body["encoded"], body["unsearchable"]) == (True, 0, [])
    assert body["without_embedding"] == []
    ran = run(verb, "--undo", "--data", drawn)
    now = "edges" if change[0] == "switch" else "hsv (tuned)"
    assert ran.out.startswith(f"{now} is used again (")
    assert "instead of hsv, " in ran.out
    assert result(drawn, photo).encoder == after


def test_undo_after_two_tunings_is_one_step_and_switching_takes_off_both(
    drawn: Path, run: Run, photo: Path
) -> None:
    plain = found(drawn, photo)
    assert run("tune", "--force", "--data", drawn).code == 0
    first = found(drawn, photo)
    assert run("tune", "--force", "--target", "color", "--data", drawn).code == 0
    assert run("tune", "--undo", "--data", drawn).code == 0
    assert found(drawn, photo) == first
    ran = run("switch", "hsv", "--force", "--data", drawn, "--json")
    assert (ran.json["changed"], ran.json["already_encoded"]) == (True, ITEMS)
    assert found(drawn, photo) == plain


def test_where_nothing_else_is_kept_undoing_takes_off_what_was_learned(
    drawn: Path, run: Run, photo: Path
) -> None:
    before = found(drawn, photo)
    assert run("tune", "--force", "--data", drawn).code == 0
    said = run("switch", "--forget", "--data", drawn).out
    assert "--undo takes off what was learned now" in said
    ran = run("switch", "--undo", "--data", drawn, "--json")
    assert (ran.code, ran.json["encoded"], ran.json["after"]["tuned"]) == (0, 0, False)
    assert found(drawn, photo) == before
    assert run("switch", "--undo", "--data", drawn).out.startswith("hsv (tuned) is used again")


def test_a_tuned_encoder_is_compared_as_one_that_has_not_seen_the_items(
    drawn: Path, run: Run
) -> None:
    """Labels by lot teach nothing, but whoever learned them finds them again."""
    with SearchEngine(drawn) as engine:
        record = engine.live("default").record
        page = engine.catalog.page(record, 0, 1_000)
        with engine.catalog.write() as writer:
            writer.describe(record.id, {item.key: {"label": f"x{item.key % 3}"} for item in page})
    assert run("tune", "--force", "--no-layers", "--data", drawn).code == 0
    gate = run("switch", "edges", "--dry-run", "--data", drawn, "--json").json["gate"]
    table = run("evaluate", "--encoders", "hsv", "--data", drawn, "--json")
    own, _ = table.json["encoders"]
    assert table.json["relearned"] == 5
    assert "each was asked by what is learned without it" in table.err
    more = ("--hold-out-classes", 1, "--rerank", "aqe", "--stress", "--stress-queries", 20)
    ran = run("evaluate", *more, "--data", drawn, "--json")
    assert (ran.json["learned_from"], ran.json["relearned"]) == (False, 5)
    assert "each was asked by what is learned without it" in ran.err
    assert "that have seen the items" not in ran.err
    assert ran.json["stress"]["accuracy"] < 0.9
    assert ran.json["unknown_auroc"] < 0.65
    assert ran.json["rerankings"][0]["measures"]["map"]["before"] < 0.6
    folds = run("evaluate", "--folds", 3, "--data", drawn, "--json").json
    unseen = [ran.json, folds, own]
    assert max(each["accuracy"] for each in unseen) < 0.6
    assert gate["accuracy"]["before"] < 0.6


def test_items_that_came_after_what_was_learned_are_not_asked_with(
    drawn: Path, run: Run, photo: Path
) -> None:
    assert run("tune", "--force", "--no-layers", "--data", drawn).code == 0
    count = run("evaluate", "--data", drawn, "--json").json["queries"]
    with SearchEngine(drawn) as engine:
        engine.upsert("later", photo, label="Mug")
    ran = run("evaluate", "--data", drawn, "--json")
    assert (ran.json["queries"], ran.json["later"]) == (count, 1)
    assert "left out as it came later: 1 item" in ran.err


def test_where_most_items_came_later_that_is_said(drawn: Path, run: Run, photo: Path) -> None:
    assert run("tune", "--force", "--no-layers", "--data", drawn).code == 0
    with SearchEngine(drawn) as engine:
        items = engine.catalog.page(engine.live("default").record, 0, 1_000)
        for item in items[len(items) // 4 :]:
            engine.upsert(item.item_id, photo, label=item.label)
    ran = run("evaluate", "--data", drawn, "--json")
    assert (ran.json["learned_from"], ran.json["relearned"]) == (True, 0)
    assert "photos that it has not seen get fewer right" in ran.err


def test_learning_makes_no_duplicates_of_the_items_of_a_class(
    drawn: Path, run: Run, photo: Path
) -> None:
    def told() -> str:
        return run("duplicates", "--min-score", 0.95, "--data", drawn, "--json").out

    before = told()
    assert run("tune", "--force", "--no-layers", "--data", drawn).code == 0
    assert told() == before
    with SearchEngine(drawn) as engine:
        engine.upsert("later", photo, label="Mug")
    assert "1 item came after what the encoder learned" in run("duplicates", "--data", drawn).err
    assert '"later"' in told()  # the file is the same as another's


def test_learning_hides_neither_wrong_labels_nor_outliers(
    drawn: Path, run: Run, photo: Path
) -> None:
    with SearchEngine(drawn) as engine:
        nearest, *others = (each.item for each in engine.search(photo, k=50).neighbors)
        other = next(each.label for each in others if each.label != nearest.label)
        engine.describe(nearest.item_id, {"label": other})

    def told(verb: str) -> list[str]:
        ran = run(verb, "--data", drawn, "--json")
        assert ran.code == 0
        return [json.loads(line)["item_id"] for line in ran.out.splitlines()]

    before = {verb: told(verb) for verb in ("mislabelled", "outliers")}
    assert run("tune", "--force", "--no-layers", "--data", drawn).code == 0
    assert {verb: told(verb) for verb in before} == before
    with SearchEngine(drawn) as engine:
        engine.upsert("later", photo, label=nearest.label)
    assert "later" not in told("outliers")[:5]
    ran = run("mislabelled", "--data", drawn)
    assert f"0 of {ITEMS + 1} items could not be judged" in ran.out + ran.err
