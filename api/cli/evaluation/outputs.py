"""Compare a run with an earlier one, write its report, and check the bars that it must reach."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search_engine.evaluate.bars import Bar
    from search_engine.evaluate.run import Run
    from search_engine.evaluate.task import Options


@dataclass(frozen=True, slots=True)
class Outputs:
    """An earlier run to compare with, the file of the report, and bars."""

    bars: "Sequence[Bar]"
    earlier: dict[str, Any] | None
    earlier_name: str
    html: Path | None

    def compared(self, run: "Run", options: "Options") -> "Run":
        """Return the run with its differences to the earlier one, if there is one.

        Raises:
            ParameterError: The earlier run is damaged, or asked none of the same queries.
        """
        from search_engine.evaluate.comparison import compare
        from search_engine.evaluate.run_json import run_json

        if self.earlier is None:
            return run
        found = compare(
            self.earlier, run_json(run), run.found.results, self.earlier_name,
            options.resamples, options.seed,
        )  # fmt: skip
        return replace(run, comparison=found)

    def missed(self, run: "Run") -> list[str]:
        """Return the bars that the run does not reach, in words."""
        from search_engine.evaluate.bars import short_of

        return short_of(self.bars, run.measures)

    def write_report(self, run: "Run") -> None:
        """Write the report, if one is wanted.

        Raises:
            StorageError: The file cannot be written.
        """
        if self.html is None:
            return
        from search_engine.errors import StorageError
        from search_engine.evaluate.report.page import report_html

        text = report_html(run)
        try:
            self.html.write_text(text, encoding="utf-8")
        except OSError as error:
            raise StorageError(
                f"cannot be written: {error.strerror}", where=str(self.html)
            ) from error
        print(f"report: {self.html} ({len(text.encode()):,} bytes)", file=sys.stderr)


def checked_outputs(fail_under: Sequence[str], compare: Path | None, html: Path | None) -> Outputs:
    """Return the outputs that are wanted; refuse what cannot be had before any work.

    Raises:
        ParameterError: A bar is no measure and number, the earlier run is none, or the report
            cannot be written.
        MissingExtraError: The report needs a package that is not installed.
    """
    from search_engine.evaluate.bars import parse_bars
    from search_engine.evaluate.comparison import read_run

    bars = parse_bars(fail_under)
    earlier = None if compare is None else read_run(compare)
    if html is not None:
        _check_report(html)
    return Outputs(bars, earlier, "" if compare is None else compare.name, html)


def _check_report(path: Path) -> None:
    from search_engine.errors import ParameterError
    from search_engine.evaluate.report.page import check_extra

    check_extra()
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else "its folder does not exist"
        raise ParameterError(f"the report cannot be written: {what}", where=str(path))
