"""Children of a process that has an engine: right answers, or one clear error, never silence."""

import asyncio
import fcntl
import gc
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError
from search_engine.images.decode_pool import DecodePool
from search_engine.search.query_cache import QueryCache
from search_engine.storage.locks import exclusive
from tests.api.asking import SEARCH, CheckedClient
from tests.conftest import answers, free_port
from tests.marking import slow_but
from tests.search_engine.engine.conftest import ids, picture

pytestmark = pytest.mark.long

CHILD_S = 20.0
"""A child that hangs is ended then; one that works takes a second or two."""
COLOURS = ("red", "green", "blue")
FORKS = 3


@pytest.fixture(scope="module", params=["hsv", "efficientnet_lite0"])
def data(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    hsv_data: Path,
    cnn_data: Path,
) -> Path:
    """Three pictures, embedded by hand-made features or by a network."""
    made = tmp_path_factory.mktemp(request.param) / "data"
    shutil.copytree(cnn_data / "encoders", made / "encoders")
    with SearchEngine(made) as engine:
        if request.param == "hsv":
            with SearchEngine(hsv_data) as other:
                bound = other.catalog.collection("default")
            engine.create_collection("default")
            with engine.catalog.write() as writer:
                assert bound.encoder
                assert bound.fingerprint
                assert bound.dimension
                writer.set_encoder(1, bound.encoder, {}, bound.fingerprint, bound.dimension)
        for colour in COLOURS:
            engine.upsert(colour, picture(colour))
    return made


@pytest.fixture
def engine(data: Path) -> Iterator[SearchEngine]:
    with SearchEngine(data) as engine:
        yield engine


GUNICORN = """
from search_engine import SearchEngine
from tests.search_engine.test_forks import search
engine = SearchEngine({data!r})
search(engine, "red")
def app(environ, start_response):
    start_response("200 OK", [])
    return [search(engine, "blue").encode()]
"""


def search(engine: SearchEngine, colour: str, into: Any = None) -> str:
    """What is found first, or the code of an error; also sent through a pipe."""
    try:
        (found,) = ids(engine.search(picture(colour, side=90), k=1))
    except EyedexError as error:
        found = f"error: {error.code}"
    if into is not None:
        into.send(found)
    return found


def answer_of_child(method: str, engine: SearchEngine, colour: str) -> str:
    """As `search`, in a process that is started by fork, spawn or forkserver."""
    context: Any = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    child = context.Process(target=search, args=(engine, colour, theirs), daemon=True)
    child.start()
    try:
        return str(ours.recv()) if ours.poll(CHILD_S) else "hangs"
    finally:
        child.kill()
        child.join()


