"""`eyedex calibrate`, and what it changes in `eyedex classify` and `eyedex index`."""

import json
from pathlib import Path
from typing import Any

import pytest

from search_engine.engine import SearchEngine
from search_engine.vote.calibration.collection import CalibrationRequest, calibrate_collection
from search_engine.vote.calibration.record import Calibration
from search_engine.vote.calibration.store import calibrated_targets, load_calibration, moved_share
from search_engine.vote.tally import VoteRule
from tests.cli.conftest import Index, Run, colour_picture
from tests.conftest import copy_data


@pytest.fixture
def drawn(hsv_data: Path, tmp_path: Path) -> Path:
    """A copy of the drawn catalog, as `eyedex index` left it."""
    data = tmp_path / "drawn"
    copy_data(hsv_data, data)
    return data


@pytest.fixture
def photo(sample: Path) -> Path:
    return min((sample / "images").rglob("*.jpg"))


def calibration_of(data: Path, target: str = "label") -> Calibration | None:
    with SearchEngine(data) as engine:
        return load_calibration(engine.catalog, engine.live("default").record, target)


def test_indexing_calibrates_the_label(drawn: Path, run: Run, photo: Path) -> None:
    found = calibration_of(drawn)
    assert found is not None
    body = run("classify", photo, "--data", drawn, "--json").json
    assert body["calibrated"] is True
    assert len(body["neighbors"]) == found.rule.k
    assert [level["label"] for level in body["levels"]][-1] == body["votes"][0]["label"]
    sure = [level["confidence"] for level in body["levels"]]
    assert sure == sorted(sure, reverse=True)
    assert body["confidence"] == sure[-1]


def test_calibrate_tells_what_it_found(drawn: Path, run: Run) -> None:
    ran = run("calibrate", "--data", drawn, "--json")
    assert ran.code == 0
    body = ran.json
    assert {"k", "temperature", "ece_before", "ece_after", "ece_expected", "accuracy"} <= set(body)
    assert (body["target"], body["items"], body["left_out"]) == ("label", 115, "product")
    assert body["easy_accuracy"] >= body["accuracy"]
    assert all(level["ece"] >= 0 and 0 < level["ece_expected"] < 1 for level in body["levels"])
    assert (body["moved"], body["balanced"], body["per_product"]) == (0.0, False, False)
    assert list(body["coverage"]) == ["0.9", "0.95", "0.99"]
    assert body["coverage"]["0.9"] is None or 0 < body["coverage"]["0.9"]["coverage"] <= 1
    for_people = run("calibrate", "--data", drawn).out
    assert for_people.startswith(f"label: k {body['k']}, temperature")
    assert "with all photos of its product" in for_people
    assert "if perfect" in for_people
    assert f"beside photos that look like it: accuracy {body['easy_accuracy']:.3f}" in for_people


def test_any_attribute_can_be_calibrated(drawn: Path, run: Run, photo: Path) -> None:
    before = run("classify", photo, "--data", drawn, "--target", "color", "--json").json
    assert before["calibrated"] is False
    assert run("calibrate", "--data", drawn, "--target", "color").code == 0
    after = run("classify", photo, "--data", drawn, "--target", "color", "--json").json
    assert after["calibrated"] is True
    with SearchEngine(drawn) as engine:
        assert calibrated_targets(engine.catalog, engine.live("default").record) == [
            "color", "label",
        ]  # fmt: skip
    refused = run("calibrate", "--data", drawn, "--target", "weight")
    assert refused.code == 2
    assert "no such field: weight (--target)" in refused.error


@pytest.mark.parametrize(
    "asked", [("--vote-k", 7), ("--filter", "view = front")], ids=["vote_k", "filter"]
)
def test_another_vote_is_plain(drawn: Path, run: Run, photo: Path, asked: tuple[Any, ...]) -> None:
    body = run("classify", photo, "--data", drawn, "--json", *asked).json
    assert body["calibrated"] is False
    said = {level["label"]: level["confidence"] for level in body["levels"]}
    assert body["confidence"] == said[body["label"]]
    because = asked[0].strip("-").replace("-", "_")
    assert body["uncalibrated_because"] == because
    for_people = run("classify", photo, "--data", drawn, *asked)
    assert for_people.err.startswith("note: ")
    assert "than " in for_people.err
    assert "of the votes)" in for_people.out
    refused = run("classify", photo, "--data", drawn, "--accept-accuracy", 0.8, *asked)
    assert refused.code == 2
    assert f"leave out {asked[0]}" in refused.error


