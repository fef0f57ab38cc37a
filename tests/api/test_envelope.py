"""Requests that are wrong in form: multipart, JSON, parameters, filters, sizes, hosts, paths."""

import asyncio
import gzip
import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.api.asking import (
    CLASSIFY,
    DEFAULT,
    SEARCH,
    CheckedClient,
    ask,
    ask_json,
    ask_raw,
    assert_problem,
    ids,
    multipart,
    part,
)
from tests.images.pictures import jpeg

PICTURE = part("image", jpeg(), "photo.jpg")
WHOLE = multipart(PICTURE, part("k", b"1"))
LIMIT = 10 * 2**20
CHUNK = 2**16


def test_no_picture_is_a_missing_file(client: CheckedClient) -> None:
    for content in (multipart(), multipart(part("k", b"1"))):
        assert_problem(ask_raw(client, content), 422, "missing_file")
    assert_problem(ask_json(client, {}), 422, "missing_file")
    assert_problem(ask_json(client, {"k": 3}), 422, "missing_file")


def test_a_picture_and_an_item_at_once_are_refused(
    client: CheckedClient, first_row: dict[str, str]
) -> None:
    response = ask(client, jpeg(), item_id=first_row["item_id"])
    assert_problem(response, 422, "missing_file")


def test_an_image_field_that_is_no_file_is_refused(client: CheckedClient) -> None:
    response = ask_raw(client, multipart(part("image", jpeg())))
    assert_problem(response, 422, "missing_file")


def test_two_pictures_are_one_too_many_for_a_class(client: CheckedClient) -> None:
    body = multipart(PICTURE, PICTURE)
    assert_problem(ask_raw(client, body, CLASSIFY), 422, "one_file_only")


def test_a_picture_under_another_name_is_refused(client: CheckedClient) -> None:
    response = ask_raw(client, multipart(part("photo", jpeg(), "photo.jpg")))
    assert_problem(response, 422, "bad_parameter")


def test_unknown_fields_are_refused(client: CheckedClient) -> None:
    response = ask_raw(client, multipart(PICTURE, part("limit", b"1")))
    assert "min_score" in assert_problem(response, 422, "bad_parameter")["detail"]
    assert_problem(ask_json(client, {"item_id": "a", "limit": 1}), 422, "bad_parameter")


@pytest.mark.parametrize(
    "parts",
    [
        [part(f"field{number}", b"1") for number in range(21)],
        [part("filter", b"x" * (2 * 2**20))],
        [PICTURE] * 22,
        [part("x" * 10_000, b"1")],
        [part("k", b"1", "a" * 10_000)],
    ],
    ids=["21 fields", "2 MiB field", "22 files", "10 KB field name", "10 KB file name"],
)
def test_forms_beyond_their_limits_are_refused(client: CheckedClient, parts: list[bytes]) -> None:
    assert_problem(ask_raw(client, multipart(PICTURE, *parts)), 400, "bad_request")


@pytest.mark.parametrize("kept", [0, 1, 12, 40, 90, 200, len(WHOLE) - 60, len(WHOLE) - 5])
def test_forms_that_are_cut_off_are_refused(client: CheckedClient, kept: int) -> None:
    assert_problem(ask_raw(client, WHOLE[:kept]), 400, "truncated_body")


@pytest.mark.parametrize(
    "kind",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; charset=x",
     "multipart/form-data; Xboundary=1"],
)  # fmt: skip
def test_forms_without_a_boundary_are_refused(client: CheckedClient, kind: str) -> None:
    response = client.post(SEARCH, content=WHOLE, headers={"content-type": kind})
    assert_problem(response, 400, "bad_request")


@pytest.mark.parametrize(
    "content",
    [b"--b0undary\r\nno headers at all", b"garbage" * 50, WHOLE.replace(b"\r\n", b"\n"),
     b"--b0undary\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b0undary--\r\n"],
    ids=["no headers", "garbage", "LF only", "no name"],
)  # fmt: skip
def test_forms_that_are_malformed_are_refused(client: CheckedClient, content: bytes) -> None:
    response = ask_raw(client, content)
    assert response.status_code == 400
    assert response.json()["code"] in ("bad_request", "truncated_body")


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "image/jpeg", "application/x-www-form-urlencoded", "multipart/mixed"]
)
def test_other_content_types_are_refused(client: CheckedClient, kind: str) -> None:
    response = client.post(SEARCH, content=jpeg(), headers={"content-type": kind})
    assert_problem(response, 415, "unsupported_type")


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a\x00b", "\u202egpj.exe", "😀", "%0d%0aSet-Cookie: a=b", "C:\\x",
     "a" * 3_000, "'; DROP TABLE items; --", "<script>alert(1)</script>", '\\"', "."],
)  # fmt: skip
def test_file_names_do_not_matter(client: CheckedClient, name: str) -> None:
    response = ask_raw(client, multipart(part("image", jpeg(), name), part("k", b"1")))
    assert len(ids(response)) == 1
    assert "set-cookie" not in response.headers


