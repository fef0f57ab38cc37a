"""What is wrong with a call, in our words."""

import re
from difflib import get_close_matches
from typing import Any

from search_engine.errors import ParameterError

_OF_PYDANTIC = (
    ("Value error, ", ""),
    ("Input should be ", "it has to be "),
    ("a valid integer, unable to parse string as an integer", "a whole number"),
    ("a valid number, unable to parse string as a number", "a number"),
)
"""Words of the library that checks values for typer, and ours for them."""
_UNKNOWN_VERB = re.compile("No such command '(.*?)'")


def usage_error(error: Any) -> ParameterError:
    """What typer says of a wrong call, with the name that was most likely meant.

    Args:
        error: typer's own, of a class that it does not export.
    """
    context = error.ctx
    path = context.command_path if context else "eyedex"
    command = context.command if context else None
    said = str(error.format_message()).strip().rstrip(".")
    see = f"see `{path} --help`"
    verb = _UNKNOWN_VERB.match(said)
    if verb is not None:
        what = f"there is no verb {verb[1]!r}"
        return ParameterError(what, fix=_meant(verb[1], getattr(command, "commands", ()), see))
    if type(error).__name__ == "NoSuchOption" and command is not None:
        known = [name for one in command.get_params(context) for name in one.opts]
        what = f"there is no option {error.option_name}"
        return ParameterError(what, fix=_meant(error.option_name, known, see))
    for theirs, ours in _OF_PYDANTIC:
        said = said.replace(theirs, ours)
    return ParameterError(said[:1].lower() + said[1:], fix=see)


def _meant(name: str, known: Any, see: str) -> str:
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]}? ({see})" if near else see
