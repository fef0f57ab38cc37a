"""The HTML report: hostile text, nothing from elsewhere, every part where it belongs."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from search_engine.collections.labelled import Labelled
from search_engine.evaluate.comparison import compare
from search_engine.evaluate.confusions import worst_confusions
from search_engine.evaluate.evaluation import examine, intervals, measures
from search_engine.evaluate.predictors import PlainVote
from search_engine.evaluate.report.page import report_html
from search_engine.evaluate.report.summary import advice, percent, summary
from search_engine.evaluate.results import to_columns
from search_engine.evaluate.run import Run, Setup
from search_engine.evaluate.stress.run import stress
from search_engine.evaluate.unknown import hold_out
from tests.images.pictures import jpeg
from tests.search_engine.evaluate.test_evaluation import labelled
from tests.search_engine.evaluate.test_stress import colour_task

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "{{ 7 * 7 }}/{% raw %}",
    "$\\frac{1}{0}$",
    "日本語 & عربي",
]


class Pictures:
    """A picture for every row, or none at all."""

    def __init__(self, there: bool = True) -> None:
        self._jpeg = jpeg() if there else None

    def jpeg(self, row: int, max_side_px: int, quality: int) -> bytes | None:
        return self._jpeg

    def path(self, row: int) -> Path | None:
        return None


def run_of(gallery: Labelled, there: bool = True, name: str = "default") -> Run:
    found = examine(gallery, gallery, PlainVote(3))
    assert found.answers is not None
    return Run(
        Setup(name, "hsv", "label", "plain vote", "leave one out", "the catalog itself", 0),
        found, PlainVote(3),
        {**measures(found), "rejected": 0, "held_out_alone": 0,
         "photos_in_catalog": 0, "target": "label"},
        intervals(found, 50), worst_confusions(found.answers, found.ranking, gallery),
        Pictures(there), Pictures(there),
    )  # fmt: skip


def mixed(labels: list[str]) -> Labelled:
    """Items of these labels in turn, some of them too near to those of others."""
    rng = np.random.default_rng(0)
    count = 8 * len(labels)
    degrees = [25 * (row % len(labels)) + rng.normal(0, 12) for row in range(count)]
    named = [labels[row % len(labels)] for row in range(count)]
    return replace(labelled(degrees, named), names=[f"{one}/{row}.jpg" for row, one in
                                                    enumerate(named)])  # fmt: skip


class Page(HTMLParser):
    """Tags, ids and addresses of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "action", "xlink:href", "srcset", "data"):
                self.addresses.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def hostile() -> str:
    run = run_of(mixed(HOSTILE), name=HOSTILE[0])
    unknown = hold_out(run.found.queries, run.found.gallery, PlainVote(3), 2, 0)
    earlier = {"accuracy": 0.5, "k": HOSTILE[2], "per_query": to_columns(run.found.results)}
    comparison = compare(earlier, run.measures, run.found.results, HOSTILE[1], 50, 0)
    return report_html(replace(run, unknown=unknown, comparison=comparison))


def test_what_others_wrote_is_shown_and_never_run(hostile: str) -> None:
    found = Page(hostile)
    assert not set(found.tags) & {"script", "iframe", "object", "embed", "link", "form"}
    assert found.handlers == []
    text = "".join(found.words).replace("\u200b", "")
    for label in HOSTILE:
        assert label in text, label
    assert "49" not in re.findall(r"taken for\s*(\d+)", text)


def test_nothing_is_loaded_from_anywhere(hostile: str) -> None:
    found = Page(hostile)
    for address in found.addresses:
        assert address.startswith(("data:image/jpeg;base64,", "#")), address[:60]
    assert "url(http" not in hostile
    assert "@import" not in hostile
    assert "default-src 'none'" in hostile


def test_ids_are_unique_and_all_that_is_referred_to_is_there(hostile: str) -> None:
    found = Page(hostile)
    assert len(found.ids) == len(set(found.ids))
    for target in [*re.findall(r"url\(#([^)]+)\)", hostile), *(
        address[1:] for address in found.addresses if address.startswith("#")
    )]:  # fmt: skip
        assert target in found.ids, target


