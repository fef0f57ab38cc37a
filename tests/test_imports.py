"""Imports point one way: search_engine <- indexer <- api."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "search_engine": {"indexer", "api", "data", "tests", "benchmarks", "typer", "fastapi", "ray"},
    "indexer": {"api", "data", "tests", "benchmarks", "typer", "fastapi"},
    "api": {"data", "tests", "benchmarks"},
    "data": {"api", "indexer", "search_engine", "tests", "benchmarks"},
}


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


def test_torchvision_and_timm_are_imported_through_their_one_door() -> None:
    door = ROOT / "search_engine" / "encoders" / "torch_imports.py"
    for package in ("search_engine", "indexer", "api"):
        for module in (ROOT / package).rglob("*.py"):
            text = module.read_text()
            assert module == door or not imported(module) & {"torchvision", "timm"}, module
            assert module == door or 'import_module("t' not in text, module


def test_nothing_that_was_stored_is_unpickled() -> None:
    between_processes = ROOT / "search_engine" / "decoding.py"
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
    ],
)
def test_importing_a_module_stays_light(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert not heavy & set(done.stdout.split())
