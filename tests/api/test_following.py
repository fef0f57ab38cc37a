"""Servers that follow: they take over what is published, and keep what they have if that fails."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from api.following import Following
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import (
    CorruptDataError,
    EyedexError,
    NewerFormatError,
    StorageError,
    WeightsError,
)
from search_engine.maintenance.publish import publish
from tests.api.asking import DEFAULT, SEARCH, CheckedClient
from tests.cli.conftest import colour_picture
from tests.conftest import copy_data, free_port, serve

PATIENCE_S = 60.0
BETWEEN_S = 0.02
"""A client that asks without a pause takes the processor from the servers that start beside it."""
KEY = SecretStr("0123456789abcdef")
OFTEN = {"EYEDEX_FOLLOW_EVERY_S": "0.2", "EYEDEX_PUBLISH_KEY": KEY.get_secret_value()}

pytestmark = pytest.mark.sqlite_only("a follower has its catalog in a file")


@dataclass
class Origin:
    """A catalog that is published, and to where."""

    data: Path
    url: str

    def publish(self) -> None:
        publish(Settings(data=self.data, publish_key=KEY), self.url)

    def put(self, name: str, number: int) -> bytes:
        """Add an item and publish it; returns its picture."""
        picture = colour_picture(number)
        with SearchEngine(self.data) as engine:
            engine.upsert(name, picture)
        self.publish()
        return picture


@pytest.fixture
def origin(hsv_data: Path, tmp_path: Path) -> Origin:
    made = Origin(copy_data(hsv_data, tmp_path / "origin"), f"file://{tmp_path}/bucket")
    made.publish()
    return made


def follower(origin: Origin, folder: Path, **settings: Any) -> CheckedClient:
    given = {"follow": origin.url, "follow_every_s": 0.1, "publish_key": KEY, **settings}
    return CheckedClient(folder, **given)


def until(happened: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := happened()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_a_follower_takes_over_what_is_published(origin: Origin, tmp_path: Path) -> None:
    with follower(origin, tmp_path / "follower", metrics=True) as client:
        before = client.get(f"{DEFAULT}").json()["items"]
        picture = origin.put("new", 77)
        until(lambda: client.get(f"{DEFAULT}/items/new").status_code == 200)
        found = client.post(SEARCH, files={"image": picture}).json()["neighbors"]
        assert found[0]["item_id"] == "new"
        assert client.get(f"{DEFAULT}").json()["items"] == before + 1
        told = client.get("/readyz").json()["following"]
        assert (told["problem"], told["failures"]) == (None, 0)
        assert 0 <= told["looked_s"] <= told["age_s"] < PATIENCE_S
        until(lambda: len(list((tmp_path / "follower" / "states").iterdir())) == 1)
        figures = client.get("/metrics").text
        assert "eyedex_followed_age_seconds" in figures
        assert "eyedex_followed_failures_total 0.0" in figures
        refused = client.delete(f"{DEFAULT}/items/new")
        assert (refused.status_code, refused.json()["code"]) == (403, "read_only")
        assert client.get("/v1/access").json()["read_only"] is True


def test_tokens_outlive_a_change_and_are_known_to_other_servers(
    origin: Origin, tmp_path: Path, first_picture: bytes
) -> None:
    with (
        follower(origin, tmp_path / "one") as one,
        follower(origin, tmp_path / "two") as two,
        CheckedClient(origin.data) as writer,
    ):
        answer = one.post(SEARCH, files={"image": first_picture}).json()
        question = {"query_token": answer["query_token"]}
        scores = [each["score"] for each in answer["neighbors"]]
        origin.put("new", 77)
        until(lambda: one.get(f"{DEFAULT}/items/new").status_code == 200)
        for client in (one, two, writer):
            again = client.post(SEARCH, json=question).json()
            assert [each["score"] for each in again["neighbors"]] == pytest.approx(scores, abs=1e-3)
        local = writer.post(SEARCH, files={"image": first_picture}).json()["query_token"]
        refused = two.post(SEARCH, json={"query_token": f"{local[:-1]}x"})
        assert (refused.status_code, refused.json()["code"]) == (404, "query_expired")


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _edit(bucket: Path, **changed: Any) -> None:
    pointer = bucket / "published.json"
    pointer.write_text(json.dumps({**json.loads(pointer.read_text()), **changed}))


def flip_parts(bucket: Path) -> None:
    for part in (bucket / "parts").iterdir():
        _flip(part)


def cut_parts(bucket: Path) -> None:
    for part in (bucket / "parts").iterdir():
        os.truncate(part, part.stat().st_size - 1)


def lose_parts(bucket: Path) -> None:
    shutil.rmtree(bucket / "parts")


def flip_the_name(bucket: Path) -> None:
    _flip(bucket / "published.json")


def take_the_signature(bucket: Path) -> None:
    _edit(bucket, signature="")


def say_that_it_is_newer(bucket: Path) -> None:
    _edit(bucket, format=2)


def be_a_file(bucket: Path) -> None:
    shutil.rmtree(bucket)
    bucket.touch()


DAMAGES: dict[Callable[[Path], None], str] = {
    flip_parts: CorruptDataError.code,
    cut_parts: CorruptDataError.code,
    lose_parts: CorruptDataError.code,
    flip_the_name: CorruptDataError.code,
    take_the_signature: CorruptDataError.code,
    say_that_it_is_newer: NewerFormatError.code,
    be_a_file: StorageError.code,
}
"""What can happen to what is published, and the code of what a follower says then."""


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_the_last_good_state_is_kept(
    origin: Origin, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Until something is published that is whole again."""
    bucket = tmp_path / "bucket"
    with follower(origin, tmp_path / "follower") as client:
        items = client.get(f"{DEFAULT}").json()["items"]
        with SearchEngine(origin.data) as engine:
            engine.upsert("new", colour_picture(77))
        whole = shutil.copytree(bucket, tmp_path / "whole")
        # published aside first, so that the follower cannot take over what is still whole
        publish(Settings(data=origin.data, publish_key=KEY), f"file://{whole}")
        damaged = shutil.copytree(whole, tmp_path / "damaged")
        damage(damaged)
        os.rename(bucket, tmp_path / "former")
        os.rename(damaged, bucket)
        told = until(
            lambda: (
                found
                if (found := client.get("/readyz").json()["following"])["problem"]
                == DAMAGES[damage]
                else None
            )
        )
        assert told["failures"] > 0
        assert client.get(f"{DEFAULT}").json()["items"] == items
        (shutil.rmtree if bucket.is_dir() else os.unlink)(bucket)
        os.rename(whole, bucket)
        until(lambda: client.get(f"{DEFAULT}/items/new").status_code == 200)
        assert client.get("/readyz").json()["following"]["problem"] is None


