"""What files of a data directory are written and read by: odd places, full disks, other content."""

import errno
import os
import resource
import signal
import stat
from dataclasses import fields
from inspect import isfunction
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from search_engine.errors import ParameterError, ReadOnlyError, StorageError, StorageFullError
from search_engine.storage import faults, room
from search_engine.storage.archive import Description, Member, open_archive, write_archive
from search_engine.storage.arrays import packed, read_arrays, read_header
from search_engine.storage.durable import storage_error
from search_engine.storage.locks import _Held, exclusive, is_held
from search_engine.storage.paths import DataPaths
from search_engine.storage.room import RESERVE_BYTES, give_up_reserve, keep_room

PATHS = [
    name
    for name, value in vars(DataPaths).items()
    if isinstance(value, property) and name not in ("has_catalog",)
]


def test_everything_of_a_data_directory_has_a_place_of_its_own_in_it(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path)
    places = [getattr(paths, name) for name in PATHS]
    of_others = [value for name, value in vars(DataPaths).items() if isfunction(value)]
    places += [each(paths, "shop") for each in of_others if each.__name__[0] != "_"]
    assert len(set(places)) == len(places) > 5
    assert all(tmp_path in place.parents for place in places)
    assert not paths.has_catalog
    assert "database" not in repr(paths)
    assert [each.name for each in fields(paths)] == ["root", "database"]


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.ENOSPC, StorageFullError, "no space is left while testing"),
        (errno.EDQUOT, StorageFullError, "no space is left"),
        (errno.EFBIG, StorageFullError, "no space is left"),
        (errno.EROFS, ReadOnlyError, "nothing can be written here"),
        (errno.EACCES, ReadOnlyError, "nothing can be written here"),
        (errno.EIO, StorageError, "failed while testing: Input/output error"),
    ],
)
def test_errors_of_the_system_say_what_to_do(
    number: int, kind: type[StorageError], said: str
) -> None:
    found = storage_error(OSError(number, os.strerror(number)), "testing", Path("/data"))
    assert type(found) is kind
    assert found.what.startswith(said)
    assert found.where == "/data"


def test_what_is_no_archive_file_is_refused(tmp_path: Path) -> None:
    for path, kind in (
        (tmp_path / "none", ParameterError),
        (tmp_path, ParameterError),
        (tmp_path / ("x" * 300), StorageError),
    ):
        with pytest.raises(kind), open_archive(path):
            pytest.fail("it was opened")


def test_more_collections_than_an_archive_can_list_are_refused(tmp_path: Path) -> None:
    member = Member(name="catalog.sqlite", size_bytes=1, sha256="0" * 64)
    described = Description(
        program="x", schema_version="x", seq=0, created="x", members=(member,) * 200_000
    )
    with pytest.raises(StorageError, match="too many collections"):
        write_archive(tmp_path / "made.tar", tmp_path, described)
    assert not (tmp_path / "made.tar").exists()


def test_arrays_come_back_with_their_header(tmp_path: Path) -> None:
    file = tmp_path / "made.safetensors"
    file.write_bytes(packed("told", {"a": np.arange(3)}))
    assert read_header(file) == "told"
    header, arrays = read_arrays(file)
    assert (header, arrays["a"].tolist()) == ("told", [0, 1, 2])
    for content, said in (
        (save({"a": np.arange(3)}, {"header": "told"}), "no description"),
        (save({"a": np.arange(4)}, {"header": "told", "sha256": "0"}), "checksum"),
        (b"junk", "cannot be read"),
    ):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=said):
            read_arrays(file)


def test_a_lock_that_is_held_is_told_from_a_free_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    with exclusive(path, 0.0, "testing"):
        assert is_held(path)
    assert not is_held(path)


def test_where_no_lock_can_be_made_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(StorageError, match="failed while testing"),
        exclusive(tmp_path / "file" / "lock", 0.0, "testing"),
    ):
        pytest.fail("it was locked")


def test_a_forked_child_holds_no_lock(tmp_path: Path) -> None:
    """It would keep it after its parent has died."""
    with exclusive(tmp_path / "lock", 0.0, "testing"):
        child = os.fork()
        if child == 0:
            with open(tmp_path / "said", "w") as said:
                said.write(str([os.readlink(f"/proc/self/fd/{fd}") for fd in _open_files()]))
            os._exit(0)
        os.waitpid(child, 0)
    assert str(tmp_path / "lock") not in (tmp_path / "said").read_text()


def test_what_a_child_inherits_of_a_lock_is_closed(tmp_path: Path) -> None:
    held = _Held(tmp_path / "lock")
    assert held.descriptor is not None
    inherited = held.descriptor
    for _ in range(2):
        held.after_fork(torn=False)
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(inherited)
    held.release()
    assert not is_held(tmp_path / "lock")


def _open_files() -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if not stat.S_ISDIR(os.fstat(int(name)).st_mode):
                found.append(name)
        except OSError:
            continue  # that of the listing itself
    return found


def test_no_room_is_kept_where_the_disk_gives_none(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (RESERVE_BYTES // 2, hard))
    try:
        keep_room(paths)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, former)
    assert not paths.reserve.exists()
    keep_room(paths)
    assert paths.reserve.stat().st_size == RESERVE_BYTES


def test_a_reserve_is_given_up_on_a_full_disk_alone_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = DataPaths(tmp_path)
    keep_room(paths)
    give_up_reserve(paths)
    assert paths.reserve.exists()
    monkeypatch.setattr(room, "LEAST_BYTES", 2**62)
    for _ in range(2):
        give_up_reserve(paths)
        assert not paths.reserve.exists()


def test_a_fault_point_fails_as_told_and_no_other_does(monkeypatch: pytest.MonkeyPatch) -> None:
    faults.reset()
    monkeypatch.setenv("EYEDEX_FAULT", "decoded:2:eio")
    for name in ("decoded", "embedded", "embedded"):
        faults.fault_point(name)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        faults.fault_point("decoded")
    monkeypatch.setenv("EYEDEX_FAULT", "nowhere:1:kill")
    with pytest.raises(ValueError, match="names no fault point: nowhere"):
        faults.fault_point("decoded")
    faults.reset()


def test_a_fault_point_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    """As no other test can show which line killed it."""

    class KilledError(Exception):
        pass

    def kill(pid: int, number: int) -> None:
        raise KilledError(pid, number)

    faults.reset()
    monkeypatch.setenv("EYEDEX_FAULT", "decoded:1:kill")
    monkeypatch.setattr(os, "kill", kill)
    with pytest.raises(KilledError) as killed:
        faults.fault_point("decoded")
    assert killed.value.args == (os.getpid(), signal.SIGKILL)
    faults.reset()
