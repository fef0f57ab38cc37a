"""Exported networks that one user's data directories share, so that a new one need not wait.

To export a network takes seconds of processor time. What a data directory has is a copy of its own:
this cache may be deleted at any time, and a folder that cannot be written costs only time.
"""

import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

from search_engine.encoders.runtime.exports import (
    Making,
    copy_export,
    is_sealed,
    put_in_place,
    written_aside,
)

VARIABLE = "EYEDEX_NETWORK_CACHE"
"""Environment variable that names another folder; empty for none."""
KEPT = 8
"""Networks that are kept, those used last: of the default encoder one has 14 MB."""


def machine_cache() -> Path | None:
    """The folder; None if there is to be none, or it belongs to another user."""
    given = os.environ.get(VARIABLE)
    if given == "":
        return None
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = Path(given) if given else cache / "eyedex" / "networks"
        return folder if not folder.exists() or folder.stat().st_uid == os.getuid() else None
    except (OSError, RuntimeError):  # no home, or one that cannot be read
        return None


def find_export(fingerprint: str, making: Making) -> Path | None:
    """The undamaged export of a network that was made that way; None without one."""
    folder = _folder(fingerprint, making)
    if folder is None or not is_sealed(folder, making):
        return None
    with suppress(OSError):
        os.utime(folder)
    return folder


def keep_export(export: Path, fingerprint: str, making: Making) -> None:
    """Keep a copy of an export, and forget those that were not used for longest."""
    folder = _folder(fingerprint, making)
    if folder is None:
        return
    with suppress(OSError):
        with written_aside(folder) as aside:
            copy_export(export, aside)
            put_in_place(aside, folder, making)
        others = [each for each in folder.parent.iterdir() if each.is_dir()]
        for old in sorted(others, key=lambda each: each.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)


def _folder(fingerprint: str, making: Making) -> Path | None:
    cache = machine_cache()
    way = hashlib.sha256(json.dumps(making, sort_keys=True).encode()).hexdigest()[:8]
    return None if cache is None else cache / f"{fingerprint}-{way}"
