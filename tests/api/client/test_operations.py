"""The Python client against a real server: every operation, every form of picture, every error."""

import asyncio
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from api.client import (
    AsyncClient,
    Client,
    Conflict,
    Invalid,
    NotFound,
    Unavailable,
)
from api.client.pictures import picture_bytes
from api.openapi import operations
from tests.api.described import document
from tests.conftest import LiveServer, free_port

STREAMED = {"watch_job": "events"}
"""Operations whose methods are no single call."""


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)


def test_every_operation_is_a_method_of_both_clients() -> None:
    for described in operations(document()):
        name = snake(described["operationId"])
        for client in (Client, AsyncClient):
            assert callable(getattr(client, STREAMED.get(name, name), None)) or hasattr(
                getattr(client, name), "make"
            ), name


def ids(answer: Any) -> list[str]:
    return [each["item_id"] for each in answer["neighbors"]]


def test_a_picture_may_be_anything_that_is_one(asking: Client, shopper_photo: Path) -> None:
    expected = ids(asking.search(shopper_photo, k=5))
    assert len(expected) == 5
    data = shopper_photo.read_bytes()
    with shopper_photo.open("rb") as file, Image.open(shopper_photo) as image:
        for picture in (str(shopper_photo), data, bytearray(data), io.BytesIO(data), file, image):
            assert ids(asking.search(picture, k=5)) == expected
        assert ids(asking.search(np.asarray(image.convert("RGB")), k=5)) == expected


def test_pixels_are_kept(shopper_photo: Path) -> None:
    with Image.open(shopper_photo) as image:
        for pixels in (np.asarray(image.convert("RGBA")), np.asarray(image.convert("L"))):
            with Image.open(io.BytesIO(picture_bytes(pixels))) as again:
                assert np.array_equal(np.asarray(again), pixels)


@pytest.mark.parametrize("wrong", [7, io.StringIO("text"), np.zeros((3, 3)), np.zeros((2, 2, 2))])
def test_what_is_no_picture_is_said(asking: Client, wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="is no picture"):
        asking.search(wrong)


def test_options_are_those_of_the_engine(asking: Client, shopper_photo: Path) -> None:
    answer = asking.search(
        shopper_photo,
        k=3,
        filter={"field": "price", "gt": 1},
        box="0.1,0.1,0.8,0.8",
        min_score=-1,
        group_by="product_id",
        facets=["view"],
    )
    assert len(answer["neighbors"]) == 3
    assert answer["facets"]["view"]
    token = answer["query_token"]
    again = asking.search(query_token=token, k=3, filter="price > 1", group_by="product_id")
    assert ids(again) == ids(answer)
    classified = asking.classify(shopper_photo, target="label", vote_k=5)
    assert classified["voters"] == 5
    similar = asking.similar(
        ids(answer)[0], k=2, facets=["view"], filter={"field": "view", "exists": True}
    )
    assert len(similar["neighbors"]) == 2
    with pytest.raises(TypeError):
        asking.search(shopper_photo, filter={"field": object()})
    with pytest.raises(NotFound) as caught:
        asking.classify(shopper_photo, classifier="oracle")
    assert caught.value.code == "classifier_not_found"


def test_items_live(asking: Client, shopper_photo: Path) -> None:
    name = "new/with space & é%"
    item = asking.put_item(name, shopper_photo, label="Toys/Robot", attributes={"price": 3})
    assert (item["item_id"], item["attributes"]) == (name, {"price": 3})
    assert asking.patch_item(name, label=None, attributes={"price": None})["attributes"] == {}
    assert asking.get_item(name)["label"] is None
    assert asking.get_image(name, size=64).startswith(b"\xff\xd8")
    asking.delete_item(name)
    with pytest.raises(NotFound) as caught:
        asking.get_item(name)
    error = caught.value
    assert (error.status, error.code, len(error.request_id)) == (404, "item_not_found", 32)


def test_pages_are_walked(asking: Client) -> None:
    everything = [item["item_id"] for item in asking.items(limit=500)]
    assert [item["item_id"] for item in asking.items(limit=20)] == everything
    assert len(set(everything)) == len(everything) > 100
    assert [each["label"] for each in asking.labels(limit=2)] == [
        each["label"] for each in asking.list_labels()["labels"]
    ]


def test_collections_come_and_go(asking: Client) -> None:
    assert asking.create_collection("made")["items"] == 0
    with pytest.raises(Conflict, match="collection_exists"):
        asking.create_collection("made")
    assert "made" in [each["name"] for each in asking.list_collections()["collections"]]
    assert asking.get_collection("made")["encoder"] is None
    asking.delete_collection("made")
    with pytest.raises(NotFound):
        asking.get_collection("made")
    assert asking.list_classifiers() == {"classifiers": []}
    assert asking.list_facets(["view"])["facets"]["view"]
    assert asking.healthz() == {"status": "alive"}
    assert asking.readyz() == {"status": "ready"}


def test_mistakes_are_told(asking: Client, shopper_photo: Path) -> None:
    with pytest.raises(Invalid, match="k: ") as caught:
        asking.search(shopper_photo, k=1_000)
    assert (caught.value.status, caught.value.code) == (422, "bad_parameter")
    with pytest.raises(Invalid):
        asking.search(b"no picture")
    with pytest.raises(Invalid):
        asking.search()
    nowhere = Client(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="no answer"), nowhere:
        nowhere.create_collection("x")


def test_the_other_client_has_the_same_answers(
    served: LiveServer, asking: Client, shopper_photo: Path
) -> None:
    async def ask() -> None:
        async with AsyncClient(served.url) as client:
            answers = await asyncio.gather(*(client.search(shopper_photo, k=4) for _ in range(5)))
            assert {json.dumps(ids(each)) for each in answers} == {
                json.dumps(ids(asking.search(shopper_photo, k=4)))
            }
            found = [item["item_id"] async for item in client.items(limit=50)]
            assert found == [item["item_id"] for item in asking.items()]
            with pytest.raises(NotFound):
                await client.get_item("nothing")

    asyncio.run(ask())


def test_numbers_of_numpy_are_numbers(asking: Client, shopper_photo: Path) -> None:
    assert len(ids(asking.search(shopper_photo, k=np.int64(2)))) == 2  # type: ignore[arg-type]
    first = ids(asking.search(shopper_photo, k=1))[0]
    found = asking.search(item_id=first, k=np.int32(3), min_score=np.float32(-1))  # type: ignore[arg-type]
    assert len(ids(found)) == 3


def test_one_field_to_count_may_be_a_text(asking: Client, shopper_photo: Path) -> None:
    first = ids(asking.search(shopper_photo, k=1))[0]
    for answer in (
        asking.search(shopper_photo, k=1, facets="label"),
        asking.search(item_id=first, k=1, facets="label"),
        asking.similar(first, k=1, facets="label"),
    ):
        assert list(answer["facets"]) == ["label"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda client: client.get_item(None), "ids and names are texts, and None is none"),
        (lambda client: client.get_item(5), "ids and names are texts, and 5 is none"),
        (lambda client: client.search("https://shop.example/a.jpg"), "nothing is fetched"),
        (lambda client: client.search(item_id="a", like="b"), "like is no list of examples"),
        (lambda client: client.put_item("a", b"", attributes={"x": {1}}), "set cannot be sent"),
        (lambda client: client.patch_item("a", attributes={"x": 1j}), "complex cannot be"),
    ],
)
def test_values_of_other_kinds_are_refused_by_name(asking: Client, call: Any, said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        call(asking)
