"""Errors and notes name what is typed, not what requests have; and no name slips through."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import indexer
import search_engine
from api.cli.flag_names import as_typed, errors_in_flags
from api.cli.verbs import command_of
from indexer import declared
from search_engine.errors import EyedexError, ItemNotFoundError, ParameterError
from search_engine.search.declared import OPTIONS
from tests.cli.conftest import Run
from tests.images.pictures import jpeg

DECLARED = (
    declared.Indexing, declared.Tuning, declared.Switching, declared.Calibrating,
    declared.Evaluating, declared.Clustering,
)  # fmt: skip
NAMES = {each.name for each in OPTIONS} | {
    each.name for group in DECLARED for each in fields(group)
}
APART = {name for name in NAMES if "_" in name} | {"next_cursor"}
"""Names that are no words as well."""


def said(verb: str, error: EyedexError) -> str:
    """What the verb says of an error."""
    params = command_of(verb).commands[verb].params
    with pytest.raises(type(error)) as caught, errors_in_flags(params):
        raise error
    return str(caught.value)


@pytest.mark.parametrize(
    ("verb", "what", "where", "fix", "expected"),
    [
        ("search", "no", "group_by", "leave out `fold`", "no (--group-by); leave out --fold"),
        ("search", "`k` is 0", "k", None, "-k is 0 (-k)"),
        ("search", "no", "filter, condition 2", None, "no (--filter, condition 2)"),
        ("search", "no", "like[2]", None, "no (--like[2])"),
        ("search", "no", "boost", "see `eyedex check`", "no (--boost); see `eyedex check`"),
        ("search", "no", "text.csv", None, "no (text.csv)"),
        ("search", "no", "cursor", "`next_cursor`", "no (--cursor); `next_cursor` of --json"),
        ("classify", "no", "with", "leave out `labels`", "no (--with); leave out --labels"),
        ("index", "no", "prune_many", None, "no (--yes)"),
        ("evaluate", "no", "classifiers", None, "no (--all)"),
        ("cluster", "no", "fold", "leave out `fold`", "no (fold); leave out `fold`"),
    ],
)  # fmt: skip
def test_errors_name_the_flags_of_the_verb(
    verb: str, what: str, where: str, fix: str | None, expected: str
) -> None:
    assert said(verb, ParameterError(what, where=where, fix=fix)) == expected


def test_an_item_is_no_flag() -> None:
    assert said("search", ItemNotFoundError("no", where="fold")) == "no (fold)"
    assert said("search", ItemNotFoundError("like[0]: no", where="x")) == "--like[0]: no (x)"


def test_notes_name_flags() -> None:
    assert as_typed("`min_alike` is about whole pictures") == "--min-alike is about whole pictures"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--fold", "--group-by", "label"], "(--fold); leave out --fold, or --group-by"),
        (["--color-weight", "0.3"], "(--color-weight); give --color, or leave it out"),
        (["-q", "red", "--rerank", "aqe"], "(--rerank); leave out -q, or --rerank"),
        (["--cursor", "abc"], "(--cursor); give `next_cursor` of --json from the page before"),
    ],
    ids=" ".join,
)
def test_a_search_says_them(
    run: Run, hsv_data: Path, tmp_path: Path, arguments: list[str], expected: str
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg())
    ran = run("search", photo, "--data", hsv_data, *arguments)
    assert ran.code == 2
    assert ran.error.endswith(expected)


def texts_of_errors() -> Iterator[tuple[str, str]]:
    """Texts of errors that are raised below the edges, but not where they are, with their file."""
    for package in (search_engine, indexer):
        for path in Path(str(package.__file__)).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error"):
                    parts = [*node.args, *(one.value for one in node.keywords if one.arg == "fix")]
                    texts = (each for part in parts for each in ast.walk(part))
                    for each in texts:
                        if isinstance(each, ast.Constant) and isinstance(each.value, str):
                            yield f"{path.name}:{each.lineno}", each.value


def test_names_stand_in_backticks_where_flags_can_take_their_place() -> None:
    unmarked = re.compile(rf"(?<![`\w])({'|'.join(APART)})(?![`\w])")
    found = list(texts_of_errors())
    assert len(found) > 500
    assert [each for each in found if unmarked.search(each[1])] == []
