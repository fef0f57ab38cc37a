"""Every measure is explained, and bars know which way is better."""

from pathlib import Path

import pytest

from search_engine.errors import ParameterError
from search_engine.evaluate.bars import parse_bars, short_of
from search_engine.evaluate.evaluation import evaluate
from search_engine.evaluate.glossary import MEASURES, describe, lower_is_better
from tests.search_engine.evaluate.test_evaluation import GALLERY

PAGE = Path(__file__).parents[3] / "docs" / "evaluation.md"
COUNTS = {
    "queries", "unlabelled", "without_relevant", "gallery", "k", "seconds", "per_level",
    "ece_per_level", "ece_expected_per_level",
}  # fmt: skip


def test_every_measure_of_an_evaluation_has_a_sentence() -> None:
    for name in evaluate(GALLERY, GALLERY, k=3):
        assert name in COUNTS or describe(name) is not None, name


def test_numbers_behind_the_at_stand_in_the_texts() -> None:
    measure = describe("hit_rate@25")
    assert measure is not None
    assert "25" in measure.title
    assert "25" in measure.sentence
    one = describe("hit_rate@1")
    assert one is not None
    assert "first result" in one.sentence
    assert describe("map") != describe("map@10")


@pytest.mark.parametrize("name", ["", "nothing", "hit_rate@x", "accuracy@3x", "@5"])
def test_other_words_are_no_measures(name: str) -> None:
    assert describe(name) is None


def test_sentences_are_sentences() -> None:
    for measure in MEASURES:
        assert measure.sentence[0].isupper(), measure.name
        assert measure.sentence.endswith("."), measure.name


def test_every_measure_is_in_the_documentation() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for measure in MEASURES:
        assert f"`{measure.name.rstrip('@')}" in text, measure.name


def test_bars_are_floors_of_measures_and_ceilings_of_errors() -> None:
    bars = parse_bars(["accuracy=0.9", "ece=0.05", " map = 0.5"])
    good = {"accuracy": 0.9, "ece": 0.05, "map": 0.6}
    assert short_of(bars, good) == []
    assert short_of(bars, {**good, "accuracy": 0.89}) == ["accuracy is 0.89, to be at least 0.9"]
    assert short_of(bars, {**good, "ece": 0.06}) == ["ece is 0.06, to be at most 0.05"]
    assert short_of(bars, {**good, "map": None}) == ["map is None, to be at least 0.5"]
    assert lower_is_better("search_p95_ms")
    assert not lower_is_better("hit_rate@10")


@pytest.mark.parametrize("text", ["accuracy", "accuracy=", "accuracy=high", "accuracy=nan", "=1"])
def test_what_is_no_bar_is_refused(text: str) -> None:
    with pytest.raises(ParameterError):
        parse_bars([text])


def test_a_bar_on_what_is_never_measured_is_refused() -> None:
    with pytest.raises(ParameterError, match="no measure 'acuracy'"):
        parse_bars(["acuracy=0.9"])
    with pytest.raises(ParameterError, match="not measured in this run"):
        short_of(parse_bars(["unknown_auroc=0.9"]), {"accuracy": 0.9})