def test_k_is_what_is_shown_and_the_calibrated_vote_may_be_named(
    drawn: Path, run: Run, photo: Path
) -> None:
    found = calibration_of(drawn)
    assert found is not None
    usual = run("classify", photo, "--data", drawn, "--json").json
    body = run("classify", photo, "--data", drawn, "--vote-k", found.rule.k, "--json").json
    assert body["calibrated"] is True
    for k in (1, 60):
        shown = run("classify", photo, "--data", drawn, "-k", k, "--json").json
        assert len(shown["neighbors"]) == k
        assert shown["votes"] == usual["votes"]
        assert shown["voters"] == found.rule.k


def test_answers_are_accepted_for_an_accuracy(drawn: Path, run: Run, sample: Path) -> None:
    found = calibration_of(drawn)
    assert found is not None
    best = max(point.accuracy for point in found.curve)
    shopper = ("classify", sample / "shopper", "--data", drawn, "--json")
    free = [json.loads(line) for line in run(*shopper).out.splitlines()]
    asked = run(*shopper, "--accept-accuracy", round(best - 1e-3, 3)).out.splitlines()
    strict = [json.loads(line) for line in asked]
    bar = found.threshold(round(best - 1e-3, 3)).confidence
    assert len(free) == len(strict) > 5
    for one, other in zip(free, strict, strict=True):
        enough = [level for level in one["levels"] if level["confidence"] >= round(bar, 6)]
        if other["abstained"]:
            assert (enough, other["reason"]) == ([], "disagree") or other["reason"] == "too_far"
        else:
            assert other["label"] == enough[-1]["label"]
            assert other["confidence"] == enough[-1]["confidence"]
    refused = run(*shopper[:-1], "--accept-accuracy", 0.9999)
    assert refused.code == 2
    assert "no confidence promises" in refused.error


def test_an_accuracy_needs_a_calibration(run: Run, index: Index, data: Path, folder: Path) -> None:
    """Six pictures are too few: the plain vote stays."""
    report = index(folder).json
    assert "calibrate" not in report["stages"]
    picture = folder / "A" / "0.png"
    assert run("classify", picture, "--data", data, "--json").json["calibrated"] is False
    refused = run("classify", picture, "--data", data, "--accept-accuracy", 0.9)
    assert refused.code == 2
    assert "calibrate label first" in refused.error
    refused = run("calibrate", "--data", data)
    assert refused.code == 2
    assert "6 labelled items are too few to calibrate" in refused.error


