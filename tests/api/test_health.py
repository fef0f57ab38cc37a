"""Whether the server says that it can answer when it can, and only then."""

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.asking import CheckedClient, ask, assert_problem
from tests.conftest import copy_data
from tests.images.pictures import jpeg


@pytest.fixture
def lonely(hsv_data: Path, tmp_path: Path) -> Iterator[CheckedClient]:
    data = tmp_path / "data"
    copy_data(hsv_data, data)
    with CheckedClient(data) as made:
        assert made.get("/readyz").status_code == 200
        yield made


def kill_workers(client: CheckedClient) -> None:
    app: Any = client.app
    for child in list(app.state.decoder._children):
        os.kill(child._process.pid, signal.SIGKILL)
        child._process.join()


def test_a_server_that_cannot_decode_is_not_ready_and_recovers(lonely: CheckedClient) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    kill_workers(lonely)
    lowest_free = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + 8, hard))
    try:
        for _ in range(3):
            answer = lonely.get("/readyz")
            detail = assert_problem(answer, 503, "not_ready")["detail"]
            assert "no decoding process can be started" in detail
            lost = ask(lonely, jpeg())
            assert_problem(lost, 503, "worker_lost")
            assert lost.headers["retry-after"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert ask(lonely, jpeg()).status_code == 200
    assert lonely.get("/readyz").status_code == 200


def test_a_worker_that_died_idle_costs_no_answer(lonely: CheckedClient) -> None:
    kill_workers(lonely)
    assert lonely.get("/readyz").status_code == 200
    kill_workers(lonely)
    assert ask(lonely, jpeg()).status_code == 200
