"""Decoding in child processes: the same answers, whatever happens to the children."""

import multiprocessing.forkserver
import os
import pickle
import resource
import signal
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search_engine.errors import ImageError, TooComplexError, WorkerLostError
from search_engine.images import DecodedImage, ImageLimits, Preprocessing
from search_engine.images import decode_process as decoding
from search_engine.images.decode_pool import DecodePool
from search_engine.images.decoder import Decoder, InlineDecoder
from tests.images.pictures import (
    CORRUPT,
    FOREIGN_TYPES,
    TOO_MANY_PIXELS,
    animated,
    jpeg,
    photo,
    png,
)

LIMITS = ImageLimits()
SQUASH = Preprocessing(size_px=16, resize_px=16, fit="squash")
GOOD = {
    "JPEG": jpeg(),
    "PNG": png(),
    "animation": animated("GIF"),
    "alpha": png(Image.new("LA", (9, 9))),
}
BAD = {**CORRUPT, **FOREIGN_TYPES, **TOO_MANY_PIXELS, "empty": b""}


class Deadly(bytes):
    """Kills the process that it is sent to."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return os.abort, ()


class Planted:
    """Makes a file where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return Path.touch, (self.marker,)


def plant(marker: str) -> Planted:
    return Planted(Path(marker))


def send_junk(junk: bytes) -> None:
    """As a decoder would that a picture took over: send bytes of one's own to the parent."""
    for descriptor in range(3, 64):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, struct.pack("!i", len(junk)) + junk)


ORPHAN_WALL_S = 2.0
ORPHANS = """
import os, sys, time
sys.path[:0] = [os.getcwd()]
from search_engine.images import decode_process as decoding
from search_engine.images.decode_pool import DecodePool
from search_engine.images import ImageLimits, Preprocessing
from tests.images.pictures import jpeg

if __name__ == "__main__":
    pool = DecodePool(ImageLimits(), 2)
    futures = [pool.submit([jpeg()], Preprocessing(16, 16)) for _ in range(8)]
    for future in futures:
        future.result()
    if sys.argv[1] == "busy":
        decoding.DECODE_WALL_S = float(sys.argv[2])
        pool.start(time.sleep, 600)
        time.sleep(0.5)
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    with DecodePool(LIMITS, 1) as made:
        yield made


def children_of(pid: int) -> list[int]:
    """All processes below one, from /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    below = [pid]
    for one in below:
        below += [child for child, parent in parents.items() if parent == one]
    return below[1:]


def is_gone(pid: int) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return True
    return fields[0] == "Z"


