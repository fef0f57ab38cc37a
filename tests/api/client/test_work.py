"""Longer work through the clients: many items at once, uploads, jobs, all pages of a search."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.client import AsyncClient, Client, Conflict, Invalid, NotFound
from tests.conftest import LiveServer

pytestmark = pytest.mark.long

PICTURES = 5


@pytest.fixture(scope="module")
def folder(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few pictures in folders that are their labels, and what does not belong."""
    place = tmp_path_factory.mktemp("upload")
    for number, picture in enumerate(sorted((sample / "images").rglob("*.jpg"))[:PICTURES]):
        inside = place / f"Kind {number % 2}"
        inside.mkdir(exist_ok=True)
        shutil.copy(picture, inside)
    (place / ".hidden").mkdir()
    (place / ".hidden" / "notes.txt").write_text("not for the server")
    return place


@pytest.fixture(scope="module")
def indexed(asking: Client, folder: Path) -> Iterator[dict[str, Any]]:
    """The job that indexed the folder into a collection of its own."""
    upload = asking.upload_folder(folder, collection="sent")
    job = asking.create_job(
        "index", source={"upload": upload["id"]}, encoder="hsv", collection="sent"
    )
    steps: list[Any] = []
    done = asking.wait(job["id"], steps.append, timeout_s=60)
    assert steps[-1] == done
    yield dict(done)
    asking.delete_collection("sent", confirm="sent")


def test_a_folder_becomes_a_collection(asking: Client, indexed: dict[str, Any]) -> None:
    assert (indexed["state"], indexed["counts"]["added"]) == ("done", PICTURES)
    labels = {each["label"]: each["count"] for each in asking.labels(collection="sent")}
    assert labels == {"Kind 0": 3, "Kind 1": 2}


def test_what_happened_can_be_followed_and_resumed(asking: Client, indexed: dict[str, Any]) -> None:
    events = list(asking.events(indexed["id"]))
    assert (events[-1]["event"], events[-1]["data"]["state"]) == ("done", "done")
    assert list(asking.events(indexed["id"], last_id=events[-1]["id"])) == []
    with pytest.raises(NotFound):
        list(asking.events("0" * 32))


def test_jobs_are_listed_and_end_once(asking: Client, indexed: dict[str, Any]) -> None:
    assert indexed["id"] in [each["id"] for each in asking.jobs(collection="sent", limit=1)]
    with pytest.raises(Conflict):
        asking.cancel_job(indexed["id"])
    with pytest.raises(Invalid, match="kind"):
        asking.create_job("dance", collection="sent")


def test_an_upload_of_one_file_and_its_end(asking: Client, folder: Path) -> None:
    picture = next(folder.rglob("*.jpg"))
    made = asking.create_upload("one.jpg", picture)
    assert made["file_count"] == 1
    again = asking.create_upload("one.jpg", picture.read_bytes(), idempotency_key="k" * 20)
    assert asking.create_upload("one.jpg", picture.read_bytes(), idempotency_key="k" * 20) == again
    assert {made["id"], again["id"]} <= {each["id"] for each in asking.uploads(limit=1)}
    for each in (made, again):
        asking.delete_upload(each["id"])
    with pytest.raises(NotFound):
        asking.get_upload(made["id"])


def test_many_items_are_put_in_batches(asking: Client, folder: Path) -> None:
    picture = next(folder.rglob("*.jpg")).read_bytes()
    items = [{"item_id": f"many/{n}", "image": picture, "label": "Many"} for n in range(205)]
    items[7]["image"] = b"broken"
    results = list(asking.put_many(items, at_once=2))  # type: ignore[arg-type]
    assert [each["item_id"] for each in results] == [each["item_id"] for each in items]
    assert [n for n, each in enumerate(results) if "problem" in each] == [7]
    gone = [{"op": "delete", "item_id": each["item_id"]} for each in items]
    for start in range(0, len(gone), 100):
        asking.batch_items(gone[start : start + 100])
    assert list(asking.items(filter="label = Many")) == []


