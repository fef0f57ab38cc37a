"""What a process holds in memory, and files on disk."""

import ctypes
import gc
from pathlib import Path


def resident_bytes() -> dict[str, int]:
    """What this process holds: `anonymous`, `file` (mapped and touched), and `peak` of both.

    Rubbish is collected and free pages are returned to the system before.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    status = Path("/proc/self/status").read_text()
    return {
        name: int(status.partition(f"\n{line}:")[2].split(maxsplit=1)[0]) * 1_024
        for name, line in (("anonymous", "RssAnon"), ("file", "RssFile"), ("peak", "VmHWM"))
    }


def disk_bytes(folder: Path) -> int:
    """The sizes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
