"""What it costs that a first `eyedex index` learns from the labels, in processor time, by pairs.

    python -m benchmarks.learning SOURCE [--pairs N] [--json]

Each pair is a run that learns and one by `--no-tune`, into fresh data directories that have the
networks exported; the order changes from pair to pair. Processor time is that of all processes.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.core_time import core_ms, family
from benchmarks.machine import report, spread

COMMAND = (sys.executable, "-m", "api.cli.main", "index")
SAMPLE_S = 0.05


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as folder:
        cache = Path(folder) / "cache"
        learned = run(given.source, cache, [])[1]["learned"]
        run(given.source, cache, ["--no-tune", "--collection", "plain"])
        pairs = [pair(given.source, cache, number % 2 == 1) for number in range(given.pairs)]
    learning, plain = zip(*pairs, strict=True)
    rows: list[dict[str, Any]] = [
        {"what": "with learning, core-s", **spread(learning)},
        {"what": "--no-tune, core-s", **spread(plain)},
        {"what": "ratio", **spread([one / other for one, other in pairs]), "wanted": 1.25},
        {"what": "learned", "learned": learned and learned["changed"]},
    ]
    report(rows, given.json)


def pair(source: Path, cache: Path, turned: bool) -> tuple[float, float]:
    """Core-seconds with learning and without; `turned` begins without."""
    found = {}
    for flags in ((), ("--no-tune",)) if not turned else (("--no-tune",), ()):
        with tempfile.TemporaryDirectory(prefix="eyedex-bench-") as folder:
            shutil.copytree(cache / "encoders", Path(folder) / "encoders")
            found[flags], _ = run(source, Path(folder), [*flags])
    return found[()], found[("--no-tune",)]


def run(source: Path, data: Path, flags: list[str]) -> tuple[float, dict[str, Any]]:
    """Core-seconds of one run, and what it says."""
    spent: dict[int, float] = {}
    command = [*COMMAND, str(source), "--data", str(data), "--json", *flags]
    with (
        tempfile.TemporaryFile() as out,
        subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL) as process,
    ):
        while process.poll() is None:
            for each in living(process.pid):
                try:
                    spent[each] = core_ms([each]) / 1000
                except OSError:
                    continue
            time.sleep(SAMPLE_S)
        out.seek(0)
        return sum(spent.values()), json.loads(out.read())


def living(process: int) -> list[int]:
    """A process and all below it; none once it is gone."""
    try:
        return family(process)
    except OSError:
        return []


if __name__ == "__main__":
    main()