def test_many_questions_at_once(asking: Client, folder: Path) -> None:
    pictures = sorted(folder.rglob("*.jpg"))
    answer = asking.search_batch(
        [{"image": each} for each in pictures] + [{"item_id": "none"}], k=1
    )
    found = answer["results"]
    assert [each.get("code") for each in found] == [None] * PICTURES + ["item_not_found"]
    alone = asking.classify(pictures[0], k=1)["label"]
    (classified,) = asking.classify_batch([{"image": pictures[0]}], k=1)["results"]
    assert classified["label"] == alone  # type: ignore[typeddict-item]


def test_embeddings_are_arrays(asking: Client, folder: Path) -> None:
    picture = next(folder.rglob("*.jpg"))
    answer = asking.search(picture, k=3, include="vector")
    vector: Any = answer["neighbors"][0]["vector"]
    assert isinstance(vector, np.ndarray)
    assert vector.dtype == np.float32
    again = asking.search(vector=vector, k=3)
    assert again["neighbors"][0]["item_id"] == answer["neighbors"][0]["item_id"]
    with pytest.raises(Invalid):
        asking.search(vector=[0.0, 0.0], k=3)


def test_all_pages_of_a_mix_with_every_kind_of_example(asking: Client, folder: Path) -> None:
    """The photo, and in the end its token, stand for the whole mix."""
    picture = min(folder.rglob("*.jpg"))
    first = asking.search(picture, k=3, include="vector")
    near = [each["item_id"] for each in first["neighbors"]]
    like = [near[0], {"image": picture, "weight": 2}, {"vector": first["vector"]}]
    mixes: list[tuple[Path | None, dict[str, Any]]] = [
        (picture, {"like": like, "unlike": [near[1]]}),
        (None, {"like": like, "unlike": [near[1]]}),
        (None, {"item_id": near[1], "like": [near[0]]}),
    ]
    for asked, mix in mixes:
        whole = asking.search(asked, k=200, **mix)["neighbors"]
        found = list(asking.search_all(asked, k=40, **mix))
        assert [each["item_id"] for each in found] == [each["item_id"] for each in whole]
        assert not set(near[:2]) & {each["item_id"] for each in found}
    batch: Any = asking.search_batch(
        [{"image": picture, **mixes[0][1]}], k=5, boost={"price": -0.1}
    )
    boosted = asking.search(picture, k=5, boost={"price": -0.1}, **mixes[0][1])
    assert batch["results"][0]["neighbors"] == boosted["neighbors"]


def test_all_pages_of_a_search(asking: Client, folder: Path) -> None:
    picture = next(folder.rglob("*.jpg"))
    every = [each["item_id"] for each in asking.search_all(picture, k=40)]
    assert sorted(every) == sorted(each["item_id"] for each in asking.items(limit=500))
    assert every[:5] == [each["item_id"] for each in asking.search(picture, k=5)["neighbors"]]


def test_the_same_with_asyncio(served: LiveServer, folder: Path) -> None:
    async def work() -> None:
        async with AsyncClient(served.url, collection="async") as client:
            upload = await client.upload_folder(folder, at_once=3)
            job = await client.create_job("index", source={"upload": upload["id"]}, encoder="hsv")
            kinds = [event["event"] async for event in client.events(job["id"])]
            assert kinds[-1] == "done"
            assert (await client.wait(job["id"]))["counts"]["added"] == PICTURES
            picture = next(folder.rglob("*.jpg"))
            put = [{"item_id": str(n), "image": picture} for n in range(3)]
            results = [each async for each in client.put_many(put)]  # type: ignore[arg-type]
            assert [each["status"] for each in results] == [201] * 3
            found = [each async for each in client.search_all(picture, k=2)]
            assert len(found) == PICTURES + 3
            await client.delete_collection("async", confirm="async")

    asyncio.run(work())
