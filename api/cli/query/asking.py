"""Options of asking as flags of a verb, from their one declaration."""

import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from search_engine.search.declared import OPTIONS, Kind, Option, Verb
from search_engine.search.options import options_of

_TYPES: dict[Kind, type] = {"whole": int, "number": float, "flag": bool}
_METAVARS: dict[Kind, str] = {
    "filter": "FILTER",
    "box": "X,Y,W,H",
    "weights": "PART=NUMBER,...",
    "boosts": "FIELD:NUMBER,...",
    "colors": "COLOR[:NUMBER],...",
    "parts": "PART[:NUMBER],...",
    "fields": "FIELD,FIELD",
    "labels": "LABEL,LABEL,...",
}
ONE_LETTER = {"k": "-k", "q": "-q"}
_NAME = re.compile(r"`([a-z_]+)`")
Verbs = TypeVar("Verbs", bound=Callable[..., None])


def with_options(verb: Verb, without: tuple[str, ...] = ()) -> Callable[[Verbs], Verbs]:
    """Give a function that takes `**options` a flag for each option of a verb.

    It gets them by their names in Python, as texts and numbers, None where one is not given.

    Args:
        verb: Whose options.
        without: Names of options that the function has no use for.
    """

    def give(function: Verbs) -> Verbs:
        own = inspect.signature(function)
        fixed = [each for each in own.parameters.values() if each.kind is not each.VAR_KEYWORD]
        flags = [_parameter(each) for each in options_of(verb) if each.name not in without]
        for each in flags:
            function.__annotations__[each.name] = each.annotation
        signature = own.replace(parameters=[*fixed[:-1], *flags, fixed[-1]])
        function.__signature__ = signature  # type: ignore[attr-defined]
        return function

    return give


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that are given."""
    return {name: value for name, value in options.items() if value is not None}


def _parameter(option: Option) -> inspect.Parameter:
    """A flag as typer reads it from a signature."""
    flag = _flag(option.name)
    default = f" [default: {option.default}]" if option.default else ""
    such = f": {', '.join(option.choices)}" if option.choices else f", such as {option.example}"
    if option.kind == "flag":
        such = default = ""
    help_ = _NAME.sub(_as_typed, option.help)
    said = f"{help_[0].upper()}{help_[1:]}{such}.{default}"
    shown = typer.Option(
        flag,
        help=said,
        min=option.low,
        max=option.high,
        metavar=_METAVARS.get(option.kind, option.metavar or None),
        show_default=False,
    )
    kind = _TYPES.get(option.kind, str) | None
    return inspect.Parameter(
        option.keyword,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind, shown],
    )


def _flag(name: str) -> str:
    """How an option of requests is spelled on the command line."""
    return ONE_LETTER.get(name, f"--{name.replace('_', '-')}")


def _as_typed(named: re.Match[str]) -> str:
    """A name of requests as the command line has it: a flag, or a field of what --json prints."""
    is_option = any(each.name == named[1] for each in OPTIONS)
    return _flag(named[1]) if is_option else f"{named[0]} of --json"
