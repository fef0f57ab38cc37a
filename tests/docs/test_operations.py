"""What to do about each error: every code is listed, with the statuses and exit codes it has."""

import re
from collections import defaultdict
from importlib import import_module
from pathlib import Path

from api.cli.exits import exit_code
from api.problems import CODES, _kinds_of, known_codes, status_of
from search_engine.errors import EyedexError

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| ([\w, ]*) \| ([\d, ]*) \| (.+) \|$", re.MULTILINE)


def test_every_code_is_listed_with_its_statuses_and_exit_codes() -> None:
    for module in ("indexer.run", "api.app"):
        import_module(module)
    statuses, exits = defaultdict(set), defaultdict(set)
    for kind in _kinds_of(EyedexError):
        error = kind.__new__(kind)
        statuses[kind.code].add(str(status_of(error)))
        exits[kind.code].add(str(int(exit_code(error))))
    listed = {code: (http, ended, told) for code, http, ended, told in ROW.findall(TEXT)}
    assert sorted(listed) == sorted(known_codes())
    for code, (http, ended, told) in listed.items():
        assert statuses[code] <= set(http.split(", ")), code
        assert exits[code] == set(ended.split(", ")) - {""}, code
        assert http or code not in CODES
        assert len(told) > 5


def test_every_place_that_is_named_exists() -> None:
    for name, anchor in re.findall(r"\]\(([a-z-]+\.md)(?:#([a-z-]+))?\)", TEXT):
        headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / name).read_text(), re.MULTILINE)
        known = {re.sub(r"[^a-z -]", "", each.lower()).replace(" ", "-") for each in headings}
        assert not anchor or anchor in known, (name, anchor)
