"""Our vector index against others, each at its cheapest setting with the recall that is wanted.

    python -m benchmarks.index [--json] [--count N ...] [--dimension D] [--runs R] [--threads T]
                               [--engines NAME ...] [--recall 0.99] [--out FILE]

Every engine gets the same float32 rows, in a process of its own that is bound to T cores. It is
built once. Its search effort is swept upwards until recall at 10 is what is wanted, against exact
search over the same float32 rows. Then all engines take turns, R rounds of them: queries a second
of all queries in one call, and the latency of one query a call. Figures are medians over the
rounds. With --out every result is appended to the file, one JSON object a line, as it comes.
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

from rich.console import Console
from rich.table import Table

from benchmarks.machine import parser_of, report
from benchmarks.rivals.base import Place
from benchmarks.rivals.child import Child, EngineFailedError
from benchmarks.rivals.choice import Choice, Tried, choose, sweep
from benchmarks.rivals.index_examiner import Gallery, IndexExaminer
from benchmarks.rivals.registry import INDEXES, OURS, left_out
from benchmarks.rivals.results import Results, tell, versions
from benchmarks.rivals.timing import significant, summary
from benchmarks.vectors import scale_vectors

K = 10
TABLE_WIDTH = 110


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared, and how."""

    counts: tuple[int, ...]
    dimension: int
    engines: tuple[str, ...]
    runs: int
    threads: int
    recall: float


