"""Patterns that choose files by their path, as people know them from ignore files."""

import re
from collections.abc import Callable, Sequence

from search_engine.errors import SourceError

_TOKEN = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[[!^]?\]?[^\]/]*\]|.", re.DOTALL)
_MEANING = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}

Matcher = Callable[[str], bool]


def matcher(patterns: Sequence[str], option: str) -> Matcher:
    """Whether a path relative to the source, with slashes, fits one of the patterns.

    `*` stands for anything but a slash, `**` for anything, `?` for one character, `[abc]` for one
    of these. A pattern without a slash fits a name at any depth; one that fits a folder fits all
    that is below it.

    Raises:
        SourceError: A pattern is empty.
    """
    if not patterns:
        return lambda path: False
    if not all(pattern.strip("/") for pattern in patterns):
        raise SourceError("an empty pattern", where=option, fix="name files or folders")
    fits = re.compile("|".join(map(_expression, patterns)), re.DOTALL).fullmatch
    return lambda path: fits(path) is not None


def _expression(pattern: str) -> str:
    start = "" if "/" in pattern.rstrip("/") else "(?:.*/)?"
    body = "".join(map(_part, _TOKEN.findall(pattern.strip("/"))))
    return f"{start}{body}(?:/.*)?"


def _part(token: str) -> str:
    if token in _MEANING:
        return _MEANING[token]
    if len(token) > 1:
        chosen = re.escape(token[1:-1].lstrip("!^"))
        return f"[{'^/' if token[1] in '!^' else ''}{chosen.replace(chr(92) + '-', '-')}]"
    return re.escape(token)
