"""Plots as inline SVG in the colours of the page, so they follow light and dark.

matplotlib draws with placeholder colours, which are replaced by CSS variables; text stays text in
the page's own font. No text of users ever gets into a plot.
"""

import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from search_engine.errors import MissingExtraError
from search_engine.evaluate.classification import Curve
from search_engine.evaluate.stress.difficulties import STRENGTHS
from search_engine.evaluate.stress.run import Stress
from search_engine.metrics import CALIBRATION_BINS, CoverageCurve, Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, LINE, FIRST, SECOND, THIRD, PAPER = (f"#00a1f{number}" for number in range(6))
_VARIABLES = {
    INK: "var(--ink-soft)",
    LINE: "var(--line)",
    FIRST: "var(--accent)",
    SECOND: "var(--second)",
    THIRD: "var(--caution)",
    PAPER: "var(--surface)",
}
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "eyedex",
    "text.parse_math": False,
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.pad": 6,
    "ytick.major.pad": 6,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "lines.linewidth": 2.2,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "figure.facecolor": "none",
}
WIDTH, HEIGHT = 5.6, 3.7
SCORE_BINS = 30
MAX_POINTS = 400
"""Points of a curve, at most; more look the same and only make the file larger."""


def reliability_diagram(found: Reliability) -> str:
    """Plot how often answers are right by their confidence; below, the number of answers."""
    with _drawing():
        figure = _figure(WIDTH, HEIGHT + 0.5)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        middles = (np.arange(CALIBRATION_BINS) + 0.5) / CALIBRATION_BINS
        filled = found.count > 0
        width = 0.92 / CALIBRATION_BINS
        top.bar(middles[filled], found.accuracy[filled], width, color=FIRST, alpha=0.8)
        top.plot([0, 1], [0, 1], color=SECOND, linestyle=(0, (4, 3)), linewidth=1.5)
        top.annotate("dashed: honest", (0.02, 0.94), color=SECOND)
        bottom.bar(middles, found.count, width, color=INK, alpha=0.45)
        top.set(ylabel="right", ylim=(0, 1.02), xlim=(0, 1))
        bottom.set(xlabel="stated confidence", ylabel="answers")
        bottom.locator_params(axis="y", nbins=2)
        _percent(top, "y")
        _percent(bottom, "x")
        return _svg(figure, "reliability", "Reliability diagram: accuracy by stated confidence")


def coverage_accuracy(found: CoverageCurve, goal: float) -> str:
    """Plot accuracy when only the most confident answers are kept."""
    with _drawing():
        figure = _figure()
        axes = figure.subplots()
        keep = _thinned(len(found.coverage))
        axes.plot(found.coverage[keep], found.accuracy[keep], color=FIRST)
        axes.axhline(goal, color=THIRD, linestyle=(0, (4, 3)), linewidth=1.3)
        axes.annotate(f"{goal * 100:.0f}\u00a0% right", (0.01, goal), (0, 4), color=THIRD,
                      textcoords="offset points")  # fmt: skip
        reached = found.coverage_at(goal)
        if reached > 0:
            axes.plot([reached], [goal], "o", color=THIRD, markersize=7)
        low = min(goal, float(found.accuracy.min(initial=1.0)))
        axes.set(
            xlabel="answers kept, surest first (coverage)", ylabel="right",
            xlim=(0, 1.01), ylim=(max(0.0, low - 0.05), 1.01),
        )  # fmt: skip
        _percent(axes, "both")
        return _svg(figure, "coverage", "Accuracy against coverage")


def ranks(columns: dict[str, NDArray[np.float64]]) -> str:
    """Plot measures by number of results, each (K,) for k = 1 to K."""
    with _drawing():
        figure = _figure()
        axes = figure.subplots()
        for (name, values), colour in zip(columns.items(), (FIRST, SECOND, THIRD), strict=True):
            axes.plot(np.arange(1, len(values) + 1), values, color=colour, label=name)
        axes.set_xscale("log")
        depth = len(next(iter(columns.values())))
        shown = [k for k in (1, 2, 5, 10, 20, 50, 100, 200) if k <= depth]
        axes.set_xticks(shown, [str(k) for k in shown])
        axes.minorticks_off()
        axes.set(xlabel="results looked at (k)", ylim=(0, 1.02))
        axes.legend(loc="best")
        _percent(axes, "y")
        return _svg(figure, "ranks", f"{', '.join(columns)} by number of results")


def roc(found: Curve) -> str:
    """Plot true against false positives, all classes pooled."""
    with _drawing():
        figure = _figure()
        axes = figure.subplots()
        _area(axes, found)
        axes.plot([0, 1], [0, 1], color=INK, linestyle=(0, (4, 3)), linewidth=1)
        axes.set(xlabel="others taken for the class", ylabel="of the class, found")
        return _svg(figure, "roc", "ROC curve")


