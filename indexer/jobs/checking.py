"""The job that verifies what is stored, and tells it without naming places on the server's disk."""

from collections.abc import Mapping
from typing import Any

from indexer.jobs.parameters import CheckJob
from indexer.jobs.task import Task
from search_engine.catalog.store import Catalog
from search_engine.maintenance.check import check_data, is_sqlite_note
from search_engine.maintenance.room import missing_pictures, room_of

MOST_FINDINGS = 100


def run_check(job: CheckJob, task: Task) -> Mapping[str, Any]:
    """Do what `eyedex check` does; also count missing pictures and measure the disk."""
    paths = task.settings.paths
    with task.stage("checking", 1) as advance:
        report = check_data(task.settings)
        advance(1)
    found = [one for one in report.findings if not is_sqlite_note(one)]
    with Catalog(
        paths, task.settings.lock_wait_s, create=False, read_only=task.settings.read_only
    ) as catalog:
        collections = catalog.collections()
        missing = {}
        with task.stage("looking for pictures", len(collections)) as advance:
            for each in collections:
                missing[each.name] = missing_pictures(catalog, each)
                advance(1)
    room = room_of(paths.root)
    roots = {f"{paths.root}/", f"{paths.root.resolve()}/"}

    def told(text: str) -> str:
        for root in roots:
            text = text.replace(root, "")
        return text

    return {
        "sound": report.sound,
        "findings": [
            {
                "level": one.level,
                "code": one.code,
                "parameters": dict(one.parameters),
                "where": told(one.where),
                "what": told(one.what),
            }
            for one in found[:MOST_FINDINGS]
        ],
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