def status_of_fork(work: Callable[[], int]) -> int | None:
    """What a bare `os.fork` ends with, or None when it hangs."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            status = work()
        finally:
            os._exit(status)
    until = time.monotonic() + CHILD_S
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


BY_A_NETWORK = pytest.mark.parametrize(
    "data", [pytest.param("hsv", marks=pytest.mark.slow), "efficientnet_lite0"], indirect=True
)
"""New processes load everything anew, whatever their parent has done: seconds each."""


@pytest.mark.parametrize("searches", [0, 1, 5])
def test_a_child_finds_what_its_parent_finds(engine: SearchEngine, searches: int) -> None:
    check_child("fork", engine, searches)


@BY_A_NETWORK
@pytest.mark.parametrize(
    ("method", "searches"),
    slow_but([("spawn", 0), ("forkserver", 1)], product(("spawn", "forkserver"), (0, 1, 5))),
)
def test_a_new_process_finds_what_its_parent_finds(
    engine: SearchEngine, method: str, searches: int
) -> None:
    check_child(method, engine, searches)


def check_child(method: str, engine: SearchEngine, searches: int) -> None:
    for number in range(searches):
        search(engine, COLOURS[number % 3])
    assert answer_of_child(method, engine, "blue") == "blue"
    assert search(engine, "green") == "green"


def test_forks_beside_threads_that_search(engine: SearchEngine) -> None:
    stopped = threading.Event()
    found: set[tuple[str, str]] = set()

    def ask(colour: str) -> None:
        while not stopped.is_set():
            engine.answering.subjects.queries = (
                QueryCache()
            )  # so that the network is at work each time
            found.add((colour, search(engine, colour)))

    threads = [threading.Thread(target=ask, args=(COLOURS[n % 3],)) for n in range(8)]
    for thread in threads:
        thread.start()
    try:
        answers = [answer_of_child("fork", engine, "blue") for _ in range(FORKS)]
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    assert answers == ["blue"] * FORKS
    assert found == {(colour, colour) for colour in COLOURS}


def test_a_network_that_was_given_up_leaves_nothing_to_wait_for(data: Path) -> None:
    """OpenVINO keeps the threads of networks that are gone, for the next one: not in a child."""
    with SearchEngine(data) as engine:
        for _ in range(2):
            with SearchEngine(data) as another:
                search(another, "red")
                search(engine, "red")
        del another
        gc.collect()
        assert answer_of_child("fork", engine, "blue") == "blue"


def test_a_child_writes_and_its_parent_sees_it(engine: SearchEngine) -> None:
    engine.upsert("cyan", picture("cyan"))

    def work() -> int:
        engine.upsert("gold", picture("gold"))
        engine.remove("cyan")
        engine.close()
        return 0

    assert status_of_fork(work) == 0
    assert search(engine, "gold") == "gold"
    assert search(engine, "cyan") != "cyan"
    engine.remove("gold")


def test_a_fork_in_the_middle_of_a_transaction_is_told(engine: SearchEngine) -> None:
    def work() -> int:
        return 7 if search(engine, "red") == "error: forked" else 1

    with engine.catalog.write():
        assert status_of_fork(work) == 7
    assert search(engine, "red") == "red"


def test_asyncio_in_a_child(engine: SearchEngine) -> None:
    search(engine, "red")

    async def ask() -> list[str]:
        asking = [asyncio.to_thread(search, engine, colour) for colour in COLOURS]
        return list(await asyncio.gather(*asking))

    assert asyncio.run(ask()) == list(COLOURS)
    assert status_of_fork(lambda: 7 if asyncio.run(ask()) == list(COLOURS) else 1) == 7


def test_a_pool_of_decoding_processes_is_made_anew(data: Path) -> None:
    with SearchEngine(data) as settings_of:
        settings = settings_of.settings
    pool = DecodePool(settings.upload_limits(), 1)
    with SearchEngine(settings=settings, decoder=pool) as engine:
        assert search(engine, "red") == "red"
        assert status_of_fork(lambda: 7 if search(engine, "blue") == "blue" else 1) == 7
        assert search(engine, "green") == "green"


def test_threads_of_opencv_are_not_waited_for() -> None:
    cv2 = pytest.importorskip("cv2")
    threads = cv2.getNumThreads()
    cv2.setNumThreads(4)
    try:
        large = np.random.default_rng(0).integers(0, 255, (3_000, 3_000, 3), np.uint8)
        cv2.GaussianBlur(large, (31, 31), 0)
        time.sleep(0.5)  # idle threads wait in earnest only after a moment
        assert status_of_fork(lambda: 7 if cv2.GaussianBlur(large, (3, 3), 0).any() else 1) == 7
        assert cv2.getNumThreads() == 4
    finally:
        cv2.setNumThreads(threads)


def test_a_server_in_a_child(engine: SearchEngine, data: Path) -> None:
    """As gunicorn's: the application and an engine in the parent, requests in its children."""
    assert search(engine, "red") == "red"
    with DecodePool(engine.settings.upload_limits(), 1) as pool:
        pool.check()
    client = CheckedClient(data)

    def work() -> int:
        with client:
            found = client.post(SEARCH, files={"image": picture("blue", side=91)}).json()
        return 7 if found["neighbors"][0]["item_id"] == "blue" else 1

    assert [status_of_fork(work) for _ in range(2)] == [7, 7]


@BY_A_NETWORK
@pytest.mark.skipif(find_spec("gunicorn") is None, reason="gunicorn is not installed")
def test_gunicorn_forks_its_workers(data: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(GUNICORN.format(data=str(data)))
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "shop:app"]
    address = f"127.0.0.1:{free_port()}"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.getcwd()])}
    server = subprocess.Popen([*command, "--bind", address], env=environ)
    try:
        until = time.monotonic() + CHILD_S
        while not answers(f"http://{address}/") and time.monotonic() < until:
            time.sleep(0.1)
        with urllib.request.urlopen(f"http://{address}/", timeout=CHILD_S) as response:
            assert response.read() == b"blue"
    finally:
        server.terminate()
        server.wait()


def test_a_child_does_not_hold_the_locks_of_its_parent(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    ours, theirs = os.pipe()
    with exclusive(lock, 0.0, "testing"):
        child = os.fork()
        if child == 0:
            os.read(ours, 1)  # until the parent has looked
            os._exit(0)
    try:
        with lock.open("r+b") as again:
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.write(theirs, b"x")
        os.waitpid(child, 0)
