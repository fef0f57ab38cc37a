"""Take away from a decoding process all that decoding does not need, where the kernel can (Linux).

A hostile picture may take a decoder over. From then on the process can compute, use memory and
answer its parent: it opens no file and no socket, starts no process and signals no other one. The
kernel refuses every call that is not listed here with EPERM (seccomp-BPF, see seccomp(2)).
"""

import ctypes
import errno
import io
import os
import platform
import struct
import sys
from collections.abc import Iterable, Iterator
from functools import cache

from PIL import Image, ImageCms, MpoImagePlugin  # noqa: F401 - later they could not be loaded

from search_engine.images.geometry import Preprocessing
from search_engine.images.heif import readable_heif, register_heif
from search_engine.images.limits import CATALOG_FORMATS, ImageLimits
from search_engine.images.pixels import colored, decode_pixels, render_jpeg

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""The column of a machine below, and its AUDIT_ARCH of linux/audit.h."""

_ALLOWED = {
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "close": (3, 57),
    "fstat": (5, 80), "newfstatat": (262, 79), "lseek": (8, 62), "poll": (7, None),
    "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72),
    "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215), "mremap": (25, 216),
    "madvise": (28, 233), "brk": (12, 214), "membarrier": (324, 283),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132), "setitimer": (38, 103), "getitimer": (36, 102),
    "restart_syscall": (219, 128), "exit": (60, 93), "exit_group": (231, 94),
    "futex": (202, 98), "set_robust_list": (273, 99), "rseq": (334, 293),
    "sched_yield": (24, 124), "sched_getaffinity": (204, 123),
    "nanosleep": (35, 101), "clock_nanosleep": (230, 115), "clock_gettime": (228, 113),
    "clock_getres": (229, 114), "times": (100, 153), "getrusage": (98, 165),
    "getpid": (39, 172), "getppid": (110, 173), "gettid": (186, 178), "uname": (63, 160),
    "sysinfo": (99, 179), "getrandom": (318, 278), "getcwd": (79, 17),
}  # fmt: skip
_CLONE, _CLONE3, _TGKILL = (56, 220), (435, 435), (234, 131)
_CLONE_THREAD = 0x10000

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_SECCOMP, _GET_ACTION_AVAIL = (317, 277), 2
_KILL, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_LOAD, _IF_EQUAL, _IF_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_NO_JUMPS = (0, 0)
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Offsets in `struct seccomp_data`; of an argument the lower half on these machines."""

NOT_CONFINED = (
    "this kernel confines no processes (seccomp, on x86-64 and arm64), so a picture that takes a "
    "decoder over could open files and connections as this user"
)

_Instruction = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def can_confine() -> bool:
    """Whether the kernel can confine a process of this program."""
    known = _MACHINES.get(platform.machine()) if sys.platform == "linux" else None
    if known is None:
        return False
    refuse = ctypes.byref(ctypes.c_uint32(_ERRNO))
    return bool(_libc().syscall(_SECCOMP[known[0]], _GET_ACTION_AVAIL, 0, refuse) == 0)


def confine() -> bool:
    """Confine this process for good; return whether the kernel could.

    What decoding loads when it first needs it is loaded before, as no file can be opened then.
    """
    load_decoders()
    if not can_confine():
        return False
    column, architecture = _MACHINES[platform.machine()]
    code = _packed(_filter(column, architecture, os.getpid()))
    program = _Program(len(code) // 8, code)
    libc = _libc()
    return bool(
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        and libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0
    )


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _filter(column: int, architecture: int, pid: int) -> Iterator[_Instruction]:
    """The program that the kernel runs for each call; jumps are counted from the next line."""
    yield _LOAD, *_NO_JUMPS, _ARCHITECTURE
    yield _IF_EQUAL, 1, 0, architecture
    yield _RETURN, *_NO_JUMPS, _KILL
    yield _LOAD, *_NO_JUMPS, _NUMBER
    for numbers in _ALLOWED.values():
        if numbers[column] is not None:
            yield from _answer_to(numbers[column], _ALLOW)
    yield from _answer_to(_CLONE3[column], _ERRNO | errno.ENOSYS)  # so that libc takes clone
    yield from _if_first_argument(_CLONE[column], _IF_SET, _CLONE_THREAD)
    yield from _if_first_argument(_TGKILL[column], _IF_EQUAL, pid)
    yield _RETURN, *_NO_JUMPS, _ERRNO | errno.EPERM


def _answer_to(number: int | None, answer: int) -> Iterator[_Instruction]:
    assert number is not None
    yield _IF_EQUAL, 0, 1, number
    yield _RETURN, *_NO_JUMPS, answer


def _if_first_argument(number: int, test: int, value: int) -> Iterator[_Instruction]:
    """Allow a call whose first argument passes a test; refuse it otherwise."""
    yield _IF_EQUAL, 0, 4, number
    yield _LOAD, *_NO_JUMPS, _FIRST_ARGUMENT
    yield test, 0, 1, value
    yield _RETURN, *_NO_JUMPS, _ALLOW
    yield _RETURN, *_NO_JUMPS, _ERRNO | errno.EPERM


def _packed(program: Iterable[_Instruction]) -> bytes:
    return b"".join(struct.pack("HBBI", *each) for each in program)


@cache
def load_decoders() -> None:
    """Decode a picture of every format that is read here, once in a process and its children."""
    if "HEIF" in readable_heif():
        register_heif()
    picture = Image.new("RGB", (8, 8), "red")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    formats = (*CATALOG_FORMATS, *(name for name in readable_heif() if name != "HEIF"))
    limits, preprocessing = ImageLimits(formats=formats), Preprocessing(8, 8)
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in formats:
        told = io.BytesIO()
        picture.save(told, kind, icc_profile=profile, exif=exif)
        colored([decode_pixels(told.getvalue(), preprocessing, limits, None, True)])
        render_jpeg(told.getvalue(), 4, limits, 75)
