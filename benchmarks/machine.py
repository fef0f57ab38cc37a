"""What every benchmark prints beside its figures: the machine, the versions, the spread."""

import argparse
import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

DATASETS = Path(__file__).parents[1].parent / "shared" / "datasets"
PACKAGES = ("torch", "openvino", "faiss-cpu", "pillow", "numpy")


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """A parser that shows a module's docstring as it is written, and knows `--json`."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    return parser


def machine() -> dict[str, Any]:
    """Processor, cores, versions, date."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
        **{package: version(package) for package in PACKAGES},
    }


def alternate(runs: int, contestants: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Call all in turn, `runs` times over, so that a noisy minute hits all alike."""
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(runs):
        for name, measure in contestants.items():
            found[name].append(measure())
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest."""
    return {
        "median": round(statistics.median(values), 2),
        "min": round(min(values), 2),
        "max": round(max(values), 2),
    }


def report(rows: list[dict[str, Any]], as_json: bool, **facts: Any) -> None:
    """Print the rows, as JSON or for people."""
    if as_json:
        print(json.dumps({"machine": machine(), **facts, "rows": rows}))
        return
    print("; ".join(f"{name} {value}" for name, value in {**machine(), **facts}.items()))
    for row in rows:
        print("  " + "  ".join(f"{name}={value}" for name, value in row.items()))


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
