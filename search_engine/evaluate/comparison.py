"""Compare two runs: what changed, and whether chance alone explains it.

Both runs have the same queries, so differences are taken query by query (paired). Yes-or-no
outcomes are tested with McNemar's test ("Note on the sampling error of the difference between
correlated proportions", Psychometrika 1947; exact, recommended for classifiers by Dietterich,
"Approximate statistical tests for comparing supervised classification learning algorithms", Neural
Computation 1998), everything else with a paired bootstrap.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from search_engine.errors import ParameterError
from search_engine.evaluate.bootstrap import Interval, interval, p_value
from search_engine.evaluate.glossary import describe, lower_is_better
from search_engine.evaluate.paired import sampled_differences
from search_engine.evaluate.results import QueryResults, from_columns, statistics, to_columns

SIGNIFICANT = 0.05
LARGEST = 1e300
SETTINGS = (
    "collection", "encoder", "target", "vote", "k", "split", "relearned", "gallery", "queries",
)  # fmt: skip

Verdict = Literal["better", "worse", "no clear difference", "not tested"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure in both runs, over their common queries.

    `test` is `mcnemar`, `bootstrap`, or None if the earlier run has no results by query.
    """

    measure: str
    before: float
    now: float
    interval: Interval | None
    p_value: float | None
    test: str | None
    verdict: Verdict

    @property
    def difference(self) -> float:
        """The gain; negative for a loss."""
        return self.now - self.before


@dataclass(frozen=True, slots=True)
class Comparison:
    """This run compared with an earlier one.

    `common` counts their common queries (None if the earlier run has no results by query);
    `settings` are those that differ, with both values.
    """

    name: str
    common: int | None
    settings: Mapping[str, tuple[Any, Any]]
    differences: tuple[Difference, ...]


def read_run(path: Path) -> dict[str, Any]:
    """Read the output of `eyedex evaluate --json`.

    Raises:
        ParameterError: The file has other content.
    """
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise ParameterError("not JSON", where=str(path), fix=_HOW) from error
    if not isinstance(run, dict) or "accuracy" not in run:
        raise ParameterError("not the result of an evaluation", where=str(path), fix=_HOW)
    return run


_HOW = "make it with `eyedex evaluate --json --per-query > RUN.json`"


def compare(
    earlier: Mapping[str, Any],
    run: Mapping[str, Any],
    results: QueryResults,
    name: str,
    resamples: int,
    seed: int,
) -> Comparison:
    """Compare this run with an earlier one.

    Args:
        earlier: The JSON of the earlier run; with `per_query`, differences are tested.
        run: The JSON of this run.
        results: The queries of this run.
        name: The name of the earlier run.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        ParameterError: `per_query` is damaged, or has no common queries.
    """
    settings = {
        key: (earlier.get(key), run.get(key))
        for key in SETTINGS
        if (earlier.get(key) or None) != (run.get(key) or None)  # earlier versions lack some
    }
    if "per_query" not in earlier:
        return Comparison(name, None, settings, tuple(_untested(earlier, run)))
    if not isinstance(earlier["per_query"], dict):
        raise ParameterError("per_query is not an object", where=name, fix=_HOW)
    as_stored = from_columns(to_columns(results), name)  # rounded as the earlier run was
    before, now = _common(from_columns(earlier["per_query"], name), as_stored)
    if not now.names:
        raise ParameterError("the earlier run has none of these queries", where=name)
    differences = _tested(before, now, resamples, seed)
    return Comparison(name, len(now.names), settings, tuple(differences))


def mcnemar(before: NDArray[np.bool_], now: NDArray[np.bool_]) -> float:
    """Exact two-sided p-value of McNemar's test for yes-or-no outcomes (Q,) of the same queries.

    Only queries whose outcome changed matter.
    """
    from scipy.stats import binomtest

    lost, won = int((before & ~now).sum()), int((~before & now).sum())
    if lost + won == 0:
        return 1.0
    return float(binomtest(won, lost + won, 0.5).pvalue)


def _common(before: QueryResults, now: QueryResults) -> tuple[QueryResults, QueryResults]:
    """Select the queries that are in both runs with the same truth, in the same order."""
    known = {(name, truth): row for row, (name, truth) in enumerate(_identities(before))}
    rows = [
        (known[identity], row) for row, identity in enumerate(_identities(now)) if identity in known
    ]
    return before.take([one for one, _ in rows]), now.take([one for _, one in rows])


def _identities(results: QueryResults) -> list[tuple[str, str]]:
    return list(zip(results.names, results.answers.truth, strict=True))


def _tested(before: QueryResults, now: QueryResults, resamples: int, seed: int) -> list[Difference]:
    old, new = statistics(before), statistics(now)
    both = [name for name in new if name in old]
    once = np.ones((1, len(now.names)))
    samples = sampled_differences(before, now, both, resamples, seed)
    found = []
    for name in both:
        first, second = float(old[name](once)[0]), float(new[name](once)[0])
        if not (np.isfinite(first) and np.isfinite(second)):
            continue
        test, p = "bootstrap", p_value(samples[name])
        outcomes = _outcomes(name, before, now)
        if outcomes is not None:
            test, p = "mcnemar", mcnemar(*outcomes)
        verdict = _verdict(name, second - first, p)
        found.append(Difference(name, first, second, interval(samples[name]), p, test, verdict))
    return found


def _outcomes(
    name: str, before: QueryResults, now: QueryResults
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """Return yes or no for every query in both runs; None if the measure is of another kind.

    Also None if several queries show one product, as McNemar's test assumes independence.
    """
    if len(np.unique(now.groups)) < len(now.groups):
        return None
    if name == "accuracy":
        return before.answers.correct, now.answers.correct
    if not name.startswith("hit_rate@"):
        return None
    first, second = before.ranking[name], now.ranking[name]
    defined = np.isfinite(first) & np.isfinite(second)
    return first[defined] > 0, second[defined] > 0


def _verdict(name: str, difference: float, p: float | None) -> Verdict:
    if p is None or p >= SIGNIFICANT or difference == 0:
        return "no clear difference"
    return "better" if (difference > 0) != lower_is_better(name) else "worse"


def _untested(earlier: Mapping[str, Any], run: Mapping[str, Any]) -> list[Difference]:
    found = []
    for name, now in run.items():
        before = earlier.get(name)
        if before is not None and describe(name) and _is_number(before) and _is_number(now):
            found.append(Difference(name, before, now, None, None, None, "not tested"))
    return found


def _is_number(value: Any) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
