"""Eyedex as a whole against other engines that keep, filter and search items in one process.

    python -m benchmarks.products [--json] [--count N] [--dimension D] [--runs R] [--threads T]
                                  [--engines NAME ...] [--seconds S] [--out FILE]

Each product is set up as its documentation says for this size, in a process of its own that is
bound to T cores, and takes in N vectors with three attributes: a price, one of 1,000 brands, and
one of 100 labels that are paths. Then all take turns, R rounds of them: the latency of one search
at a time, without a filter and with filters that leave half, a tenth, a hundredth and a thousandth
of the items. Recall at 10 is against exact float32 search among the items that fulfil the filter.
A question is asked at most S seconds long a round, for slow engines with fewer queries.

Rivals return numbers of items; ours returns items with their attributes where a filter is given.
With --out every result is appended to the file, one JSON object a line, as it comes.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.machine import parser_of, report
from benchmarks.rivals.base import Ids, Place, Rows
from benchmarks.rivals.child import Child, EngineFailedError
from benchmarks.rivals.exact import Truth, exact_truth, exact_truth_within, index_recall
from benchmarks.rivals.items import FilterKind, ItemTable, filter_kinds, fulfil, make_items
from benchmarks.rivals.product_examiner import ProductExaminer, Question, Stock
from benchmarks.rivals.registry import PRODUCTS, left_out
from benchmarks.rivals.results import Results, tell, versions
from benchmarks.rivals.timing import percentile, significant, summary
from benchmarks.vectors import scale_vectors

K = 10
QUESTIONS = 200
TABLE_WIDTH = 120
COUNTS = ("returned", "wanted")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared, and how."""

    count: int
    dimension: int
    engines: tuple[str, ...]
    runs: int
    threads: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Exam:
    """Questions under one kind of filter, the truth, and how many items fulfil the conditions."""

    kind: FilterKind
    questions: list[Question]
    truth: Truth
    matches: float

    def marks(self, found: Ids, base: Rows, items: ItemTable) -> dict[str, float]:
        """Recall and items returned, of the first questions, as many as were asked."""
        count = len(found)
        kept = np.array(
            [
                [one if one >= 0 and self._is_right(number, one, items) else -1 for one in row]
                for number, row in enumerate(found)
            ]
        )
        truth = Truth(self.truth.last_scores[:count], self.truth.places[:count])
        queries = np.stack([each.query for each in self.questions[:count]])
        return {
            "recall": round(index_recall(kept, truth, base, queries), 4),
            "returned": round(float((found >= 0).sum(axis=1).mean()), 2),
            "wanted": round(float(truth.places.mean()), 2),
        }

    def _is_right(self, number: int, item: int, items: ItemTable) -> bool:
        question = self.questions[number]
        return item != question.item and bool(fulfil(items.row(item), question.condition)[0])


