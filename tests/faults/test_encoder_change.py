"""Another encoder for a collection in use: no query fails or mixes, whatever comes in between."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from indexer.change.request import Advance, ChangeRequest
from indexer.change.sequence import undo_change
from indexer.change.switch import switch_encoder
from search_engine.collections import opened as open_collections
from search_engine.config import Settings
from search_engine.encoders.registry import EncoderRequest
from search_engine.encoders.words import PREPROCESSING, learn_vocabulary, save_vocabulary
from search_engine.engine import SearchEngine
from search_engine.errors import WeightsError
from search_engine.images import ImageLimits, decode_pixels
from search_engine.maintenance.check import check_data
from tests.conftest import copy_data, index_folder, once, serve
from tests.faults.test_interruption import KILLED, eyedex

pytestmark = pytest.mark.long

SWITCH_KILLS = [
    ("vectors_added", 2),
    ("generation_before_rename", 1),
    ("current_renamed", 1),
    ("encoder_before_change", 1),
    ("encoder_changed", 1),
]
UNDO_KILLS = [("encoder_before_change", 1), ("encoder_changed", 1), ("current_before_rename", 1)]
READERS = 4
EDGES = EncoderRequest("edges"), ChangeRequest(force=True)


@pytest.fixture
def drawn(hsv_data: Path, tmp_path: Path) -> Path:
    data = tmp_path / "drawn"
    copy_data(hsv_data, data)
    return data


@pytest.fixture
def few(shared: Path, sample: Path, tmp_path: Path) -> Path:
    """Forty pictures without labels, so that nothing is compared or calibrated."""

    def make(folder: Path) -> None:
        (folder / "pictures").mkdir(parents=True)
        for path in sorted((sample / "images").rglob("*.jpg"))[:40]:
            shutil.copy(path, folder / "pictures")
        index_folder(folder / "pictures", folder / "data", encoder="hsv")

    return copy_data(once(shared / "few-pictures", make) / "data", tmp_path / "few")


@pytest.fixture
def switched(few: Path, shared: Path, tmp_path: Path) -> Path:
    """A copy of the same after it was given another encoder."""

    def make(folder: Path) -> None:
        copy_data(few, folder)
        with SearchEngine(folder) as engine:
            assert switch_encoder(engine, "default", *EDGES).changed

    return copy_data(once(shared / "changed-to-edges", make), tmp_path / "switched")


@pytest.fixture
def words(shared: Path, sample: Path) -> Path:
    """Visual words, which an encoder needs."""

    def learn(folder: Path) -> None:
        folder.mkdir()
        pictures = [
            decode_pixels(path.read_bytes(), PREPROCESSING, ImageLimits()).pixels
            for path in sorted((sample / "images").glob("*.jpg"))[::8]
        ]
        save_vocabulary(folder / "words", learn_vocabulary("orb", pictures))

    return once(shared / "few-words", learn) / "words"


@pytest.fixture
def photo(sample: Path) -> Path:
    return min((sample / "images").rglob("*.jpg"))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYEDEX_BATCH_SIZE", "16")


def killed(data: Path, point: str, count: int, *arguments: str) -> None:
    ended = eyedex("switch", *arguments, "--data", data, fault=f"{point}:{count}:kill")
    assert ended.returncode == KILLED


@pytest.mark.parametrize(("point", "count"), SWITCH_KILLS)
def test_a_killed_change_leaves_one_encoder_or_the_other(
    few: Path, photo: Path, point: str, count: int
) -> None:
    with SearchEngine(few) as engine:
        before = engine.search(photo)
    killed(few, point, count, "edges", "--force")
    with SearchEngine(few) as engine:
        now = engine.search(photo)
        assert len(now.neighbors) == 10
        assert now.neighbors[0].score == pytest.approx(1, abs=1e-3)
        assert (now.encoder == before.encoder) == (point != "encoder_changed")
        if now.encoder == before.encoder:
            assert now.neighbors == before.neighbors
            found = switch_encoder(engine, "default", *EDGES)
            assert found.changed
            assert found.already_encoded >= 32
            assert engine.search(photo).encoder == found.after.fingerprint
        assert undo_change(engine, "default").encoded == 0
        assert engine.search(photo).neighbors == before.neighbors
    assert check_data(Settings(data=few)).sound


@pytest.mark.parametrize(("point", "count"), UNDO_KILLS)
def test_a_killed_undo_leaves_one_encoder_or_the_other(
    switched: Path, few: Path, photo: Path, point: str, count: int
) -> None:
    """Also where the index that is called current is that of the other one."""
    with SearchEngine(switched) as engine, SearchEngine(few) as original:
        forward, back = engine.search(photo), original.search(photo)
    ways = [(back, forward), (forward, back)]
    for wanted, other in ways[:1] if point == "current_before_rename" else ways:
        killed(switched, point, count, "--undo")
        with SearchEngine(switched) as engine:
            now = engine.search(photo)
            expected = other if point == "encoder_before_change" else wanted
            assert now.neighbors == expected.neighbors
            assert now.generation is not None
            if expected is other:
                undo_change(engine, "default")
                assert engine.search(photo).neighbors == wanted.neighbors
    assert check_data(Settings(data=switched)).sound


class Asking:
    """Threads that ask for as long as the block lasts; `answers` are by encoder."""

    def __init__(self, engines: list[SearchEngine], photo: Path) -> None:
        self.errors: list[BaseException] = []
        self.answers: dict[str, set[Any]] = {}
        self._over = threading.Event()
        self._photo = photo
        self._threads = [
            threading.Thread(target=self._ask, args=(engine,))
            for engine in engines
            for _ in range(READERS // len(engines))
        ]

    def __enter__(self) -> "Asking":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, engine: SearchEngine) -> None:
        try:
            item_id = engine.search(self._photo).neighbors[0].item.item_id
            while not self._over.is_set():
                for found in (
                    engine.classify(self._photo, accept_accuracy=0.5),
                    engine.classify(item_id=item_id, accept_accuracy=0.5),
                ):
                    assert found.prediction is not None
                    assert found.prediction.calibrated
                    neighbors = [(one.item.item_id, one.score) for one in found.neighbors]
                    answer = (*neighbors, found.prediction.confidence)
                    self.answers.setdefault(found.encoder, set()).add(answer)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.errors.append(error)


def test_queries_go_on_while_the_encoder_changes(drawn: Path, photo: Path) -> None:
    """Each answer is that of the one encoder or of the other, whole, calibration included."""
    with SearchEngine(drawn) as writing, SearchEngine(drawn) as reading:
        assert switch_encoder(writing, "default", *EDGES).changed
        undo_change(writing, "default")
        with Asking([writing, reading], photo) as asking:
            for _ in range(4):
                undo_change(writing, "default")
                time.sleep(0.1)
    assert asking.errors == []
    assert len(asking.answers) == 2
    assert {len(each) for each in asking.answers.values()} == {2}  # by photo and by item


class Interfering:
    """A stage of the work that does something when it begins, or at its first step."""

    def __init__(self, name: str, act: Any, at_first_step: bool = False) -> None:
        self._name, self._act, self._at_first_step = name, act, at_first_step
        self.done = False

    def __call__(self, name: str, steps: int) -> Any:
        return self._stage(name)

    @contextmanager
    def _stage(self, name: str) -> Iterator[Advance]:
        def once_only() -> None:
            if name == self._name and not self.done:
                self.done = True
                self._act()

        if not self._at_first_step:
            once_only()
        yield lambda count: once_only()


@pytest.mark.parametrize(
    ("stage", "at_first_step"),
    [("encoding", False), ("encoding", True), ("comparing", False), ("preparing the index", False)],
)
def test_items_that_come_and_change_meanwhile_are_as_they_are_at_the_end(
    few: Path, photo: Path, stage: str, at_first_step: bool
) -> None:
    """A new one, one with another picture whose first was encoded already, one that is removed."""
    other = max(photo.parent.glob("*.jpg"))
    settings = Settings(data=few, batch_size=16)
    with SearchEngine(settings=settings) as writing, SearchEngine(few) as serving:
        page = serving.catalog.page(serving.live("default").record, 0, 1_000)
        changed, last, removed = page[0].item_id, page[-1].item_id, page[1].item_id

        def act() -> None:
            serving.upsert("new", photo.read_bytes())
            for item_id in (changed, last):
                serving.upsert(item_id, other.read_bytes())
            serving.remove(removed)

        interfering = Interfering(stage, act, at_first_step)
        found = switch_encoder(writing, "default", *EDGES, interfering)
        assert interfering.done
        assert found.changed
        assert found.unsearchable == {}
        live = writing.live("default")
        encoder = live.encoder()
        assert encoder is not None
        for item_id, picture in (("new", photo), (changed, other), (last, other)):
            key = writing.catalog.get(live.record, item_id).key
            stored = writing.catalog.vector(live.record, key)
            pixels = decode_pixels(
                picture.read_bytes(), encoder.spec.preprocessing, ImageLimits()
            ).pixels
            assert float(np.vecdot(encoder.encode(pixels[None]), stored)[0]) > 0.95  # as small JPEG
        snapshot = live.snapshot()
        assert snapshot is not None
        assert live.drifted is None
        np.testing.assert_array_equal(snapshot.keys(), writing.catalog.keys(live.record))
    assert check_data(Settings(data=few)).sound


def test_items_can_be_put_while_the_encoder_changes(few: Path, photo: Path) -> None:
    """By a process that has the former one open: it encodes again what came too late."""
    pictures = sorted(photo.parent.glob("*.jpg"))[:30]
    errors: list[BaseException] = []
    with SearchEngine(few) as writing, SearchEngine(few) as serving:
        assert switch_encoder(writing, "default", *EDGES).changed

        def put() -> None:
            try:
                for number, picture in enumerate(pictures):
                    serving.upsert(f"put-{number}", picture.read_bytes())
            except BaseException as error:  # noqa: BLE001 - looked at by the test
                errors.append(error)

        thread = threading.Thread(target=put)
        thread.start()
        while thread.is_alive():
            undo_change(writing, "default")
        assert errors == []
        live = writing.live("default")
        assert writing.catalog.unsearchable(live.record) == {}
        for number, picture in enumerate(pictures):
            ids = [one.item.item_id for one in writing.search(picture).neighbors]
            assert f"put-{number}" in ids
    assert check_data(Settings(data=few)).sound


def test_who_cannot_open_the_new_encoder_answers_by_the_former_one(
    few: Path,
    photo: Path,
    words: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As a server whose machine does not have the file; it can once the file is there."""
    file = tmp_path / "words"
    shutil.copy(words, file)
    request = EncoderRequest("orb", weights=file)
    with SearchEngine(few) as writing, SearchEngine(few) as serving:
        before = serving.search(photo)
        found = switch_encoder(writing, "default", request, ChangeRequest(force=True))
        assert found.changed
        file.rename(tmp_path / "away")
        assert serving.search(photo).neighbors == before.neighbors
        assert serving.similar(before.neighbors[0].item.item_id).encoder == before.encoder
        assert "which cannot be opened here, so the former one answers on" in caplog.text
        with pytest.raises(WeightsError):
            serving.upsert("new", photo.read_bytes())
        undo_change(writing, "default")
        assert serving.search(photo).neighbors == before.neighbors
        undo_change(writing, "default")
        assert serving.search(photo).neighbors == before.neighbors
        (tmp_path / "away").rename(file)
        monkeypatch.setattr(open_collections, "RETRY_S", 0.0)
        wait_for(lambda: serving.search(photo).encoder == found.after.fingerprint)
        serving.upsert("new", photo.read_bytes())
        assert serving.search(photo).neighbors[0].item.item_id in ("new", photo.name)


