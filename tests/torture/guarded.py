"""What guards the data: storage, decoding, access and admission, and how far the tests run it.

    python -m tests.torture.guarded [WORD ...]

runs the tests of these words, or of all, with their child processes, and prints a table of the
modules; it fails where a statement is not run, or fewer than 95 % of the branches. Left out are
modules that need an extra which development does without (`images/heif.py`), and what is particular
to one database (`catalog/dialects`).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STATEMENTS, BRANCHES = 1.0, 0.95
ROW = "{:<44} {:>10} {:>6} {:>8} {:>6} {}"


@dataclass(frozen=True, slots=True)
class Guard:
    """Modules below a folder, and the tests that run all of them."""

    folder: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        """The files of the modules."""
        return [f"{self.folder}/{name}.py" for name in self.modules]


GUARDS: Mapping[str, Sequence[Guard]] = {
    "storage": (
        Guard(
            "search_engine/storage",
            ("archive", "arrays", "durable", "faults", "locks", "paths", "room"),
            ("tests/search_engine/storage", "tests/faults/snapshots"),
        ),
        Guard(
            "search_engine/catalog",
            (
                "checksum", "connections", "damaged", "embedding_writer", "item_rows", "job_writer",
                "row_checksums", "writer",
            ),
            (
                "tests/search_engine/catalog/test_catalog.py",
                "tests/search_engine/catalog/test_catalog_storage.py",
                "tests/search_engine/catalog/test_checksum.py",
                "tests/search_engine/catalog/test_collection_rows.py",
                "tests/search_engine/catalog/test_former_encoders.py",
                "tests/search_engine/catalog/test_picture_colors.py",
                "tests/search_engine/catalog/test_writing.py",
                "tests/faults/test_damaged_rows.py", "tests/faults/test_row_checksums.py",
                "tests/faults/test_full_disk.py", "tests/indexer/jobs/test_queue.py",
            ),
        ),
    ),
    "decoding": (
        Guard(
            "search_engine/images",
            (
                "__init__", "colour", "confinement", "decode_pool", "decode_process", "decoder",
                "decoders_loaded", "files", "geometry", "given", "limits", "pixels",
                "plain_answers", "rgb",
            ),
            (
                "tests/images/test_borders.py", "tests/images/test_colour.py",
                "tests/images/test_confinement.py", "tests/images/test_jpegs.py",
                "tests/images/decoding",
                "tests/images/test_decoding_edges.py", "tests/images/test_given.py",
                "tests/images/test_heif.py",
                "tests/images/test_limits.py", "tests/images/test_pixels.py",
                "tests/images/test_plain_answers.py", "tests/images/test_types.py",
                "tests/images/test_wide.py",
            ),
        ),
    ),
    "access": (
        Guard("search_engine", ("access",), ()),
        Guard(
            "search_engine/catalog",
            ("access_rows",),
            ("tests/search_engine/catalog/test_writing.py",),
        ),
        Guard(
            "api/security",
            ("access", "addresses", "audit", "floors", "hosts", "keyring"),
            (
                "tests/api/test_access.py", "tests/api/test_audit.py", "tests/cli/test_audit.py",
                "tests/cli/test_keys.py", "tests/api/test_hosts.py", "tests/api/test_addresses.py",
                "tests/test_supply_chain.py", "tests/api/test_guards.py",
            ),
        ),
    ),
    "admission": (
        Guard(
            "api/security",
            ("admission", "bodies", "middleware", "protocol", "rates", "stopping"),
            (
                "tests/api/test_admission.py", "tests/api/test_rates.py",
                "tests/api/test_connections.py", "tests/api/test_deadlines.py",
                "tests/api/test_sites.py", "tests/api/test_stopping.py",
                "tests/api/test_envelope.py", "tests/api/test_read_only.py",
                "tests/api/test_guards.py", "tests/api/test_metrics.py",
            ),
        ),
        Guard("search_engine", ("priorities",), ("tests/search_engine/test_priorities.py",)),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Covered:
    """How much of a module tests run; `missing` lines, and branches as (from, to)."""

    module: str
    statements: int
    missed: int
    branches: int
    missed_branches: int
    missing: tuple[str, ...]


def main() -> int:
    """Print the table; the exit code is 1 if something is below the target, or a test fails."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.torture.guarded")
    parser.add_argument("words", nargs="*", metavar="WORD", help=", ".join(GUARDS))
    words = parser.parse_args().words or [*GUARDS]
    unknown = set(words) - set(GUARDS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(GUARDS)}")
    code, found = measured(ROOT, words)
    print(ROW.format("module", "statements", "missed", "branches", "missed", "not run"))
    for each in found:
        print(ROW.format(*row_of(each)).rstrip())
    statements, branches = shares(found)
    print(f"statements {statements:.2%}, branches {branches:.2%}")
    return 0 if code == 0 and statements >= STATEMENTS and branches >= BRANCHES else 1


def row_of(found: Covered) -> tuple[Any, ...]:
    """A module as a row of the table."""
    counts = (found.statements, found.missed, found.branches, found.missed_branches)
    return found.module, *counts, " ".join(found.missing)


def shares(found: Iterable[Covered]) -> tuple[float, float]:
    """The shares of statements and of branches that are run."""
    rows = [*found]
    statements, branches = sum(one.statements for one in rows), sum(one.branches for one in rows)
    missed = sum(one.missed for one in rows), sum(one.missed_branches for one in rows)
    return 1 - missed[0] / statements, 1 - missed[1] / branches


def measured(tree: Path, words: Iterable[str] = tuple(GUARDS)) -> tuple[int, list[Covered]]:
    """Run the tests of a tree; return how pytest ended, and what was run of each module."""
    guards = [guard for word in words for guard in GUARDS[word]]
    tests = sorted({test for guard in guards for test in guard.tests})
    with tempfile.TemporaryDirectory(prefix="eyedex-coverage-") as folder:
        settings = Path(folder) / "coverage.ini"
        listed = "\n  ".join(str(tree / path) for guard in guards for path in guard.paths)
        settings.write_text(
            "[run]\nbranch = true\nparallel = true\npatch = subprocess\n"
            f"data_file = {folder}/found\ninclude =\n  {listed}\n"
            "[report]\nexclude_also =\n  if TYPE_CHECKING:\n"
        )
        pytest = ("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
        ended = _coverage(tree, settings, "run", *pytest)
        _coverage(tree, settings, "combine", "-q")
        report = Path(folder) / "report.json"
        _coverage(tree, settings, "json", "-q", "-o", str(report))
        files = json.loads(report.read_text())["files"]
    return ended, [*_found(files, [path for guard in guards for path in guard.paths])]


def _coverage(tree: Path, settings: Path, verb: str, *arguments: str) -> int:
    command = [sys.executable, "-m", "coverage", verb, f"--rcfile={settings}", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=tree, env=environment, check=False).returncode


def _found(files: Mapping[str, Any], paths: Iterable[str]) -> Iterator[Covered]:
    for path in paths:
        if path not in files:
            raise LookupError(f"no test runs anything of {path}")
        told = files[path]
        counts, gone = told["summary"], set(told["missing_lines"])
        missing = [str(line) for line in sorted(gone)]
        missing += [f"{a}->{b}" for a, b in told["missing_branches"] if a not in gone]
        yield Covered(
            path,
            counts["num_statements"],
            counts["missing_lines"],
            counts["num_branches"],
            counts["missing_branches"],
            tuple(missing),
        )


if __name__ == "__main__":
    sys.exit(main())
