"""Addresses mean what they say: over a real socket, whatever a client makes of them."""

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import pytest

from indexer.run import IndexRequest, index_source
from indexer.sources import open_source
from search_engine.config import Settings
from tests.api.asking import DEFAULT, CheckedClient, assert_problem
from tests.conftest import LiveServer, serve
from tests.images.pictures import jpeg, photo

NAMES = ("t", "u")
ITEMS = ("first.jpg", "foo", "foo/image", "foo/similar", "a", "b/c")
DOTS = ("..", ".", "%2e%2e", "%2E%2e", ".%2e", "%2e", "...", "..%2f..", "%2e%2e%2F..", "..%2F")
TAILS = [
    *DOTS,
    *(f"a/{one}" for one in DOTS),
    *(f"{one}/a" for one in DOTS),
    *(f"{one}/{one}" for one in DOTS),
    "", "/", "//", "/a", "a/", "a//", "//a", "b//c", "b%2F%2Fc", "%2Fa", "a%2F", "%2F", "%2f%2f",
    "a%0a", "a%0A", "a%0d%0a", "%20a", "a%20", "a%00", "%09a", "%FF", "a%FFb", "%C0%AE%C0%AE",
    "%ED%A0%80", "%c3", "%", "%zz", "a%2", "%252e%252e", "a?confirm=u", "a;x=1", "..;", "..%00",
    "..%5c", "..\\", "a\\..\\b", "%u002e", "x" * 5_000, ". ", "..%20", "%2e%2e%2e",
]  # fmt: skip
"""What stands behind `items/`: none of it is an item that is there."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server on two small collections."""
    base = tmp_path_factory.mktemp("addresses")
    (base / "photos").mkdir()
    (base / "photos" / "first.jpg").write_bytes(jpeg(photo(40, 30)))
    settings = Settings(data=base / "data", workers=1)
    for name in NAMES:
        request = IndexRequest(collection=name, encoder="hsv")
        index_source(open_source(base / "photos"), request, settings)
    with serve(base / "data") as server:
        for name in NAMES:
            for item in ITEMS[1:]:
                path = f"/v1/collections/{name}/items/{quote(item, safe='')}"
                assert send(server, "PUT", path)[0] == 201
        yield server


@pytest.fixture
def kept(served: LiveServer) -> Iterator[LiveServer]:
    """The server, whose collections and items must be as they were when a test ends."""
    before = everything(served)
    assert [len(items) for items in before.values()] == [len(ITEMS)] * len(NAMES)
    yield served
    assert everything(served) == before


