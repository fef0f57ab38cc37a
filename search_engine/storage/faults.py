"""Named points where tests can make the process fail as a machine would.

`EYEDEX_FAULT=name:count:kill` kills the process the count-th time it reaches the point; `eio` and
`enospc` raise the error of a failing or full disk. Without the variable a call costs one look-up.
"""

import errno
import os
import signal
from functools import lru_cache

POINTS = (
    "schema_before_commit",
    "row_read",
    "decoded",
    "embedded",
    "before_commit",
    "after_commit",
    "generation_started",
    "generation_file_half",
    "generation_file_written",
    "generation_before_rename",
    "generation_renamed",
    "current_before_rename",
    "current_renamed",
    "generation_collected",
    "vectors_added",
    "encoder_before_change",
    "encoder_changed",
    "workshop_opened",
    "snapshot_generations_staged",
    "snapshot_catalog_copied",
    "snapshot_archive_half",
    "snapshot_archive_written",
    "snapshot_before_rename",
    "snapshot_renamed",
    "restore_file_half",
    "restore_extracted",
    "restore_checked",
    "restore_before_rename",
    "restore_before_exchange",
    "restore_in_place",
    "publish_part_sent",
    "publish_before_naming",
    "publish_named",
    "follow_part_pulled",
    "follow_before_rename",
    "follow_named",
    "export_half",
    "export_written",
    "export_before_rename",
    "export_first_renamed",
    "import_before_commit",
    "import_committed",
    "patches_before_commit",
    "patches_committed",
    "upload_half",
    "upload_before_rename",
)

_passed: dict[str, int] = {}


def fault_point(name: str) -> None:
    """Fail here if the environment says so."""
    plan = os.environ.get("EYEDEX_FAULT")
    if plan is None:
        return
    wanted, count, action = _parse(plan)
    if name != wanted:
        return
    _passed[name] = _passed.get(name, 0) + 1
    if _passed[name] == count:
        _fail(action)


def reset() -> None:
    """Count from zero again, for another plan in the same process."""
    _passed.clear()


@lru_cache(maxsize=1)
def _parse(plan: str) -> tuple[str, int, str]:
    name, count, action = plan.split(":")
    if name not in POINTS:
        raise ValueError(f"EYEDEX_FAULT names no fault point: {name}")
    return name, int(count), action


def _fail(action: str) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    code = {"eio": errno.EIO, "enospc": errno.ENOSPC}[action]
    raise OSError(code, os.strerror(code))
