"""What goes on after an answer: index builds that give way, and that fail without a word of it."""

import logging
import shutil
import threading
import time
from pathlib import Path

import pytest

from search_engine.processes import run_apart
from tests.api.asking import DEFAULT, CheckedClient
from tests.conftest import copy_data
from tests.search_engine.engine.conftest import picture

ROUNDS = 8
LONG_S = 60.0


def test_a_collection_is_deleted_right_after_a_put(
    hsv_data: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Requests come from another thread each, as a page's do: the build is under way by then."""
    monkeypatch.setattr("search_engine.collections.default_encoder.DEFAULT_ENCODER", "hsv")
    data = tmp_path / "data"
    copy_data(hsv_data, data)
    answers: list[int] = []
    puts: list[threading.Thread] = []
    with CheckedClient(data) as client:
        for number in range(ROUNDS):
            name = f"short-{number % 2}"
            client.post("/v1/collections", json={"name": name})
            for item in ("a", "b"):
                put = threading.Thread(
                    target=client.put,
                    args=(f"/v1/collections/{name}/items/{item}",),
                    kwargs={"files": {"image": picture("red")}},
                )
                put.start()
                puts.append(put)
            put.join()
            answers.append(client.delete(f"/v1/collections/{name}?confirm={name}").status_code)
        for put in puts:  # the client must not be closed while one of them is asking
            put.join(LONG_S)
    assert not any(put.is_alive() for put in puts)
    assert answers == [204] * ROUNDS
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []


def test_a_build_that_fails_is_one_line_in_the_log(
    hsv_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    copy_data(hsv_data, data)
    with CheckedClient(data) as client:
        index = data / "indexes" / "default"
        shutil.rmtree(index)
        index.write_bytes(b"where the folder should be")
        for number in range(25):  # so many that a new index would be worth it
            put = client.put(f"{DEFAULT}/items/new-{number}", files={"image": picture("red")})
            assert put.status_code in (200, 201)
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert lines
    assert all("the index of default is not up to date yet" in line for line in lines)
    assert not any(record.exc_info for record in caplog.records)


def test_work_apart_ends_at_once_when_it_is_not_wanted_any_more() -> None:
    unwanted = threading.Event()
    threading.Timer(0.5, unwanted.set).start()
    started = time.monotonic()
    assert run_apart(time.sleep, LONG_S, unless=unwanted) != 0
    assert time.monotonic() - started < LONG_S
