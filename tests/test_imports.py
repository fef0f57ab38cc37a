"""Imports point one way: between packages (search_engine <- indexer <- api) and within each.

`ORDER` is the map of the house: a part imports parts that stand above it in the list, those of its
own line not. Imports within functions and below TYPE_CHECKING count as well.
"""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from benchmarks.structure import PACKAGES, Module, cycles, read_modules

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "search_engine": {"indexer", "api", "data", "tests", "benchmarks", "typer", "fastapi", "ray"},
    "indexer": {"api", "data", "tests", "benchmarks", "typer", "fastapi"},
    "api": {"data", "tests", "benchmarks"},
    "data": {"api", "indexer", "search_engine", "tests", "benchmarks"},
}
ORDER = {
    "search_engine": (
        "allocator errors records processes priorities commands plain_numbers",
        "strict_json interruptions",
        "access names forks cursors linear_algebra",
        "storage images",
        "near",
        "things neighbors metrics clustering encoders",
        "catalog",
        "indexes",
        "config",
        "collections",
        "search",
        "feedback",
        "vote",
        "classifiers",
        "overviews",
        "maintenance",
        "data_directory",
        "answering editing",
        "engine",
        "evaluate",
        "adapt",
    ),
    "indexer": (
        "arrow_import csv_cells declared decode_window encoding_speed json_scanner picture_hashes",
        "patches",
        "sources",
        "upload_errors",
        "staged_files",
        "incoming",
        "staging",
        "change",
        "plan report remembered schema",
        "covered",
        "embed",
        "executors",
        "run_context",
        "batches run_encoder",
        "pipeline",
        "run encoder_comparison",
        "opened_source asked clusters colors duplicates exchange overviews",
        "answers",
        "feedback",
        "jobs",
    ),
    "api": (
        "schemas",
        "request_names",
        "problems base64_pictures cursors dependencies examples filter_schema heads healthcheck",
        "client docstrings page",
        "deprecation forms idempotency security job_events",
        "served",
        "following",
        "parameters",
        "bodies conditions upload_bodies upload_columns",
        "routes openapi metrics",
        "app",
        "cli reference",
    ),
}
FACADE = "__init__"
"""Of `search_engine`: names for users of the library, resolved when they are asked for."""


def part_of(name: str) -> tuple[str, str]:
    """The package of a module and the part of it, as (`search_engine`, `catalog`)."""
    package, part = (*name.split("."), FACADE)[:2]
    return package, part


@cache
def imported(path: Path) -> set[str]:
    """Top-level packages that a module imports anywhere in its code."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_module_imports_what_stands_above_it(package: str) -> None:
    modules = sorted((ROOT / package).rglob("*.py"))
    assert modules
    for module in modules:
        assert not imported(module) & FORBIDDEN[package], module


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    """All but those of tests, which may import each other."""
    return read_modules(ROOT, {*PACKAGES} - {"tests"})


@pytest.mark.parametrize("package", ORDER)
def test_parts_of_a_package_import_what_stands_above_them(
    modules: dict[str, Module], package: str
) -> None:
    place = {part: n for n, line in enumerate(ORDER[package]) for part in line.split()}
    for name, module in modules.items():
        inside, part = part_of(name)
        if inside != package or part == FACADE:
            continue
        for other in module.imports:
            where, wanted = part_of(other)
            if where == package and wanted not in (part, FACADE):
                assert place[wanted] < place[part], f"{name} imports {other}"


def test_no_modules_import_each_other(modules: dict[str, Module]) -> None:
    assert cycles({name: set(each.imports) for name, each in modules.items()}) == []


def test_libraries_of_networks_are_imported_through_their_one_door() -> None:
    door = ROOT / "search_engine" / "encoders" / "torch_imports.py"
    libraries = {"torchvision", "timm", "open_clip"}
    for package in ("search_engine", "indexer", "api"):
        for module in (ROOT / package).rglob("*.py"):
            text = module.read_text()
            assert module == door or not imported(module) & libraries, module
            assert module == door or not re.search(r'import_module\("[to]', text), module


def test_nothing_that_was_stored_is_unpickled() -> None:
    between_processes = ROOT / "search_engine" / "images" / "decode_process.py"
    for package in ("search_engine", "indexer", "api"):
        for module in set((ROOT / package).rglob("*.py")) - {between_processes}:
            assert not imported(module) & {"pickle", "dill", "joblib", "shelve", "marshal"}, module


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("search_engine", {"numpy", "torch", "faiss", "sqlalchemy"}),
        (
            "api.cli.main",
            {"numpy", "pydantic", "torch", "faiss", "sqlalchemy", "openvino", "fastapi", "sklearn"},
        ),
        ("search_engine.engine", {"torch", "openvino", "fastapi"}),
        ("api.cli.catalog.indexing", {"torch", "openvino", "fastapi", "httpx2", "httpcore2"}),
        ("api.client", {"numpy", "pydantic", "torch", "faiss", "sqlalchemy", "fastapi", "PIL"}),
    ],
)
def test_importing_a_module_stays_light(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert not heavy & set(done.stdout.split())
