"""Which host was meant and which page asks, over a real socket."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.asking import CheckedClient
from tests.api.sockets import answer_of, connect
from tests.conftest import LiveServer, copy_data, serve


@pytest.fixture(scope="module")
def server(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    data = tmp_path_factory.mktemp("connections") / "data"
    copy_data(hsv_data, data)
    with serve(data) as running:
        yield running


def status_with(server: LiveServer, method: str, path: str, *lines: str, body: bytes = b"") -> int:
    head = "\r\n".join([f"{method} {path} HTTP/1.1", f"Content-Length: {len(body)}", *lines])
    with connect(server) as connection:
        connection.sendall(head.encode("latin-1") + b"\r\n\r\n" + body)
        return answer_of(connection)[0]


@pytest.mark.parametrize(
    "hosts",
    [
        ["localhost", "localhost"],
        ["localhost", "evil.example"],
        [],
        [""],
        ["[::1]evil.com"],
        ["[::1].evil.com"],
        ["[::1"],
        ["[localhost]"],
        ["[::1%25lo]"],
        ["localhost:80@evil.com"],
        ["user@localhost"],
        ["localhost:"],
        ["localhost:0"],
        ["localhost:65536"],
        ["localhost:80:80"],
        ["localhost:+80"],
        ["localhost:8_0"],
        ["localhost:80x"],
        ["localhost/"],
        ["localhost,evil.com"],
        ["localhost evil.com"],
        ["http://localhost"],
        ["localhost\\evil"],
    ],
    ids=str,
)
def test_exactly_one_host_of_the_right_form_is_served(server: LiveServer, hosts: list[str]) -> None:
    assert status_with(server, "GET", "/healthz", *(f"Host: {host}" for host in hosts)) == 400


@pytest.mark.parametrize("host", ["localhost", "LocalHost:1", "[::1]:65535", "[0:0:0:0:0:0:0:1]"])
def test_each_spelling_of_an_own_host_is_served(server: LiveServer, host: str) -> None:
    assert status_with(server, "GET", "/healthz", f"Host: {host}") == 200


CREATE = json.dumps({"name": "made"}).encode()
OWN = "Host: localhost:8000"


@pytest.mark.parametrize(
    "page",
    [
        ["Origin: http://evil.example"],
        ["Origin: null"],
        ["Origin: "],
        ["Origin: http://localhost:3000"],
        ["Origin: http://127.0.0.1:8000"],
        ["Origin: http://localhost:8000.evil.example"],
        ["Origin: http://localhost:8000@evil.example"],
        ["Origin: file://localhost:8000"],
        ["Origin: http://localhost:8000", "Origin: http://evil.example"],
        ["Origin: http://localhost:8000", "Sec-Fetch-Site: cross-site"],
        ["Origin: http://localhost:8000", "Sec-Fetch-Site: same-site"],
        ["Sec-Fetch-Site: cross-site"],
        ["Sec-Fetch-Site: anything"],
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/collections"),
        ("POST", "/v1/collections/default/search"),
        ("POST", "/v1/collections/default/classify"),
        ("DELETE", "/v1/collections/default"),
        ("PUT", "/v1/collections/default/items/a"),
        ("PATCH", "/v1/collections/default/items/a"),
    ],
)
def test_pages_of_other_sites_change_and_ask_nothing(
    server: LiveServer, method: str, path: str, page: list[str]
) -> None:
    kind = "Content-Type: application/json"
    assert status_with(server, method, path, OWN, kind, *page, body=CREATE) == 403


@pytest.mark.parametrize(
    "page",
    [
        [],
        ["Origin: http://localhost:8000"],
        ["Origin: http://LOCALHOST:8000", "Sec-Fetch-Site: same-origin"],
        ["Sec-Fetch-Site: none"],
    ],
    ids=str,
)
def test_own_pages_and_programs_pass(server: LiveServer, page: list[str]) -> None:
    body = json.dumps({"name": "Not A Name"}).encode()
    kind = "Content-Type: application/json"
    assert status_with(server, "POST", "/v1/collections", OWN, kind, *page, body=body) == 422


def test_links_of_other_sites_may_be_followed(server: LiveServer) -> None:
    assert status_with(server, "GET", "/", OWN, "Sec-Fetch-Site: cross-site") == 200


@pytest.mark.parametrize(
    "kind",
    ["multipart/form-data; boundary=b", "application/x-www-form-urlencoded", "text/plain", ""],
)
def test_collections_are_made_from_json_only(server: LiveServer, kind: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nmade\r\n--b--\r\n'
    for each in (body, CREATE):
        lines = (OWN, f"Content-Type: {kind}")
        assert status_with(server, "POST", "/v1/collections", *lines, body=each) == 415


def test_insecure_leaves_the_host_check_on(hsv_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    copy_data(hsv_data, data)
    with serve(data, "--host", "0.0.0.0", "--insecure") as server:
        assert status_with(server, "GET", "/healthz", "Host: localhost") == 200
        assert status_with(server, "GET", "/healthz", "Host: evil.example") == 400
        assert server.process.stderr is not None
        told = server.process.stderr.readline() + server.process.stderr.readline()
        assert "EYEDEX_ALLOWED_HOSTS" in told


def test_named_hosts_are_served(hsv_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    copy_data(hsv_data, data)
    with CheckedClient(data, allowed_hosts="shop.example, localhost,127.0.0.1") as client:
        for host, status in (("shop.example:8443", 200), ("evil.example", 400)):
            assert client.get("/healthz", headers={"Host": host}).status_code == status
