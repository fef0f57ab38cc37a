"""What many tests share: a small drawn catalog, an index of it, a running server.

Everything is made once a test session, also when several workers run it.
"""

import fcntl
import gc
import hashlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import PIL
import pytest

from data import sample_catalog
from data.sample_catalog.writer import write_catalog
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.catalog.copying import copy_catalog
from search_engine.catalog.store import Catalog
from search_engine.catalog.transient import clear_transient
from search_engine.config import Settings
from search_engine.encoders.registry import DEFAULT_ENCODER, EncoderRequest, create_encoder
from search_engine.storage.paths import DataPaths
from tests import postgres

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")  # new examples are for `make test-random`
PRODUCTS, PHOTOS = 46, 8
LARGE_PRODUCTS = 184
"""As many as `make demo` draws."""
READY_S = 300.0
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 6 * 2**30
"""What must be free there; a run leaves 1.5 GB before it ends."""
CLUSTER = pytest.StashKey[Path]()
"""Where the database server of a whole run on PostgreSQL is."""
ON_BOTH_ALWAYS = {
    "test_catalog.py",
    "test_catalog_storage.py",
    "test_collection_rows.py",
    "test_words.py",
    "test_filters.py",
    "test_prepared.py",
}
"""Of the tests on both databases those that take seconds; the others do with --slow."""


