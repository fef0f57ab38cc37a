"""Turns for questions: who is let in, who is refused, and that nobody is forgotten."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from api.problems import Problem
from api.security import admission as module
from api.security.admission import Admission, Patience
from tests.api.asking import SEARCH, CheckedClient, ask, assert_problem

T = TypeVar("T")
STAYS: Message = {"type": "http.request", "body": b"", "more_body": False}
LEFT: Message = {"type": "http.disconnect"}


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def asked_by(client: Message) -> Request:
    async def receive() -> Message:
        return client if client is LEFT else await asyncio.Future()

    return Request({"type": "http"}, receive)


async def crowd(
    admission: Admission, clients: int, work_s: float, client: Message = STAYS
) -> list[str]:
    """What happens to clients that all come at once, each with the same work, one at a time."""
    processor = asyncio.Lock()

    async def answer() -> str:
        try:
            with admission.place() as place:
                async with place.turn(asked_by(client)), processor:
                    await asyncio.sleep(work_s)
        except Problem as problem:
            return problem.code
        except ClientDisconnect:
            return "left"
        return "answered"

    return await asyncio.gather(*(answer() for _ in range(clients)))


def test_an_idle_server_takes_a_burst() -> None:
    assert run(crowd(Admission(), 25, 0.001)) == ["answered"] * 25


def test_more_than_can_be_answered_in_time_is_refused_at_once() -> None:
    async def story() -> None:
        admission = Admission(at_once=2, longest_wait_s=0.2)
        await crowd(admission, 10, 0.02)  # shows how long an answer takes
        outcomes = await crowd(admission, 100, 0.02)
        answered = outcomes.count("answered")
        assert 3 <= answered < 100
        assert set(outcomes) == {"answered", "overloaded"}
        assert outcomes[:answered] == ["answered"] * answered, "those that came first"
        assert admission.refused == 100 - answered
        assert await crowd(admission, 2, 0.5) == ["answered"] * 2, "however long that takes"
        assert admission.wait_s == 0

    run(story())


def test_bodies_that_are_on_their_way_count_and_slow_ones_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        admission = Admission(at_once=1, longest_wait_s=0)
        with admission.place() as slow:
            with pytest.raises(Problem), admission.place():
                pass
            monkeypatch.setattr(module, "BODY_S", 0)
            with admission.place() as quick:
                async with quick.turn(asked_by(STAYS)):
                    with pytest.raises(Problem):
                        async with slow.turn(asked_by(STAYS)):
                            pass
            async with slow.turn(asked_by(STAYS)):
                pass
        assert admission.wait_s == 0

    run(story())


def test_only_time_in_which_others_waited_is_time_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))

    async def story() -> None:
        admission = Admission(at_once=2)
        for _ in range(3):  # alone, a minute after each other
            async with admission.turn():
                assert admission.wait_s == module.UNMEASURED_S
            now[0] += 60
        async with admission.turn():
            async with admission.turn():
                pass
            now[0] += 2
        async with admission.turn():
            smoothed = 0.1 * 2 + 0.9 * module.UNMEASURED_S
            assert admission.wait_s == pytest.approx(smoothed)

    run(story())


def test_in_a_flood_waits_are_short_until_nearly_all_are_let_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    patience = Patience(0.8, 0.3)

    def come(refused: int, admitted: int) -> float:
        """Within a second; the limit after it."""
        for number in range(refused + admitted):
            now[0] += 1 / (refused + admitted)
            patience.note(number < refused)
        now[0] += 0.01
        patience.note(False)
        return patience.limit_s

    assert come(0, 100) == 0.8
    assert come(1, 0) == 0.3, "one refusal begins it"
    assert come(60, 40) == 0.3
    assert come(25, 75) == 0.3
    assert come(15, 85) == 0.8, "who comes again after a while makes no flood"
    assert come(90, 10) == 0.3
    now[0] += 10
    assert come(0, 1) == 0.8, "it is long over"


@pytest.mark.parametrize(("is_flood", "outcome"), [(False, "answered"), (True, "overloaded")])
def test_a_flood_refuses_those_who_wait_for_too_long_already(
    monkeypatch: pytest.MonkeyPatch, is_flood: bool, outcome: str
) -> None:
    now = [0.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))

    async def story() -> None:
        admission = Admission(at_once=1)
        async with admission.turn():
            waiting = asyncio.create_task(crowd(admission, 1, 0))
            while admission.inside < 2:
                await asyncio.sleep(0)
            now[0] += 0.6
            if is_flood:
                admission._patience.note(refused=True)
        assert await waiting == [outcome]
        assert admission.refused == is_flood
        assert await crowd(admission, 1, 0) == ["answered"], "it did not have to wait"

    run(story())


def test_nothing_is_computed_for_who_has_left_while_waiting() -> None:
    async def story() -> None:
        admission = Admission(at_once=1)
        assert await crowd(admission, 5, 10, LEFT) == ["left"] * 5
        assert await crowd(admission, 2, 0) == ["answered"] * 2

    run(story())


def test_who_gives_up_leaves_its_turn_to_others() -> None:
    async def story() -> None:
        admission = Admission(at_once=1)
        entered = asyncio.Event()

        async def hold() -> None:
            async with admission.turn():
                entered.set()
                await asyncio.sleep(60)

        holding = asyncio.create_task(hold())
        await entered.wait()
        waiting = asyncio.create_task(crowd(admission, 1, 0))
        await asyncio.sleep(0)
        waiting.cancel()
        holding.cancel()
        await asyncio.gather(holding, waiting, return_exceptions=True)
        assert admission.wait_s == 0
        assert await crowd(admission, 2, 0) == ["answered"] * 2

    run(story())


def test_a_question_that_fails_leaves_its_turn_to_others() -> None:
    async def story() -> None:
        admission = Admission(at_once=1)
        for _ in range(5):
            with pytest.raises(ZeroDivisionError):
                async with admission.turn(64):
                    raise ZeroDivisionError
        assert await crowd(admission, 2, 0) == ["answered"] * 2

    run(story())


def test_a_refusal_says_when_to_ask_again_and_reads_no_body(hsv_data: Path) -> None:
    async def full() -> Admission:
        return Admission(at_once=0, longest_wait_s=-1)

    with CheckedClient(hsv_data, read_only=True) as client:
        client.app.state.admission = run(full())  # type: ignore[attr-defined]
        answer = ask(client, b"no picture at all")
        assert_problem(answer, 503, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["connection"] == "close"
        assert client.get(f"{SEARCH.removesuffix('/search')}/items").status_code == 200
