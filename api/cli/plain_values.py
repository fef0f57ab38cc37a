"""What is typed is taken as it is meant: nothing empty, nothing twice, numbers in plain digits.

An empty value is what a shell makes of a variable that is not set: `--filter "$WHICH"` would search
everything, and `index ""` take the directory that one happens to be in.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import typer
from typer.core import TyperCommand

from api.cli.flag_names import errors_in_flags
from search_engine.plain_numbers import parse_real, parse_whole


class PlainCommand(TyperCommand):
    """A verb whose parameters are read so, and whose errors name them as they are typed."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        for each in self.params:
            each.process_value = partial(_read, each, each.process_value)  # type: ignore[method-assign]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See typer; refuses an option with two values."""
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        counted: Counter[Any] = Counter(order)
        for parameter, count in counted.items():
            takes_one = parameter.nargs == 1 and not parameter.multiple
            if count > 1 and takes_one and not getattr(parameter, "is_flag", False):
                raise typer.BadParameter("it is given twice", ctx=ctx, param=parameter)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """See typer."""
        with errors_in_flags(self.params):
            return super().invoke(ctx)


def _read(parameter: Any, process: Any, context: Any, value: Any) -> Any:
    """The value of a parameter, of what was typed."""
    refused = partial(typer.BadParameter, ctx=context, param=parameter)
    if value != parameter.default and any(typed == "" for typed in _each(value)):
        raise refused("the value is empty")
    found = process(context, value)
    for typed, number in zip(_each(value), _each(found), strict=False):
        if isinstance(typed, str) and not _is_plain(typed, number):
            raise refused(f"{typed!r} is not a number in plain digits")
    return found


def _each(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list | tuple) else (value,)


def _is_plain(typed: str, read: Any) -> bool:
    """Whether a text spells the number that was read from it, if it is one."""
    if type(read) is int:
        return parse_whole(typed) is not None
    return type(read) is not float or parse_real(typed) is not None
