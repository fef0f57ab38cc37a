"""Keys: which request may do what, for every route there is."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.security.access import BAD_KEYS, PUBLIC, needed_scope
from api.security.rates import Rate, RateLimit
from search_engine.access import SCOPES, Scope, new_token
from search_engine.catalog.access_rows import (
    AccessKey,
    access_keys_in,
    add_access_key,
    revoke_access_key,
)
from search_engine.catalog.store import Catalog
from search_engine.storage.paths import DataPaths
from tests.api.asking import DEFAULT, SEARCH, CheckedClient, assert_problem
from tests.api.described import document
from tests.conftest import copy_data
from tests.sealing import execute

OPERATIONS = [
    (method.upper(), path, operation["operationId"])
    for path, operations in document()["paths"].items()
    for method, operation in operations.items()
]


def make_key(
    data: Path,
    scope: str,
    collections: tuple[str, ...] | None = None,
    expires: float | None = None,
) -> str:
    """A new key of a data directory, as it is sent."""
    token, now = new_token(), time.time()
    key = AccessKey(token.key_id, "test", scope, token.digest, collections, now, expires)
    with Catalog(DataPaths(data)) as catalog, catalog.write() as writer:
        add_access_key(writer, key)
    return str(token)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def data(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("keys") / "data"
    copy_data(hsv_data, data)
    return data


@pytest.fixture(scope="module")
def tokens(data: Path) -> dict[str, str]:
    return {scope: make_key(data, scope) for scope in SCOPES}


@pytest.fixture(scope="module")
def mistyped(data: Path) -> str:
    """A key for a collection that is not there."""
    return make_key(data, "read", ("defualt",))


@pytest.fixture(scope="module")
def guarded(data: Path, tokens: dict[str, str], mistyped: str) -> Iterator[CheckedClient]:
    assert tokens
    assert mistyped
    with CheckedClient(data) as client:
        many = RateLimit("bad keys", Rate(10**6, 1))
        client.app.state.bad_keys = many  # type: ignore[attr-defined]
        yield client


def test_everyone_may_do_anything_until_there_is_a_key(client: CheckedClient) -> None:
    assert client.get("/v1/collections").status_code == 200


@pytest.mark.parametrize("sent", [None, *SCOPES, "wrong"])
@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_every_route_asks_for_its_scope(
    guarded: CheckedClient,
    tokens: dict[str, str],
    method: str,
    path: str,
    operation: str,
    sent: str | None,
) -> None:
    """What passes is refused for another reason: nothing that the address names is there."""
    headers = {} if sent is None else bearer(tokens.get(sent, str(new_token())))
    address = path.replace("{c}", "elsewhere")
    answer = guarded.request(method, address.replace("{", "").replace("}", ""), headers=headers)
    needed = needed_scope(operation, method)
    if needed is None:
        assert answer.status_code < 400
    elif sent not in SCOPES:
        assert_problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    elif SCOPES.index(sent) < SCOPES.index(needed):
        assert_problem(answer, 403, "forbidden")
    else:
        assert answer.status_code not in (401, 403)


def test_a_near_name_is_told_to_those_who_may_see_it(
    guarded: CheckedClient, mistyped: str, tokens: dict[str, str]
) -> None:
    mine = guarded.get("/v1/collections/defualt", headers=bearer(mistyped))
    assert "default" not in assert_problem(mine, 404, "collection_not_found")["detail"]
    anyone = guarded.get("/v1/collections/defualt", headers=bearer(tokens["read"]))
    detail = assert_problem(anyone, 404, "collection_not_found")["detail"]
    assert detail.endswith("did you mean 'default'?")


def test_only_health_needs_no_key() -> None:
    open_to_all = {name for method, _, name in OPERATIONS if needed_scope(name, method) is None}
    assert open_to_all == PUBLIC
    for operations in document()["paths"].values():
        for operation in operations.values():
            assert bool(operation["security"]) is (operation["operationId"] not in PUBLIC)


def test_all_that_is_wrong_with_a_key_looks_the_same(
    guarded: CheckedClient, data: Path, tokens: dict[str, str]
) -> None:
    revoked = make_key(data, "admin")
    with Catalog(DataPaths(data)) as catalog, catalog.write() as writer:
        assert revoke_access_key(writer, revoked.split("_")[1], time.time())
        assert not revoke_access_key(writer, revoked.split("_")[1], time.time())
    expired = make_key(data, "admin", expires=time.time() - 1)
    damaged = make_key(data, "emperor")
    good = tokens["admin"]
    time.sleep(1.1)
    bad: list[Any] = [
        {},
        bearer(""),
        bearer(revoked),
        bearer(expired),
        bearer(damaged),
        bearer(f"{good[:-1]}{'A' if good[-1] != 'A' else 'B'}"),
        bearer(good.replace("eyedex", "Eyedex")),
        {"Authorization": f"Basic {good}"},
        {"Authorization": good},
        [(b"X-API-Key", "kéy".encode())],
        [("Authorization", f"Bearer {good}"), ("X-API-Key", good)],
        [("X-API-Key", good), ("X-API-Key", good)],
    ]
    bodies = []
    for headers in bad:
        answer = guarded.get("/v1/collections", headers=headers)
        bodies.append({**assert_problem(answer, 401, "unauthorized"), "request_id": ""})
    assert all(body == bodies[0] for body in bodies)
    assert guarded.get("/v1/collections", headers={"X-API-Key": good}).status_code == 200
    assert guarded.get("/v1/collections", headers=bearer(good)).status_code == 200


def test_a_key_in_the_address_is_none(guarded: CheckedClient, tokens: dict[str, str]) -> None:
    answer = guarded.get("/v1/collections", params={"key": tokens["admin"]})
    assert_problem(answer, 401, "unauthorized")


def test_who_tries_many_bad_keys_is_told_to_wait_and_good_keys_pass(
    data: Path, tokens: dict[str, str]
) -> None:
    with CheckedClient(data) as client:
        for _ in range(BAD_KEYS.requests):
            answer = client.get("/v1/collections", headers=bearer(str(new_token())))
            assert_problem(answer, 401, "unauthorized")
        late = client.get("/v1/collections", headers=bearer(str(new_token())))
        assert_problem(late, 429, "rate_limited")
        assert 1 <= int(late.headers["retry-after"]) <= BAD_KEYS.seconds
        assert_problem(client.get("/v1/collections"), 401, "unauthorized")
        assert client.get("/v1/collections", headers=bearer(tokens["read"])).status_code == 200


def test_a_question_is_answered_with_a_key(
    guarded: CheckedClient, tokens: dict[str, str], first_picture: bytes
) -> None:
    files = {"image": first_picture}
    assert_problem(guarded.post(SEARCH, files=files), 401, "unauthorized")
    assert guarded.post(SEARCH, files=files, headers=bearer(tokens["read"])).status_code == 200


def test_a_key_of_some_collections_knows_no_others(
    data: Path, guarded: CheckedClient, tokens: dict[str, str]
) -> None:
    admin = bearer(tokens["admin"])
    guarded.post("/v1/collections", json={"name": "other"}, headers=admin)
    job = guarded.post(f"{DEFAULT}/jobs", json={"kind": "duplicates"}, headers=admin).json()
    token = make_key(data, "admin", ("other",))
    time.sleep(1.1)
    own = bearer(token)
    found = guarded.get("/v1/collections", headers=own).json()["collections"]
    assert [each["name"] for each in found] == ["other"]
    assert guarded.get("/v1/collections/other/items", headers=own).status_code == 200
    assert_problem(guarded.get(f"{DEFAULT}/items", headers=own), 403, "forbidden")
    assert_problem(guarded.delete(DEFAULT, headers=own), 403, "forbidden")
    assert_problem(guarded.post(f"{DEFAULT}/rollback", headers=own), 403, "forbidden")
    refused = guarded.post("/v1/collections", json={"name": "third"}, headers=own)
    assert_problem(refused, 403, "forbidden")
    assert guarded.get("/v1/jobs", headers=own).json()["jobs"] == []
    for path in ("", "/events", "/rejects", "/files/duplicates.jsonl"):
        answer = guarded.get(f"/v1/jobs/{job['id']}{path}", headers=own)
        assert_problem(answer, 404, "job_not_found")
    assert_problem(guarded.delete(f"/v1/jobs/{job['id']}", headers=own), 404, "job_not_found")
    assert guarded.get(f"/v1/jobs/{job['id']}", headers=admin).status_code == 200


@pytest.mark.parametrize("kind", ["tune", "calibrate", "snapshot", "check"])
def test_jobs_that_change_answers_need_an_administrator(
    guarded: CheckedClient, tokens: dict[str, str], kind: str
) -> None:
    answer = guarded.post(f"{DEFAULT}/jobs", json={"kind": kind}, headers=bearer(tokens["write"]))
    assert_problem(answer, 403, "forbidden")


def test_reading_can_be_open_to_all(data: Path, tokens: dict[str, str]) -> None:
    assert tokens
    with CheckedClient(data, anonymous="read") as client:
        assert client.get(f"{DEFAULT}/items").status_code == 200
        assert_problem(client.delete(f"{DEFAULT}/items/none"), 403, "forbidden")
        wrong = client.get(f"{DEFAULT}/items", headers=bearer("eyedex_wrong"))
        assert_problem(wrong, 401, "unauthorized")


def test_the_last_use_is_kept(hsv_data: Path, tmp_path: Path) -> None:
    copy_data(hsv_data, tmp_path / "data")
    token = make_key(tmp_path / "data", "read")
    before = time.time()
    with CheckedClient(tmp_path / "data") as client:
        assert client.get("/v1/collections", headers=bearer(token)).status_code == 200
    with Catalog(DataPaths(tmp_path / "data")) as catalog, catalog.read() as connection:
        (key,) = access_keys_in(connection)
    assert key.last_used is not None
    assert key.last_used >= before
    assert token.split("_", 2)[2] not in repr(
        execute(tmp_path / "data", "SELECT * FROM access_keys")
    )


def test_scopes_include_those_before() -> None:
    order: tuple[Scope, ...] = ("read", "write", "admin")
    assert order == SCOPES