def wait_for(happened: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happened():
            return True
        time.sleep(0.02)
    return happened()


@pytest.mark.parametrize("name", GOOD)
def test_answers_equal_those_of_decoding_in_place(pool: DecodePool, name: str) -> None:
    inline = InlineDecoder(LIMITS)
    here, there = inline.decode(GOOD[name], SQUASH), pool.decode(GOOD[name], SQUASH)
    assert np.array_equal(here.pixels, there.pixels)
    assert here.warnings == there.warnings
    assert pool.render(GOOD[name], 8, 80) == inline.render(GOOD[name], 8, 80)


def test_boxes_are_handed_on(pool: DecodePool) -> None:
    box = (0.5, 0.5, 0.5, 0.5)
    wanted = InlineDecoder(LIMITS).decode(png(), SQUASH, box).pixels
    assert np.array_equal(pool.decode(png(), SQUASH, box).pixels, wanted)
    assert not np.array_equal(pool.decode(png(), SQUASH).pixels, wanted)


@pytest.mark.parametrize("name", BAD)
def test_refusals_equal_those_of_decoding_in_place(pool: DecodePool, name: str) -> None:
    with pytest.raises(ImageError) as here:
        InlineDecoder(LIMITS).decode(BAD[name], SQUASH)
    with pytest.raises(ImageError) as there:
        pool.decode(BAD[name], SQUASH)
    assert type(here.value) is type(there.value)
    assert str(here.value) == str(there.value)


@pytest.mark.parametrize("isolated", [True, False])
def test_a_refused_picture_leaves_those_beside_it(pool: DecodePool, isolated: bool) -> None:
    decoder: Decoder = pool if isolated else InlineDecoder(LIMITS)
    first, refused, last = decoder.submit([png(), b"", jpeg()], SQUASH).result(timeout=30)
    assert isinstance(refused, ImageError)
    for found, picture in ((first, png()), (last, jpeg())):
        assert isinstance(found, DecodedImage)
        assert np.array_equal(found.pixels, InlineDecoder(LIMITS).decode(picture, SQUASH).pixels)


def test_pixels_beyond_the_shared_memory_come_too(pool: DecodePool) -> None:
    large = Preprocessing(size_px=1_300, resize_px=1_300, fit="squash")
    assert large.size_px**2 * 3 > decoding.FRAME_BYTES
    wanted = InlineDecoder(LIMITS).decode(png(), large).pixels
    assert np.array_equal(pool.decode(png(), large).pixels, wanted)
    found = pool.submit([png()] * 3, large).result(timeout=30)
    assert all(np.array_equal(one.pixels, wanted) for one in found if isinstance(one, DecodedImage))
    assert len(found) == 3


def test_pixels_stay_when_the_child_goes_on(pool: DecodePool) -> None:
    white, black = (png(Image.new("RGB", (9, 9), colour)) for colour in ("white", "black"))
    kept = pool.decode(white, SQUASH).pixels
    pool.decode(black, SQUASH)
    assert kept.min() == 255


@pytest.mark.parametrize("mode", ["RGBA", "I;16", "CMYK"])
def test_the_largest_picture_fits_into_the_memory_of_a_child(
    pool: DecodePool, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "DECODE_WALL_S", 60.0)  # this is not about time
    image = Image.new(mode, (8_000, 5_000))
    data = jpeg(image) if mode == "CMYK" else png(image, compress_level=1)
    assert len(data) < LIMITS.max_bytes
    assert pool.decode(data, SQUASH).pixels.shape == (16, 16, 3)


def test_more_memory_than_a_child_may_have_is_too_complex(pool: DecodePool) -> None:
    with pytest.raises(TooComplexError, match="memory"):
        pool.call(bytearray, decoding.DECODE_MEMORY_BYTES)
    assert pool.decode(png(), SQUASH).pixels.shape == (16, 16, 3)


def test_a_child_that_dies_idle_is_replaced(pool: DecodePool) -> None:
    pool.decode(png(), SQUASH)
    for _ in range(3):
        (pid,) = pool.pids
        os.kill(pid, signal.SIGKILL)
        assert pool.decode(png(), SQUASH).pixels.shape == (16, 16, 3)
        assert pool.pids != [pid]


def test_a_call_that_kills_its_child_costs_only_itself() -> None:
    with DecodePool(LIMITS, 2) as pool:
        deadly = pool.start(os.abort)
        others = [pool.submit([png()], SQUASH) for _ in range(20)]
        with pytest.raises(WorkerLostError):
            deadly.result(timeout=30)
        found = [one for future in others for one in future.result(timeout=30)]
        assert [type(one) for one in found] == [DecodedImage] * 20


def test_a_picture_that_kills_its_child_costs_none_of_those_beside_it() -> None:
    with DecodePool(LIMITS, 1) as pool:
        found = pool.submit([png(), Deadly(), png()], SQUASH).result(timeout=60)
    assert [type(one) for one in found] == [DecodedImage, WorkerLostError, DecodedImage]


def test_a_picture_that_takes_too_long_costs_none_of_those_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = png(Image.new("RGBA", (8_000, 5_000)), compress_level=1)
    with DecodePool(LIMITS, 1) as pool:
        pool.decode(png(), SQUASH)
        monkeypatch.setattr(decoding, "DECODE_WALL_S", 0.1)
        found = pool.submit([slow], SQUASH).result(timeout=60)
        monkeypatch.undo()
        assert [type(one) for one in found] == [TooComplexError]
        found = pool.submit([png(), slow, png()], SQUASH).result(timeout=60)
    assert [type(one) for one in found] == [DecodedImage] * 3


def test_a_call_is_tried_again_when_its_child_dies_by_chance() -> None:
    with DecodePool(LIMITS, 1) as pool:
        pool.decode(png(), SQUASH)
        waiting = pool.start(time.sleep, 1)
        (pid,) = pool.pids
        assert wait_for(waiting.running, 5)
        os.kill(pid, signal.SIGKILL)
        assert waiting.result(timeout=30) is None
        assert pool.pids != [pid]


def test_a_decoder_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "DECODE_WALL_S", 0.3)
    with DecodePool(LIMITS, 1) as pool:
        with pytest.raises(TooComplexError, match="longer than"):
            pool.call(time.sleep, 60)
        monkeypatch.undo()
        assert pool.decode(png(), SQUASH).pixels.shape == (16, 16, 3)