def test_file_names_that_are_no_utf8_do_not_matter(client: CheckedClient) -> None:
    content = multipart(PICTURE.replace(b"photo.jpg", b"\xff\xfe\x80.jpg"), part("k", b"1"))
    assert len(ids(ask_raw(client, content))) == 1


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "nope", '{"k": NaN}', '{"k": Infinity}', '{"k": -Infinity}', '{"k": 1, "k": 2}',
        "[" * 100_000, '{"a":' * 100_000, b"\xff\xfe\x00", b"\x80", '{"k": ' + "1" * 5_000 + "}",
        '{"a": "\x00"}', "{'k': 1}", '{"k": 1,}',
    ],
    ids=lambda body: str(body)[:20].replace("\x00", "NUL"),
)  # fmt: skip
def test_bad_json_is_refused(client: CheckedClient, body: str | bytes) -> None:
    assert_problem(ask_json(client, body), 400, "bad_json")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"k": NaN}', "NaN is no number of JSON"),
        ('{"k": 1, "k": 2}', "an object has a name twice"),
        ("[" * 300, "it is nested in more than 200 levels"),
        (b"\x80", "it is not UTF-8 at byte 1"),
        ('{"k": 1,\n}', "at line 2, column 1"),
        ('{"k": ' + "1" * 5_000 + "}", "it cannot be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_json_is_told(
    client: CheckedClient, body: str | bytes, said: str
) -> None:
    assert said in assert_problem(ask_json(client, body), 400, "bad_json")["detail"]


@pytest.mark.parametrize("packing", ["gzip", "br", "x-made-up", "identity, gzip"])
def test_packed_bodies_are_refused_by_name(client: CheckedClient, packing: str) -> None:
    answer = client.post(
        SEARCH,
        content=gzip.compress(b"{}"),
        headers={"Content-Type": "application/json", "Content-Encoding": packing},
    )
    assert "Content-Encoding" in assert_problem(answer, 415, "unsupported_type")["detail"]


@pytest.mark.parametrize(
    "body",
    [
        "[]", "1", '"x"', "null", "true",
        '{"item_id": "\\ud800"}', '{"item_id": 5}', '{"item_id": ["a"]}', '{"item_id": "\\u0000"}',
        '{"group_by": "\\udfff", "item_id": "a"}', '{"target": {}, "item_id": "a"}',
        '{"image_base64": "not base64!"}', '{"image_base64": 5}', '{"image_base64": "é"}',
        '{"\\ud800": 1}',
    ],
)  # fmt: skip
def test_json_of_the_wrong_kind_is_refused(client: CheckedClient, body: str) -> None:
    assert_problem(ask_json(client, body), 422, "bad_parameter")


@pytest.mark.parametrize("length", ["5000000000", "9" * 5_000, str(LIMIT * 2)])
def test_bodies_announced_too_large_are_not_read(client: CheckedClient, length: str) -> None:
    answer = asyncio.run(exchange(client, [("content-length", length)], endless=True))
    assert (answer.status, answer.body["code"]) == (413, "body_too_large")
    assert answer.headers["connection"] == "close"
    assert answer.chunks_read == 0


@pytest.mark.parametrize("length", ["-5", "abc", "1e3", "٣".encode().decode("latin-1"), "0x10"])
def test_lengths_that_are_no_numbers_are_refused(client: CheckedClient, length: str) -> None:
    answer = asyncio.run(exchange(client, [("content-length", length)]))
    assert (answer.status, answer.body["code"]) == (400, "bad_request")
    assert answer.chunks_read == 0


@pytest.mark.parametrize(
    "kind", [f"multipart/form-data; boundary={'b0undary'}", "application/json"]
)
def test_bodies_without_a_length_are_cut_at_the_limit(client: CheckedClient, kind: str) -> None:
    answer = asyncio.run(exchange(client, [("content-type", kind)], endless=True))
    assert (answer.status, answer.body["code"]) == (413, "body_too_large")
    assert LIMIT < answer.chunks_read * CHUNK < LIMIT + 2**20


def test_a_picture_over_the_limit_is_refused_and_one_at_it_is_read(client: CheckedClient) -> None:
    at_limit = jpeg() + bytes(LIMIT - len(jpeg()))
    assert ask(client, at_limit, k="1").status_code == 200
    assert_problem(ask(client, at_limit + b"x"), 413, "body_too_large")


def test_a_client_that_goes_away_gets_no_500(client: CheckedClient) -> None:
    kind = ("content-type", "multipart/form-data; boundary=b0undary")
    answer = asyncio.run(exchange(client, [kind], leaves=True))
    assert (answer.status, answer.body["code"]) == (400, "truncated_body")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "127.0.0.2", "[::2]",
     "evil.example:80", "127.0.0.1@evil.example", "LOCALHOST.", "169.254.169.254"],
)  # fmt: skip
def test_other_hosts_are_refused(client: CheckedClient, host: str) -> None:
    assert_problem(client.get("/healthz", headers={"host": host}), 400, "bad_host")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8000", "LOCALHOST", "[::1]", "[::1]:80"])
