"""What is not a good archive is refused, and leaves no trace."""

import io
import json
import os
import random
import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.cli.exits import Exit, exit_code
from search_engine.config import Settings
from search_engine.errors import CorruptDataError, StorageFullError
from search_engine.maintenance.restore import restore_snapshot
from search_engine.storage import archive as archives
from tests.faults.snapshots.archives import (
    Entry,
    damage,
    describe,
    entries,
    forge,
    names,
    pack,
    plain,
    refused,
    tree,
)
from tests.faults.test_interruption import checked, eyedex

PAGE = 4_096
FLIPS_A_MEMBER = 24
QUICK_S = 2.0
TB = 2**40


def test_an_archive_cut_off_at_any_page_is_refused(good: Path, tmp_path: Path) -> None:
    file = Path(shutil.copy(good, tmp_path / "cut.tar"))
    size = file.stat().st_size
    offsets = {0, 1, 511, 512, size - 1, size - 512, size - 1_024, *range(0, size, PAGE)}
    for offset in sorted(offsets, reverse=True):
        os.truncate(file, offset)
        assert isinstance(refused(file, tmp_path / "here"), CorruptDataError)


def test_a_flipped_bit_in_any_member_is_found(good: Path, tmp_path: Path) -> None:
    content = bytearray(good.read_bytes())
    file = tmp_path / "flipped.tar"
    chance = random.Random(5)
    with tarfile.open(good) as tar:
        parts = [(info.offset, info.offset_data, info.offset_data + info.size) for info in tar]
    ends = [*(start for start, _, _ in parts[1:]), len(content)]
    flips = 0
    for (header, data, padding), end in zip(parts, ends, strict=True):
        for first, last in ((header, data), (data, padding), (padding, end)):
            for offset in chance.sample(range(first, last), min(last - first, FLIPS_A_MEMBER)):
                bit = 1 << chance.randrange(8)
                content[offset] ^= bit
                file.write_bytes(content)
                assert isinstance(refused(file, tmp_path / "here"), CorruptDataError), offset
                content[offset] ^= bit
                flips += 1
    assert flips > 300
    assert content == good.read_bytes()


@pytest.mark.parametrize("junk", [b"\0", b"x", bytes(512), bytes(10_240), b"PK\3\4"])
def test_appended_bytes_are_refused(junk: bytes, good: Path, tmp_path: Path) -> None:
    file = tmp_path / "longer.tar"
    file.write_bytes(good.read_bytes() + junk)
    assert isinstance(refused(file, tmp_path / "here"), CorruptDataError)


def as_kind(kind: bytes, linkname: str = "") -> Callable[[list[Entry]], list[Entry]]:
    def change(members: list[Entry]) -> list[Entry]:
        members[0][0].type, members[0][0].linkname = kind, linkname
        return members

    return change


def renamed(name: str) -> Callable[[list[Entry]], list[Entry]]:
    def change(members: list[Entry]) -> list[Entry]:
        members[-1][0].name = name
        return members

    return change


FORGERIES: dict[str, Callable[[list[Entry]], list[Entry]]] = {
    "symbolic link": as_kind(tarfile.SYMTYPE, "/etc/passwd"),
    "hard link": as_kind(tarfile.LNKTYPE, "../catalog.sqlite"),
    "character device": as_kind(tarfile.CHRTYPE),
    "block device": as_kind(tarfile.BLKTYPE),
    "fifo": as_kind(tarfile.FIFOTYPE),
    "directory": as_kind(tarfile.DIRTYPE),
    "sparse": as_kind(tarfile.GNUTYPE_SPARSE),
    "long name": as_kind(tarfile.GNUTYPE_LONGNAME),
    "extended header": as_kind(tarfile.XHDTYPE),
    "contiguous": as_kind(tarfile.CONTTYPE),
    "parent": renamed("../x"),
    "parent inside": renamed("indexes/default/gen-000001/../../../x"),
    "absolute": renamed("/tmp/x"),
    "other file": renamed("indexes/default/gen-000001/x"),
    "hidden folder": renamed("indexes/.default/gen-000001/keys.i64"),
    "line end": renamed("indexes/default/gen-000001/keys.i64\n"),
    "dot": renamed("./catalog.sqlite"),
    "second catalog": renamed("catalog.sqlite"),
    "log": renamed("catalog.sqlite-wal"),
    "no catalog": lambda members: members[1:],
    "nothing": lambda members: [],
    "doubled": lambda members: [members[0], members[1], *members[1:]],
    "doubled catalog": lambda members: [members[0], *members],
    "other order": lambda members: [members[0], *members[:0:-1]],
    "catalog last": lambda members: [*members[1:], members[0]],
    "not a database": lambda members: [plain("catalog.sqlite", b"x" * 5_000), *members[1:]],
    "empty database": lambda members: [plain("catalog.sqlite", b""), *members[1:]],
}


