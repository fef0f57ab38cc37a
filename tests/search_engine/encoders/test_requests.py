"""Pictures in chunks through requests: in order, never lost, whatever fails."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from search_engine.encoders.runtime.requests import Requests
from search_engine.records import Pixels

BAD, WORSE = 13, 14
WAIT_S = 20


class MeanRequest:
    """The mean of each picture, computed when it is asked for; cannot start 13 nor finish 14."""

    def __init__(self, sizes: list[int]) -> None:
        self._sizes = sizes
        self._means: NDArray[np.float32] | None = None

    def start(self, pixels: Pixels) -> None:
        assert self._means is None, "started again before it was finished"
        self._sizes.append(len(pixels))
        means = pixels.reshape(len(pixels), -1).mean(axis=1, dtype=np.float32)
        if BAD in means:
            raise ValueError("13")
        self._means = means[:, None]

    def finish(self) -> NDArray[np.float32]:
        means, self._means = self._means, None
        assert means is not None, "finished without a start"
        if WORSE in means:
            raise ValueError("14")
        return means


@pytest.fixture
def sizes() -> list[int]:
    """Of the chunks, in the order in which they were started."""
    return []


def requests_of(count: int, sizes: list[int]) -> Requests:
    return Requests([MeanRequest(sizes) for _ in range(count)], dimension=1)


def pictures(means: Sequence[int]) -> Pixels:
    return np.stack([np.full((2, 2, 3), mean, dtype=np.uint8) for mean in means])


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("wanted", [1, 3, 4, 5, 9])
def test_features_are_in_input_order(sizes: list[int], count: int, wanted: int) -> None:
    means = [(7 * number) % 12 for number in range(wanted)]
    assert requests_of(count, sizes).run(pictures(means), 2)[:, 0].tolist() == means
    assert sizes == [2] * (wanted // 2) + [1] * (wanted % 2)


def test_no_pictures_start_nothing(sizes: list[int]) -> None:
    nothing = np.empty((0, 2, 2, 3), dtype=np.uint8)
    assert requests_of(2, sizes).run(nothing, 2).shape == (0, 1)
    assert sizes == []


def test_the_next_chunk_is_started_before_the_last_is_finished(sizes: list[int]) -> None:
    """Two requests: the second starts while the first is on its way."""
    log: list[str] = []

    class Logged(MeanRequest):
        def start(self, pixels: Pixels) -> None:
            log.append("start")
            super().start(pixels)

        def finish(self) -> NDArray[np.float32]:
            log.append("finish")
            return super().finish()

    Requests([Logged(sizes), Logged(sizes)], dimension=1).run(pictures([1, 2, 3]), 1)
    assert log == ["start", "start", "finish", "start", "finish", "finish"]


@pytest.mark.parametrize("bad", [BAD, WORSE])
@pytest.mark.parametrize("position", [0, 2, 4])
def test_after_an_error_every_request_is_there_again(
    sizes: list[int], bad: int, position: int
) -> None:
    requests = requests_of(2, sizes)
    means = [1, 2, 3, 4, 5]
    for _ in range(3):
        with pytest.raises(ValueError, match=str(bad)):
            requests.run(pictures([*means[:position], bad, *means[position + 1 :]]), 1)
    assert requests.run(pictures(means), 1)[:, 0].tolist() == means


def test_threads_get_their_own(sizes: list[int]) -> None:
    requests = requests_of(3, sizes)
    together = threading.Barrier(3)

    def ask(seed: int) -> bool:
        together.wait(WAIT_S)
        means = [(seed + 5 * number) % 12 for number in range(9)]
        return all(requests.run(pictures(means), 2)[:, 0].tolist() == means for _ in range(50))

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(ask, range(3)))
