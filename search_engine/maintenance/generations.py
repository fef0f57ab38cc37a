"""Check the published generations of an index."""

import time
from collections.abc import Iterator
from pathlib import Path

from search_engine.commands import compact_command
from search_engine.errors import CorruptDataError, NewerFormatError, OlderFormatError
from search_engine.indexes import generations as generation
from search_engine.indexes.manifest import verify
from search_engine.maintenance.findings import Finding, of_file

MEANWHILE_S = 0.5
UPDATE = "update Eyedex"


def check_generations(folder: Path, collection: str) -> Iterator[Finding]:
    """Verify every file of the generations in a folder."""
    again = f"{compact_command(collection)} builds it again"
    findings = list(_generation_findings(folder, again))
    if any(one.level == "error" for one in findings):
        # a server may have published or deleted one meanwhile: damage is there the next time too
        time.sleep(MEANWHILE_S)
        findings = list(_generation_findings(folder, again))
    yield from findings
    for left in generation.leftovers(folder):
        said = "left by an interrupted run; the next run deletes it"
        yield of_file("note", str(left), said, "leftover")


def _generation_findings(folder: Path, again: str) -> Iterator[Finding]:
    try:
        named = generation.current(folder)
        names = generation.generations(folder)
        if named is not None and named not in names:
            said = f"names {named}, which is not there; {again}"
            yield of_file("error", str(folder / "CURRENT"), said, "index_missing")
    except CorruptDataError as error:
        names = generation.generations(folder)
        said = f"{error.what}; {again}"
        yield of_file("error", error.where or str(folder), said, "index_damaged")
    for name in names:
        try:
            verify(folder / name)
        except OlderFormatError as error:
            said = f"{error.what}; the next one replaces it"
            yield of_file("note", error.where or name, said, "index_outdated")
        except (CorruptDataError, NewerFormatError) as error:
            if (folder / name).exists():
                is_newer = isinstance(error, NewerFormatError)
                said = f"{error.what}; {UPDATE if is_newer else again}"
                yield of_file("error", error.where or name, said, "index_damaged")
