"""Flags of a verb that are declared as the fields of a class."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import wraps
from types import NoneType
from typing import Annotated, Any, get_args, get_type_hints

import typer

from indexer.declared import Parameter

Verb = Callable[..., None]


def with_flags(**groups: type) -> Callable[[Verb], Verb]:
    """Give a verb a flag for each field of a dataclass, in place of the parameter of that name.

    It gets an instance. Fields are annotated by `Parameter`, or by `typer.Option` where only the
    command line has them.
    """

    def give(verb: Verb) -> Verb:
        for name, group in groups.items():
            verb = in_place_of(verb, name, parameters_of(group), group)
        return verb

    return give


def in_place_of(
    verb: Verb,
    name: str,
    flags: list[inspect.Parameter],
    make: Callable[..., Any],
) -> Verb:
    """A verb with these flags instead of one parameter, which gets what `make` makes of them."""

    @wraps(verb)
    def run(**given: Any) -> None:
        values = {flag.name: given.pop(flag.name) for flag in flags}
        verb(**given, **{name: make(**values)})

    own = inspect.signature(verb)
    parameters = [each.replace(kind=each.KEYWORD_ONLY) for each in own.parameters.values()]
    place = [each.name for each in parameters].index(name)
    parameters[place : place + 1] = flags
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def parameters_of(group: type) -> list[inspect.Parameter]:
    """Flags as typer reads them from a signature, in the order of a dataclass's fields."""
    hints = get_type_hints(group, include_extras=True)
    return [
        flag(each.name, hints[each.name], None if each.default is MISSING else each.default)
        for each in fields(group)
    ]


def flag(name: str, kind: Any, default: Any) -> inspect.Parameter:
    """One flag, of its annotated type."""
    value, said = get_args(kind)[:2]
    if isinstance(said, Parameter):
        kind = Annotated[value, _option(name, value, default, said)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _option(name: str, kind: Any, default: Any, said: Parameter) -> Any:
    spelled = said.flag or f"--{name.replace('_', '-')}"
    if bool in (kind, *get_args(kind)) and default is not False:
        spelled = f"{spelled}/--no-{spelled.removeprefix('--')}"
    return typer.Option(
        spelled,
        help=said.help,
        min=said.low,
        max=said.high,
        metavar=said.metavar,
        show_default=NoneType not in get_args(kind),
    )
