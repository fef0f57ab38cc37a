"""Publishing and following, killed at every step: what is there is a whole state."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import EyedexError, NotFoundError
from search_engine.maintenance.follow import Follower
from search_engine.maintenance.publish import publish
from search_engine.maintenance.published import read_description, read_published
from search_engine.storage.remote_folder import RemoteFolder
from tests.cli.conftest import colour_picture
from tests.conftest import answers as answers_http
from tests.conftest import copy_data, free_port
from tests.faults.test_interruption import KILLED, checked, eyedex

PULL = """
import sys
from pathlib import Path
from search_engine.config import Settings
from search_engine.maintenance.follow import Follower
Follower(Settings(data=Path(sys.argv[1]), follow=sys.argv[2])).pull()
"""

pytestmark = pytest.mark.sqlite_only("a follower has its catalog in a file")


@pytest.fixture
def origin(hsv_data: Path, tmp_path: Path) -> Path:
    """A published catalog to which an item was added since."""
    data = copy_data(hsv_data, tmp_path / "origin")
    publish(Settings(data=data), url(tmp_path))
    with SearchEngine(data) as engine:
        engine.upsert("new", colour_picture(1))
    return data


def url(folder: Path) -> str:
    return f"file://{folder}/bucket"


def follower(folder: Path) -> Follower:
    return Follower(Settings(data=folder / "follower", follow=url(folder)))


def has_new_item(data: Path) -> bool:
    checked(data)
    with SearchEngine(settings=Settings(data=data, read_only=True)) as engine:
        return any(item.item_id == "new" for item in engine.items())


@pytest.mark.parametrize(
    ("point", "is_there"),
    [
        ("workshop_opened", False),
        ("snapshot_catalog_copied", False),
        ("publish_part_sent", False),
        ("publish_before_naming", False),
        ("publish_named", True),
    ],
)
def test_killed_while_publishing(origin: Path, tmp_path: Path, point: str, is_there: bool) -> None:
    ran = eyedex("publish", url(tmp_path), "--data", origin, fault=f"{point}:1:kill")
    assert ran.returncode == KILLED
    assert has_new_item(follower(tmp_path).ready().data) is is_there
    again = eyedex("publish", url(tmp_path), "--data", origin)
    assert again.returncode == 0, again.stderr
    folder = RemoteFolder(url(tmp_path))
    published = read_published(folder)
    assert published is not None
    wanted = {published.state, *filter(None, [published.former])}
    for state in tuple(wanted):
        wanted.update(each.sha256 for each in read_description(folder, state).members)
    assert set(folder.names("parts")) == wanted  # nothing is left over
    following = follower(tmp_path)
    assert has_new_item((following.pull() or following.ready()).data)


@pytest.mark.parametrize(
    ("fault", "is_there"),
    [("follow_part_pulled:2", False), ("follow_before_rename:1", False), ("follow_named:1", True)],
)
def test_killed_while_pulling(origin: Path, tmp_path: Path, fault: str, is_there: bool) -> None:
    former = follower(tmp_path).ready()
    publish(Settings(data=origin), url(tmp_path))
    ran = subprocess.run(
        [sys.executable, "-c", PULL, str(tmp_path / "follower"), url(tmp_path)],
        env={**os.environ, "EYEDEX_FAULT": f"{fault}:kill"},
        check=False,
    )
    assert ran.returncode == KILLED
    known = follower(tmp_path).known()
    assert known is not None
    assert (known.data != former.data) is is_there
    assert has_new_item(known.data) is is_there
    following = follower(tmp_path)
    state = following.pull() or following.ready()
    assert has_new_item(state.data)
    following.forget_others((state,))
    assert list((tmp_path / "follower" / "states").iterdir()) == [state.data]
    assert not (tmp_path / "follower" / "pulling").exists()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A store that speaks S3, in a process of its own; the address of a folder in it."""
    pytest.importorskip("s3fs", reason="needs the extra buckets")
    pytest.importorskip("moto.server", reason="needs moto[server], which nobody else does")
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stderr=subprocess.DEVNULL,
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    try:
        deadline = time.monotonic() + 60
        while not answers_http(f"http://127.0.0.1:{port}/moto-api/"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        httpx2.put(f"http://127.0.0.1:{port}/shop").raise_for_status()
        yield "s3://shop/eyedex"
    finally:
        server.kill()
        server.wait()


def test_through_an_object_store(origin: Path, tmp_path: Path, store: str) -> None:
    following = Follower(Settings(data=tmp_path / "follower", follow=store))
    first = publish(Settings(data=origin), store)
    assert has_new_item(following.ready().data)
    assert publish(Settings(data=origin), store).sent_bytes == 0
    with SearchEngine(origin) as engine:
        engine.remove("new")
    second = publish(Settings(data=origin), store)
    assert (first.seq < second.seq, second.removed) == (True, 0)
    state = following.pull()
    assert state is not None
    assert not has_new_item(state.data)
    with SearchEngine(origin) as engine:
        engine.upsert("new", colour_picture(1))
    assert publish(Settings(data=origin), store).removed > 0  # parts of the first
    elsewhere = Follower(Settings(data=tmp_path / "elsewhere", follow="s3://shop/nothing"))
    with pytest.raises(NotFoundError, match="nothing is published"):
        elsewhere.ready()
    gone = Follower(Settings(data=tmp_path / "gone", follow="s3://no-such-bucket/eyedex"))
    with pytest.raises(EyedexError):
        gone.ready()


def test_indexes_are_taken_from_who_signs_alone(origin: Path, tmp_path: Path) -> None:
    """What vouches for files that can do harm is a key; without one they are made here."""
    key = {"publish_key": "0123456789abcdef"}
    signed = Settings.model_validate({"data": origin, **key})
    publish(signed, url(tmp_path))
    index = next((origin / "indexes" / "default").glob("gen-*/index.faiss"))
    parts = tmp_path / "bucket" / "parts"
    (same,) = [part for part in parts.iterdir() if part.read_bytes() == index.read_bytes()]
    taking = Settings.model_validate({"data": tmp_path / "taking", "follow": url(tmp_path), **key})
    assert has_new_item(Follower(taking).ready().data)
    same.unlink()
    assert has_new_item(follower(tmp_path).ready().data)  # nobody asked for it