def send(server: LiveServer, method: str, target: str) -> tuple[int, bytes]:
    """One request with the target byte by byte as given; `PUT` carries a picture."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    body, headers = b"", {}
    if method == "PUT":
        picture = jpeg(photo(40, 30))
        body = b'--b\r\nContent-Disposition: form-data; name="image"; filename="p"\r\n\r\n'
        body += picture + b"\r\n--b--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
    if method == "PATCH":
        body, headers = b'{"label": "never"}', {"Content-Type": "application/json"}
    connection.request(method, target, body=body, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def everything(server: LiveServer) -> dict[str, list[object]]:
    """Every collection, its items and how many there are."""

    def got(path: str) -> Any:
        return json.loads(send(server, "GET", path)[1])

    names = [one["name"] for one in got("/v1/collections")["collections"]]
    return {name: got(f"/v1/collections/{name}/items?limit=500")["items"] for name in names}


@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
def test_nothing_is_touched_by_addresses_as_they_are(kept: LiveServer, method: str) -> None:
    for name in NAMES:
        for tail in TAILS:
            for verb in ("items", "images", "similar"):
                target = f"/v1/collections/{name}/{verb}/{tail}"
                status, content = send(kept, method, target.replace(" ", "%20"))
                assert 400 <= status < 500, (target, status, content)


@pytest.mark.parametrize(
    "target",
    ["/v1/collections/t", "/v1/collections/t/", "/v1/collections/t/items", "/v1/collections/t/.",
     "/v1/collections/t/items/", "/v1/collections//t", "/v1//collections/t", "//v1/collections/t",
     "/v1/collections/u/../t", "/v1/./collections/t", "/v1/collections%2Ft", "/v1/collections/t%2F",
     "/v1/collections/t%0A", "/v1/collections/t%00", "/v1/collections/%74", "/v1/collections/T",
     "/v1/collections/t%2Fitems%2Fa", "/v1/collections/t%2Fitems/a", "/v1/collections/t/items%2Fa",
     "/v1/collections/t?confirm=u", "/v1/collections/t?confirm=", "/v1/collections/t?confirm=T",
     "/v1/collections/t?confirm=t&confirm=t", "/v1/collections/t?yes=1", "/v1/collections/t?force"],
)  # fmt: skip
def test_no_collection_is_deleted_by_mistake(kept: LiveServer, target: str) -> None:
    status, _ = send(kept, "DELETE", target)
    assert 400 <= status < 500


def test_nothing_is_touched_through_clients_that_normalise(kept: LiveServer) -> None:
    """They take `..` out, and ask for what is left."""
    requests = pytest.importorskip("requests")
    with httpx2.Client(base_url=kept.url) as httpx, requests.Session() as session:
        for tail in TAILS:
            if tail in ("a/.", "a/%2e", "./a", "%2e/a"):
                continue  # by the rules of addresses, these are `items/a/` and `items/a`
            address = f"/v1/collections/t/items/{tail}"
            for answer in (httpx.delete(address), session.delete(kept.url + address)):
                assert 400 <= answer.status_code < 500, (tail, answer.request.url)


def test_a_target_with_a_host_is_as_any_other(kept: LiveServer) -> None:
    host, port = urlsplit(kept.url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        target = f"{kept.url}/v1/collections/t/items/.."
        lines = f"DELETE {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        connection.sendall(lines.encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 4")


def test_ids_that_end_like_routes_are_items(kept: LiveServer) -> None:
    with httpx2.Client(base_url=kept.url) as client:
        for item in ITEMS:
            for spelled in {quote(item, safe=""), quote(item)}:
                found = client.get(f"/v1/collections/t/items/{spelled}").json()
                assert found["item_id"] == item
                image = client.get(found["image_url"])
                assert image.headers["content-type"] == "image/jpeg"
                similar = client.get(f"/v1/collections/t/similar/{spelled}?k=200").json()
                assert {one["item_id"] for one in similar["neighbors"]} == {*ITEMS} - {item}


def test_a_collection_goes_with_its_items_when_its_name_is_repeated(
    changing: CheckedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "search_engine.collections.default_encoder.DEFAULT_ENCODER", "hsv"
    )  # no network for one item
    path = "/v1/collections/goes"
    picture = {"image": ("p", jpeg())}
    assert changing.put(f"{path}/items/a", files=picture).status_code == 201
    body = assert_problem(changing.delete(path), 409, "not_confirmed")
    assert "1 item" in body["detail"]
    assert "?confirm=goes" in body["detail"]
    for query in ("confirm=default", "confirm=", "force=1", "confirm=goes&confirm=goes"):
        assert_problem(changing.delete(f"{path}?{query}"), 422, "bad_parameter")
    assert changing.get(f"{path}/items/a").status_code == 200
    assert changing.delete(f"{path}?confirm=goes").status_code == 204
    assert_problem(changing.get(path), 404, "collection_not_found")


@pytest.mark.parametrize("tail", ["%FF%FE", "%ED%A0%80", "%c3", "a%C3", "%", "%zz", "50%", "a%2"])
@pytest.mark.parametrize("verb", ["items", "images", "similar"])
def test_what_is_no_utf8_is_refused_by_name(kept: LiveServer, verb: str, tail: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        status, content = send(kept, method, f"/v1/collections/t/{verb}/{tail}")
        assert status == 400
        assert b"UTF-8" in content or b"hexadecimal" in content


def test_a_query_string_is_utf8_too(client: CheckedClient) -> None:
    assert_problem(client.get(f"{DEFAULT}/labels?q=%FF"), 400, "bad_request")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("verb", ["items", "images", "similar"])
def test_an_empty_id_is_no_item_and_no_list(client: CheckedClient, verb: str, method: str) -> None:
    response = client.request(method, f"{DEFAULT}/{verb}/")
    assert response.status_code in (404, 405)


@pytest.mark.parametrize(
    "path",
    ["/static//js/main.js", "/static/js//main.js", "/static/./js/main.js", "/static/js%2Fmain.js",
     "/static/js/../js/main.js", "/static/js/%2e%2e/js/main.js", "/static/js/main.js/",
     "/static/js/main.js%0A", "/healthz/", "/healthz%0A", "/v1/collections/", "//",
     "/v1/collections/default/"],
)  # fmt: skip
def test_every_address_is_the_only_one(served: LiveServer, path: str) -> None:
    status, content = send(served, "GET", path)
    assert status == 404, content
