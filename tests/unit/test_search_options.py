"""The options of searching and classifying: who takes which, and numbers of many kinds."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from search_engine.errors import ParameterError
from search_engine.search.options import (
    BOTH,
    OPTIONS,
    Verb,
    check_k,
    check_min_score,
    check_options,
    names_of,
)


def test_names_are_unique_and_each_verb_has_its_own() -> None:
    assert len({option.name for option in OPTIONS}) == len(OPTIONS)
    assert "weights" in names_of("search")
    assert "weights" not in names_of("classify")
    assert set(names_of("classify")) - set(names_of("search")) == {
        "target", "vote_k", "accept_accuracy", "with"
    }  # fmt: skip
    assert set(names_of("search")) - set(names_of("search", photo=False)) == {"box"}


@pytest.mark.parametrize("verb", BOTH)
def test_every_option_is_for_its_verbs_only(verb: Verb) -> None:
    for option in OPTIONS:
        if verb in option.verbs:
            check_options({option.name: "x"}, verb, photo=True)
        else:
            with pytest.raises(ParameterError, match=f"{option.name} is for ") as caught:
                check_options({option.name: "x"}, verb, photo=True)
            assert caught.value.where == option.name
        for nothing in (None, ""):
            check_options({option.name: nothing}, verb, photo=False)


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
        (None, None),
        (0.5, 0.5),
        (1, 1.0),
        (-0.0, 0.0),
        (np.float32(0.5), 0.5),
        (Decimal("0.5"), 0.5),
    ],
)
def test_real_numbers_of_any_kind_are_a_least_score(score: Any, wanted: float | None) -> None:
    assert check_min_score(score) == wanted


@pytest.mark.parametrize("score", [2, -1.1, np.nan, np.inf, True, "0.5", [0.5], 10**400])
def test_anything_else_is_no_least_score(score: Any) -> None:
    with pytest.raises(ParameterError, match="from -1 to 1"):
        check_min_score(score)