def test_indexing_calibrates_again_once_enough_has_changed(
    index: Index, data: Path, tmp_path: Path
) -> None:
    source = tmp_path / "many"

    def add(first: int, last: int) -> None:
        for number in range(first, last):
            path = source / "AB"[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(colour_picture(number))

    add(0, 80)
    assert index(source).json["stages"]["calibrate"] > 0
    first = calibration_of(data)
    add(80, 82)
    assert "calibrate" not in index(source).json["stages"]
    assert calibration_of(data) == first
    with SearchEngine(data) as engine:
        record = engine.live("default").record
        assert first is not None
        assert moved_share(engine.catalog, record, first) == pytest.approx(2 / 80)
    add(82, 90)
    assert "calibrate" in index(source).json["stages"]
    again = calibration_of(data)
    assert again is not None
    assert again.items == 90


def test_how_the_vote_shall_be_is_said_once(drawn: Path, run: Run, photo: Path) -> None:
    body = run("calibrate", "--data", drawn, "--per-product", "--balanced", "--json").json
    assert (body["per_product"], body["balanced"]) == (True, True)
    neighbors = run("classify", photo, "--data", drawn, "--json").json["neighbors"]
    products = [one["product_id"] for one in neighbors]
    assert len(set(products)) == len(products) == body["k"]


def test_a_calibration_that_cannot_be_read_is_as_good_as_none(
    drawn: Path, run: Run, photo: Path
) -> None:
    (path,) = drawn.rglob("calibration-*.json")
    good = json.loads(path.read_bytes())
    for bad in (
        b"", b"[]", b"{", b"\xff", json.dumps({**good, "format": 2}).encode(),
        json.dumps({**good, "rule": {**good["rule"], "k": "many"}}).encode(),
        json.dumps({**good, "collection_uid": "other"}).encode(),
        json.dumps({**good, "fingerprint": "other"}).encode(),
        json.dumps({**good, "target": "color"}).encode(),
        json.dumps({**good, "seq": 10**9}).encode(),
    ):  # fmt: skip
        path.write_bytes(bad)
        assert calibration_of(drawn) is None
        assert run("classify", photo, "--data", drawn, "--json").json["calibrated"] is False
    path.write_bytes(json.dumps(good).encode())
    assert run("classify", photo, "--data", drawn, "--json").json["calibrated"] is True


def test_an_open_engine_notices_a_new_calibration_and_that_it_is_outdated(
    drawn: Path, sample: Path, photo: Path
) -> None:
    (path,) = drawn.rglob("calibration-*.json")
    path.unlink()
    with SearchEngine(drawn) as engine:
        assert not said(engine, photo).calibrated
        calibrate_collection(engine.catalog, "default", CalibrationRequest())
        assert said(engine, photo).calibrated
        assert engine.classify(photo).warnings == ()
        for item in engine.catalog.page(engine.live("default").record, 0, 30):
            engine.remove(item.item_id)
        result = engine.classify(photo)
        (warning,) = result.warnings
        assert warning.startswith("calibration_outdated: 26% of the items changed")
        (warning,) = engine.classify(photo, rule=VoteRule(k=3), k=20).warnings
        assert warning.startswith("vote_not_calibrated: ")


def said(engine: SearchEngine, photo: Path) -> Any:
    return engine.classify(photo).prediction


def test_lists_of_values_are_voted_value_by_value(drawn: Path, run: Run, photo: Path) -> None:
    with SearchEngine(drawn) as engine:
        record = engine.live("default").record
        items = engine.catalog.page(record, 0, 200)
        with engine.catalog.write() as writer:
            tags = {
                item.key: {
                    "attributes": {
                        **item.attributes,
                        "tags": [str(item.attributes["color"]), str(item.label).split("/")[0]],
                    }
                }
                for item in items
            }
            writer.describe(record.id, tags)
    plain = run("classify", photo, "--data", drawn, "--target", "tags", "--json").json
    assert plain["label"] is None
    assert set(plain["values"]) <= {chance["value"] for chance in plain["chances"]}
    assert all(
        (chance["probability"] >= 0.5) == (chance["value"] in plain["values"])
        for chance in plain["chances"]
    )
    found = run("calibrate", "--data", drawn, "--target", "tags", "--json").json
    assert found["target"] == "tags"
    fitted = run("classify", photo, "--data", drawn, "--target", "tags", "--json").json
    assert fitted["calibrated"] is True
    assert fitted["values"]
    said = run("calibrate", "--data", drawn, "--target", "tags").out
    assert "\nprecision of the values answered 0." in said  # evaluate's accuracy is of whole lists
    shown = run("classify", photo, "--data", drawn, "--target", "tags").out
    assert all(value in shown.splitlines()[0] for value in fitted["values"])
    refused = run("calibrate", "--data", drawn, "--target", "tags", "--balanced")
    assert refused.code == 2
    assert "cannot be balanced" in refused.error


def test_many_photos_are_answered_with_a_note_when_much_has_changed(
    drawn: Path, run: Run, photo: Path
) -> None:
    asked = ("classify", photo, "--data", drawn, "--output", drawn / "answers.csv")
    assert run(*asked).err == ""
    with SearchEngine(drawn) as engine:
        for item in engine.catalog.page(engine.live("default").record, 0, 30):
            engine.remove(item.item_id)
    assert run(*asked, "--overwrite").err == (
        "note: 26% of the items changed since the vote was calibrated; "
        "`eyedex calibrate` does it again\n"
    )


def test_a_field_says_what_is_held_out_together_and_is_kept(drawn: Path, run: Run) -> None:
    body = run("calibrate", "--data", drawn, "--group-by", "color", "--json").json
    assert body["left_out"] == "group"
    found = calibration_of(drawn)
    assert found is not None
    assert found.group_by == "color"


@pytest.mark.parametrize(
    ("field", "said"), [("colour", "there is no such field"), ("serial", "no two items have one")]
)
def test_a_field_that_holds_nothing_out_is_refused(
    run: Run, tmp_path: Path, field: str, said: str
) -> None:
    for number in range(60):
        (tmp_path / f"{number}.png").write_bytes(colour_picture(number))
    table = "\n".join(f"{number},{number}.png,l{number % 2},{number}" for number in range(60))
    (tmp_path / "c.csv").write_text(f"item_id,image,label,serial\n{table}\n")
    data = tmp_path / "data"
    assert run("index", tmp_path / "c.csv", "--data", data, "--encoder", "hsv").code == 0
    refused = run("calibrate", "--data", data, "--group-by", field)
    assert refused.code == 2
    assert said in refused.error