@dataclass(slots=True)
class Contestant:
    """An engine that is built and has its setting, and what was measured of it round by round."""

    name: str
    child: Child
    built: dict[str, Any]
    choice: Choice
    setting: str
    queries_per_second: list[float] = field(default_factory=list)
    single_ms: list[float] = field(default_factory=list)
    single_p99_ms: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """One round."""
        effort = self.choice.chosen.effort
        self.queries_per_second.append(self.child.ask("queries_per_second", effort))
        half, nearly_all = self.child.ask("single_ms", effort)
        self.single_ms.append(half)
        self.single_p99_ms.append(nearly_all)

    def row(self) -> dict[str, Any]:
        """All figures, under the names that the report uses."""
        return {
            "engine": self.name,
            "setting": self.setting,
            "recall": round(self.choice.chosen.recall, 4),
            "recall_reached": self.choice.reached,
            **summary("qps", self.queries_per_second),
            "qps_rounds": [significant(value) for value in self.queries_per_second],
            **summary("single_ms", self.single_ms),
            "single_ms_rounds": [significant(value) for value in self.single_ms],
            "single_p99_ms": significant(median(self.single_p99_ms)),
            "bytes_per_vector": self.built["resident_bytes_per_vector"],
            "bytes_measure": "growth of anonymous resident memory by build and first search",
            **self.built,
            "effort": self.choice.chosen.effort,
            **self.choice.neighbors(),
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--count", type=int, nargs="+", default=[100_000])
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--engines", nargs="+", choices=list(INDEXES), default=list(INDEXES))
    parser.add_argument("--recall", type=float, default=0.99)
    parser.add_argument("--out", type=Path, help="append results to this file as they come")
    given = parser.parse_args(arguments)
    absent = left_out(given.engines, INDEXES)
    for name, reason in absent.items():
        tell(f"{name}: left out: {reason}")
    results = Results(given.out)
    plan = Plan(
        counts=tuple(given.count),
        dimension=given.dimension,
        engines=tuple(name for name in given.engines if name not in absent),
        runs=given.runs,
        threads=given.threads,
        recall=given.recall,
    )
    rows, ratios = compare(plan, results)
    facts = {
        "threads": plan.threads,
        "recall_wanted": plan.recall,
        "versions": versions(),
        "left_out": absent,
        "failed": results.failed,
    }
    if given.json:
        report(rows, as_json=True, **facts, ratios=ratios)
    else:
        report([], as_json=False, **facts)
        show(rows, ratios)


def compare(plan: Plan, results: Results) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of all sizes and engines, and our ratios to the best rival of each size."""
    rows, ratios = [], []
    for count in plan.counts:
        with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as folder:
            found = compare_at(count, plan, Path(folder), results)
        rows += found
        if (ratio := ratios_to_best(found)) is not None:
            ratios.append(ratio)
            results.keep("ratios", ratio)
    return rows, ratios


def compare_at(count: int, plan: Plan, folder: Path, results: Results) -> list[dict[str, Any]]:
    """The rows of one size; an engine that fails has none, and the others go on."""
    tell(f"{count:,} vectors of {plan.dimension} dimensions")
    gallery = Gallery(folder, K)
    origin = save_vectors(gallery, count, plan.dimension)
    facts = {"n": count, "dimension": plan.dimension, "origin": origin, "threads": plan.threads}
    contestants: list[Contestant] = []
    try:
        for name in plan.engines:
            with results.failures_of(name, facts):
                contestants.append(prepare(name, gallery, plan, results))
        take_turns(contestants, plan.runs, facts, results)
    finally:
        for contestant in contestants:
            contestant.child.close()
    rows = [
        {**contestant.row(), **facts, "runs": plan.runs}
        for contestant in contestants
        if len(contestant.single_ms) == plan.runs
    ]
    for row in rows:
        results.keep("row", row)
    return rows


def take_turns(
    contestants: Sequence[Contestant], runs: int, facts: dict[str, Any], results: Results
) -> None:
    """Let each measure itself once a round, so that a noisy minute hits all alike."""
    for number in range(runs):
        tell(f"round {number + 1} of {runs}")
        for contestant in contestants:
            with results.failures_of(contestant.name, facts):
                contestant.measure()


def save_vectors(gallery: Gallery, count: int, dimension: int) -> str:
    """Put the vectors where all processes find them; says where they come from."""
    vectors = scale_vectors(count, dimension)
    gallery.save(vectors.base, vectors.queries)
    return vectors.origin


def prepare(name: str, gallery: Gallery, plan: Plan, results: Results) -> Contestant:
    """An engine that is built and has its setting.

    Raises:
        EngineFailedError: It could not be built or searched.
    """
    tell(f"{name}: building")
    place = Place(plan.threads, gallery.folder / name)
    place.folder.mkdir()
    child = Child(partial(IndexExaminer, name, gallery, place), plan.threads)
    try:
        built = child.ask("build")
        results.keep("built", {"engine": name, **built})
        tell(f"{name}: built in {built['build_s']} s; looking for its setting")
        tried = sweep(
            lambda effort: Tried(effort, *child.ask("try_effort", effort)),
            child.ask("efforts"),
            plan.recall,
        )
        results.keep("swept", {"engine": name, "tried": [vars_of(one) for one in tried]})
        choice = choose(tried, plan.recall)
        setting = child.ask("setting", choice.chosen.effort)
    except EngineFailedError:
        child.close()
        raise
    tell(f"{name}: {setting}: recall {choice.chosen.recall:.4f}")
    return Contestant(name, child, built, choice, setting)


def vars_of(tried: Tried) -> list[float]:
    """Effort, recall and queries a second: short, for the results file."""
    return [tried.effort, round(tried.recall, 4), significant(tried.queries_per_second)]


def ratios_to_best(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Ours to the best rival of each measure, more than 1 where ours is better.

    Speeds are compared round by round: the median of the ratios, smallest and largest. Only rivals
    with the recall that is wanted count. None if ours or all of them are missing.
    """
    ours = next((row for row in rows if row["engine"] == OURS), None)
    rivals = [row for row in rows if not row["engine"].startswith(OURS) and row["recall_reached"]]
    if ours is None or not rivals:
        return None
    fastest = max(rivals, key=lambda row: float(row["qps"]))
    quickest = min(rivals, key=lambda row: float(row["single_ms"]))
    smallest = min(rivals, key=lambda row: float(row["bytes_per_vector"]))
    return {
        "n": ours["n"],
        "dimension": ours["dimension"],
        "recall_reached": ours["recall_reached"],
        **summary("qps", quotients(ours["qps_rounds"], fastest["qps_rounds"]), 3),
        "qps_best_rival": fastest["engine"],
        **summary(
            "single_ms", quotients(quickest["single_ms_rounds"], ours["single_ms_rounds"]), 3
        ),
        "single_ms_best_rival": quickest["engine"],
        "bytes_per_vector": significant(smallest["bytes_per_vector"] / ours["bytes_per_vector"], 3),
        "bytes_per_vector_best_rival": smallest["engine"],
    }


def quotients(dividends: Sequence[float], divisors: Sequence[float]) -> list[float]:
    """Of each round."""
    return [one / other for one, other in zip(dividends, divisors, strict=True)]


def show(rows: Sequence[dict[str, Any]], ratios: Sequence[dict[str, Any]]) -> None:
    """A table for people, and the ratios below it."""
    table = Table("n", "engine", "recall", "queries/s", "one, ms", "bytes/vector", "build, s")
    for row in rows:
        mapped = row["mapped_bytes_per_vector"]
        table.add_row(
            f"{row['n']:,}",
            row["engine"],
            f"{row['recall']:.4f}" + ("" if row["recall_reached"] else " (low)"),
            f"{row['qps']:,.0f} {spread_of(row, 'qps')}",
            f"{row['single_ms']:.3f} {spread_of(row, 'single_ms')}",
            f"{row['bytes_per_vector']:,.0f}" + (f" +{mapped:,.0f} mapped" if mapped else ""),
            f"{row['build_s']:,.1f}",
        )
    console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)
    console.print(table)
    for row in rows:
        console.print(f"  {row['engine']}: {row['setting']}", highlight=False, soft_wrap=True)
    for ratio in ratios:
        console.print(
            f"n = {ratio['n']:,}: {ratio['qps']}x the queries/s of {ratio['qps_best_rival']}, "
            f"{ratio['single_ms']}x as quick as {ratio['single_ms_best_rival']}, "
            f"{ratio['bytes_per_vector']}x as small as {ratio['bytes_per_vector_best_rival']}",
            highlight=False,
            soft_wrap=True,
        )


def spread_of(row: dict[str, Any], name: str) -> str:
    """Half the way from the smallest to the largest value, in percent of the median."""
    return f"±{(row[f'{name}_max'] - row[f'{name}_min']) / row[name] * 50:.0f}%"


if __name__ == "__main__":
    main()
