"""Figures for Prometheus: off by default, behind a key, and what they count."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from search_engine.vote.calibration.store import load_calibration
from search_engine.vote.drift import LEAST_PHOTOS, MAJOR
from tests.api.asking import DEFAULT, CheckedClient, ask, assert_problem
from tests.api.test_access import bearer, make_key
from tests.conftest import copy_data


@pytest.fixture(scope="module")
def measured(hsv_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckedClient]:
    data = tmp_path_factory.mktemp("measured") / "data"
    copy_data(hsv_data, data)
    with CheckedClient(data, metrics=True) as made:
        yield made


def figures(client: CheckedClient, **headers: str) -> dict[tuple[str, ...], float]:
    """Samples by name and the values of their labels."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_there_are_none_unless_wanted(client: CheckedClient) -> None:
    assert_problem(client.get("/metrics"), 404, "not_found")


def test_answers_and_stages_are_counted(measured: CheckedClient, first_picture: bytes) -> None:
    before = figures(measured)
    assert ask(measured, first_picture).status_code == 200
    assert measured.post(f"{DEFAULT}/search", content=b"?").status_code == 415
    assert measured.get("/no-such-page").status_code == 404
    assert measured.get("/healthz", headers={"host": "elsewhere"}).status_code == 400
    after = figures(measured)

    def grown(*key: str) -> float:
        return after.get(key, 0) - before.get(key, 0)

    assert grown("eyedex_requests_total", "search", "200") == 1
    assert grown("eyedex_requests_total", "search", "415") == 1
    assert grown("eyedex_requests_total", "other", "404") == 1
    assert grown("eyedex_requests_total", "other", "400") == 1
    assert grown("eyedex_request_seconds_count", "search") == 2
    for stage in ("decode", "encode", "search"):
        assert grown("eyedex_query_stage_seconds_count", stage) == 1


def test_the_state_is_told(measured: CheckedClient) -> None:
    items = measured.get(DEFAULT).json()["items"]
    before = figures(measured)
    assert before["eyedex_items", "default"] == items
    assert before["eyedex_collection_up", "default"] == 1
    assert before["eyedex_catalog_up",] == 1
    assert before["eyedex_jobs", "queued"] == 0
    assert before["eyedex_disk_free_bytes",] > 0
    assert before["process_resident_memory_bytes",] > 0
    assert measured.delete(f"{DEFAULT}/items/{first_id(measured)}").status_code == 204
    after = figures(measured)
    assert after["eyedex_items", "default"] == items - 1
    changes = before["eyedex_pending_changes", "default"]
    assert after["eyedex_pending_changes", "default"] == changes + 1


def first_id(client: CheckedClient) -> str:
    """The id of some item."""
    return str(client.get(f"{DEFAULT}/items", params={"limit": 1}).json()["items"][0]["item_id"])


def test_once_there_are_keys_one_for_all_collections_is_needed(
    hsv_data: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    copy_data(hsv_data, data)
    every = make_key(data, "read")
    one = make_key(data, "read", ("default",))
    with CheckedClient(data, metrics=True, anonymous="read") as client:
        assert client.get(DEFAULT).status_code == 200
        assert_problem(client.get("/metrics"), 401, "unauthorized")
        assert_problem(client.get("/metrics", headers=bearer(one)), 403, "forbidden")
        assert figures(client, **bearer(every))["eyedex_items", "default"] > 0


def test_photos_unlike_those_calibrated_on_are_told(measured: CheckedClient) -> None:
    before = figures(measured)
    assert [before["eyedex_asked_photos", "default", "label", str(each)] for each in (1, 10)] == [
        0,
        0,
    ]
    assert ("eyedex_score_shift", "default", "label") not in before
    engine = measured.app.state.engine  # type: ignore[attr-defined]
    record = engine.live("default").record
    fitted = load_calibration(engine.catalog, record, "label")
    assert fitted is not None
    engine.answering.drift.note(record, fitted, [-1.0] * LEAST_PHOTOS)
    after = figures(measured)
    assert after["eyedex_asked_photos", "default", "label", "1"] == LEAST_PHOTOS
    assert after["eyedex_score_shift", "default", "label"] > MAJOR
