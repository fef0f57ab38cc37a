"""The report as one HTML file without scripts or network access, in light and dark.

Labels, ids and file names are untrusted text: the template escapes everything, and the page also
forbids scripts by its Content-Security-Policy.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from search_engine import metrics
from search_engine.errors import MissingExtraError
from search_engine.evaluate import classification
from search_engine.evaluate.confusions import Confusion, class_examples
from search_engine.evaluate.evaluation import SURE
from search_engine.evaluate.glossary import Measure, Part, describe
from search_engine.evaluate.hierarchy import holds
from search_engine.evaluate.photos import Photos, thumbnail
from search_engine.evaluate.report import plots
from search_engine.evaluate.report.summary import advice, percent, summary
from search_engine.evaluate.results import Answers
from search_engine.evaluate.run import Run
from search_engine.evaluate.stress.difficulties import STRENGTHS
from search_engine.evaluate.stress.run import Stress
from search_engine.evaluate.task import ONE_BY_ONE, QUERIES, THING_BY_THING
from search_engine.records import Floats

HERE = Path(__file__).parent
TEMPLATE = "page.html.jinja"
STYLES = "page.css"
EXTRA = ("matplotlib", "jinja2")
SHOWN_CLASSES = 20
PICTURED_CLASSES = 60
CLASS_SIDE_PX, CLASS_QUALITY = 72, 75
CURVE_DEPTH = 100
LESS_EXACT, OTHER, ABSTAINED = OTHERS = ("less exact", "other classes", "no answer")
TILES = ("accuracy", "hit_rate@1", "map", "coverage_at_95")


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """A row of a table of measures; `low` and `high` are None without an interval."""

    measure: Measure
    value: float | None
    text: str
    low: float | None
    high: float | None
    interval: str


@dataclass(frozen=True, slots=True)
class ConfusionTable:
    """Counts of the classes with most mistakes; other answers are summed at the end.

    `less exact` are answers above the true label, which are right but incomplete.

    `rows` hold a label, its photos, and the count for each column.
    """

    columns: Sequence[str]
    rows: Sequence[tuple[str, int, Sequence[int]]]
    classes: int


def check_extra() -> None:
    """Check before any work that the packages of the report are installed.

    Raises:
        MissingExtraError: A package is missing.
    """
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"the report needs {' and '.join(missing)}, not installed here",
            fix="pip install 'eyedex[report]'",
        )


def report_html(run: Run) -> str:
    """Render the whole report.

    Raises:
        MissingExtraError: matplotlib or Jinja2 is not installed.
    """
    check_extra()
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=percent,
        jpeg=_data_uri,
        path=_breakable,
        unbroken=_unbroken,
        points=_points,
        p_value=_p_value,
    )
    html: str = environment.get_template(TEMPLATE).render(
        run=run,
        styles=Markup((HERE / STYLES).read_text(encoding="utf-8")),
        how=_how_asked(run),
        made=datetime.now(UTC),
        version=version("eyedex"),
        summary=summary(run),
        advice=advice(run),
        parts=_parts(run),
        tiles=[row for name in TILES if (row := _row(run, name)) is not None],
        strengths=STRENGTHS,
        sure=SURE,
        **{name: Markup(svg) for name, svg in _plots(run).items()},
        **_tables(run),
    )
    return html.lstrip()


def _how_asked(run: Run) -> str:
    """Describe the queries in words."""
    if run.setup.learned_from:
        return f"{_held_out(run)}; the encoder learned from their labels, so new photos fare worse"
    if run.setup.relearned:
        seen = "".join(f"; {name} by what has seen them" for name in run.flattered)
        return f"{_held_out(run)}, by what is learned from the labels of others{seen}"
    return _held_out(run)


def _held_out(run: Run) -> str:
    alone = run.measures["held_out_alone"]
    return f"{_split(run)}, {alone:,} of them one by one" if alone else _split(run)


def _split(run: Run) -> str:
    if run.setup.split == QUERIES:
        known = run.measures["photos_in_catalog"]
        of_items = (
            f", {known:,} of them pictures of items, each asked without its own" if known else ""
        )
        return f"labelled photos from “{run.setup.asked}”{of_items}"
    if run.setup.split == ONE_BY_ONE:
        return "catalog items, each held out in turn"
    if run.setup.split == THING_BY_THING:
        return "catalog items, each held out with all that shows the same product or scene"
    if run.setup.split.startswith("leave one "):
        field = run.setup.split.removeprefix("leave one ").removesuffix(" out")
        return f"catalog items, held out with all that have their value of “{field}”"
    return f"catalog items, held out in {run.setup.split}"


def _plots(run: Run) -> dict[str, str]:
    """Draw every plot, by its name in the template; empty if there is nothing to draw."""
    drawn = dict.fromkeys(
        ("reliability_plot", "coverage_plot", "ranks_plot", "roc_plot", "recall_plot",
         "unknown_plot", "stress_plot"), "",
    )  # fmt: skip
    found = run.found.answers
    if found is not None and found.answered.any():
        drawn["reliability_plot"] = plots.reliability_diagram(classification.reliability_of(found))
        drawn["coverage_plot"] = plots.coverage_accuracy(classification.coverage_of(found), SURE)
        areas = classification.areas(found.truth, run.found.predictions)
        if areas.roc is not None and areas.precision_recall is not None:
            drawn["roc_plot"] = plots.roc(areas.roc)
            drawn["recall_plot"] = plots.precision_recall(areas.precision_recall)
    if run.found.ranking.answerable.any():
        drawn["ranks_plot"] = plots.ranks(_by_rank(run))
    if run.unknown is not None:
        drawn["unknown_plot"] = plots.known_and_unknown(
            run.unknown.best_score, run.unknown.is_known
        )
    if run.stress is not None:
        drawn["stress_plot"] = plots.stress_drops(run.stress)
    return drawn


def _by_rank(run: Run) -> dict[str, Floats]:
    ranking = run.found.ranking
    relevant, total = ranking.relevant[ranking.answerable], ranking.total[ranking.answerable]
    ks = range(1, min(CURVE_DEPTH, relevant.shape[1]) + 1)
    return {
        "hit rate": np.array([metrics.hit_rate(relevant, k).mean() for k in ks]),
        "precision": np.array([metrics.precision(relevant, k).mean() for k in ks]),
        "recall": np.array([metrics.recall(relevant, total, k).mean() for k in ks]),
    }


def _parts(run: Run) -> dict[str, list[MeasureRow]]:
    """Return the rows of each part's table, in the order of the measures."""
    parts: dict[str, list[MeasureRow]] = {part: [] for part in get_args(Part)}
    for name in run.measures:
        row = _row(run, name)
        if row is not None and (run.found.is_hierarchical or "hierarchical" not in name):
            parts[row.measure.part].append(row)
    return parts