@pytest.mark.parametrize("kind", FORGERIES)
def test_forged_members_are_refused(kind: str, good: Path, tmp_path: Path) -> None:
    file = forge(good, tmp_path / "forged.tar", FORGERIES[kind])
    assert isinstance(refused(file, tmp_path / "here"), CorruptDataError)
    assert not (tmp_path / "x").exists()


def test_part_of_a_generation_is_built_anew(good: Path, tmp_path: Path) -> None:
    """Nothing of it is read."""
    file = forge(good, tmp_path / "forged.tar", lambda members: members[:-1])
    restore_snapshot(Settings(data=tmp_path / "here"), file)
    assert checked(tmp_path / "here").collections[0]["generation"] == "gen-000001"


def test_members_that_snapshot_json_does_not_name(good: Path, tmp_path: Path) -> None:
    first, *members = entries(good)
    lists: dict[str, list[Entry]] = {
        "missing": [first, *members[:-1]],
        "additional": [first, *members, plain("x", b"x")],
        "additional and hostile": [first, *members, plain("../x", b"x")],
        "doubled": [first, *members, members[-1]],
        "no description": members,
        "description last": [*members, first],
        "another first": [plain("README", b"hello"), first, *members],
        "only the description": [first],
    }
    for kind, listed in lists.items():
        file = pack(tmp_path / "forged.tar", listed)
        assert isinstance(refused(file, tmp_path / "here"), CorruptDataError), kind


DESCRIPTIONS: dict[str, dict[str, Any]] = {
    "newer": {"format": archives.FORMAT + 1},
    "newer with more": {"format": 99, "streams": []},
    "newer schema": {"schema_version": "9999"},
    "format 0": {"format": 0},
    "format of text": {"format": "1"},
    "format of fraction": {"format": 1.5},
    "more": {"more": 1},
    "no members": {"members": None},
    "members by name": {"members": {}},
    "negative": {"seq": -1},
    "nan": {"seq": float("nan")},
    "surrogate": {"created": "\ud800"},
}


@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_other_descriptions_are_refused(kind: str, good: Path, tmp_path: Path) -> None:
    members = entries(good)[1:]
    file = pack(tmp_path / "a.tar", [describe(members, DESCRIPTIONS[kind]), *members])
    code = "newer_format" if kind.startswith("newer") else "storage_corrupt"
    assert refused(file, tmp_path / "here").code == code


def test_member_descriptions_that_lie(good: Path, tmp_path: Path) -> None:
    members = entries(good)[1:]
    listed = json.loads(describe(members)[1])["members"]
    lies: list[dict[str, Any]] = [
        {"sha256": "0" * 64},
        {"sha256": listed[0]["sha256"].upper()},
        {"sha256": ""},
        {"size_bytes": listed[0]["size_bytes"] - 1},
        {"size_bytes": listed[0]["size_bytes"] + 512},
        {"size_bytes": -512},
        {"size_bytes": float(listed[0]["size_bytes"])},
        {"size_bytes": 2**63},
        {"size_bytes": True},
        {"name": ["catalog.sqlite"]},
        {"linkname": "x"},
    ]
    for lie in lies:
        changed = [{**listed[0], **lie}, *listed[1:]]
        file = pack(tmp_path / "a.tar", [describe(members, {"members": changed}), *members])
        assert isinstance(refused(file, tmp_path / "here"), CorruptDataError), lie


