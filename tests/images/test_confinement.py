"""What a decoder that was taken over by a picture cannot do."""

import ctypes
import errno
import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from search_engine.images import CATALOG_FORMATS, ImageLimits, Preprocessing, confinement
from search_engine.images.confinement import can_confine
from search_engine.images.decode_pool import DecodePool
from search_engine.images.decoder import InlineDecoder
from tests.images.pictures import encoded, photo

SQUASH = Preprocessing(size_px=16, resize_px=16, fit="squash")
LIMITS = ImageLimits(formats=CATALOG_FORMATS)

pytestmark = pytest.mark.skipif(not can_confine(), reason="the kernel cannot confine processes")


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    with DecodePool(LIMITS, 1) as made:
        made.call(nothing)
        yield made


def nothing() -> None:
    """Load this module into the process, which can load no other one afterwards."""


def read_a_file() -> None:
    Path("/etc/hostname").read_bytes()


def write_a_file() -> None:
    Path("written").write_bytes(b"x")


def remove_a_file() -> None:
    Path("removed").unlink()


def open_a_socket() -> None:
    socket.socket()


def start_a_process() -> None:
    os.fork()


def run_a_program() -> None:
    subprocess.run(["true"], check=True)


def become_a_program() -> None:
    os.execv("/bin/true", ["true"])


def kill_the_parent() -> None:
    os.kill(os.getppid(), 0)


def kill_a_thread_of_the_parent() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(confinement._TGKILL[0], os.getppid(), os.getppid(), 0):
        raise PermissionError(ctypes.get_errno())


@pytest.mark.parametrize(
    "attempt",
    [
        read_a_file, write_a_file, remove_a_file, open_a_socket, start_a_process, run_a_program,
        become_a_program, kill_the_parent, kill_a_thread_of_the_parent,
    ],
)  # fmt: skip
def test_it_is_refused_and_the_next_picture_is_decoded(
    pool: DecodePool, attempt: Callable[[], None]
) -> None:
    pids = pool.pids
    with pytest.raises(RuntimeError, match="PermissionError"):
        pool.call(attempt)
    assert pool.decode(encoded(photo(), "PNG"), SQUASH).pixels.shape == (16, 16, 3)
    assert pool.pids == pids


@pytest.mark.parametrize("kind", CATALOG_FORMATS)
def test_every_format_is_decoded_all_the_same(pool: DecodePool, kind: str) -> None:
    """Nothing that decoding needs is loaded too late."""
    data, inline = encoded(photo(60, 40), kind), InlineDecoder(LIMITS)
    there, here = (
        pool.decode(data, SQUASH, None, None, True),
        inline.decode(data, SQUASH, None, None, True),
    )
    assert (there.pixels == here.pixels).all()
    assert there.colors == here.colors
    assert pool.render(data, 20, 80) == inline.render(data, 20, 80)
    assert pool.size(data) == (60, 40)


def test_where_the_kernel_cannot_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "vax")
    assert not can_confine()
    assert not confinement.confine()


def verdict(program: list[tuple[int, int, int, int]], call: Mapping[int, int]) -> int:
    """What a filter says of a call: the words of `struct seccomp_data` by their offsets."""
    at, loaded = 0, 0
    while True:
        code, if_so, else_, value = program[at]
        at += 1
        if code == confinement._RETURN:
            return value
        if code == confinement._LOAD:
            loaded = call[value]
        elif code == confinement._IF_EQUAL:
            at += if_so if loaded == value else else_
        else:
            assert code == confinement._IF_SET
            at += if_so if loaded & value else else_


@pytest.mark.parametrize("machine", confinement._MACHINES)
def test_the_filter_of_every_machine_allows_what_is_listed_and_no_more(machine: str) -> None:
    column, architecture = confinement._MACHINES[machine]
    program = list(confinement._filter(column, architecture, 77))
    allowed, refused = confinement._ALLOW, confinement._ERRNO | errno.EPERM

    def asked(number: int, first: int = 0, of: int = architecture) -> int:
        return verdict(program, {0: number, 4: of, 16: first})

    listed = {numbers[column] for numbers in confinement._ALLOWED.values()} - {None}
    clone, kill = confinement._CLONE[column], confinement._TGKILL[column]
    for number in range(500):
        if number == confinement._CLONE3[column]:
            assert asked(number) == confinement._ERRNO | errno.ENOSYS
        else:
            assert asked(number) == (allowed if number in listed else refused), number
    assert asked(clone, confinement._CLONE_THREAD) == allowed
    assert (asked(kill, 77), asked(kill, 78)) == (allowed, refused)
    assert asked(0x40000000) == refused  # the numbers of x32
    assert asked(0, of=0x40000003) == confinement._KILL  # those of 32 bits
