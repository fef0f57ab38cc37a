"""What tests of faults share: a catalog of fewer items than the drawn one."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search_engine.storage import faults
from tests.conftest import once

ROWS = 48
Fault = Callable[[str], None]


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fault]:
    """Make the named point fail once, in this process."""
    faults.reset()
    yield lambda plan: monkeypatch.setenv("EYEDEX_FAULT", plan)
    faults.reset()


@pytest.fixture(scope="session")
def source(shared: Path, sample: Path) -> Path:
    """The first rows of the drawn catalog, with their pictures."""

    def make(folder: Path) -> None:
        rows = (sample / "catalog.csv").read_text().splitlines(keepends=True)[: ROWS + 1]
        folder.mkdir()
        (folder / "catalog.csv").write_text("".join(rows))
        (folder / "images").mkdir()
        for path in (sample / "images").iterdir():
            if f"images/{path.name}" in "".join(rows):
                shutil.copy(path, folder / "images")

    return once(shared / "first-rows", make) / "catalog.csv"