@dataclass(slots=True)
class Contestant:
    """A product that is filled, and what was measured of it, round by round."""

    name: str
    child: Child
    filled: dict[str, Any]
    latencies_ms: dict[str, list[list[float]]] = field(default_factory=dict)
    marks: dict[str, dict[str, float]] = field(default_factory=dict)
    sizes: dict[str, float] = field(default_factory=dict)

    def note(self, what: str, latencies: list[float], marks: dict[str, float]) -> None:
        """Keep one round of one question."""
        self.latencies_ms.setdefault(what, []).append(latencies)
        self.marks[what] = marks

    def figures(self, what: str) -> dict[str, Any]:
        """Median latency a round (median, smallest and largest of them), and the rest."""
        rounds = self.latencies_ms[what]
        pooled = [one for latencies in rounds for one in latencies]
        return {
            **summary("ms", [median(latencies) for latencies in rounds]),
            "p99_ms": significant(percentile(pooled, 0.99)),
            "queries": len(pooled),
            **self.marks[what],
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--engines", nargs="+", choices=list(PRODUCTS), default=list(PRODUCTS))
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--out", type=Path, help="append results to this file as they come")
    given = parser.parse_args(arguments)
    absent = left_out(given.engines, PRODUCTS)
    for name, reason in absent.items():
        tell(f"{name}: left out: {reason}")
    results = Results(given.out)
    plan = Plan(
        count=given.count,
        dimension=given.dimension,
        engines=tuple(name for name in given.engines if name not in absent),
        runs=given.runs,
        threads=given.threads,
        seconds=given.seconds,
    )
    rows = compare(plan, results)
    facts = {
        "threads": plan.threads,
        "versions": versions(),
        "left_out": absent,
        "failed": results.failed,
    }
    if given.json:
        report(rows, as_json=True, **facts)
    else:
        report([], as_json=False, **facts)
        show(rows)


def compare(plan: Plan, results: Results) -> list[dict[str, Any]]:
    """A row for each product; one that fails has none, and the others go on."""
    tell(f"{plan.count:,} items of {plan.dimension} dimensions")
    vectors = scale_vectors(plan.count, plan.dimension, QUESTIONS)
    items = make_items(plan.count)
    truth = exact_truth(vectors.base, vectors.queries, K)
    exams = [make_exam(kind, vectors.base, items) for kind in filter_kinds()]
    facts = {"n": plan.count, "dimension": plan.dimension, "origin": vectors.origin}
    contestants: list[Contestant] = []
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as folder:
        stock = Stock(Path(folder))
        stock.save(vectors.base, items)
        try:
            for name in plan.engines:
                with results.failures_of(name, facts):
                    contestants.append(prepare(name, stock, plan, results))
            for number in range(plan.runs):
                tell(f"round {number + 1} of {plan.runs}")
                for contestant in contestants:
                    with results.failures_of(contestant.name, facts):
                        measure_search(contestant, vectors.base, vectors.queries, truth, plan)
                        measure_filters(contestant, exams, vectors.base, items, plan)
                        contestant.sizes = contestant.child.ask("sizes")
        finally:
            for contestant in contestants:
                contestant.child.close()
    rows = [row_of(contestant, exams, facts) for contestant in contestants if contestant.sizes]
    for row in rows:
        results.keep("row", row)
    return rows


def make_exam(kind: FilterKind, base: Rows, items: ItemTable, seed: int = 0) -> Exam:
    """Questions about stored items, each with a condition of its own of that kind."""
    random = np.random.default_rng(seed)
    questions, lasts, places, matches = [], [], [], []
    for item in random.choice(len(base), QUESTIONS).tolist():
        condition = kind.draw(random)
        allowed = fulfil(items, condition)
        matches.append(int(allowed.sum()))
        allowed[item] = False
        truth = exact_truth_within(base, base[item], allowed, K)
        questions.append(Question(item, base[item].copy(), condition))
        lasts.append(truth.last_scores[0])
        places.append(truth.places[0])
    return Exam(kind, questions, Truth(np.array(lasts), np.array(places)), float(np.mean(matches)))


def prepare(name: str, stock: Stock, plan: Plan, results: Results) -> Contestant:
    """A product with everything in it.

    Raises:
        EngineFailedError: It could not be filled.
    """
    tell(f"{name}: taking in")
    place = Place(plan.threads, stock.folder / name)
    place.folder.mkdir()
    child = Child(partial(ProductExaminer, name, stock, place), plan.threads)
    try:
        filled = child.ask("ingest")
    except EngineFailedError:
        child.close()
        raise
    results.keep("filled", {"engine": name, **filled})
    tell(f"{name}: {filled['items_per_second']:,.0f} items/s; {filled['setting']}")
    return Contestant(name, child, filled)


def measure_search(
    contestant: Contestant, base: Rows, queries: Rows, truth: Truth, plan: Plan
) -> None:
    """Searches by vectors that are not stored, without a filter."""
    latencies, found = contestant.child.ask("search", queries, K, plan.seconds)
    asked = Truth(truth.last_scores[: len(found)], truth.places[: len(found)])
    recall = index_recall(found, asked, base, queries[: len(found)])
    contestant.note("search", latencies, {"recall": round(recall, 4)})


def measure_filters(
    contestant: Contestant, exams: Sequence[Exam], base: Rows, items: ItemTable, plan: Plan
) -> None:
    """Searches for what is similar to stored items, under each kind of filter."""
    for exam in exams:
        latencies, found = contestant.child.ask("similar", exam.questions, K, plan.seconds)
        contestant.note(exam.kind.name, latencies, exam.marks(found, base, items))


def row_of(contestant: Contestant, exams: Sequence[Exam], facts: dict[str, Any]) -> dict[str, Any]:
    """All figures of a product."""
    filters = [
        {
            "filter": exam.kind.name,
            "matches": round(exam.matches, 1),
            **contestant.figures(exam.kind.name),
        }
        for exam in exams
    ]
    return {
        "engine": contestant.name,
        **facts,
        **contestant.filled,
        "search": contestant.figures("search"),
        "filters": filters,
        **contestant.sizes,
    }


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Tables for people: one of sizes, one of searches."""
    console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)
    sizes = Table("engine", "items/s", "resident, MB", "before, MB", "peak, MB", "disk, MB")
    for row in rows:
        names = ("items_per_second", "resident_mb", "resident_before_mb", "peak_mb", "disk_mb")
        sizes.add_row(row["engine"], *(f"{row[name]:,.0f}" for name in names))
    console.print(sizes)
    searches = Table("filter", "engine", "ms", "p99, ms", "recall", "returned", "of", "queries")
    for place in range(-1, len(rows[0]["filters"]) if rows else -1):
        for row in rows:
            figures = row["search"] if place < 0 else row["filters"][place]
            searches.add_row(
                figures.get("filter", "search by vector"),
                row["engine"],
                f"{figures['ms']:.2f}",
                f"{figures['p99_ms']:.2f}",
                f"{figures['recall']:.4f}",
                *(f"{figures[name]:.1f}" if name in figures else "" for name in COUNTS),
                str(figures["queries"]),
            )
        searches.add_section()
    console.print(searches)
    for row in rows:
        console.print(f"  {row['engine']}: {row['setting']}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
