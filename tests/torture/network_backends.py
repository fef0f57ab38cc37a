"""Milvus and PostgreSQL behind a proxy that refuses, hangs, resets, delays, cuts and lies.

`python -m tests.torture --only G24`. Under each of 20 faults something is changed and asked; each
answer has to be right or one of our errors, and has to come. When all is well again, whoever was
refused tries again, and then everything is there, once.
"""

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import SecretStr

from benchmarks.milvus_lite import MilvusLite
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError
from search_engine.indexes import generations
from search_engine.indexes.manifest import Manifest
from search_engine.indexes.registry import backend_of
from search_engine.maintenance.check import check_data
from search_engine.records import Vectors
from tests import postgres
from tests.cli.conftest import colour_picture
from tests.torture.goals import Goal, Reached, tries
from tests.torture.proxy import FAULTS, Fault, Proxy

ROUNDS = 3
LONGEST_S = 60.0
"""A change asks its server a few times, each for some seconds; a machine may be slow besides."""
HEALED_WITHIN_S = 60.0
ROWS, DIMENSION, K = 300, 16, 5


@dataclass
class Tally:
    """What came of what was tried."""

    tried: int = 0
    refused: int = 0
    longest_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def attempt(self, fault: Fault | None, doing: Callable[[], object]) -> bool:
        """Do something that succeeds, or is refused by one of our errors; says which."""
        self.tried += 1
        started = time.monotonic()
        try:
            doing()
        except EyedexError:
            self.refused += 1
            return False
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            self.note(fault, f"{type(error).__name__}: {error}"[:120])
            return False
        finally:
            self.longest_s = max(self.longest_s, time.monotonic() - started)
        return True

    def until_done(self, doing: Callable[[], object]) -> None:
        """Do something again and again until it succeeds, when all is well."""
        ends = time.monotonic() + HEALED_WITHIN_S
        while not self.attempt(None, doing):
            if time.monotonic() > ends:
                self.note(None, "still refused when all is well")
                return
            time.sleep(0.2)

    def note(self, fault: Fault | None, what: str) -> None:
        self.wrong.append(f"{fault.name if fault else 'healed'}: {what}")


@contextmanager
def broken(proxy: Proxy, fault: Fault) -> Iterator[None]:
    """The proxy breaks things in the block."""
    proxy.break_by(fault)
    try:
        yield
    finally:
        proxy.heal()


def hurt_database(
    cluster: postgres.Cluster, folder: Path, faults: list[Fault], tally: Tally
) -> None:
    """Put items and search through the proxy; in the end each item is there, once."""
    database = cluster.new_database()
    (folder / "pictures").mkdir(parents=True)
    (folder / "pictures" / "0.png").write_bytes(colour_picture(0))
    proxy = Proxy(str(cluster.folder / ".s.PGSQL.5432"))
    address = f"postgresql+psycopg://{postgres.USER}@127.0.0.1:{proxy.port}/{database}"
    plain = "?sslmode=disable&gssencmode=disable"
    settings = Settings(
        data=folder / "data", database_url=SecretStr(address + plain), lock_wait_s=5
    )
    try:
        source = open_source(folder / "pictures")
        index_source(source, IndexRequest(encoder="hsv"), settings)
        with SearchEngine(settings=settings) as engine:
            for number, fault in enumerate(faults):
                _put_and_search(engine, proxy, number, fault, tally)
            found = [item.item_id for item in engine.items()]
        wanted = ["0.png", *(f"item-{number}" for number in range(len(faults)))]
        if sorted(found) != sorted(wanted):
            tally.note(None, f"{len(set(wanted) - set(found))} lost, {len(found)} items")
        for finding in check_data(settings).findings:
            if finding.level == "error":
                tally.note(None, finding.what)
    finally:
        proxy.close()


