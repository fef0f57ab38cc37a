"""Feedback over HTTP: events are stored once, listed, and deleted; bad ones harm no other."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from api.schemas.times import rfc3339
from search_engine.engine import SearchEngine
from search_engine.search.given_vectors import encode_vector
from tests.api.asking import DEFAULT, SEARCH, CheckedClient, ask, ask_json, assert_problem
from tests.conftest import copy_data
from tests.sealing import execute, past_writer

FEEDBACK = f"{DEFAULT}/feedback"


@pytest.fixture
def client(hsv_data: Path, tmp_path: Path) -> Iterator[CheckedClient]:
    with CheckedClient(copy_data(hsv_data, tmp_path / "data")) as made:
        yield made


@pytest.fixture
def ids(client: CheckedClient) -> list[str]:
    listed = client.get(f"{DEFAULT}/items", params={"limit": 5}).json()["items"]
    return [each["item_id"] for each in listed]


def send(client: CheckedClient, *events: Any) -> Any:
    answer = ask_json(client, {"events": events}, FEEDBACK)
    assert answer.status_code == 200, answer.text
    return answer.json()


def listed(client: CheckedClient, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(FEEDBACK, params=query).json()["events"]
    return found


def test_events_are_stored_and_listed(client: CheckedClient, ids: list[str]) -> None:
    at = rfc3339(time.time() - 60)
    event = {
        "event": "clicked", "item_id": ids[1], "query_item_id": ids[0], "position": 3,
        "session": "visit-7", "at": at, "id": "one",
    }  # fmt: skip
    assert send(client, event)["stored"] == 1
    assert listed(client) == [{**event, "query_vector": None}]


def test_an_event_with_an_id_is_stored_once(client: CheckedClient, ids: list[str]) -> None:
    event = {"event": "liked", "item_id": ids[1], "query_item_id": ids[0], "id": "one"}
    anonymous = {name: value for name, value in event.items() if name != "id"}
    first = send(client, event, event, anonymous, anonymous)
    again = send(client, {**event, "event": "bought"}, anonymous)
    assert (first["stored"], first["known"]) == (3, 1)
    assert (again["stored"], again["known"]) == (1, 1)
    assert [each["event"] for each in listed(client)] == ["liked"] * 4


def test_a_photo_stands_in_by_its_token(
    client: CheckedClient, ids: list[str], first_picture: bytes
) -> None:
    token = ask(client, first_picture, SEARCH).json()["query_token"]
    assert send(client, {"event": "shown", "item_id": ids[0], "query_token": token})["stored"] == 1
    (event,) = listed(client)
    assert event["query_item_id"] is None
    stored = ask_json(client, {"vector": event["query_vector"], "k": 1}).json()["neighbors"][0]
    assert stored["item_id"] == ids[0]
    assert stored["score"] > 0.999


def test_an_embedding_can_be_given(client: CheckedClient, ids: list[str]) -> None:
    with SearchEngine(client.data) as engine:
        record = engine.catalog.collection("default")
        vector = engine.catalog.vector(record, engine.catalog.get(record, ids[0]).key)[0]
    numbers = {"event": "shown", "item_id": ids[1], "query_vector": vector.tolist()}
    packed = {**numbers, "query_vector": encode_vector(vector * np.float32(3))}
    assert send(client, numbers, packed)["stored"] == 2
    one, other = listed(client)
    assert one["query_vector"] == other["query_vector"]


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"event": "bougth"}, "bad_parameter", "bought"),
        ({"event": None}, "bad_parameter", "event"),
        ({"item_id": "nobody"}, "item_not_found", "nobody"),
        ({"item_id": 7}, "bad_parameter", "item_id"),
        ({"query_item_id": "nobody"}, "item_not_found", "nobody"),
        ({"query_item_id": None}, "bad_parameter", "query_token"),
        ({"query_token": "t"}, "bad_parameter", "query_item_id"),
        ({"query_item_id": None, "query_token": "f" * 32}, "query_expired", "query_vector"),
        ({"query_item_id": None, "query_vector": [1, 2]}, "bad_parameter", "vector"),
        ({"position": 0}, "bad_parameter", "position"),
        ({"position": 1.5}, "bad_parameter", "position"),
        ({"session": "s" * 65}, "bad_parameter", "session"),
        ({"session": {"ip": "::1"}}, "bad_parameter", "session"),
        ({"at": "yesterday"}, "bad_parameter", "at"),
        ({"at": "2999-01-01"}, "bad_parameter", "at"),
        ({"address": "::1"}, "bad_parameter", "address"),
    ],
)
def test_a_bad_event_is_refused_and_harms_no_other(
    client: CheckedClient, ids: list[str], changed: dict[str, Any], code: str, said: str
) -> None:
    good = {"event": "clicked", "item_id": ids[1], "query_item_id": ids[0]}
    answer = send(client, good, {**good, **changed}, good)
    assert answer["stored"] == 2
    (refused,) = answer["refused"]
    assert refused["index"] == 1
    assert refused["problem"]["code"] == code
    assert said in refused["problem"]["detail"]


@pytest.mark.parametrize("events", [None, [], {}, "text"])
def test_what_is_no_list_of_events_is_refused(client: CheckedClient, events: Any) -> None:
    assert_problem(ask_json(client, {"events": events}, FEEDBACK), 422, "bad_parameter")


def test_a_thousand_events_and_no_more(client: CheckedClient, ids: list[str]) -> None:
    event = {"event": "shown", "item_id": ids[1], "query_item_id": ids[0]}
    assert send(client, *[event] * 1_000)["stored"] == 1_000
    assert_problem(ask_json(client, {"events": [event] * 1_001}, FEEDBACK), 422, "bad_parameter")
    answer = client.get(FEEDBACK, params={"limit": 400}).json()
    sizes = [len(answer["events"])]
    while answer["next_cursor"]:
        query = {"limit": 400, "cursor": answer["next_cursor"]}
        answer = client.get(FEEDBACK, params=query).json()
        sizes.append(len(answer["events"]))
    assert (answer["total"], sizes) == (1_000, [400, 400, 200])


def test_a_request_that_is_sent_again_adds_nothing(client: CheckedClient, ids: list[str]) -> None:
    body = {"events": [{"event": "shown", "item_id": ids[1], "query_item_id": ids[0]}]}
    headers = {"Idempotency-Key": "once"}
    first, second = (client.post(FEEDBACK, json=body, headers=headers) for _ in range(2))
    assert first.json()["stored"] == second.json()["stored"] == 1
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(listed(client)) == 1


def test_events_of_a_session_are_deleted(client: CheckedClient, ids: list[str]) -> None:
    event = {"event": "shown", "item_id": ids[1], "query_item_id": ids[0]}
    send(client, {**event, "session": "a"}, {**event, "session": "b"}, event)
    assert client.delete(FEEDBACK, params={"session": "a"}).json() == {"deleted": 1}
    assert [each["session"] for each in listed(client)] == ["b", None]
    assert [each["session"] for each in listed(client, session="b")] == ["b"]
    assert_problem(client.delete(FEEDBACK), 422, "bad_parameter")
    assert client.delete(FEEDBACK, params={"confirm": "default"}).json() == {"deleted": 2}
    assert content(client.data) == {"feedback": 0, "feedback_queries": 0}


def test_old_events_and_too_many_are_removed(hsv_data: Path, tmp_path: Path) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    with CheckedClient(data) as client:
        found = client.get(f"{DEFAULT}/items", params={"limit": 6}).json()["items"]
        names = [each["item_id"] for each in found]
        event = {"event": "shown", "item_id": names[0]}
        old = {**event, "query_item_id": names[1], "at": time.time() - 25 * 3_600}
        assert send(client, old)["stored"] == 1
    with CheckedClient(data, feedback_days=1.0, feedback_max_events=3) as client:
        assert listed(client) == []
        answer = send(client, {**event, "query_item_id": names[2]}, old)
        assert (answer["stored"], len(answer["refused"])) == (1, 1)
        assert content(data) == {"feedback": 1, "feedback_queries": 1}
        send(client, *({**event, "query_item_id": name} for name in names[3:]))
        assert [each["query_item_id"] for each in listed(client)] == names[3:]
    assert content(data) == {"feedback": 3, "feedback_queries": 3}


def test_events_tell_of_items_that_were_removed(client: CheckedClient, ids: list[str]) -> None:
    send(client, {"event": "shown", "item_id": ids[1], "query_item_id": ids[0]})
    client.delete(f"{DEFAULT}/items/{ids[1]}")
    (event,) = listed(client)
    assert (event["item_id"], event["query_item_id"]) == (None, ids[0])


def test_a_collection_takes_its_feedback_with_it(client: CheckedClient, ids: list[str]) -> None:
    send(client, {"event": "shown", "item_id": ids[1], "query_item_id": ids[0]})
    assert client.delete(DEFAULT, params={"confirm": "default"}).status_code == 204
    assert content(client.data) == {"feedback": 0, "feedback_queries": 0}


def test_nothing_of_a_photo_or_a_sender_is_stored(
    client: CheckedClient, ids: list[str], first_picture: bytes
) -> None:
    token = ask(client, first_picture, SEARCH).json()["query_token"]
    send(client, {"event": "shown", "item_id": ids[0], "query_token": token})
    with past_writer(client.data) as connection:
        tables = [
            connection.execute(text(f"SELECT * FROM {table}")).keys()
            for table in ("feedback", "feedback_queries")
        ]
    columns = set().union(*tables)
    assert columns == {
        "id", "collection_id", "event_id", "query_id", "item_key", "event", "position", "session",
        "at", "digest", "fingerprint", "vector", "crc32",
    }  # fmt: skip


def content(data: Path) -> dict[str, int]:
    """How many rows there are."""
    return {
        table: execute(data, f"SELECT count(*) FROM {table}")[0][0]
        for table in ("feedback", "feedback_queries")
    }
