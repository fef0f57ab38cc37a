"""The options of searching and classifying: who takes which, and numbers of many kinds."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from api.cli.verbs import app_of
from search_engine.errors import ParameterError
from search_engine.search.declared import BOTH, OPTIONS, Verb
from search_engine.search.options import (
    ClassifyArguments,
    SearchArguments,
    SearchOptions,
    check_k,
    check_options,
    names_of,
    options_of,
    search_options,
)
from search_engine.search.rerank.learned import LEARNED
from search_engine.search.rerank.registry import METHODS
from tests.api.described import document, resolved

PAGE = Path(__file__).parents[3] / "docs" / "analyst.md"


def test_names_are_unique_and_each_verb_has_its_own() -> None:
    assert len({option.name for option in OPTIONS}) == len(OPTIONS)
    assert "weights" in names_of("search")
    assert "weights" not in names_of("classify")
    assert set(names_of("classify")) - set(names_of("search")) == {
        "target", "vote_k", "accept_accuracy", "labels", "with"
    }  # fmt: skip
    assert set(names_of("search")) - set(names_of("search", photo=False)) == {
        "box",
        "regions",
        "turns",
    }


@pytest.mark.parametrize("verb", BOTH)
def test_every_option_is_for_its_verbs_only(verb: Verb) -> None:
    for option in OPTIONS:
        if verb in option.verbs:
            check_options({option.name: "x"}, verb, photo=True)
        else:
            with pytest.raises(ParameterError, match=f"{option.name} is for ") as caught:
                check_options({option.name: "x"}, verb, photo=True)
            assert caught.value.where == option.name
        check_options({option.name: None}, verb, photo=False)


def test_unknown_options_are_named_with_the_nearest() -> None:
    with pytest.raises(ParameterError, match="did you mean min_score") as caught:
        check_options({"k": 3, "minscore": ""}, "search", photo=True)
    assert caught.value.where == "minscore"
    with pytest.raises(ParameterError, match="is about a photo"):
        check_options({"box": "0,0,1,1"}, "classify", photo=False)


@pytest.mark.parametrize("k", [3, np.int64(3), np.uint8(3), np.array(3)])
def test_whole_numbers_of_any_kind_are_a_k(k: Any) -> None:
    found = check_k(k)
    assert (found, type(found)) == (3, int)


@pytest.mark.parametrize("k", [0, 201, -1, True, np.True_, 3.0, np.float64(3), "3", None, [3]])
def test_anything_else_is_no_k(k: Any) -> None:
    with pytest.raises(ParameterError, match="1 to 200"):
        check_k(k)


@pytest.mark.parametrize(
    ("score", "wanted"),
    [
        (0.5, 0.5),
        (1, 1.0),
        (-0.0, 0.0),
        (np.float32(0.5), 0.5),
        (Decimal("0.5"), 0.5),
    ],
)
def test_real_numbers_of_any_kind_are_a_least_score(score: Any, wanted: float) -> None:
    assert search_options({"min_score": score}).min_score == wanted


@pytest.mark.parametrize("score", [2, -1.1, np.nan, np.inf, True, "0.5", [0.5], 10**400])
def test_anything_else_is_no_least_score(score: Any) -> None:
    with pytest.raises(ParameterError, match="from -1 to 1"):
        search_options({"min_score": score})


def test_python_takes_the_options_that_are_declared() -> None:
    found_by_search = {each.keyword for each in OPTIONS if each.name in SearchOptions.__slots__}
    asked = set(SearchOptions.__slots__) - {"min_copy_score"}  # which follows from min_alike
    assert set(SearchArguments.__annotations__) == found_by_search == asked
    asked = {each.keyword for each in options_of("classify")} - {"facets"}
    assert set(ClassifyArguments.__annotations__) == asked | found_by_search


def test_methods_of_re_ranking_are_those_that_there_are() -> None:
    (rerank,) = (each for each in OPTIONS if each.name == "rerank")
    assert set(rerank.choices) == {*METHODS, LEARNED}


@pytest.mark.parametrize("verb", BOTH)
def test_http_describes_every_option(verb: Verb) -> None:
    found = document()["paths"][f"/v1/collections/{{c}}/{verb}"]["post"]
    for content in found["requestBody"]["content"].values():
        fields = resolved(content["schema"])["properties"]
        for option in options_of(verb):
            assert option.help.lower() in fields[option.name]["description"].lower()
            examples = [str(each) for each in fields[option.name]["examples"]]
            assert examples in ([option.example], [option.example.capitalize()])
            names = ("minimum", "maximum")
            if option.exclusive:
                names = ("exclusiveMinimum", "exclusiveMaximum")
            assert [fields[option.name].get(name) for name in names] == [option.low, option.high]


@pytest.mark.parametrize(("verb", "without"), [("search", set()), ("classify", {"facets"})])
def test_the_command_line_has_a_flag_for_every_option(verb: Verb, without: set[str]) -> None:
    """--include of classify is of its source, and says which files."""
    said = " ".join(CliRunner().invoke(app_of(), [verb, "--help"]).output.split())
    for option in options_of(verb):
        flag = f"-{option.name}" if len(option.name) == 1 else f"--{option.name.replace('_', '-')}"
        assert (f" {flag} " in said) == (option.name not in without), option.name


def test_the_documentation_has_a_row_for_every_option() -> None:
    """Prints the table that should be there."""
    table = "\n".join(
        f"| `{option.name}` | {option.help} | `{option.example}` | {option.default} "
        f"| {'' if len(option.verbs) == 2 else option.verbs[0]} "
        f"| {'yes' if option.changes_vote else ''} |"
        for option in OPTIONS
    )
    assert table in PAGE.read_text(), f"{PAGE.name} should have:\n{table}"


def test_unknown_arguments_are_refused_as_python_does() -> None:
    for given in ({"kk": 3}, {"kk": None}, {"facets": "color"}, {"target": "label"}):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            search_options(given)
    with pytest.raises(TypeError, match="unexpected keyword argument 'box'"):
        search_options({"box": "0,0,1,1"}, photo=False)
    assert search_options({"box": None, "k": None}, photo=False) == SearchOptions()


def test_what_only_says_what_is_shown_is_left_out_of_the_vote() -> None:
    asked = search_options({"k": 3, "min_score": 0.5, "group_by": "label", "box": "0,0,1,1"})
    assert asked.in_the_vote() == SearchOptions(k=3, box=(0.0, 0.0, 1.0, 1.0))
    assert asked.changing_the_vote() is None
    changed = search_options({"rerank": "dba", "filter": "label = a"})
    assert changed.in_the_vote() == changed
    assert changed.changing_the_vote() == "filter"
