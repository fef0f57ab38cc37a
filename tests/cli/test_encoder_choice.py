"""Choosing encoders at the command line: poolings, weights of parts, visual words."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run

UNION = "color+shape+texture"


@pytest.fixture
def photo(sample: Path) -> Path:
    return min((sample / "images").glob("*.jpg"))


@pytest.fixture
def few(sample: Path, tmp_path: Path) -> Path:
    """Ten pictures of the drawn catalog."""
    folder = tmp_path / "few"
    folder.mkdir()
    for path in sorted((sample / "images").glob("*.jpg"))[::12]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_a_search_says_what_counts(run: Run, data: Path, sample: Path, photo: Path) -> None:
    made = run("index", sample / "catalog.csv", "--data", data, "--encoder", UNION, "--json")
    assert made.code == 0

    def found(*arguments: object) -> list[tuple[str, float]]:
        body = run("search", photo, "--data", data, "--json", *arguments).json
        return [(one["item_id"], one["score"]) for one in body["neighbors"]]

    plain = found()
    assert found("--weights", "color=1,shape=1,texture=1") == plain
    colour, shape = found("--weights", "shape=0,texture=0"), found("--weights", "color=0,texture=0")
    assert colour != plain
    assert colour[0][0] == shape[0][0] == plain[0][0]
    assert [name for name, _ in colour] != [name for name, _ in shape]
    refused = run("search", photo, "--data", data, "--weights", "colour=2")
    assert refused.code == 2
    assert "known: color, shape, texture" in refused.error


def test_other_encoders_have_nothing_to_weigh(run: Run, hsv_data: Path, photo: Path) -> None:
    refused = run("search", photo, "--data", hsv_data, "--weights", "color=2")
    assert refused.code == 2
    assert "hsv has no parts to weigh" in refused.error
    assert UNION in refused.error


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sift", "orb"])
def test_words_are_learnt_and_used(
    run: Run, data: Path, sample: Path, photo: Path, tmp_path: Path, kind: str
) -> None:
    words, source = tmp_path / "words", tmp_path / "some"
    source.mkdir()
    for path in sorted((sample / "images").glob("*.jpg"))[::4]:
        shutil.copy(path, source)
    made = run("encoders", "--learn-vocabulary", kind, "--from", source, "--out", words, "--json")
    assert made.json["pictures"] == len(list(source.glob("*.jpg")))
    assert made.json["words"] > 50
    again = run("encoders", "--learn-vocabulary", kind, "--from", source, "--out", words, "--json")
    assert again.json["sha256"] == made.json["sha256"]
    arguments = ("--data", data, "--encoder", kind, "--weights", words)
    assert run("index", source, *arguments).code in (0, 4)
    best = run("search", photo, "--data", data, "--json").json["neighbors"][0]
    assert best["score"] == pytest.approx(1, abs=2e-3)


def test_words_need_pictures_and_a_file(run: Run, tmp_path: Path) -> None:
    refused = run("encoders", "--learn-vocabulary", "sift", "--from", tmp_path)
    assert refused.code == 2
    assert "--out FILE" in refused.error


@pytest.mark.long
def test_a_pooling_stays_with_the_collection(
    run: Run, data: Path, few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EYEDEX_RUNTIME", "torch-float32")
    made = run("index", few, "--data", data, "--pooling", "gem", "--json")
    assert (made.code, made.json["added"]) == (0, 10)
    again = run("index", few, "--data", data, "--json")
    assert (again.code, again.json["unchanged"]) == (0, 10)
    picture = min(few.iterdir())
    (best, *_) = run("search", picture, "--data", data, "--json").json["neighbors"]
    assert best["score"] == pytest.approx(1, abs=2e-3)
    other = run("index", few, "--data", data, "--pooling", "avg")
    assert other.code == 7
    assert "--pooling" in other.error


def test_an_unknown_pooling_is_refused(run: Run, data: Path, few: Path) -> None:
    refused = run("index", few, "--data", data, "--pooling", "median", "--json")
    assert refused.code == 2
    assert "avg, gem, max, multi" in json.dumps(refused.err)


def test_encoders_are_recommended_with_the_source_of_each_figure(run: Run) -> None:
    rows = run("encoders", "recommend", "--json").json["encoders"]
    assert rows[0]["name"] == "efficientnet_lite0"
    assert all(figure["source"] for row in rows for figure in row["figures"])
    assert "images_per_second" not in rows[0]
