"""Callers of one network at a time: each gets its own features, and nobody waits for others."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from search_engine.encoders.batching import MOST_PICTURES, BatchedRuntime
from search_engine.records import Pixels

SIDE = 2
BAD = 13
WAIT_S = 20
MANY = 10_000


class MeanRuntime:
    """The mean of each picture, two times; holds a run until it is let go, refuses a mean of 13."""

    description = "mean"
    lanes = 1

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Semaphore(MANY)
        self._alone = threading.Lock()

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        assert self._alone.acquire(blocking=False), "two threads at a time"
        try:
            self.sizes.append(len(pixels))
            self.entered.release()
            assert self.gate.acquire(timeout=WAIT_S)
            means = pixels.reshape(len(pixels), -1).mean(axis=1)
            if BAD in means:
                raise ValueError("13")
            return np.repeat(means[:, None], 2, axis=1).astype(np.float32)
        finally:
            self._alone.release()


def pictures(*means: int) -> Pixels:
    return np.stack([np.full((SIDE, SIDE, 3), mean, dtype=np.uint8) for mean in means])


def features(*means: int) -> list[list[float]]:
    return [[mean, mean] for mean in means]


class Crowd:
    """Callers that come while the runtime is busy with the first."""

    def __init__(self, pool: ThreadPoolExecutor, runtime: MeanRuntime) -> None:
        self.batched = BatchedRuntime(lambda: runtime)
        self._pool, self._runtime = pool, runtime
        runtime.gate = threading.Semaphore(0)
        self.first = pool.submit(self.batched.run, pictures(1))
        assert runtime.entered.acquire(timeout=WAIT_S)

    def come(self, *means: int) -> "Future[NDArray[np.float32]]":
        """A caller more, waiting when this returns."""
        before = len(self.batched._waiting)
        future = self._pool.submit(self.batched.run, pictures(*means))
        while len(self.batched._waiting) == before:
            pass
        return future

    def let_go(self) -> None:
        self._runtime.gate.release(MANY)

    def let_go_once(self) -> None:
        self._runtime.gate.release()


@pytest.fixture
def runtime() -> MeanRuntime:
    return MeanRuntime()


@pytest.fixture
def crowd(runtime: MeanRuntime) -> Iterator["Crowd"]:
    with ThreadPoolExecutor(32) as pool:
        yield Crowd(pool, runtime)


def test_a_caller_alone_runs_at_once(runtime: MeanRuntime) -> None:
    batched = BatchedRuntime(lambda: runtime)
    assert batched.run(pictures(3, 4)).tolist() == features(3, 4)
    assert batched.run(pictures(5)).tolist() == features(5)
    assert (runtime.sizes, batched.description) == ([2, 1], "mean")


def test_who_comes_meanwhile_is_run_together(crowd: Crowd, runtime: MeanRuntime) -> None:
    waiting = [crowd.come(*means) for means in ((2,), (3, 4), (5,))]
    crowd.let_go()
    assert crowd.first.result(WAIT_S).tolist() == features(1)
    found = [future.result(WAIT_S).tolist() for future in waiting]
    assert found == [features(2), features(3, 4), features(5)]
    assert runtime.sizes == [1, 4]


def test_a_batch_has_a_greatest_size_that_one_caller_may_exceed(
    crowd: Crowd, runtime: MeanRuntime
) -> None:
    many = [7] * (MOST_PICTURES + 1)
    waiting = [crowd.come(2), crowd.come(*many), crowd.come(*many[2:]), crowd.come(3)]
    crowd.let_go()
    assert [len(future.result(WAIT_S)) for future in waiting] == [1, len(many), len(many) - 2, 1]
    assert runtime.sizes == [1, 1, len(many), len(many) - 1]


def test_an_error_is_of_the_caller_that_caused_it(crowd: Crowd, runtime: MeanRuntime) -> None:
    good, bad, other = crowd.come(2), crowd.come(BAD), crowd.come(4)
    crowd.let_go()
    assert good.result(WAIT_S).tolist() == features(2)
    assert other.result(WAIT_S).tolist() == features(4)
    with pytest.raises(ValueError, match="13"):
        bad.result(WAIT_S)
    assert runtime.sizes == [1, 3, 1, 1, 1]
    assert crowd.batched.run(pictures(6)).tolist() == features(6)


def test_pictures_of_other_sizes_do_no_harm_to_each_other(crowd: Crowd) -> None:
    small = crowd.come(2)
    large = crowd._pool.submit(crowd.batched.run, np.full((1, 5, 5, 3), 9, dtype=np.uint8))
    crowd.let_go()
    assert small.result(WAIT_S).tolist() == features(2)
    assert large.result(WAIT_S).tolist() == features(9)


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_many_threads_get_their_own(runtime: MeanRuntime, lanes: int) -> None:
    runtime.lanes = lanes
    runtime._alone = threading.Semaphore(lanes)  # type: ignore[assignment]
    batched = BatchedRuntime(lambda: runtime)
    with ThreadPoolExecutor(16) as pool:
        means = [[n % 12, (n * 7) % 12] for n in range(500)]
        found = pool.map(lambda pair: batched.run(pictures(*pair)).tolist(), means)
        assert list(found) == [features(*pair) for pair in means]
    assert sum(runtime.sizes) == 1_000


def test_who_is_done_does_not_wait_for_a_lane(crowd: Crowd, runtime: MeanRuntime) -> None:
    done = [crowd.come(2), crowd.come(3)]
    large = crowd.come(*[4] * MOST_PICTURES)
    crowd.let_go_once()
    assert crowd.first.result(WAIT_S).tolist() == features(1)
    assert runtime.entered.acquire(timeout=WAIT_S)
    crowd.let_go_once()
    assert [future.result(WAIT_S).tolist() for future in done] == [features(2), features(3)]
    assert not large.done()
    crowd.let_go()
    assert len(large.result(WAIT_S)) == MOST_PICTURES
    assert runtime.sizes == [1, 2, MOST_PICTURES]


def test_every_lane_takes_its_share(runtime: MeanRuntime) -> None:
    """Two run at a time; the three who wait are shared out, two and one."""
    runtime.lanes = 2
    runtime._alone = threading.Semaphore(2)  # type: ignore[assignment]
    runtime.gate = threading.Semaphore(0)
    with ThreadPoolExecutor(8) as pool:
        batched = BatchedRuntime(lambda: runtime)
        first = [pool.submit(batched.run, pictures(mean)) for mean in (1, 2)]
        for _ in first:
            assert runtime.entered.acquire(timeout=WAIT_S)
        waiting = []
        for mean in (3, 4, 5):
            waiting.append(pool.submit(batched.run, pictures(mean)))
            while len(batched._waiting) < len(waiting):
                pass
        runtime.gate.release(MANY)
        found = [future.result(WAIT_S).tolist() for future in first + waiting]
    assert found == [features(mean) for mean in (1, 2, 3, 4, 5)]
    assert sorted(runtime.sizes) == [1, 1, 1, 2]