def test_spellings_of_the_description_other_than_the_one(good: Path, tmp_path: Path) -> None:
    members = entries(good)[1:]
    text = describe(members)[1]
    for other in (
        json.dumps(json.loads(text)).encode(),
        text + b"\n",
        text.replace(b'{\n "format": 2', b'{\n "format": 2,\n "format": 2', 1),
        b"[" * 100_000,
        b'{"format": ' + b"9" * 5_000 + b"}",
        b"\xff" + text,
        b"",
    ):
        file = pack(tmp_path / "a.tar", [plain("snapshot.json", other), *members])
        error = refused(file, tmp_path / "here")
        assert error.code in ("storage_corrupt", "newer_format")


def test_100000_entries_are_refused_at_once(good: Path, tmp_path: Path) -> None:
    header = tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT)
    first, *members = entries(good)
    folder = "indexes/default/gen-000001"
    listed = [plain(f"indexes/c{number}/{folder[16:]}", b"") for number in range(100_000)]
    for described in (first, describe([*members, *listed])):
        file = tmp_path / "many.tar"
        file.write_bytes(described[0].tobuf() + described[1] + header * 100_000)
        started = time.thread_time()
        assert isinstance(refused(file, tmp_path / "here"), CorruptDataError)
        assert time.thread_time() - started < QUICK_S


@pytest.mark.parametrize("with_the_hole", [False, True])
def test_a_huge_member_is_refused_at_once(
    with_the_hole: bool, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = plain("catalog.sqlite", b"")[0]
    info.size = TB
    described, content = describe([(info, b"")])
    file = tmp_path / "huge.tar"
    file.write_bytes(
        described.tobuf(tarfile.USTAR_FORMAT)
        + content
        + bytes(-len(content) % 512)
        + info.tobuf(tarfile.GNU_FORMAT)
    )
    if with_the_hole:
        os.truncate(file, file.stat().st_size + TB + 1_024)
        free = os.statvfs(tmp_path)
        assert free.f_bavail * free.f_frsize < TB, "this disk is too large for this test"
    started = time.thread_time()
    error = refused(file, tmp_path / "here")
    assert isinstance(error, StorageFullError if with_the_hole else CorruptDataError)
    assert time.thread_time() - started < QUICK_S


def test_what_is_no_archive_at_all(tmp_path: Path) -> None:
    contents = {
        "empty": b"",
        "text": b"hello\n" * 1_000,
        "zeros": bytes(10_240),
        "random": random.Random(1).randbytes(100_000),
        "database": b"SQLite format 3\x00" + bytes(20_000),
        "gzip": b"\x1f\x8b\x08" + bytes(2_000),
    }
    for kind, content in contents.items():
        file = tmp_path / kind
        file.write_bytes(content)
        assert isinstance(refused(file, tmp_path / "here"), CorruptDataError), kind
    os.mkfifo(tmp_path / "fifo")
    for file in (tmp_path / "none", tmp_path, tmp_path / "fifo", Path("/dev/zero")):
        assert exit_code(refused(file, tmp_path / "here")) == Exit.USAGE


def test_a_well_packed_but_unsound_catalog_is_refused(good: Path, tmp_path: Path) -> None:
    def spoil(members: list[Entry]) -> list[Entry]:
        catalog = tmp_path / "catalog.sqlite"
        catalog.write_bytes(members[0][1])
        damage(catalog)
        return [plain("catalog.sqlite", catalog.read_bytes()), *members[1:]]

    file = forge(good, tmp_path / "a.tar", spoil)
    error = refused(file, tmp_path / "here")
    assert isinstance(error, CorruptDataError)
    assert "does not match its checksum" in error.what


@pytest.mark.sqlite_only("a catalog in a database is not replaced")
def test_a_refused_archive_leaves_what_is_to_be_replaced(
    good: Path, other: Path, tmp_path: Path
) -> None:
    file = Path(shutil.copy(good, tmp_path / "a.tar"))
    with file.open("r+b") as out:
        out.seek(-2_000, io.SEEK_END)
        out.write(b"?")
    before = tree(other)
    done = eyedex("restore", file, "--data", other, "--replace", "--json")
    assert (done.returncode, json.loads(done.stderr)["code"]) == (5, "storage_corrupt")
    assert tree(other) == before
    assert names(tmp_path) == ["a.tar", "data"]
