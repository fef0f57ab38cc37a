"""How often somebody may ask: rates of keys and of addresses."""

from pathlib import Path

import pytest

from api.security import rates
from api.security.rates import Rate, RateLimit, address_of, parse_limits
from search_engine.errors import ParameterError
from tests.api.asking import DEFAULT, CheckedClient, assert_problem
from tests.api.test_access import bearer, make_key
from tests.conftest import copy_data


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_quiet_client_may_ask_for_a_period_at_once_and_then_as_time_goes_by(clock: Clock) -> None:
    limit = RateLimit("read", Rate(6, 60), clock)
    assert [limit.take("a").wait_s for _ in range(6)] == [0] * 6
    assert limit.take("a").wait_s == pytest.approx(10)
    assert limit.take("b").wait_s == 0
    clock.now += 9.9
    assert limit.take("a").wait_s == pytest.approx(0.1)
    clock.now += 0.1
    assert limit.take("a").wait_s == 0
    assert limit.take("a").wait_s == pytest.approx(10)
    clock.now += 3_600
    assert [limit.take("a").wait_s for _ in range(6)] == [0] * 6
    assert limit.take("a").wait_s > 0


def test_answers_say_what_is_left(clock: Clock) -> None:
    limit = RateLimit("write", Rate(2, 60), clock)
    said = [limit.take("a").headers for _ in range(3)]
    assert {each["RateLimit-Policy"] for each in said} == {'"write";q=2;w=60'}
    assert [each["RateLimit"] for each in said] == [
        '"write";r=1;t=30', '"write";r=0;t=30', '"write";r=0;t=30',
    ]  # fmt: skip


def test_a_greedy_client_keeps_a_steady_rate_and_nobody_else_is_held_up(clock: Clock) -> None:
    limit = RateLimit("read", Rate(10, 1), clock)
    passed = {"greedy": 0, "polite": 0}
    for tick in range(5_000):
        clock.now += 0.002  # 500 a second of one, 5 of the other
        passed["greedy"] += limit.take("greedy").wait_s == 0
        if tick % 100 == 0:
            passed["polite"] += limit.take("polite").wait_s == 0
    assert passed["greedy"] in range(105, 112)
    assert passed["polite"] == 50


def test_clients_without_number_are_forgotten(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "MOST_CLIENTS", 3)
    limit = RateLimit("read", Rate(1, 60), clock)
    for name in "abcd":
        assert limit.take(name).wait_s == 0
    assert limit.take("d").wait_s > 0
    assert limit.take("a").wait_s == 0


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("50/s", {"read": Rate(50, 1), "write": Rate(50, 1)}),
        (" read=20/s, write=100/m ", {"read": Rate(20, 1), "write": Rate(100, 60)}),
        ("10/s,write=3/h", {"read": Rate(10, 1), "write": Rate(3, 3_600)}),
    ],
)
def test_rates_are_read(text: str, found: dict[str, Rate]) -> None:
    assert parse_limits(text) == found


@pytest.mark.parametrize("text", ["0/s", "5", "5/d", "ask=5/s", "5 / s", "-1/s", "٣/s", "5/s;6/s"])
def test_what_is_no_rate_is_refused_by_name(text: str) -> None:
    with pytest.raises(ParameterError, match="EYEDEX_LIMITS"):
        parse_limits(text)


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_whom_an_address_counts_for(host: str, counted: str) -> None:
    assert address_of((host, 1)) == counted


def test_keys_have_rates_of_their_own_and_health_is_free(hsv_data: Path, tmp_path: Path) -> None:
    data = copy_data(hsv_data, tmp_path / "data")
    greedy, polite = make_key(data, "write"), make_key(data, "write")
    with CheckedClient(data, limits="read=3/h,write=1/h", anonymous="read") as client:
        client.get("/v1/access", headers=bearer(greedy))
        for left in (1, 0):
            answer = client.get(f"{DEFAULT}/labels", headers=bearer(greedy))
            assert answer.status_code == 200
            assert answer.headers["ratelimit-policy"] == '"read";q=3;w=3600'
            assert answer.headers["ratelimit"].startswith(f'"read";r={left};')
        late = client.get(f"{DEFAULT}/labels", headers=bearer(greedy))
        assert_problem(late, 429, "rate_limited")
        assert int(late.headers["retry-after"]) > 1_000
        deleted = client.delete(f"{DEFAULT}/items/none", headers=bearer(greedy))
        assert_problem(deleted, 404, "item_not_found")
        assert_problem(
            client.delete(f"{DEFAULT}/items/none", headers=bearer(greedy)), 429, "rate_limited"
        )
        assert client.get(f"{DEFAULT}/labels", headers=bearer(polite)).status_code == 200
        assert client.get(f"{DEFAULT}/labels").status_code == 200
        for _ in range(5):
            free = client.get("/healthz")
            assert free.status_code == 200
            assert "ratelimit" not in free.headers


def test_the_setting_is_refused_when_the_server_starts(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="EYEDEX_LIMITS"):
        CheckedClient(tmp_path, limits="many")