def test_closing_leaves_no_child_and_drops_what_waits() -> None:
    pool = DecodePool(LIMITS, 2)
    pool.decode(png(), SQUASH)
    dropped = [pool.start(time.sleep, 60) for _ in range(4)]
    assert wait_for(lambda: len(pool.pids) == 2, 30)
    pids = pool.pids
    started = time.monotonic()
    pool.close()
    assert time.monotonic() - started < 20
    assert all(is_gone(pid) for pid in pids)
    for future in dropped:
        with pytest.raises(WorkerLostError):
            future.result(timeout=1)


def test_a_closed_pool_says_so_and_closes_again() -> None:
    pool = DecodePool(LIMITS, 1)
    pool.close()
    pool.close()
    with pytest.raises(WorkerLostError):
        pool.decode(png(), SQUASH)


def test_what_a_child_sends_is_not_unpickled(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with DecodePool(LIMITS, 1) as other:
        assert isinstance(other.call(plant, str(marker)), RuntimeError)
        with pytest.raises(WorkerLostError):
            other.call(send_junk, pickle.dumps(Planted(marker)))
    assert not marker.exists()


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"7",
        b"[]",
        b'[[9], 0, {"bytes": 0}]',
        b'[[-1], 0, {"bytes": 0}]',
        b'[[1e9], 0, {"array": 0, "type": "O", "shape": [1]}]',
        b'[[8], 0, {"tuple": [{"array": 0, "type": "|O", "shape": [1]}, null]}]',
        b'[[], 0, {"tuple": [{"record": "Path", "values": ["x"]}, null]}]',
        b'[[], 0, {"tuple": [null, {"error": "ClassVar", "told": ["", null, null]}]}]',
        b'[[], 0, {"tuple": [null, 5]}]',
        b"[" * 100_000,
    ],
)
def test_what_is_no_answer_costs_the_child_and_no_more(junk: bytes) -> None:
    with DecodePool(LIMITS, 1) as other:
        with pytest.raises(WorkerLostError):
            other.call(send_junk, junk)
        assert other.decode(png(), SQUASH).pixels.shape == (16, 16, 3)


@contextmanager
def no_more_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def kill_fork_server() -> None:
    pid = multiprocessing.forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    os.kill(pid, signal.SIGKILL)
    assert wait_for(lambda: is_gone(pid), 5)


