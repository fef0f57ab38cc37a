"""Parts shared by snapshot, restore and export: a folder to work in, disk space, checks."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from search_engine.config import Settings
from search_engine.errors import CorruptDataError, ParameterError, StorageFullError
from search_engine.maintenance.check import CheckReport, check_data
from search_engine.storage.faults import fault_point
from search_engine.storage.locks import exclusive

ERRORS_SHOWN = 3
SPARE_BYTES = 2**20
"""Space that opening a copied catalog takes beyond its files."""


def checked(settings: Settings, folder: Path, called: Path) -> CheckReport:
    """Run `check_data`, and return its report if that has no errors; `called` is for messages."""
    report = check_data(settings.model_copy(update={"data": folder, "database_url": None}))
    errors = [
        f"{one.where.replace(str(folder), str(called))}: {one.what}"
        for one in report.findings
        if one.level == "error"
    ]
    if errors:
        more = f"; and {len(errors) - ERRORS_SHOWN:,} more" if len(errors) > ERRORS_SHOWN else ""
        raise CorruptDataError(
            f"the catalog is not sound: {'; '.join(errors[:ERRORS_SHOWN])}{more}",
            where=str(called),
        )
    return report


def check_space(folder: Path, needed_bytes: int) -> None:
    """Refuse at once what cannot fit; the header of an archive may declare anything."""
    room = os.statvfs(next(path for path in (folder, *folder.parents) if path.exists()))
    free_bytes = room.f_bavail * room.f_frsize
    if needed_bytes + SPARE_BYTES > free_bytes:
        raise StorageFullError(
            f"{needed_bytes + SPARE_BYTES:,} bytes are needed, {free_bytes:,} are free",
            where=str(folder),
            fix="free some space and try again",
        )


def check_target(file: Path, force: bool) -> None:
    """Raise ParameterError if no file can be written, or an existing one must stay."""
    if not file.parent.is_dir():
        raise ParameterError("there is no such folder", where=str(file.parent))
    if file.exists() and not file.is_file():
        raise ParameterError("this is not a file", where=str(file))
    if file.exists() and not force:
        raise ParameterError(
            "there is such a file already", where=str(file), fix="name another, or add --force"
        )


@contextmanager
def workshop(folder: Path, doing: str) -> Iterator[Path]:
    """Provide an empty folder to work in, of our own, which is deleted afterwards.

    Leftovers of a killed process are deleted first.
    """
    with exclusive(folder / "lock", 0.0, doing):
        try:
            _clear(folder)
            fault_point("workshop_opened")
            yield folder
        finally:
            _clear(folder)
            with suppress(OSError):
                (folder / "lock").unlink()
                folder.rmdir()


def _clear(folder: Path) -> None:
    """Delete what we put there, and nothing else."""
    shutil.rmtree(folder / "data", ignore_errors=True)
    with suppress(OSError):
        (folder / "archive").unlink()


def real_path(path: Path) -> Path:
    """Return the path without symbolic links, so that a rename affects the right directory."""
    real = os.path.realpath(path)
    try:
        real.encode()
    except UnicodeEncodeError:
        raise ParameterError("the path is not UTF-8", where=repr(real)) from None
    return Path(real)


def item_count(report: CheckReport) -> int:
    """Count the items of all collections."""
    return sum(fact["items"] for fact in report.collections)
