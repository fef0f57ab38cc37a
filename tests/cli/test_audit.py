"""`eyedex audit`: what the audit log has, chosen and shown."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run


def entry(minutes_ago: float, **values: Any) -> str:
    time = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    known = {
        "time": time.isoformat(timespec="milliseconds"), "key": "23c41bb3", "name": "feed",
        "address": "192.0.2.7", "operation": "putItem", "collection": "mugs", "items": 1,
        "status": 201, "request_id": "r",
    }  # fmt: skip
    return json.dumps({**known, **values}) + "\n"


@pytest.fixture
def logged(data: Path) -> Path:
    data.mkdir(parents=True)
    (data / "audit.jsonl.1").write_text(entry(3_000, operation="createCollection", items=None))
    (data / "audit.jsonl").write_text(
        entry(90, key="aaaaaaaa", name="shop", collection="cups")
        + '{"time": "2026-11-3\n[]\n'
        + entry(1, operation="deleteItem", name="\x1b[31mred")
    )
    return data


@pytest.mark.parametrize(
    ("options", "operations"),
    [
        ((), ["createCollection", "putItem", "deleteItem"]),
        (("--since", "2h"), ["putItem", "deleteItem"]),
        (("--since", "30m"), ["deleteItem"]),
        (("--since", "3d"), ["createCollection", "putItem", "deleteItem"]),
        (("--since", "2999-01-31"), []),
        (("--since", "2020-01-31T15:00"), ["createCollection", "putItem", "deleteItem"]),
        (("--key", "shop"), ["putItem"]),
        (("--key", "aaaaaaaa"), ["putItem"]),
        (("--collection", "mugs"), ["createCollection", "deleteItem"]),
        (("--collection", "mugs", "--since", "1h"), ["deleteItem"]),
    ],
)
def test_changes_are_chosen_oldest_first(
    run: Run, logged: Path, options: tuple[str, ...], operations: list[str]
) -> None:
    ran = run("audit", *options, "--data", logged, "--json")
    assert ran.code == 0
    assert [each["operation"] for each in ran.json["changes"]] == operations
    assert ran.json["unreadable"] == 2
    assert "2 of its lines cannot be read" in ran.err


def test_the_table_shows_them_without_what_a_terminal_obeys(run: Run, logged: Path) -> None:
    shown = run("audit", "--data", logged).out
    assert "192.0.2.7" in shown
    assert "\x1b" not in shown


def test_where_nothing_is_noted_it_is_said(
    run: Run, logged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("audit", "--collection", "none", "--data", logged).out == "no changes\n"
    assert "--since" in run("audit", "--since", "yesterday", "--data", logged).error
    assert "there is no audit log" in run("audit", "--data", logged / "other").error
    monkeypatch.setenv("EYEDEX_AUDIT_LOG", "off")
    refused = run("audit", "--data", logged)
    assert (refused.code, "the audit log is off" in refused.error) == (2, True)


def test_a_log_elsewhere_is_read(
    run: Run, logged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere.jsonl").write_text(entry(1, operation="batchItems"))
    monkeypatch.setenv("EYEDEX_AUDIT_LOG", str(tmp_path / "elsewhere.jsonl"))
    changes = run("audit", "--data", logged, "--json").json["changes"]
    assert [each["operation"] for each in changes] == ["batchItems"]
