"""G5: disks of every size that is too small, and full ones."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.images.pictures import jpeg
from tests.torture.campaign import (
    FIRST_ROWS,
    TortureError,
    begun,
    eyedex,
    index_arguments,
    judge_hurt,
    judged,
    source,
    workplace,
)
from tests.torture.goals import Goal, Reached, tries

STEP_KIB = 4
SIZES = 250
WHOLE_KIB = 16_384


def can_mount() -> bool:
    """Whether disks can be made here: only root may."""
    return os.geteuid() == 0


@contextmanager
def disk(kib: int) -> Iterator[Path]:
    """A disk of a size, in memory."""
    folder = workplace() / "disk"
    folder.mkdir(exist_ok=True)
    options = f"size={kib}k,mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def resize(folder: Path, kib: int) -> None:
    """Give a disk another size."""
    subprocess.run(["mount", "-o", f"remount,size={kib}k", folder], check=True)


def fill(folder: Path) -> Path:
    """Use all that is left of a disk."""
    file = folder / "fill"
    with file.open("wb", buffering=0) as opened:
        try:
            while True:
                opened.write(bytes(4_096))
        except OSError:
            return file


def too_small(scale: float, _seed: int) -> Reached:
    """Run on disks with a little more room each time, then with enough."""
    if not can_mount():
        return Reached(True, "not measured: only root can make disks")
    wanted = tries(SIZES, scale, at_least=3)
    used = _used_kib(begun())
    refused = 0
    for number in range(wanted):
        kib = used + STEP_KIB * (number * SIZES // wanted)
        refused += _indexed_on(kib)
    _deleted_on_a_full_disk()
    return Reached(True, f"{wanted} sizes, {refused} refused: 0 lost, all read on, deleting works")


def _used_kib(data: Path) -> int:
    return sum(path.stat().st_blocks for path in data.rglob("*")) // 2 + 64


def _indexed_on(kib: int) -> bool:
    with disk(kib) as folder:
        data = shutil.copytree(begun(), folder / "data")
        ended = eyedex(*index_arguments(data, source()))
        full = ended.code == 5 and "error: storage_full" in ended.err
        if not full and ended.code != 0:
            raise TortureError(f"{kib} KiB: ended with {ended.code}: {ended.err[-300:]}")
        _must_answer(data)
        resize(folder, WHOLE_KIB)
        judge_hurt(data, FIRST_ROWS + 1)
    return full


def _deleted_on_a_full_disk() -> None:
    with disk(WHOLE_KIB) as folder:
        data = shutil.copytree(begun(), folder / "data")
        file = fill(folder)
        _must_answer(data)
        removed = eyedex("remove", "kept-1", "--data", data)
        if removed.code != 0:
            raise TortureError(f"nothing can be removed on a full disk: {removed.err[-300:]}")
        _must_answer(data)
        file.unlink()
        if judged(data).items != FIRST_ROWS:
            raise TortureError("a removal on a full disk changed something else")


def _must_answer(data: Path) -> None:
    photo = workplace() / "photo.jpg"
    if not photo.exists():
        photo.write_bytes(jpeg())
    ended = eyedex("search", photo, "--data", data, "--json")
    if ended.code != 0:
        raise TortureError(f"no answer on a full disk: {ended.code} {ended.err[-300:]}")


GOALS = [
    Goal("G5", "disks of 250 sizes, in steps of 4 KiB: 0 lost, reads go on", too_small),
]
