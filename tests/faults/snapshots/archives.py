"""Archives as `tarfile` writes them, whose plain headers are the same bytes as ours, so that each
differs from a good one in the one way under test; and what is left of a directory.
"""

import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.cli.exits import Exit, exit_code
from search_engine.config import Settings
from search_engine.errors import EyedexError
from search_engine.maintenance.restore import restore_snapshot
from search_engine.storage import archive as archives

Entry = tuple[tarfile.TarInfo, bytes]


def digest_of(data: Path) -> str:
    from search_engine.maintenance.check import check_data

    report = check_data(Settings(data=data))
    assert report.sound, report.findings
    return str(report.collections[0]["digest"])


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder with a hash of its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refused(file: Path, folder: Path) -> EyedexError:
    """The error that a restore from this file gives; there must be no trace of the attempt."""
    folder.mkdir(exist_ok=True)
    before = names(folder)
    with pytest.raises(EyedexError) as caught:
        restore_snapshot(Settings(data=folder / "data"), file)
    assert names(folder) == before
    assert exit_code(caught.value) in (Exit.STORAGE, Exit.USAGE)
    return caught.value


def entries(good: Path) -> list[Entry]:
    content = good.read_bytes()
    with tarfile.open(good) as tar:
        return [(info, content[info.offset_data :][: info.size]) for info in tar]


def pack(file: Path, members: list[Entry], *, tail: bytes = bytes(1_024)) -> Path:
    """A tar file of these members, ended like ours."""
    with file.open("wb") as out:
        for info, content in members:
            out.write(info.tobuf(tarfile.USTAR_FORMAT))
            out.write(content + bytes(-len(content) % 512))
        out.write(tail)
    return file


def plain(name: str, content: bytes) -> Entry:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o600
    return info, content


def sealed(described: dict[str, Any]) -> bytes:
    text = json.dumps({**described, "seal": ""}, indent=1)
    seal = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({**described, "seal": seal}, indent=1).encode() + b"\n"


def describe(members: list[Entry], changes: dict[str, Any] | None = None) -> Entry:
    """A `snapshot.json` that fits the members, or is changed where told."""
    described: dict[str, Any] = {
        "format": archives.FORMAT,
        "program": "0",
        "schema_version": "0001",
        "seq": 1,
        "created": "",
        "members": [
            {
                "name": info.name,
                "size_bytes": info.size,
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            for info, content in members
        ],
        **(changes or {}),
    }
    return plain("snapshot.json", sealed(described))


def seq_of(good: Path) -> int:
    return int(json.loads(entries(good)[0][1])["seq"])


def forge(good: Path, file: Path, change: Callable[[list[Entry]], list[Entry]]) -> Path:
    """An archive whose members were changed, and `snapshot.json` with them."""
    members = change(entries(good)[1:])
    return pack(file, [describe(members, {"seq": seq_of(good)}), *members])


def learned_files_of(data: Path) -> dict[str, str]:
    """Calibrations and classifiers with a hash of their content."""
    return {
        name: digest
        for name, digest in tree(data).items()
        if name.endswith(".safetensors") or "/calibration-" in name
    }


def damage(catalog: Path) -> None:
    """Make one embedding disagree with its checksum."""
    import sqlite3

    connection = sqlite3.connect(catalog)
    with connection:
        connection.execute("UPDATE embeddings SET crc32 = crc32 + 1 WHERE key = 3")
    connection.close()
