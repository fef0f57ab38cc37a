"""The documentation against the program: commands, links, settings, codes."""

import re
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.exits import Exit
from api.cli.verbs import app_of
from search_engine.config import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FIGURES = ROOT / "benchmarks" / "README.md"
FAMILIES = ("collections", "jobs", "keys")
"""Verbs of two words."""
READERS = ("shopper-page", "catalog-owner", "analyst", "operator")


def code_blocks(text: str) -> list[str]:
    return re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """Every `eyedex ...` line of the code blocks, without comments."""
    lines = "".join(code_blocks(text)).replace("\\\n", " ").splitlines()
    words = [line.partition(" #")[0].split() for line in lines]
    return [line for line in words if line[:1] == ["eyedex"]]


@cache
def help_of(*verb: str) -> str:
    """What `eyedex VERB --help` prints; nothing where there is no such verb."""
    done = CliRunner().invoke(app_of(), [*verb, "--help"])
    return done.output if done.exit_code == 0 else ""


def test_the_two_set_up_commands_of_the_readme() -> None:
    blocks = code_blocks((ROOT / "README.md").read_text())
    assert [line.strip() for line in blocks[0].splitlines()] == ["make demo"]
    assert [line.strip() for line in blocks[1].splitlines()] == ["make test"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_verb_and_option_in_the_pages_exists(page: Path) -> None:
    for words in commands(page.read_text()):
        if words[1].startswith("-"):
            continue
        verb = words[1:3] if words[1] in FAMILIES else words[1:2]
        name, shown = " ".join(verb), help_of(*verb)
        assert shown, f"{page.name}: eyedex {name}"
        for option in (word.partition("=")[0] for word in words if word.startswith("--")):
            assert option in shown, f"{page.name}: eyedex {name} {option}"


def test_every_make_target_in_the_pages_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"setup", "demo", "test", "lint", "serve", "bench", "clean", "help"} <= targets
    for page in PAGES:
        found = set(re.findall(r"`?make ([a-z]+)", "".join(code_blocks(page.read_text()))))
        assert found <= targets, page.name


def test_ci_runs_only_what_the_readme_offers() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    offered = (ROOT / "README.md").read_text()
    for target in re.findall(r"^make ([\w-]+)", script, re.MULTILINE):
        assert f"make {target}" in offered


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", [*PAGES, FIGURES], ids=lambda page: page.stem)
def test_every_table_is_whole(page: Path) -> None:
    """A block of rows has a head, its rule, and as many cells in each row as the head."""
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for block in re.findall(r"(?:^\|.*\n)+", prose, re.MULTILINE):
        rows = [
            len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", row))) for row in block.splitlines()
        ]
        assert re.fullmatch(r"\|[-:| ]+\|", block.splitlines()[1:2][0] if rows[1:] else ""), block
        assert set(rows) == {rows[0]}, block


@pytest.mark.parametrize("page", [*PAGES, FIGURES], ids=lambda page: page.stem)
def test_no_placeholder_is_left(page: Path) -> None:
    assert not re.search(
        r"^\W*[A-Z]{3,}\W*$",
        re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL),
        re.MULTILINE,
    )


def test_every_audience_has_its_page_which_leads_to_all_others() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    readers = {f"{reader}.md" for reader in READERS}
    assert readers <= pages
    texts = "".join((ROOT / "docs" / name).read_text() for name in readers)
    assert {name for name in pages - readers if f"({name})" not in texts} == set()


def test_every_setting_and_exit_code_is_documented() -> None:
    operator = (ROOT / "docs" / "operator.md").read_text()
    for name in Settings.model_fields:
        assert f"`{PREFIX}{name.upper()}`" in operator
    for code in Exit:
        assert f"| {code.value} |" in operator


def test_every_dependency_is_explained() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    described = (ROOT / "pyproject.toml").read_text()
    block = described.partition("dependencies = [")[2].partition("]")[0]
    names = re.findall(r'"([A-Za-z0-9_-]+)', block)
    assert len(names) > 10
    for name in names:
        assert f"`{name}`" in text, name


def test_constraints_pin_every_dependency() -> None:
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    described = (ROOT / "pyproject.toml").read_text().partition("[project.scripts]")[0]
    block = described.partition("dependencies = [")[2]
    for name in re.findall(r'^    "([A-Za-z0-9_-]+)', block, re.MULTILINE):
        assert name.lower().replace("_", "-") in pinned, name