def test_plots_take_the_colours_of_the_page(hostile: str) -> None:
    for svg in re.findall(r"<svg.*?</svg>", hostile, re.DOTALL):
        assert "var(--" in svg
        assert "#00a1f" not in svg
        assert "<style" not in svg
        assert "<metadata" not in svg


def test_every_measure_stands_with_its_sentence() -> None:
    run = run_of(mixed(["a", "b", "c"]))
    html = report_html(run)
    for name in run.measures:
        if re.search(f"<code[^>]*>{re.escape(name)}</code>", html):
            continue
        assert name in {
            "queries", "unlabelled", "without_relevant", "gallery", "k", "seconds", "rejected",
            "held_out_alone", "photos_in_catalog",
            "target", "per_level", "hierarchical_precision", "hierarchical_recall",
            "hierarchical_f1", "ece_per_level", "ece_expected_per_level",
        }  # fmt: skip


def test_paths_have_their_levels_and_flat_labels_have_none() -> None:
    flat, deep = (
        report_html(run_of(mixed(labels))) for labels in (["a", "b"], ["x/a", "x/b", "y/c"])
    )
    assert "level of the path" not in flat
    assert "hierarchical_f1" not in flat
    assert "level of the path" in deep
    assert "hierarchical_f1" in deep


def test_missing_pictures_are_said_to_be_missing() -> None:
    html = report_html(run_of(mixed(["a", "b", "c"]), there=False))
    assert "data:image" not in html
    assert 'aria-label="no picture"' in html


def test_a_catalog_where_nothing_can_be_found_has_a_report() -> None:
    html = report_html(run_of(labelled([0, 90], ["a", "b"])))
    assert "no ranking to judge" in html


def test_a_catalog_without_answers_has_a_report() -> None:
    alone = run_of(labelled([0], ["a"]))
    assert alone.measures["coverage"] == 0
    assert "In words" in report_html(alone)


def test_a_perfect_catalog_has_no_mistakes_to_show() -> None:
    run = run_of(labelled([0, 1, 2, 3, 90, 91, 92, 93], ["a"] * 4 + ["b"] * 4))
    assert "None: every answer was right." in report_html(run)
    assert any("8 of 8 photos" in sentence for sentence in summary(run))
    assert advice(run) == []


def test_many_classes_are_folded_and_the_matrix_shows_the_worst() -> None:
    labels = [f"class {number:02}" for number in range(30)]
    html = report_html(run_of(mixed(labels)))
    assert "15 more classes" in html
    assert "The 20 of 30 classes with most mistakes" in html


def test_the_words_tell_the_figures() -> None:
    run = run_of(mixed(["a", "b", "c"]))
    first = summary(run)[0]
    assert f"{percent(run.measures['accuracy'])}" in first
    assert f"of {run.measures['queries']} photos" in first
    worst = run.confusions[0]
    assert any(f"“{worst.truth}” taken for “{worst.predicted}”" in one for one in advice(run))


def test_stress_is_shown_step_by_step() -> None:
    task = colour_task()
    run = replace(run_of(mixed(["a", "b"])), stress=stress(task))
    html = report_html(run)
    for words in ("half hidden", "45\u00a0% of it covered", "not a torch network"):
        assert words in html, words
    assert "−0" not in html
    assert "-0 to" not in html
    assert any("hurts most" in sentence for sentence in summary(run))


@pytest.mark.parametrize(("value", "wanted"), [(0.5, "50\u00a0%"), (1.0, "100\u00a0%")])
def test_percent(value: float, wanted: str) -> None:
    assert percent(value) == wanted


def test_drawing_leaves_the_settings_of_matplotlib_alone() -> None:
    import matplotlib as mpl

    before = {name: str(value) for name, value in mpl.rcParams.items()}
    report_html(run_of(mixed(["a", "b"])))
    assert {name: str(value) for name, value in mpl.rcParams.items()} == before