def test_a_start_that_fails_is_made_up_for_by_the_next_question() -> None:
    with DecodePool(LIMITS, 2) as pool:
        for _ in range(3):
            with no_more_files():
                for ask in (pool.check, lambda: pool.decode(png(), SQUASH)):
                    with pytest.raises(WorkerLostError, match="Too many open files"):
                        ask()
            opened = len(os.listdir("/proc/self/fd"))
            pool.check()
            assert len(pool.pids) == 2
            assert pool.decode(png(), SQUASH).pixels.shape == (16, 16, 3)
            for pid in pool.pids:
                os.kill(pid, signal.SIGKILL)
                assert wait_for(lambda pid=pid: is_gone(pid), 5)  # type: ignore[misc]
        assert len(os.listdir("/proc/self/fd")) - opened < 20


def test_all_are_started_anew_when_the_fork_server_is_killed() -> None:
    with DecodePool(LIMITS, 2) as pool:
        pool.check()
        before = pool.pids
        for _ in range(2):
            kill_fork_server()
            assert pool.decode(png(), SQUASH).pixels.shape == (16, 16, 3)
        kill_fork_server()
        pool.check()
        assert len(pool.pids) == 2
        assert wait_for(lambda: all(is_gone(pid) for pid in before), 5)


def test_everything_killed_at_once_is_started_anew() -> None:
    with DecodePool(LIMITS, 2) as pool:
        pool.check()
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)
        kill_fork_server()
        found = [pool.submit([png()], SQUASH) for _ in range(6)]
        outcomes = [one for future in found for one in future.result(timeout=60)]
        assert [type(one) for one in outcomes] == [DecodedImage] * 6


def test_a_check_leaves_the_pool_as_it_was_and_starts_what_is_missing() -> None:
    with DecodePool(LIMITS, 3) as pool:
        pool.check()
        pids = pool.pids
        assert len(pids) == 3
        pool.check()
        assert pool.pids == pids


def test_a_pool_that_is_not_used_starts_no_process() -> None:
    before = set(children_of(os.getpid()))
    with DecodePool(LIMITS, 4):
        assert set(children_of(os.getpid())) == before


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_children_do_not_outlive_a_killed_parent(state: str, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(ORPHANS)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, str(script), state, str(ORPHAN_WALL_S)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        children = children_of(parent.pid)
        assert len(children) >= 3
    finally:
        parent.kill()
        parent.communicate()
    limit_s = ORPHAN_WALL_S + decoding.ORPHAN_S + 4 if state == "busy" else 4
    assert wait_for(lambda: all(is_gone(pid) for pid in children), limit_s)


def test_large_photos_pass_through_in_the_order_asked(pool: DecodePool) -> None:
    colours = [(10 * number, 0, 0) for number in range(12)]
    pictures = [png(Image.new("RGB", (9, 9), colour)) for colour in colours]
    futures = [pool.submit(pictures[start : start + 5], SQUASH) for start in range(0, 12, 5)]
    found = [one for future in futures for one in future.result(timeout=30)]
    decoded = [one for one in found if isinstance(one, DecodedImage)]
    assert [tuple(one.pixels[0, 0].tolist()) for one in decoded] == colours
    assert pool.decode(jpeg(photo(1_200, 900)), SQUASH).pixels.shape == (16, 16, 3)


def test_a_photo_beyond_the_shared_memory_is_decoded_as_others() -> None:
    """What follows a picture's end does not count; the next photo finds nothing of it."""
    data = jpeg()
    large = data + bytes(decoding.FRAME_BYTES)
    limits = ImageLimits(max_bytes=2 * len(large))
    wanted = InlineDecoder(limits).decode(data, SQUASH).pixels
    with DecodePool(limits, 1) as pool:
        for given in (data, large, data):
            decoded = pool.decode(given, SQUASH)
            assert np.array_equal(decoded.pixels, wanted)
            decoded.pixels[:] = 0  # its own


def test_children_do_not_run_the_program_again(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "print('here', flush=True)\n"
        "from search_engine.images import ImageLimits\n"
        "from search_engine.images.decode_pool import DecodePool\n"
        "with DecodePool(ImageLimits(), 1) as pool:\n"
        "    pool.check()\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "here\n"
