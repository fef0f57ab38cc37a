"""Several servers on one data directory, beside a process that writes to it."""

import json
import threading
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from tests.cli.conftest import colour_picture
from tests.conftest import LiveServer, serve

OPTIONS: tuple[tuple[str, ...], ...] = ((), ("--read-only",))
"""Those of each server."""

ROUNDS = 3
ITEMS_A_ROUND = 20


class Asking(threading.Thread):
    """Asks a server the same again and again until it is stopped; keeps what was answered."""

    def __init__(self, server: LiveServer) -> None:
        super().__init__()
        self.server = server
        self.stopped = threading.Event()
        self.answers = 0
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            while not self.stopped.is_set():
                found(self.server)
                self.answers += 1
        except Exception as error:  # noqa: BLE001 - told by the test
            self.failure = error


def found(server: LiveServer) -> list[str]:
    """The ids of the neighbors of one picture."""
    request = urllib.request.Request(
        f"{server.url}/v1/collections/default/similar/kept?k=200", method="GET"
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return sorted(one["item_id"] for one in json.load(response)["neighbors"])


def index(folder: Path, data: Path, round_: int) -> list[str]:
    """Bring the catalog to other pictures, one of them always there; gives the other ids."""
    ids = [f"{round_}-{number}" for number in range(ITEMS_A_ROUND)]
    listed = ["item_id,image"]
    for number, item_id in enumerate(["kept", *ids]):
        path = folder / f"{item_id}.png"
        path.write_bytes(colour_picture(0 if item_id == "kept" else 100 * round_ + number + 1))
        listed.append(f"{item_id},{path.name}")
    source = folder / "catalog.csv"
    source.write_text("\n".join(listed))
    index_source(
        open_source(source),
        IndexRequest(encoder="hsv", prune=True, prune_many=True),
        Settings(data=data, workers=1),
    )
    return sorted(ids)


@pytest.mark.long
def test_servers_follow_a_writer_without_a_failed_query(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "pictures"
    folder.mkdir()
    wanted = index(folder, data, 0)
    with ExitStack() as stack:
        starting = [serve(data, *options) for options in OPTIONS]
        servers = [stack.enter_context(each) for each in starting]
        asking = [Asking(server) for server in servers]
        for one in asking:
            one.start()
        for round_ in range(1, ROUNDS):
            assert all(found(server) == wanted for server in servers)
            wanted = index(folder, data, round_)
        for one in asking:
            one.stopped.set()
            one.join()
        assert [one.failure for one in asking] == [None] * len(OPTIONS)
        assert all(one.answers > ROUNDS for one in asking)
        assert all(found(server) == wanted for server in servers)