def wait_for(ask: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_slow_encoder_keeps_no_query_waiting(
    few: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The former one answers until the new one is open; then all queries go there."""
    monkeypatch.setattr(open_collections, "TAKE_OVER_WAIT_S", 0.0)
    with SearchEngine(few) as writing, SearchEngine(few) as serving:
        before = serving.search(photo)
        found = switch_encoder(writing, "default", *EDGES)
        asked = serving.search(photo)
        assert asked.encoder in (before.encoder, found.after.fingerprint)
        if asked.encoder == before.encoder:
            assert asked.neighbors == before.neighbors
        wait_for(lambda: serving.search(photo).encoder == found.after.fingerprint)
        assert serving.live("default").record.encoder == "edges"


def test_a_server_takes_over_another_encoder(few: Path, photo: Path) -> None:
    """Queries all the while: none fails, and the encoders come in the order of the changes."""
    seen: list[str] = []
    with serve(few) as server:
        over = threading.Event()
        failed: list[int] = []

        def ask() -> None:
            url = f"{server.url}/v1/collections/default/search"
            with httpx2.Client(timeout=60) as client:
                while not over.is_set():
                    answer = client.post(url, files={"image": photo.read_bytes()})
                    if answer.status_code != 200:
                        failed.append(answer.status_code)
                    elif not seen or seen[-1] != answer.json()["encoder"]:
                        seen.append(str(answer.json()["encoder"]))
                    over.wait(0.02)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            for count, arguments in enumerate((["edges", "--force"], ["--undo"], ["--undo"]), 2):
                assert eyedex("switch", *arguments, "--data", few).returncode == 0
                wait_for(lambda count=count: len(seen) >= count)
        finally:
            over.set()
            thread.join()
        described = httpx2.get(f"{server.url}/v1/collections/default").json()
    assert failed == []
    assert len(seen) == 4
    assert seen[0] == seen[2] != seen[1] == seen[3]
    assert (described["encoder"]["name"], described["unsearchable"]) == ("edges", 0)