def test_own_hosts_are_served(client: CheckedClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/nope", "/v1", "/v1/collections/default/nope", "//healthz", "/healthz/x", "/v2/collections",
     "/%00", "/" + "x" * 20_000, "/.git/config", "/v1/collections/default/search/extra"],
)  # fmt: skip
def test_unknown_paths_are_404(client: CheckedClient, path: str) -> None:
    response = client.request("GET", "http://127.0.0.1" + path)
    assert response.status_code == 404


@pytest.mark.parametrize("address", ["/v1/collection", "/v1/collections%2Fdefault"])
def test_an_address_where_nothing_is_tells_where_to_look(
    client: CheckedClient, address: str
) -> None:
    problem = assert_problem(client.get(address), 404, "not_found")
    assert problem["detail"] == (
        "there is nothing at this address; /openapi.json lists what there is"
    )


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/healthz", {"GET"}),
        ("TRACE", "/healthz", {"GET"}),
        ("OPTIONS", SEARCH, {"POST"}),
        ("GET", SEARCH, {"POST"}),
        ("DELETE", SEARCH, {"POST"}),
        ("PUT", DEFAULT, {"GET", "DELETE"}),
        ("PUT", "/v1/collections", {"GET", "POST"}),
        ("POST", f"{DEFAULT}/items", {"GET"}),
        ("POST", f"{DEFAULT}/items/a", {"GET", "PUT", "PATCH", "DELETE"}),
        ("BREW", "/readyz", {"GET"}),
        ("POST", "/", {"GET"}),
    ],
)
def test_wrong_methods_are_405_and_name_the_right_ones(
    client: CheckedClient, method: str, path: str, allowed: set[str]
) -> None:
    response = client.request(method, path)
    problem = assert_problem(response, 405, "method_not_allowed")
    assert problem["detail"] == f"this address takes {response.headers['allow']} only"
    assert set(response.headers["allow"].replace(" ", "").split(",")) - {"HEAD"} == allowed


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_foreign_origins_get_no_permission(client: CheckedClient, origin: str) -> None:
    response = client.get(DEFAULT, headers={"origin": origin})
    preflight = client.options(
        SEARCH, headers={"origin": origin, "access-control-request-method": "POST"}
    )
    for answer in (response, preflight):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_no_answer_repeats_values_that_were_sent(client: CheckedClient) -> None:
    mark = "zq7marker"
    answers = [
        client.get(f"/{mark}"),
        client.get(f"{DEFAULT}/items/{mark}"),
        client.get(f"{DEFAULT}/items?limit={mark}"),
        client.get(f"{DEFAULT}/items?cursor={mark}"),
        client.get("/healthz", headers={"host": mark}),
        client.request(mark.upper(), "/healthz"),
        ask(client, mark.encode(), name=mark),
        ask(client, jpeg(), k=mark),
        ask(client, jpeg(), box=mark),
        ask(client, jpeg(), min_score=mark),
        ask(client, jpeg(), filter=f'{{"field": "price", "{mark}": 1}}'),
        ask_raw(client, multipart(part(mark, jpeg(), mark))),
        ask_json(client, f'{{"item_id": "{mark}"}}'),
        ask_json(client, f"{{{mark}"),
        ask_json(client, f'{{"image_base64": "{mark}!"}}'),
        client.post(SEARCH, content=b"x", headers={"content-type": mark}),
        client.post("/v1/collections", json={"name": mark.upper()}),
        client.get(f"/v1/collections/{mark.upper()}"),
    ]
    for answer in answers:
        assert answer.status_code >= 400
        assert mark not in answer.text.lower()
        assert mark not in str(answer.headers).lower()


@dataclass(frozen=True)
class RawAnswer:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]
    chunks_read: int


async def exchange(
    client: CheckedClient,
    headers: list[tuple[str, str]],
    endless: bool = False,
    leaves: bool = False,
) -> RawAnswer:
    """One POST to search, spoken to the app directly, with headers and body of a raw client."""
    sent: list[Any] = []
    chunks_read = 0

    async def receive() -> dict[str, Any]:
        nonlocal chunks_read
        chunks_read += 1
        assert chunks_read * CHUNK < 3 * LIMIT, "the body is read on and on"
        if chunks_read == 1:
            return {"type": "http.request", "body": PICTURE[:200], "more_body": endless or leaves}
        if leaves:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"x" * CHUNK, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": SEARCH,
        "raw_path": SEARCH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"127.0.0.1"),
            *((name.encode(), value.encode("latin-1")) for name, value in headers),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await client.app(scope, receive, send)
    start, *rest = sent
    body = json.loads(b"".join(message.get("body", b"") for message in rest))
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return RawAnswer(start["status"], named, body, chunks_read)