def precision_recall(found: Curve) -> str:
    """Plot precision against recall, all classes pooled."""
    with _drawing():
        figure = _figure()
        axes = figure.subplots()
        _area(axes, found)
        axes.set(xlabel="of the class, found (recall)", ylabel="right when named (precision)")
        return _svg(figure, "precision-recall", "Precision-recall curve")


def _area(axes: "Axes", found: Curve) -> None:
    keep = _thinned(len(found.x))
    axes.fill_between(found.x[keep], found.y[keep], color=FIRST, alpha=0.12, linewidth=0)
    axes.plot(found.x[keep], found.y[keep], color=FIRST)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    _percent(axes, "both")


def known_and_unknown(best_score: NDArray[np.float64], is_known: NDArray[np.bool_]) -> str:
    """Plot the score of the nearest item, for photos of known and of unknown classes."""
    with _drawing():
        figure = _figure()
        axes = figure.subplots()
        low, high = float(best_score.min()), float(best_score.max())
        edges = np.linspace(low, max(high, low + 1e-6), SCORE_BINS + 1).tolist()
        for chosen, name, colour in (
            (is_known, "known classes", FIRST),
            (~is_known, "unknown classes", THIRD),
        ):
            if chosen.any():
                weights = np.full(int(chosen.sum()), 1 / chosen.sum())
                axes.hist(best_score[chosen], edges, weights=weights, color=colour, alpha=0.6,
                          label=name)  # fmt: skip
        axes.set(xlabel="similarity of the nearest item", ylabel="share of the photos")
        axes.legend(loc="upper left")
        _percent(axes, "y")
        return _svg(figure, "unknown", "Similarity of the nearest item, known and unknown classes")


def stress_drops(found: Stress) -> str:
    """Plot accuracy under each difficulty, hardest first: a line from slight to severe."""
    names = list(dict.fromkeys(row.name for row in found.rows))
    accuracy = {(row.name, row.strength): row.accuracy for row in found.rows}
    names.sort(key=lambda name: -accuracy[name, 2])
    with _drawing():
        figure = _figure(WIDTH * 1.45, 0.7 + 0.27 * len(names))
        axes = figure.subplots()
        axes.axvline(found.accuracy, color=SECOND, linestyle=(0, (4, 3)), linewidth=1.5)
        for place, name in enumerate(names):
            values = [accuracy[name, strength] for strength in range(3)]
            axes.plot([min(*values, found.accuracy), max(*values, found.accuracy)], [place, place],
                      color=LINE, linewidth=4)  # fmt: skip
            for strength, value in enumerate(values):
                axes.plot([value], [place], "o", color=FIRST, alpha=(0.35, 0.65, 1.0)[strength],
                          markersize=6 + strength,
                          label=STRENGTHS[strength] if place == 0 else None)  # fmt: skip
        axes.set_yticks(range(len(names)), names)
        axes.set(xlabel="accuracy (dashed: the photos as they are)", xlim=(0, 1.02))
        axes.grid(visible=False, axis="y")
        axes.legend(loc="upper left", bbox_to_anchor=(0, 1.0), ncols=3)
        axes.set_ylim(-0.7, len(names) + 0.6)
        _percent(axes, "x")
        return _svg(figure, "stress", "Accuracy under each difficulty at three strengths")


def _drawing() -> Any:
    """Provide matplotlib with our style inside a `with`."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingExtraError(
            "the report's plots are drawn by matplotlib, which is not installed",
            fix="pip install 'eyedex[report]'",
        ) from error
    return mpl.rc_context(_STYLE)  # type: ignore[arg-type]  # its names are listed one by one


def _figure(width: float = WIDTH, height: float = HEIGHT) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _percent(axes: "Axes", which: str) -> None:
    from matplotlib.ticker import PercentFormatter

    if which in ("x", "both"):
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol="\u00a0%"))
    if which in ("y", "both"):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol="\u00a0%"))


def _thinned(count: int) -> NDArray[np.int64]:
    """Choose at most so many positions, including both ends."""
    return np.unique(np.linspace(0, count - 1, min(count, MAX_POINTS)).round().astype(np.int64))


def _svg(figure: "Figure", name: str, title: str) -> str:
    """Render the figure as an SVG element for a page that defines the colours."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", text,
                  flags=re.DOTALL)  # fmt: skip
    view = re.search(r'viewBox="[^"]*"', text)
    assert view is not None
    opening = f'<svg class="plot" {view[0]} role="img" aria-label="{title}">'
    text = opening + text[text.index(">") + 1 :]
    for stand_in, variable in _VARIABLES.items():
        text = text.replace(stand_in, variable)
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", text)
    return _with_own_ids(text, name)


def _with_own_ids(text: str, name: str) -> str:
    """Keep only ids that are referenced, and make them unique within the page."""
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', text))

    def kept(match: re.Match[str]) -> str:
        return f' id="{name}-{match[1]}"' if match[1] in used else ""

    text = re.sub(r' id="([^"]+)"', kept, text)
    return re.sub(r'(url\(|href=")#', rf"\1#{name}-", text)