def test_what_could_not_be_opened_is_tried_again(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where weights are missing on that machine; a collection that is new is no such case."""
    opened, tried = Following._open, []

    def open_the_second_time(following: Following, *arguments: Any) -> SearchEngine:
        tried.append(arguments)
        if len(tried) == 2:  # the first is that of the start
            raise WeightsError("they are not here")
        return opened(following, *arguments)

    monkeypatch.setattr(Following, "_open", open_the_second_time)
    with follower(origin, tmp_path / "follower") as client:
        with SearchEngine(origin.data) as engine:
            engine.create_collection("other")
        origin.publish()
        until(lambda: client.get("/v1/collections/other").status_code == 200)
        told = client.get("/readyz").json()["following"]
        assert (told["problem"], told["failures"]) == (None, 1)


def test_what_was_pulled_is_served_where_the_store_is_away(origin: Origin, tmp_path: Path) -> None:
    with follower(origin, tmp_path / "follower") as client:
        before = client.get(f"{DEFAULT}").json()["items"]
    shutil.rmtree(tmp_path / "bucket")
    with follower(origin, tmp_path / "follower") as client:
        assert client.get(f"{DEFAULT}").json()["items"] == before
    with (
        pytest.raises(EyedexError, match="nothing is published"),
        follower(origin, tmp_path / "another"),
    ):
        pass


def test_two_servers_do_not_follow_into_one_folder(origin: Origin, tmp_path: Path) -> None:
    with (
        follower(origin, tmp_path / "follower"),
        pytest.raises(EyedexError, match="following into this folder"),
        follower(origin, tmp_path / "follower"),
    ):
        pass


@dataclass
class Asking:
    """A client that asks without end, and asks the other server where one does not answer."""

    urls: list[str]
    picture: bytes
    answered: int = 0
    wrong: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with httpx2.Client(timeout=PATIENCE_S) as client:
            while not self.stop.wait(BETWEEN_S):
                self._ask(client)

    def answer_some(self) -> None:
        """Wait until some more questions were answered."""
        before = self.answered
        until(lambda: self.answered > before + 3)

    def _ask(self, client: httpx2.Client) -> None:
        said = []
        for url in self.urls * 3:
            try:
                answer = client.post(f"{url}{SEARCH}", files={"image": self.picture})
            except httpx2.TransportError as error:
                said.append(type(error).__name__)
                continue
            if answer.status_code == 200:
                self.answered += 1
                return
            said.append(f"{answer.status_code} {answer.text[:200]}")
        self.wrong.append("; ".join(said))


def has_item(url: str, name: str) -> bool:
    return httpx2.get(f"{url}{DEFAULT}/items/{name}").status_code == 200


@pytest.fixture
def asking(first_picture: bytes) -> Iterator[Callable[[list[str]], Asking]]:
    made: list[tuple[Asking, threading.Thread]] = []

    def start(urls: list[str]) -> Asking:
        one = Asking(urls, first_picture)
        made.append((one, threading.Thread(target=one.run)))
        made[-1][1].start()
        one.answer_some()
        return one

    yield start
    for one, thread in made:
        one.stop.set()
        thread.join()


@pytest.mark.long
def test_a_rolling_restart_and_changes_lose_no_question(
    origin: Origin, tmp_path: Path, asking: Callable[[list[str]], Asking]
) -> None:
    """Two followers are restarted in turn under load, while something is published."""
    ports = [free_port(), free_port()]
    folders = [tmp_path / f"follower-{port}" for port in ports]
    servers = [
        serve(folder, "--follow", origin.url, env=OFTEN, port=port)
        for folder, port in zip(folders, ports, strict=True)
    ]
    urls = [server.__enter__().url for server in servers]
    try:
        client = asking(urls)
        for number, (folder, port) in enumerate(zip(folders, ports, strict=True)):
            servers[number].__exit__()
            origin.put(f"new-{number}", 70 + number)
            servers[number] = serve(folder, "--follow", origin.url, env=OFTEN, port=port)
            servers[number].__enter__()
            client.answer_some()
        for url in urls:
            until(partial(has_item, url, "new-1"))
        client.stop.set()
    finally:
        for server in servers:
            server.__exit__()
    assert client.wrong == []
