"""Help: nothing is cut, and everything is explained."""

import re

import pytest

from api.cli.catalog.collections import collections
from api.cli.jobs import jobs
from api.cli.verbs import app_of
from search_engine.search.declared import OPTIONS
from tests.cli.conftest import Run

VERBS = [
    [],
    *([verb.name] for verb in app_of().registered_commands),
    ["collections"],
    *(["collections", verb.name] for verb in collections.registered_commands),
    ["jobs"],
    *(["jobs", verb.name] for verb in jobs.registered_commands),
]
OPTION = re.compile(r"  (-[-\w]+|[\w.]+ <)")


@pytest.mark.parametrize("columns", [80, 60])
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(map(str, verb)) or "eyedex")
def test_help_is_whole(
    run: Run, monkeypatch: pytest.MonkeyPatch, verb: list[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERMINAL_WIDTH", str(columns))
    ran = run(*verb, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert "…" not in ran.out
    usage, *body = ran.out.splitlines()
    assert usage.startswith("Usage: eyedex")
    assert not [line for line in body if line.endswith("...")]
    assert all(len(line) <= columns for line in body)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(map(str, verb)) or "eyedex")
def test_every_option_has_help(run: Run, monkeypatch: pytest.MonkeyPatch, verb: list[str]) -> None:
    """An option stands with its text on one line, or above it where it is long."""
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    _, _, listed = run(*verb, "--help").out.partition("Options:")
    arguments = run(*verb, "--help").out.partition("Arguments:")[2].partition("Options:")[0]
    lines = [line for line in (arguments + listed).splitlines() if line.startswith("  ")]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if OPTION.match(line):
            text = line.strip().partition("  ")[2].strip() or following.strip()
            assert text, line
            assert not text.startswith("["), line


@pytest.mark.parametrize("verb", ["search", "classify"])
def test_options_are_named_as_they_are_typed(
    run: Run, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Not as requests spell them, whose declaration the help comes from."""
    monkeypatch.setenv("TERMINAL_WIDTH", "500")
    said = run(verb, "--help").out
    spelled = {each.name for each in OPTIONS if "_" in each.name}
    assert not [name for name in spelled if re.search(rf"\b{name}\b", said)]
    named = re.findall(r"`([a-z_]+)`", said)
    assert set(named) <= {"next_cursor"}
    if verb == "search":
        assert "not with --group-by." in said
        assert "`next_cursor` of --json" in said
