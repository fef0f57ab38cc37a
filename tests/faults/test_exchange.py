"""`kill -9`, full disks and failing ones in the middle of `eyedex export` and `import`."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexer.exchange.exporting import ExportReport, export_embeddings
from indexer.exchange.files import open_embeddings
from search_engine.catalog.filters import Filter, parse_filter
from search_engine.catalog.store import Catalog
from search_engine.config import Settings
from search_engine.errors import SourceError, StorageError, StorageFullError
from search_engine.maintenance.check import check_data
from search_engine.storage.paths import DataPaths
from tests.embedding_tables import CLIP, counts, take_in, write_npy
from tests.faults.conftest import Fault
from tests.faults.test_interruption import KILLED, eyedex
from tests.small_catalog import unit_vectors

pytestmark = pytest.mark.long

ROWS, DIMENSION = 3_000, 16
PART = 1_024
FORMS = (".npy", ".parquet")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An NPY of three parts, with its records."""
    records = [{"item_id": f"id{row}", "label": "abc"[row % 3]} for row in range(ROWS)]
    vectors = unit_vectors(ROWS, dimension=DIMENSION)
    return write_npy(tmp_path_factory.mktemp("given") / "given.npy", vectors, records)


@pytest.fixture(scope="module")
def undisturbed(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file, imported in one go. Do not change it."""
    data = tmp_path_factory.mktemp("undisturbed") / "data"
    assert counts(take_in(file, data)) == (ROWS, 0, 0, 0)
    return data


def digest_of(data: Path) -> str:
    report = check_data(Settings(data=data))
    assert report.sound, report.findings
    assert not [one for one in report.findings if "interrupted" in one.what]
    return str(report.collections[0]["digest"])


def export(data: Path, path: Path, wanted: Filter | None = None) -> ExportReport:
    with Catalog(DataPaths(data)) as catalog:
        return export_embeddings(catalog, "default", path, filter=wanted, force=True)


@pytest.mark.parametrize(
    ("point", "count", "committed"),
    [
        ("import_before_commit", 1, 0),
        ("import_committed", 2, 2 * PART),
        ("generation_started", 1, ROWS),
    ],
)
def test_a_killed_import_is_finished_by_the_next(
    point: str, count: int, committed: int, file: Path, undisturbed: Path, tmp_path: Path
) -> None:
    arguments = ("import", file, "--encoder", CLIP, "--data", tmp_path)
    assert eyedex(*arguments, fault=f"{point}:{count}:kill").returncode == KILLED
    assert counts(take_in(file, tmp_path)) == (ROWS - committed, 0, committed, 0)
    assert digest_of(tmp_path) == digest_of(undisturbed)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("point", ["export_half", "export_written", "export_before_rename"])
def test_a_killed_export_leaves_what_was_there(
    form: str, point: str, undisturbed: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"a{form}"
    export(undisturbed, path, parse_filter('{"field": "label", "eq": "a"}'))
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    arguments = ("export", path, "--data", undisturbed, "--force")
    assert eyedex(*arguments, fault=f"{point}:1:kill").returncode == KILLED
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.is_file()} == before
    assert len(open_embeddings(path)) == ROWS / 3
    assert (tmp_path / f".a{form}.new").is_dir()
    assert export(undisturbed, path).rows == len(open_embeddings(path)) == ROWS
    assert {one.name for one in tmp_path.iterdir()} == before.keys()


def test_an_export_killed_between_its_two_files_is_told(
    undisturbed: Path, tmp_path: Path, fault: Fault
) -> None:
    """A new NPY beside the JSON of the one before, of as many items."""
    path = tmp_path / "a.npy"
    for label in "ab":
        wanted = parse_filter(f'{{"field": "label", "eq": "{label}"}}')
        export(undisturbed, tmp_path / f"{label}.npy", wanted)
    shutil.copy(tmp_path / "b.npy", path)
    with pytest.raises(SourceError, match=r"not what a\.json was written with"):
        open_embeddings(path)
    fault("export_first_renamed:1:eio")
    with pytest.raises(StorageError):
        export(undisturbed, path)
    with pytest.raises(SourceError, match="1,000 records for 3,000 rows"):
        open_embeddings(path)
    assert export(undisturbed, path).rows == len(open_embeddings(path)) == ROWS


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("point", ["workshop_opened", "export_half", "export_before_rename"])
@pytest.mark.parametrize(("action", "kind"), [("enospc", StorageFullError), ("eio", StorageError)])
def test_a_disk_that_fails_leaves_no_half_file(
    form: str,
    point: str,
    action: str,
    kind: type[StorageError],
    undisturbed: Path,
    tmp_path: Path,
    fault: Fault,
) -> None:
    fault(f"{point}:1:{action}")
    with pytest.raises(StorageError) as caught:
        export(undisturbed, tmp_path / f"a{form}")
    assert type(caught.value) is kind
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("form", "limit_bytes"), [(".parquet", 100_000), (".npy", 100_000), (".npy", 200_000)]
)
def test_a_file_that_may_not_grow_is_given_up(
    form: str, limit_bytes: int, undisturbed: Path, tmp_path: Path
) -> None:
    """The limit of the system is met where it is; the last one in the JSON."""
    path = tmp_path / f"a{form}"
    done = eyedex("export", path, "--data", undisturbed, file_limit=limit_bytes)
    assert done.returncode == 5
    assert done.stderr.startswith("error: storage_full: "), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.sqlite_only("the disk of a catalog is the server's there")
def test_a_disk_that_fails_while_importing_loses_nothing(
    file: Path, undisturbed: Path, tmp_path: Path, fault: Fault
) -> None:
    fault("generation_file_half:1:enospc")
    with pytest.raises(StorageFullError):
        take_in(file, tmp_path)
    assert counts(take_in(file, tmp_path)) == (0, 0, ROWS, 0)
    assert digest_of(tmp_path) == digest_of(undisturbed)


PEAK = """
import re, sys
from pathlib import Path
from indexer.exchange.files import open_embeddings
from indexer.exchange.exporting import export_embeddings
from search_engine.catalog.store import Catalog
from search_engine.storage.paths import DataPaths
if sys.argv[1] == "export":
    with Catalog(DataPaths(Path(sys.argv[2]))) as catalog:
        export_embeddings(catalog, "default", Path(sys.argv[3]), force=True)
else:
    for part in open_embeddings(Path(sys.argv[3])).parts():
        part.vectors.sum()
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_memory_does_not_grow_with_the_file(form: str, tmp_path: Path) -> None:
    """45,000 rows of 512 numbers are 92 MB."""
    rng = np.random.default_rng(0)
    peaks = {}
    for rows in (5_000, 45_000):
        vectors = rng.normal(size=(rows, 512)).astype(np.float32)
        given = write_npy(
            tmp_path / "given.npy", vectors, [{"item_id": str(row)} for row in range(rows)]
        )
        data = tmp_path / f"data-{rows}"
        assert eyedex("import", given, "--encoder", CLIP, "--data", data).returncode == 0
        for work in ("export", "read"):
            arguments = (work, str(data), str(tmp_path / f"a{form}"))
            done = subprocess.run(
                [sys.executable, "-c", PEAK, *arguments], capture_output=True, text=True, check=True
            )
            peaks[work, rows] = int(done.stdout) / 1_000
    assert peaks["export", 45_000] - peaks["export", 5_000] < 40, peaks
    assert peaks["read", 45_000] - peaks["read", 5_000] < 40, peaks
