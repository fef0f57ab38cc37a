"""`kill -9`, full disks and failing ones in the middle of `eyedex export` and `import`."""

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexer.embedding_files import open_embeddings
from tests.cli.conftest import COMMAND
from tests.faults.test_interruption import KILLED, checked, eyedex
from tests.unit.embedding_tables import write_npy
from tests.unit.small_catalog import unit_vectors

ROWS, DIMENSION = 3_000, 16
CLIP = ("--encoder", "external:clip")
EXPORT_POINTS = ("workshop_opened", "export_half", "export_written", "export_before_rename")
FORMS = (".npy", ".parquet")

IMPORT_KILLS = [
    ("import_before_commit", 1),
    ("import_before_commit", 3),
    ("import_committed", 1),
    ("import_committed", 2),
    ("generation_started", 1),
    ("current_before_rename", 1),
]


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
    assert eyedex("import", file, *CLIP, "--data", data).returncode == 0
    return data


@pytest.mark.parametrize(("point", "count"), IMPORT_KILLS)
def test_a_killed_import_is_finished_by_the_next(
    point: str, count: int, file: Path, undisturbed: Path, tmp_path: Path
) -> None:
    arguments = ("import", file, *CLIP, "--data", tmp_path, "--json")
    assert eyedex(*arguments, fault=f"{point}:{count}:kill").returncode == KILLED
    committed = {"import_before_commit": count - 1, "import_committed": count}.get(point, 3)
    done = eyedex(*arguments)
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert report["unchanged"] == min(ROWS, committed * 1_024)
    assert report["added"] == ROWS - report["unchanged"]
    wanted, found = checked(undisturbed), checked(tmp_path)
    assert found["collections"][0]["digest"] == wanted["collections"][0]["digest"]
    assert not [one for one in found["findings"] if "interrupted" in one["what"]]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("point", EXPORT_POINTS)
def test_a_killed_export_leaves_what_was_there(
    form: str, point: str, undisturbed: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"a{form}"
    arguments = ("export", path, "--data", undisturbed, "--force")
    assert eyedex(*arguments, fault=f"{point}:1:kill").returncode == KILLED
    assert [one.name for one in tmp_path.iterdir()] == [f".a{form}.new"]
    assert eyedex(*arguments).returncode == 0
    before = path.read_bytes()
    assert eyedex(*arguments, fault=f"{point}:1:kill").returncode == KILLED
    assert path.read_bytes() == before
    assert len(open_embeddings(path)) == ROWS
    assert eyedex(*arguments).returncode == 0
    names = {f"a{form}", "a.json"} if form == ".npy" else {f"a{form}"}
    assert {one.name for one in tmp_path.iterdir()} == names


def test_an_export_killed_between_its_two_files_is_told(undisturbed: Path, tmp_path: Path) -> None:
    """A new NPY beside the JSON of the one before."""
    path = tmp_path / "a.npy"
    half = ("export", path, "--data", undisturbed, "--filter", "label = a")
    assert eyedex(*half).returncode == 0
    whole = ("export", path, "--data", undisturbed, "--force")
    assert eyedex(*whole, fault="export_first_renamed:1:kill").returncode == KILLED
    refused = eyedex("import", path, "--data", tmp_path / "data")
    assert refused.returncode == 3
    assert not (tmp_path / "data").exists()
    assert eyedex(*whole).returncode == 0
    assert eyedex("import", path, "--data", tmp_path / "data").returncode == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("action", "code"), [("enospc", "storage_full"), ("eio", "storage")])
def test_a_disk_that_fails_leaves_no_half_file(
    form: str, action: str, code: str, undisturbed: Path, tmp_path: Path
) -> None:
    arguments = ("export", tmp_path / f"a{form}", "--data", undisturbed)
    done = eyedex(*arguments, fault=f"export_half:1:{action}")
    assert (done.returncode, done.stderr.startswith(f"error: {code}: ")) == (5, True), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("limit", [100, 20_000, 170_000])
def test_a_file_that_may_not_grow_is_given_up(
    form: str, limit: int, undisturbed: Path, tmp_path: Path
) -> None:
    """The limit of the system is met where it is, in the first bytes or in the last."""

    def confine() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    path = tmp_path / f"a{form}"
    command = [*COMMAND, "export", str(path), "--data", str(undisturbed)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=confine, check=False)
    assert (done.returncode, done.stderr.startswith("error: storage_full: ")) == (5, True), (
        done.stderr
    )
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_while_importing_loses_nothing(
    file: Path, undisturbed: Path, tmp_path: Path
) -> None:
    arguments = ("import", file, *CLIP, "--data", tmp_path)
    done = eyedex(*arguments, fault="generation_file_half:1:enospc")
    assert done.returncode == 5
    assert checked(tmp_path)["collections"][0]["items"] == ROWS
    assert eyedex(*arguments).returncode == 0
    wanted, found = checked(undisturbed), checked(tmp_path)
    assert found["collections"][0]["digest"] == wanted["collections"][0]["digest"]


PEAK = """
import resource, sys
from pathlib import Path
from indexer.embedding_files import open_embeddings
from indexer.exporting import export_embeddings
from search_engine.catalog.store import Catalog
from search_engine.config import DataPaths
if sys.argv[1] == "export":
    with Catalog(DataPaths(Path(sys.argv[2]))) as catalog:
        export_embeddings(catalog, "default", Path(sys.argv[3]), force=True)
else:
    for part in open_embeddings(Path(sys.argv[3])).parts():
        part.vectors.sum()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_memory_does_not_grow_with_the_file(form: str, tmp_path: Path) -> None:
    """100,000 rows of 512 numbers are 205 MB; NumPy's map of an NPY is counted as far as read."""
    rng = np.random.default_rng(0)
    peaks = {}
    for rows in (10_000, 100_000):
        vectors = rng.normal(size=(rows, 512)).astype(np.float32)
        given = write_npy(
            tmp_path / "given.npy", vectors, [{"item_id": str(row)} for row in range(rows)]
        )
        data = tmp_path / f"data-{rows}"
        assert eyedex("import", given, *CLIP, "--data", data).returncode == 0
        for work in ("export", "read"):
            arguments = (work, str(data), str(tmp_path / f"a{form}"))
            done = subprocess.run(
                [sys.executable, "-c", PEAK, *arguments], capture_output=True, text=True, check=True
            )
            peaks[work, rows] = int(done.stdout) / 1_000
    assert peaks["export", 100_000] - peaks["export", 10_000] < 60, peaks
    assert peaks["read", 100_000] - peaks["read", 10_000] < 60, peaks
