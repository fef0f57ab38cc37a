"""Turns for questions: who is let in, who is refused, and that nobody is forgotten."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from api.problems import Problem
from api.security.admission import Admission

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


async def crowd(admission: Admission, clients: int, work_s: float) -> list[str]:
    """What happens to clients that all come at once, each with the same work, one at a time."""
    processor = asyncio.Lock()

    async def ask() -> str:
        try:
            async with admission.turn(), processor:
                await asyncio.sleep(work_s)
        except Problem as problem:
            return problem.code
        return "answered"

    return await asyncio.gather(*(ask() for _ in range(clients)))


def test_an_idle_server_takes_a_burst() -> None:
    assert run(crowd(Admission(), 50, 0.001)) == ["answered"] * 50


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


def test_who_gives_up_leaves_its_turn_to_others() -> None:
    async def story() -> None:
        admission = Admission(at_once=1)
        entered = asyncio.Event()

        async def hold() -> None:
            async with admission.turn():
                entered.set()
                await asyncio.sleep(60)

        holder = asyncio.create_task(hold())
        await entered.wait()
        waiting = asyncio.create_task(crowd(admission, 1, 0))
        await asyncio.sleep(0)
        assert not waiting.done()
        holder.cancel()
        assert await waiting == ["answered"]
        assert admission.wait_s == 0

    run(story())


def test_an_error_within_a_turn_ends_it() -> None:
    async def story() -> None:
        admission = Admission(at_once=1)
        for _ in range(3):
            with pytest.raises(ValueError, match="bad"):
                async with admission.turn(64):
                    raise ValueError("bad")
        assert await crowd(admission, 2, 0) == ["answered"] * 2

    run(story())
