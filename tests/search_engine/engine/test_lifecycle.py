"""Opening, closing and sharing an engine: after close(), pickled, several threads at once."""

import copy
import pickle
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.errors import (
    CollectionNotFoundError,
    EngineClosedError,
    ItemNotFoundError,
    ParameterError,
)
from search_engine.images.decode_pool import DecodePool
from tests.search_engine.engine.conftest import ids, picture

ROUNDS = 60


def test_an_empty_path_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError, match="the path is empty"):
        SearchEngine("")
    assert [*tmp_path.iterdir()] == []


def test_whatever_is_asked_after_close_is_refused(engine: SearchEngine, data: Path) -> None:
    engine.upsert("red", picture("red"))
    live = engine.live("default")
    token = engine.search(picture("red")).query_token
    assert token
    engine.close()
    engine.close()
    asked: list[Callable[[], object]] = [
        lambda: engine.search(picture("red")),
        lambda: engine.similar("red"),
        lambda: engine.classify(picture("red")),
        lambda: engine.facets(["label"]),
        lambda: engine.upsert("blue", picture("blue")),
        lambda: engine.describe("red", {"label": "Red"}),
        lambda: engine.remove("red"),
        lambda: engine.create_collection("other"),
        lambda: engine.delete_collection("default"),
        lambda: engine.catalog.collections(),
        lambda: live.snapshot(),
    ]
    for ask in asked:
        with pytest.raises(EngineClosedError, match="open another SearchEngine"):
            ask()
    with SearchEngine(data) as again:
        assert ids(again.search(picture("red"), k=1)) == ["red"]


@pytest.mark.parametrize("copied", [lambda engine: pickle.loads(pickle.dumps(engine)), copy.copy])
def test_a_copy_of_an_engine_is_one_of_its_own(engine: SearchEngine, copied: object) -> None:
    engine.upsert("red", picture("red"))
    assert callable(copied)
    with copied(engine) as other:
        engine.close()
        assert ids(other.search(picture("red"), k=1)) == ["red"]


def test_an_engine_with_a_decoder_of_its_own_is_not_pickled(data: Path) -> None:
    settings = Settings(data=data)
    with (
        SearchEngine(settings=settings, decoder=DecodePool(settings.upload_limits(), 1)) as engine,
        pytest.raises(TypeError, match="cannot be pickled; send the data directory"),
    ):
        pickle.dumps(engine)


def test_an_item_that_is_removed_at_once_was_upserted_and_described(engine: SearchEngine) -> None:
    done = threading.Event()

    def remove() -> None:
        while not done.is_set():
            try:
                engine.remove("red")
            except ItemNotFoundError:
                continue

    remover = threading.Thread(target=remove)
    remover.start()
    try:
        for number in range(ROUNDS):
            item = engine.upsert("red", picture("red"), label=f"Red/{number}")
            assert (item.item_id, item.label) == ("red", f"Red/{number}")
    finally:
        done.set()
        remover.join()


def test_a_collection_that_is_deleted_at_once_is_made_again(
    engine: SearchEngine, data: Path, cnn_data: Path
) -> None:
    shutil.copytree(cnn_data / "encoders", data / "encoders", dirs_exist_ok=True)
    done = threading.Event()
    failures: list[Exception] = []

    def put(item_id: str) -> None:
        try:
            while not done.is_set():
                engine.upsert(item_id, picture("red"), collection="made")
        except Exception as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    putting = [threading.Thread(target=put, args=(item_id,)) for item_id in ("a", "b")]
    for thread in putting:
        thread.start()
    for _ in range(5):
        try:
            engine.delete_collection("made")
        except CollectionNotFoundError:
            continue
    done.set()
    for thread in putting:
        thread.join()
    assert failures == []


def test_an_empty_collection_makes_its_network_once(tmp_path: Path, cnn_data: Path) -> None:
    shutil.copytree(cnn_data / "encoders", tmp_path / "encoders")
    with SearchEngine(tmp_path) as engine:
        for name in ("one", "other"):
            engine.create_collection(name)
        made = [engine.encoders.of(engine.live(name)) for name in ("one", "one", "other")]
        assert made[0] is made[1] is made[2]
        assert ids(engine.search(picture("red"), collection="one")) == []