def pytest_configure(config: pytest.Config) -> None:
    """Write to memory, and start the database server that all workers of the run share."""
    _write_to_memory()
    is_first = not hasattr(config, "workerinput")
    if config.getoption("--database") == "postgresql" and postgres.programs() and is_first:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        config.stash[CLUSTER] = stack.enter_context(postgres.running()).folder


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of that server."""
    node.workerinput["cluster"] = str(node.config.stash.get(CLUSTER, ""))


def _write_to_memory() -> None:
    """Keep what tests write in memory where there is room: they would wait for the disk."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    if shutil.disk_usage(MEMORY).free > MEMORY_BYTES:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests that take minutes")
    parser.addoption(
        "--database",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="where catalogs are that tests make in their own process",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        skip = pytest.mark.skip(reason="takes minutes: run with --slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)
    everywhere = config.getoption("--database")
    for item in items:
        marker = item.get_closest_marker("sqlite_only")
        if marker is not None and everywhere == "postgresql":
            item.add_marker(pytest.mark.skip(reason=f"of SQLite only: {marker.args[0]}"))
    gone = {item for item in items if not _is_wanted(item, everywhere)}
    items[:] = [item for item in items if item not in gone]
    config.hook.pytest_deselected(items=list(gone))


def pytest_collection_finish() -> None:
    """Spare the thousands of tests from every later garbage collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _is_wanted(item: pytest.Item, everywhere: str) -> bool:
    """Not the second database of tests on both, where that is the whole run's, or takes long."""
    callspec = getattr(item, "callspec", None)
    name = callspec.params.get("database") if callspec else None
    if name is None or name == everywhere:
        return True
    is_short = item.path.name in ON_BOTH_ALWAYS or item.config.getoption("--slow")
    is_postgresql: bool = name == "postgresql"
    return is_postgresql and bool(is_short) and item.get_closest_marker("sqlite_only") is None


@pytest.fixture(scope="session", autouse=True)
def whole_run(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the whole run be on the database that was asked for."""
    if request.config.getoption("--database") == "sqlite":
        yield
        return
    with (
        pytest.MonkeyPatch.context() as patch,
        postgres.new_catalogs_on(request.getfixturevalue("cluster"), patch),
    ):
        yield


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[postgres.Cluster]:
    """A PostgreSQL server: the whole run's, or one for the tests of this worker."""
    if postgres.programs() is None:
        pytest.skip("PostgreSQL's programs are not installed (Debian: apt install postgresql)")
    told = getattr(pytestconfig, "workerinput", {}).get("cluster")
    folder = Path(told) if told else pytestconfig.stash.get(CLUSTER, None)
    if folder is not None:
        yield postgres.Cluster(folder)
        return
    with postgres.running() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The kind of database that new data directories of this process have their catalogs in."""
    name: str = request.param
    if name == request.config.getoption("--database"):
        yield name
        return
    with postgres.new_catalogs_on(request.getfixturevalue("cluster"), monkeypatch):
        yield name


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this session see."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def _networks_exported_once(shared: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EYEDEX_NETWORK_CACHE", str(shared / "networks"))
        yield


@pytest.fixture
def nothing_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each data directory exports its networks itself."""
    monkeypatch.setenv("EYEDEX_NETWORK_CACHE", "")


@pytest.fixture(scope="session")
def sample(shared: Path, pytestconfig: pytest.Config) -> Path:
    """A drawn catalog: `catalog.csv`, `images/`, `shopper/shopper.csv`.

    To draw it takes ten seconds: a run copies what an earlier one drew, by the same program.
    """
    cache: pytest.Cache | None = getattr(pytestconfig, "cache", None)
    if cache is None:
        return once(shared / "sample", draw)
    kept = once(cache.mkdir(f"sample-{drawing_version()}") / "sample", draw)
    return once(shared / "sample", partial(shutil.copytree, kept))


@pytest.fixture(scope="session")
def cnn_data(shared: Path, sample: Path) -> Path:
    """A data directory with the drawn catalog indexed by the default encoder. Do not change it."""
    return once(shared / "cnn-data", lambda folder: index_folder(sample / "catalog.csv", folder))


@pytest.fixture(scope="session")
def hsv_data(shared: Path, sample: Path) -> Path:
    """A data directory with the drawn catalog indexed by the hsv encoder. Do not change it."""
    return once(
        shared / "hsv-data",
        lambda folder: index_folder(sample / "catalog.csv", folder, encoder="hsv"),
    )


@pytest.fixture(scope="session")
def layers(shared: Path) -> Path:
    """The default network exported with features of several layers, which takes ten seconds."""

    def export(folder: Path) -> None:
        create_encoder(EncoderRequest(DEFAULT_ENCODER, pooling="multi", cache=folder))

    return once(shared / "layers", export)


@pytest.fixture
def shopper_photo(sample: Path) -> Path:
    """A photo of one of the drawn products."""
    return min((sample / "shopper").rglob("*.jpg"))


@dataclass(frozen=True)
class LiveServer:
    """A running `eyedex serve`."""

    url: str
    process: "subprocess.Popen[str]"


@pytest.fixture(scope="session")
def live_server(
    tmp_path_factory: pytest.TempPathFactory, sample: Path, cnn_data: Path
) -> Iterator[LiveServer]:
    """A real server over a catalog that tests may change."""
    data = tmp_path_factory.mktemp("served")
    copy_data(cnn_data, data, dirs_exist_ok=True)
    with serve(data) as server:
        yield server


class serve:  # noqa: N801 - used like a function
    """`with serve(data_dir) as server`: start `eyedex serve`, wait for it, stop it."""

    def __init__(
        self, data: Path, *arguments: str, env: dict[str, str] | None = None, port: int = 0
    ) -> None:
        self._port = port or free_port()
        command = [sys.executable, "-m", "api.cli.main", "serve", "--data", str(data)]
        self._process = subprocess.Popen(
            [*command, "--port", str(self._port), *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )

    def __enter__(self) -> LiveServer:
        url = f"http://127.0.0.1:{self._port}"
        deadline = time.monotonic() + READY_S
        while not answers(f"{url}/readyz"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                pytest.fail(f"the server did not start: {self._process.communicate()[1]}")
            time.sleep(0.1)
        return LiveServer(url, self._process)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            said = self._process.communicate(timeout=30)[1]
        except subprocess.TimeoutExpired:
            self._process.kill()
            said = self._process.communicate()[1]
        assert "Traceback" not in said, said


def copy_data(source: Path, target: Path, dirs_exist_ok: bool = False) -> Path:
    """Copy a data directory whose items nobody changes, and that other tests may have open.

    The runs of other tests are among its jobs, some of them killed, and stay behind; so do the
    counts of the photos that they asked about.
    """
    beside = shutil.ignore_patterns("catalog.sqlite*", "database.json", "jobs", "indexes")
    counts = shutil.ignore_patterns("asked-*")
    shutil.copytree(source, target, ignore=beside, dirs_exist_ok=dirs_exist_ok)
    if postgres.is_in_use():
        with Catalog(DataPaths(source)) as original, Catalog(DataPaths(target)) as copied:
            copy_catalog(original, copied)
            with copied.write() as writer:
                clear_transient(writer)
        shutil.copytree(source / "indexes", target / "indexes", ignore=counts, dirs_exist_ok=True)
        return target
    shutil.copytree(source / "indexes", target / "indexes", ignore=counts, dirs_exist_ok=True)
    with (
        closing(sqlite3.connect(source / "catalog.sqlite")) as original,
        closing(sqlite3.connect(target / "catalog.sqlite")) as copy,
    ):
        original.backup(copy)
        if copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs'").fetchone():
            copy.execute("DELETE FROM jobs")
        copy.commit()
    (target / "catalog.sqlite").chmod(0o600)
    return target


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Make a folder unless another worker did; the others wait."""
    done = folder.with_suffix(".done")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(folder)
            done.touch()
    return folder


def drawing_version() -> str:
    """A digest of all that decides how the catalog is drawn."""
    digest = hashlib.sha256(f"{PRODUCTS} {PHOTOS} {PIL.__version__} {np.__version__}".encode())
    for source in sorted(Path(sample_catalog.__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def draw(folder: Path, products: int = PRODUCTS) -> None:
    write_catalog(folder, seed=7, products=products, photos=PHOTOS, workers=2)


def index_folder(source: Path, data: Path, encoder: str | None = None) -> None:
    settings = Settings(data=data, workers=2)
    report = index_source(open_source(source), IndexRequest(encoder=encoder), settings)
    assert report.rejected == 0
