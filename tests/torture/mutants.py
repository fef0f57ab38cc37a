"""G26: whether the tests of what guards the data would notice a mistake there.

How much of it they run is measured in branches; whether they look at what it does by mutants: the
program with one comparison turned, one constant changed, one condition denied. A mutant that
passes all tests of its module is one that nobody would notice.
"""

import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.torture.goals import Goal, Reached, tries
from tests.torture.guarded import BRANCHES, STATEMENTS, measured, shares
from tests.torture.mutant_runs import A_RUN_S, ASKED

ROOT = Path(__file__).parents[2]
FILES, GUARDS_ALONE = "tests/search_engine/storage/test_files.py", "tests/api/test_guards.py"
GUARDED = {
    "search_engine/storage/durable.py": (FILES, "tests/faults/snapshots"),
    "search_engine/storage/locks.py": ("tests/search_engine/storage",),
    "search_engine/storage/room.py": (FILES, "tests/faults/test_full_disk.py"),
    "search_engine/access.py": ("tests/api/test_access.py",),
    "search_engine/images/limits.py": (
        "tests/images/test_limits.py", "tests/images/test_types.py",
        "tests/images/test_decoding_edges.py",
    ),
    "search_engine/images/decode_pool.py": ("tests/images/decoding",),
    "search_engine/images/plain_answers.py": (
        "tests/images/test_plain_answers.py", "tests/images/decoding",
    ),
    "search_engine/images/confinement.py": (
        "tests/images/decoding/test_child.py", "tests/images/test_confinement.py",
    ),
    "api/security/access.py": (
        GUARDS_ALONE, "tests/api/test_access.py", "tests/api/test_audit.py",
    ),
    "api/security/keyring.py": (GUARDS_ALONE, "tests/api/test_access.py"),
    "api/security/admission.py": ("tests/api/test_admission.py",),
    "api/security/rates.py": ("tests/api/test_rates.py",),
    "api/security/hosts.py": ("tests/api/test_hosts.py", "tests/api/test_sites.py"),
    "api/security/audit.py": (
        GUARDS_ALONE, "tests/api/test_audit.py", "tests/cli/test_audit.py",
    ),
}  # fmt: skip
"""What must not be wrong, and the tests that see to it."""

KILLED = 0.85
PUBLISHED = 0.2
"""From this scale on there are enough mutants for a verdict, and coverage is measured."""
NOTHING: Mapping[str, str] = {}
NO_TESTS = (4, 5)
"""What pytest ends with where it was called wrongly, or found none."""
COPIED = ("search_engine", "indexer", "api", "tests", "data", "benchmarks", "pyproject.toml")
OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one mistake in it."""

    module: str
    line: int
    what: str
    text: str


def tests_of_tests(scale: float, seed: int) -> Reached:
    """Measure coverage, and let tests find mutants that are drawn by chance."""
    with tempfile.TemporaryDirectory(prefix="eyedex-mutants-") as temporary:
        tree = Path(temporary) / "tree"
        _copy(tree)
        covered = shares(measured(tree)[1]) if scale >= PUBLISHED else None
        wanted = tries(100, scale, at_least=2)
        known = [each for module in GUARDED for each in mutants_of(module)]
        chosen = random.Random(seed).sample(known, min(wanted, len(known)))
        alive = [*_alive(tree, chosen)]
    share = 1 - len(alive) / len(chosen)
    told = [f"{each.module}:{each.line} {each.what}" for each in alive]
    figures = f"{len(chosen)} of {len(known)} mutants: {share:.0%} noticed {told[:8]}"
    is_met = scale < PUBLISHED or share >= KILLED
    if covered is not None:
        figures = f"statements {covered[0]:.1%}, branches {covered[1]:.1%}; {figures}"
        is_met = is_met and covered[0] >= STATEMENTS and covered[1] >= BRANCHES
    return Reached(is_met, figures)


def mutants_of(module: str) -> Iterator[Mutant]:
    """All mutants of a module; those of its constants at the top are left out."""
    text = (ROOT / module).read_text()
    places = [each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.FunctionDef)]
    lines = {line for each in places for line in range(each.lineno, (each.end_lineno or 0) + 1)}
    count = sum(1 for _ in _mistakes(ast.parse(text)))
    for number in range(count):
        tree = ast.parse(text)
        for at, (node, make) in enumerate(_mistakes(tree)):
            if at == number and node.lineno in lines:
                what = make()
                yield Mutant(module, node.lineno, what, ast.unparse(tree))


def _mistakes(tree: ast.AST) -> Iterator[tuple[ast.expr, Callable[[], str]]]:
    """Places where a mistake can be made, and what makes it there and says which."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            yield node, partial(_turn, node)
        elif isinstance(node, ast.If | ast.While | ast.IfExp):
            yield node.test, partial(_deny, node)
        elif isinstance(node, ast.Constant) and type(node.value) in (int, bool):
            yield node, partial(_change, node)


