"""The job that verifies what is stored, and tells it without naming places on the server's disk."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from indexer.jobs.parameters import CheckJob
from indexer.jobs.task import Task
from search_engine.catalog.store import Catalog
from search_engine.maintenance.check import check_data, is_sqlite_note
from search_engine.maintenance.findings import Finding
from search_engine.maintenance.room import Missing, missing_pictures, room_of

MOST_FINDINGS = 100


def run_check(job: CheckJob, task: Task) -> Mapping[str, Any]:
    """Do what `eyedex check` does; also count missing pictures and measure the disk."""
    paths = task.settings.paths
    with task.stage("checking", 1) as advance:
        report = check_data(task.settings)
        advance(1)
    found = [one for one in report.findings if not is_sqlite_note(one)]
    missing = _missing_pictures(task)
    room = room_of(paths.root)
    return {
        "sound": report.sound,
        "findings": [_told(one, paths.root) for one in found[:MOST_FINDINGS]],
        "findings_total": len(found),
        "collections": [
            {
                "name": fact["name"],
                "items": fact["items"],
                "unsearchable": fact["unsearchable"],
                "missing_pictures": missing[fact["name"]].count,
                "missing_examples": list(missing[fact["name"]].examples),
            }
            for fact in report.collections
            if fact["name"] in missing
        ],
        "used_bytes": room.used_bytes,
        "free_bytes": room.free_bytes,
        "versions": report.versions,
    }


def _missing_pictures(task: Task) -> dict[str, Missing]:
    """What is missing of each collection, by its name."""
    settings, missing = task.settings, {}
    with Catalog(
        settings.paths, settings.lock_wait_s, create=False, read_only=settings.read_only
    ) as catalog:
        collections = catalog.collections()
        with task.stage("looking for pictures", len(collections)) as advance:
            for each in collections:
                missing[each.name] = missing_pictures(catalog, each)
                advance(1)
    return missing


def _told(finding: Finding, root: Path) -> dict[str, Any]:
    """A finding, with places below the data directory named from there."""
    facts = finding.facts()
    for folder in (f"{root}/", f"{root.resolve()}/"):
        facts["where"] = facts["where"].replace(folder, "")
        facts["what"] = facts["what"].replace(folder, "")
    return facts