def _row(run: Run, name: str) -> MeasureRow | None:
    measure = describe(name)
    if measure is None or name not in run.measures:
        return None
    value, span = run.measures[name], run.intervals.get(name)
    low, high = (span.low, span.high) if span and span.high > span.low else (None, None)
    interval = "" if low is None else f"{100 * low:.1f} to {_told(measure, high)}"
    return MeasureRow(measure, value, _told(measure, value), low, high, interval)


def _told(measure: Measure, value: float | None) -> str:
    if value is None:
        return "–"
    if measure.unit == "ms":
        return f"{value:,.1f}\u00a0ms"
    return percent(value, 1) if measure.unit == "share" else f"{value:.3f}"


def _tables(run: Run) -> dict[str, Any]:
    found = run.found.answers
    tables: dict[str, Any] = {"classes": [], "confusion": None, "mistakes": [], "stress_grid": []}
    if run.stress is not None:
        tables["stress_grid"] = _stress_grid(run.stress)
    if found is None:
        return tables
    scores = sorted(classification.per_class(found), key=lambda one: (one.f1, one.label))
    pictured = {one.label for one in scores[:PICTURED_CLASSES]}
    tables["classes"] = [
        (one, _class_picture(run, found, one.label) if one.label in pictured else None)
        for one in scores
    ]
    tables["confusion"] = _confusion_table(found)
    tables["mistakes"] = [_mistake(run, one) for one in run.confusions]
    return tables


def _class_picture(run: Run, found: Answers, label: str) -> bytes | None:
    for row in class_examples(found, label, 1):
        return run.query_photos.jpeg(row, CLASS_SIDE_PX, CLASS_QUALITY)
    return None


def _mistake(run: Run, one: Confusion) -> tuple[Confusion, list[dict[str, Any]]]:
    """Show a confusion with pictures of its examples: the query, and the item that misled it."""
    names = run.found.gallery.names
    examples = [
        {
            "query": thumbnail(run.query_photos, example.query),
            "name": run.found.results.names[example.query],
            "confidence": example.confidence,
            "item": _picture_of(run.item_photos, example.item),
            "item_name": names[example.item] if names and example.item is not None else "",
        }
        for example in one.examples
    ]
    return one, examples


def _picture_of(photos: Photos, row: int | None) -> bytes | None:
    return None if row is None else thumbnail(photos, row)


def _confusion_table(found: Answers) -> ConfusionTable:
    labels, counts = classification.confusion_counts(found)
    classes = len(classification.classes_of(found))
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    shown = np.sort(np.argsort(-wrong[:classes], kind="stable")[:SHOWN_CLASSES]).tolist()
    sums = [_sums_of_others(counts[row], row, labels, shown) for row in shown]
    extra = [name for name in OTHERS if any(one[name] for one in sums)]
    rows = [
        (
            str(labels[row]),
            int(counts[row].sum()),
            [int(counts[row, column]) for column in shown] + [one[name] for name in extra],
        )
        for row, one in zip(shown, sums, strict=True)
    ]
    return ConfusionTable([*(str(labels[one]) for one in shown), *extra], rows, classes)


def _sums_of_others(
    counts: NDArray[np.int64], row: int, labels: Sequence[str | None], shown: Sequence[int]
) -> dict[str, int]:
    """Count the answers to queries of a class besides the classes that are shown."""
    sums = dict.fromkeys(OTHERS, 0)
    for column in counts.nonzero()[0].tolist():
        if column in shown:
            continue
        above = holds(labels[column], str(labels[row]))
        sums[ABSTAINED if labels[column] is None else LESS_EXACT if above else OTHER] += int(
            counts[column]
        )
    return sums


def _stress_grid(found: Stress) -> list[tuple[str, str, list[Any]]]:
    """Return name, family and the three strengths of each difficulty, in order."""
    names = dict.fromkeys((row.name, row.family) for row in found.rows)
    return [
        (name, family, [row for row in found.rows if row.name == name]) for name, family in names
    ]


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _breakable(text: str) -> str:
    """Let a path break after its slashes."""
    return text.replace("/", "/\u200b")


def _unbroken(text: str) -> str:
    """Keep numbers and the sign after them together."""
    return re.sub(r"(?<=\d) ?%", "\u00a0%", text)


def _p_value(value: float) -> str:
    return "<\u00a00.001" if value <= 0.001 else f"{value:.3f}"


def _points(share: float) -> str:
    """Format a difference in percentage points with its sign, without a sign if 0."""
    rounded = round(100 * share)
    return f"{rounded:+d}".replace("-", "\u2212") if rounded else "0"
