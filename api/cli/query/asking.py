"""Options of asking as flags of a verb, from their one declaration."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from api.cli.flag_names import as_typed, flag_of
from search_engine.search.declared import Kind, Option, Verb
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
    default = f" [default: {option.default}]" if option.default else ""
    such = f": {', '.join(option.choices)}" if option.choices else f", such as {option.example}"
    if option.kind == "flag":
        such = default = ""
    help_ = as_typed(option.help)
    said = f"{help_[0].upper()}{help_[1:]}{such}.{default}"
    shown = typer.Option(
        flag_of(option.name),
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
