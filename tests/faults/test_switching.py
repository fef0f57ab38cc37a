"""Another encoder for a collection that is in use: queries never fail and never mix, and a kill at
any moment leaves the one encoder or the other."""

import threading
from pathlib import Path

import pytest

from indexer.change.request import ChangeRequest
from indexer.change.sequence import undo_change
from indexer.change.tune import tune_collection
from search_engine.config import Settings
from search_engine.engine import SearchEngine
from search_engine.maintenance.check import check_data
from tests.conftest import copy_data, serve
from tests.faults.test_interruption import KILLED, eyedex
from tests.sealing import execute

KILLS = [
    pytest.param("vectors_added", 1, marks=pytest.mark.slow),
    pytest.param("generation_before_rename", 1, marks=pytest.mark.slow),
    pytest.param("current_renamed", 1, marks=pytest.mark.slow),
    ("encoder_before_change", 1),
    ("encoder_changed", 1),
]
READERS = 4
FORCED = ChangeRequest(force=True)


@pytest.fixture
def drawn(hsv_data: Path, tmp_path: Path) -> Path:
    data = tmp_path / "drawn"
    copy_data(hsv_data, data)
    return data


@pytest.fixture
def photo(sample: Path) -> Path:
    return min((sample / "images").rglob("*.jpg"))


@pytest.mark.parametrize(("point", "count"), KILLS)
def test_a_killed_tuning_leaves_one_encoder_or_the_other(
    drawn: Path, photo: Path, point: str, count: int
) -> None:
    with SearchEngine(drawn) as engine:
        before = engine.search(photo)
    killed = eyedex("tune", "--force", "--data", drawn, fault=f"{point}:{count}:kill")
    assert killed.returncode == KILLED
    with SearchEngine(drawn) as engine:
        now = engine.search(photo)
        assert len(now.neighbors) == 10
        assert (now.encoder == before.encoder) == (point != "encoder_changed")
        if now.encoder == before.encoder:
            assert now.neighbors == before.neighbors
        tuned = tune_collection(engine, "default", FORCED)
        assert tuned.changed
        assert engine.search(photo).encoder == tuned.after.fingerprint
    assert check_data(Settings(data=drawn)).sound


@pytest.mark.parametrize("point", ["encoder_before_change", "encoder_changed"])
def test_a_killed_undo_of_tuning_leaves_one_encoder_or_the_other(
    drawn: Path, photo: Path, point: str
) -> None:
    with SearchEngine(drawn) as engine:
        plain = engine.search(photo)
        tune_collection(engine, "default", FORCED)
        tuned = engine.search(photo)
    killed = eyedex("tune", "--undo", "--data", drawn, fault=f"{point}:1:kill")
    assert killed.returncode == KILLED
    expected, other = (plain, tuned) if point == "encoder_changed" else (tuned, plain)
    with SearchEngine(drawn) as engine:
        assert engine.search(photo).neighbors == expected.neighbors
        undo_change(engine, "default")
        assert engine.search(photo).neighbors == other.neighbors
    assert check_data(Settings(data=drawn)).sound


def test_a_damaged_embedding_costs_its_item_and_not_the_switch(drawn: Path) -> None:
    """It cannot be projected, however often that is tried."""
    with SearchEngine(drawn) as engine:
        record = engine.live("default").record
        first = engine.catalog.page(record, 0, 1)[0]
    execute(drawn, "UPDATE embeddings SET crc32 = crc32 + 1 WHERE key = :key", key=first.key)
    with SearchEngine(drawn) as engine:
        tuned = tune_collection(engine, "default", FORCED)
        assert tuned.changed
        assert [*tuned.unsearchable] == [first.item_id]
        assert engine.catalog.count(engine.live("default").record) == 115


@pytest.mark.long
def test_queries_go_on_while_the_encoder_changes(drawn: Path, photo: Path) -> None:
    """Each answer is that of the one encoder or of the other, whole."""
    errors: list[BaseException] = []
    answers: dict[str, set[tuple[tuple[str, float], ...]]] = {}
    over = threading.Event()

    def ask(engine: SearchEngine) -> None:
        try:
            while not over.is_set():
                found = engine.search(photo)
                neighbors = tuple((one.item.item_id, one.score) for one in found.neighbors)
                answers.setdefault(found.encoder, set()).add(neighbors)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            errors.append(error)

    with SearchEngine(drawn) as writing, SearchEngine(drawn) as reading:
        threads = [
            threading.Thread(target=ask, args=(engine,))
            for engine in (writing, reading)
            for _ in range(READERS // 2)
        ]
        for thread in threads:
            thread.start()
        tune_collection(writing, "default", FORCED)
        undo_change(writing, "default")
        over.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert len(answers) == 2
    assert {len(each) for each in answers.values()} == {1}


@pytest.mark.long
def test_a_server_takes_over_what_another_process_tuned(drawn: Path, photo: Path) -> None:
    import httpx2

    with serve(drawn) as server:
        url = f"{server.url}/v1/collections/default/search"

        def encoder() -> str:
            answer = httpx2.post(url, files={"image": photo.read_bytes()}, timeout=30)
            assert answer.status_code == 200
            return str(answer.json()["encoder"])

        before = encoder()
        with SearchEngine(drawn) as engine:
            tune_collection(engine, "default", FORCED)
            assert encoder() != before
            undo_change(engine, "default")
            assert encoder() == before
