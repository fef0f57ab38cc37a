"""Over HTTP: a collection whose embeddings are made elsewhere, and items without a picture."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.asking import CheckedClient, ask, ask_json, assert_problem
from tests.embedding_tables import take_in, write_npy
from tests.images.pictures import jpeg
from tests.small_catalog import unit_vectors

DEFAULT = "/v1/collections/default"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckedClient]:
    """Twelve items made elsewhere, without pictures."""
    folder = tmp_path_factory.mktemp("external")
    records = [{"item_id": f"id{row}", "label": "ab"[row % 2]} for row in range(12)]
    take_in(write_npy(folder / "given.npy", unit_vectors(12), records), folder / "data")
    with CheckedClient(folder / "data") as made:
        yield made


def test_a_picture_is_refused_with_what_to_do_instead(client: CheckedClient) -> None:
    for path in ("search", "classify"):
        response = ask(client, jpeg(), f"{DEFAULT}/{path}")
        body = assert_problem(response, 422, "external_encoder")
        assert "external:clip are made elsewhere" in body["detail"]
        assert "ask with an item of the collection" in body["detail"]
    put = client.put(f"{DEFAULT}/items/new", files={"image": ("a.jpg", jpeg())})
    assert_problem(put, 422, "external_encoder")
    assert_problem(client.get(f"{DEFAULT}/items/new"), 404, "item_not_found")


def test_what_needs_the_encoder_is_refused_by_name(client: CheckedClient) -> None:
    for path, option in (("search", {"explain": "grid"}), ("classify", {"labels": ["a", "b"]})):
        response = ask_json(client, {"item_id": "id3"} | option, f"{DEFAULT}/{path}")
        body = assert_problem(response, 422, "external_encoder")
        assert body["detail"].endswith(f"leave out {min(option)}")
    response = ask_json(client, {"text": "a mug"}, f"{DEFAULT}/search")
    assert "no picture or text" in assert_problem(response, 422, "external_encoder")["detail"]


def test_items_are_asked_about_by_their_id(client: CheckedClient) -> None:
    similar = client.get(f"{DEFAULT}/similar/id3?k=5")
    assert (similar.status_code, len(similar.json()["neighbors"])) == (200, 5)
    searched = ask_json(client, {"item_id": "id3", "k": 5}, f"{DEFAULT}/search")
    assert searched.json()["neighbors"] == similar.json()["neighbors"]
    classified = ask_json(client, {"item_id": "id3"}, f"{DEFAULT}/classify")
    assert classified.json()["votes"]


def test_an_item_without_a_picture_has_none(client: CheckedClient) -> None:
    assert client.get(f"{DEFAULT}/items/id3").status_code == 200
    assert_problem(client.get(f"{DEFAULT}/images/id3"), 404, "picture_not_found")


def test_the_server_is_ready_and_says_whose_embeddings_they_are(client: CheckedClient) -> None:
    assert client.get("/readyz").json() == {"status": "ready"}
    encoder = client.get(DEFAULT).json()["encoder"]
    assert (encoder["name"], encoder["dimension"]) == ("external:clip", 8)


def test_a_running_server_finds_what_is_imported(client: CheckedClient, tmp_path: Path) -> None:
    vectors = unit_vectors(12)[:1]
    path = write_npy(tmp_path / "more.npy", vectors, [{"item_id": "twin", "label": "c"}])
    take_in(path, client.data)
    best = client.get(f"{DEFAULT}/similar/id0?k=1").json()["neighbors"]
    assert [one["item_id"] for one in best] == ["twin"]