def _put_and_search(
    engine: SearchEngine, proxy: Proxy, number: int, fault: Fault, tally: Tally
) -> None:
    name, picture = f"item-{number}", colour_picture(number)

    def put() -> None:
        engine.upsert(name, picture, label="put")

    def search() -> None:
        best = engine.search(picture).neighbors[0].score
        if best < (0.99 if is_put else 0):
            tally.note(fault, "a picture does not find itself")

    with broken(proxy, fault):
        is_put = tally.attempt(fault, put)
        tally.attempt(fault, search)
    tally.until_done(put)
    is_put = True
    tally.until_done(search)


def hurt_index(server: MilvusLite, folder: Path, faults: list[Fault], tally: Tally) -> None:
    """Publish generations and search through the proxy; in the end nothing else is there."""
    from pymilvus import MilvusClient

    before = set(MilvusClient(server.uri).list_collections())
    proxy = Proxy(("127.0.0.1", server.port))
    factory = f"milvus:http://127.0.0.1:{proxy.port}#FLAT"
    try:
        publish, search = partial(_publish, factory, folder), partial(_search, folder, tally)
        publish()
        for fault in faults:
            with broken(proxy, fault):
                for doing in (search, publish, search):
                    tally.attempt(fault, doing)
            tally.until_done(publish)
            tally.until_done(search)
        client = MilvusClient(server.uri)
        left = set(client.list_collections()) - before
        if len(left) != generations.KEPT:
            tally.note(None, f"{len(left)} sets on the server, {generations.KEPT} kept")
        for name in left:
            count = client.query(name, output_fields=["count(*)"])[0]["count(*)"]
            if count != ROWS:
                tally.note(None, f"{count} of {ROWS} rows in a set")
    finally:
        proxy.close()
        generations.remove_all(folder)


def _rows() -> Vectors:
    rows = np.random.default_rng(1).standard_normal((ROWS, DIMENSION)).astype(np.float32)
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _publish(factory: str, folder: Path) -> None:
    built = backend_of(factory).build(factory, 7 * np.arange(ROWS), _rows(), 1.0)
    generations.publish(folder, Manifest("uid", "print", 1, ROWS, DIMENSION, built.spec), built)


def _search(folder: Path, tally: Tally) -> None:
    """Ask for stored vectors, of an index opened anew: each has to find itself."""
    loaded = generations.load(folder, "uid", "print")
    if loaded is None:
        tally.note(None, "no generation can be opened")
        return
    keys = loaded.index.search(_rows()[:4], K).keys[:, 0]
    if keys.tolist() != [0, 7, 14, 21]:
        tally.note(None, "stored vectors do not find themselves")


def measure(scale: float, seed: int) -> Reached:
    """All faults, in an order of chance, a few rounds."""
    if postgres.programs() is None:
        return Reached(False, "PostgreSQL's programs are not installed")
    chance = random.Random(seed)
    faults = [each for _ in range(tries(ROUNDS, scale)) for each in FAULTS]
    chance.shuffle(faults)
    folder = Path(tempfile.mkdtemp(prefix="eyedex-backends-"))
    told, ok = [], True
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        cluster = stack.enter_context(postgres.running())
        server = MilvusLite(folder / "milvus")
        stack.callback(server.kill)
        server.start()
        hurts = {
            "PostgreSQL": partial(hurt_database, cluster, folder / "pg", faults),
            "Milvus": partial(hurt_index, server, folder / "index", faults),
        }
        for name, hurt in hurts.items():
            tally = Tally()
            hurt(tally)
            ok &= not tally.wrong and tally.longest_s < LONGEST_S
            wrong = "; ".join(dict.fromkeys(tally.wrong)) or "none wrong, lost or twice"
            told.append(
                f"{name}: {len(faults)} faults, {tally.refused} of {tally.tried} refused, longest "
                f"{tally.longest_s:.1f} s, {wrong[:300]}"
            )
    return Reached(ok, " | ".join(told))


GOALS = [
    Goal(
        "G24",
        f"20 faults before Milvus and PostgreSQL: 0 lost, 0 twice, answers in {LONGEST_S:.0f} s",
        measure,
    )
]
