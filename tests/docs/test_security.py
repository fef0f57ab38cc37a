"""The list of threats: every test that it names is there, and every goal."""

import ast
import re
from pathlib import Path

from tests.torture.goals import all_goals

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(tests/[a-z_/]+\.py)::(test_\w+)`", TEXT)
    assert len(named) > 40
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text())
        names = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
        assert name in names, f"{path}::{name}"


def test_every_threat_has_a_test() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and "---" not in line]
    threats = [row for row in rows if not row.startswith("| threat |")]
    assert len(threats) > 20
    assert [row for row in threats if "::test_" not in row] == []


def test_every_named_goal_is_measured() -> None:
    known = {goal.name for goal in all_goals()}
    assert set(re.findall(r"\bG\d+\b", TEXT)) <= known
