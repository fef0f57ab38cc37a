"""A whole run of `eyedex index` as a contestant, and how figures of contestants are put in rows."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import spread
from benchmarks.processor_time import watched
from indexer.report import RunReport
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings

OURS = "eyedex index"

Row = dict[str, Any]


class WholeRun:
    """Index runs of a source into a fresh data directory, and what they reported.

    `core_s` has the seconds of a core that a picture took in each, in all processes together.
    """

    def __init__(self, source: Path, work: Path) -> None:
        self.reports: list[RunReport] = []
        self.core_s: list[float] = []
        self._source, self._cache, self._data = source, work / "encoders", work / "data"

    def measure(self) -> float:
        """Pictures a second of one whole run; its report is kept."""
        shutil.rmtree(self._data, ignore_errors=True)
        shutil.copytree(self._cache, self._data / "encoders")
        settings, spent = Settings(data=self._data), list[float]()
        with watched(spent):
            done = index_source(open_source(self._source), IndexRequest(), settings)
        self.core_s.append(spent[0] / done.encoded)
        self.reports.append(done)
        return done.encoded / done.seconds

    def stages(self) -> list[Row]:
        """Seconds that each stage was at work (of all processes together), and share of the run."""
        return [
            {
                "what": f"stage {name}, s",
                **spread([report.stages[name] for report in self.reports]),
                "at_work": round(median(report.utilisation()[name] for report in self.reports), 3),
            }
            for name in self.reports[0].stages
        ]


def evenly(photos: Sequence[Path], wanted: int) -> list[Path]:
    """At most so many, from all over the list."""
    count = min(wanted, len(photos))
    return [photos[number * len(photos) // count] for number in range(count)]


def ratio_row(
    one: str, rates: Sequence[float], other: str, others: Sequence[float], wanted: float
) -> Row:
    """Round by round, and the least that we want."""
    ratios = [rate / against for rate, against in zip(rates, others, strict=True)]
    return {"what": f"{one} / {other}", **spread(ratios), "wanted": wanted}
