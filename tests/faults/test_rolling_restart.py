"""Servers over Milvus and PostgreSQL are restarted one after another, and no question is lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from api.client import Client, NoAnswer, Retries, Unavailable
from benchmarks.milvus_lite import MilvusLite
from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from tests import postgres
from tests.conftest import free_port, serve
from tests.contract.vector_servers import milvus_server
from tests.torture.database_kills import draw_picture

__all__ = ["milvus_server"]  # a fixture

ROLES: tuple[tuple[str, ...], ...] = ((), ("--read-only",), ("--read-only",))
"""Options of the servers: the first runs jobs and may be written to."""
PICTURES, CLIENTS, K = 60, 2, 5
QUIET_QUESTIONS = 6
"""Answered at least between two restarts."""
PASSES = 3
"""So often a client goes through all servers; only one of them is ever away."""


class Asking(threading.Thread):
    """Asks by a photo and then elsewhere by its token, until it is stopped; keeps what failed."""

    def __init__(self, ports: list[int], wanted: dict[int, list[str]], first: int) -> None:
        super().__init__()
        self._wanted, self._first = wanted, first
        self._clients = [
            Client(f"http://127.0.0.1:{port}", retries=Retries(times=0), timeout_s=60)
            for port in ports
        ]
        self.stopped = threading.Event()
        self.answered = self.passed_on = 0
        self.failures: list[str] = []

    def run(self) -> None:
        """Go round the servers, from photo to photo."""
        turn = self._first
        while not self.stopped.is_set():
            number = turn % PICTURES
            token = self._ask(turn, number, picture=draw_picture(number))
            if token is not None:
                self._ask(turn + 1, number, query_token=token)
            turn += 1
        for client in self._clients:
            client.close()

    def _ask(self, turn: int, number: int, **question: object) -> str | None:
        """Ask the server whose turn it is, or else the next one; gives the token of the query."""
        told: list[str] = []
        for attempt in range(PASSES * len(self._clients)):
            client = self._clients[(turn + attempt) % len(self._clients)]
            try:
                answer = client.search(k=K, **question)  # type: ignore[arg-type]
            except (NoAnswer, Unavailable) as error:
                told.append(str(error))
                self.passed_on += 1
                continue
            except Exception as error:  # noqa: BLE001 - told by the test
                self.failures.append(f"{type(error).__name__}: {error}")
                return None
            found = [one["item_id"] for one in answer["neighbors"]]
            if found != self._wanted[number]:
                self.failures.append(f"{number}: {found}")
            self.answered += 1
            return answer["query_token"]
        self.failures.append(f"no server answered: {told}")
        return None


@pytest.fixture
def settings(
    cluster: postgres.Cluster, milvus_server: MilvusLite, tmp_path: Path
) -> Iterator[Settings]:
    """A catalog in PostgreSQL, its index on Milvus."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(PICTURES):
        (pictures / f"{number}.png").write_bytes(draw_picture(number))
    database = cluster.new_database()
    made = Settings(
        data=tmp_path / "data", workers=1, database_url=SecretStr(cluster.url(database))
    )
    request = IndexRequest(encoder="hsv", index_factory=f"milvus:{milvus_server.uri}#FLAT")
    assert index_source(open_source(pictures), request, made).added == PICTURES
    yield made
    with SearchEngine(settings=made) as engine:
        engine.delete_collection("default")  # and its set on Milvus


def wanted_of(settings: Settings) -> dict[int, list[str]]:
    """What a search by each picture has to find."""
    with SearchEngine(settings=settings) as engine:
        snapshot = engine.live("default").snapshot()
        assert snapshot is not None
        assert snapshot.base is not None
        assert snapshot.base.spec.factory.startswith("milvus:")
        return {
            number: [one.item.item_id for one in engine.search(draw_picture(number), k=K).neighbors]
            for number in range(PICTURES)
        }


@pytest.mark.slow
def test_a_rolling_restart_loses_no_question(settings: Settings) -> None:
    wanted = wanted_of(settings)
    ports = [free_port() for _ in ROLES]
    env = {"EYEDEX_QUERY_TOKENS": "shared"}
    asking = [Asking(ports, wanted, first) for first in range(CLIENTS)]
    with ExitStack() as stack:
        servers = [
            serve(settings.data, *role, env=env, port=port)
            for role, port in zip(ROLES, ports, strict=True)
        ]
        running = [stack.enter_context(each) for each in servers]
        for one in asking:
            one.start()
            stack.callback(one.stopped.set)
        for number, role in enumerate(ROLES):
            wait_for_answers(asking)
            running[number].process.send_signal(signal.SIGTERM)
            running[number].process.wait(timeout=60)
            wait_for_answers(asking)
            again = serve(settings.data, *role, env=env, port=ports[number])
            stack.enter_context(again)
        wait_for_answers(asking)
        for one in asking:
            one.stopped.set()
            one.join()
    assert [one.failures for one in asking] == [[]] * CLIENTS
    assert sum(one.passed_on for one in asking) > 0


def wait_for_answers(asking: list[Asking]) -> None:
    """Let each client have some more answers."""
    before = [one.answered for one in asking]
    for one, count in zip(asking, before, strict=True):
        while one.answered < count + QUIET_QUESTIONS and not one.failures and one.is_alive():
            one.stopped.wait(0.05)