def _turn(node: ast.Compare) -> str:
    before = type(node.ops[0])
    node.ops = [OPPOSITE[before]()]
    return f"{before.__name__} turned"


def _deny(node: ast.If | ast.While | ast.IfExp) -> str:
    node.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
    ast.fix_missing_locations(node)
    return "condition denied"


def _change(node: ast.Constant) -> str:
    before = node.value
    assert isinstance(before, int)
    node.value = not before if isinstance(before, bool) else before + 1
    return f"{before} became {node.value}"


def _copy(tree: Path) -> None:
    for name in COPIED:
        source, target = ROOT / name, tree / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def _alive(tree: Path, chosen: Sequence[Mutant]) -> Iterator[Mutant]:
    """Those that no test notices."""
    for module in GUARDED:
        mutants = [each for each in chosen if each.module == module]
        if mutants:
            noticed = _noticed(tree, module, mutants)
            yield from (one for one, is_seen in zip(mutants, noticed, strict=True) if not is_seen)


def _noticed(tree: Path, module: str, mutants: Sequence[Mutant]) -> list[bool]:
    """Which mutants of a module make one of its tests fail, or not come to an end."""
    asked, found = tree.parent / "asked.json", tree.parent / "found.json"
    told = [{"line": each.line, "text": each.text} for each in mutants]
    question = {"file": str(tree / module), "found": str(found), "mutants": told}
    asked.write_text(json.dumps(question))
    plugin = ("-p", "tests.torture.mutant_runs", "--capture=no")
    done = _tested(tree, None, *plugin, *GUARDED[module], environment={ASKED: str(asked)})
    if done.returncode != 0:
        raise RuntimeError(f"{module}: {done.stdout.decode()[-1_000:]}")
    answers = json.loads(found.read_text())
    return [
        _is_noticed_by_all(tree, mutant) if answer is None else answer
        for mutant, answer in zip(mutants, answers, strict=True)
    ]


def _is_noticed_by_all(tree: Path, mutant: Mutant) -> bool:
    """Whether a test fails that is loaded with it, as of what is computed while it is loaded."""
    file = tree / mutant.module
    before = file.read_text()
    file.write_text(mutant.text)
    try:
        return _tested(tree, A_RUN_S, "-x", *GUARDED[mutant.module]).returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        file.write_text(before)


def _tested(
    tree: Path, limit_s: float | None, *arguments: str, environment: Mapping[str, str] = NOTHING
) -> "subprocess.CompletedProcess[bytes]":
    """Run tests in the copy, not in what is installed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    paths = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command,
        cwd=tree,
        env={**os.environ, **paths, **environment},
        capture_output=True,
        timeout=limit_s,
        check=False,
    )
    if done.returncode in NO_TESTS:
        raise RuntimeError(f"no tests were run: {done.stdout.decode()[-300:]}")
    return done


GOALS = [
    Goal(
        "G26",
        "what guards the data: statements 100 %, branches >= 95 %, of mutants >= 85 % noticed",
        tests_of_tests,
    )
]
