"""What is typed is taken as it is meant, by every verb."""

from pathlib import Path

import pytest
import typer

from api.cli.plain_values import PlainCommand
from api.cli.verbs import app_of
from search_engine.plain_numbers import is_digits, parse_real, parse_whole
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("search", "a.jpg", "--filter", ""), "'--filter': the value is empty"),
        (("search", "a.jpg", "--like", "a", "--like", ""), "'--like': the value is empty"),
        (("search", ""), "'images': the value is empty"),
        (("index", ""), "the value is empty"),
        (("index", "shop", "--encoder", ""), "'--encoder': the value is empty"),
        (("index", "shop", "--data", ""), "'--data': the value is empty"),
        (("search", "a.jpg", "-k", "1_0"), "'-k': '1_0' is not a number in plain digits"),
        (("search", "a.jpg", "-k", " 5 "), "'-k': ' 5 ' is not a number in plain digits"),
        (("search", "a.jpg", "-k", "+5"), "'-k': '+5' is not a number in plain digits"),
        (("search", "a.jpg", "--min-score", "0.1_5"), "'0.1_5' is not a number in plain digits"),
        (("search", "a.jpg", "-k", "3", "-k", "5"), "'-k': it is given twice"),
        (("search", "a.jpg", "--filter", "a = 1", "--filter", "b = 1"), "it is given twice"),
        (("jobs", "list", "--data", ""), "'--data': the value is empty"),
        (("search", "a.jpg", "-k", "0"), "'-k': it has to be greater than or equal to 1"),
        (("search", "a.jpg", "-k", "few"), "'-k': it has to be a whole number;"),
        (("search", "a.jpg", "--min-score", "x"), "'--min-score': it has to be a number;"),
        (("cluster", "--method", "x"), "'--method': 'x' is not one of 'kmeans', 'hdbscan'"),
    ],
)
def test_what_nobody_means_is_refused(run: Run, arguments: tuple[str, ...], said: str) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.error


def test_a_flag_may_be_repeated(run: Run, tmp_path: Path) -> None:
    ran = run("check", "--json", "--json", "--data", tmp_path / "none")
    assert '"not_found"' in ran.err


def test_every_verb_reads_so() -> None:
    found = [typer.main.get_command(app_of())]
    for each in found:
        found += getattr(each, "commands", {}).values()
    verbs = [each for each in found if not hasattr(each, "commands")]
    assert len(verbs) > 30
    assert [each.name for each in verbs if not isinstance(each, PlainCommand)] == []


@pytest.mark.parametrize("text", ["", "1_0", " 5", "5\n", "+5", "٣", "1.0", "1e3", "0x1", "9" * 19])
def test_texts_that_are_no_whole_numbers(text: str) -> None:
    assert parse_whole(text) is None


@pytest.mark.parametrize("text", ["", "1_0", " 5", "5\n", "٣", "nan", "inf", "1e999", "0x1", "."])
def test_texts_that_are_no_numbers(text: str) -> None:
    assert parse_real(text) is None


def test_numbers_in_plain_digits() -> None:
    assert [parse_whole(text) for text in ("0", "-7", "007", "9" * 18)] == [0, -7, 7, 10**18 - 1]
    assert [parse_real(text) for text in ("5", "-.5", "+5.", "1e-3")] == [5, -0.5, 5, 0.001]
    assert [text for text in ("5", "", "٣", "-5", "²") if is_digits(text)] == ["5"]
