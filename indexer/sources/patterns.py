"""Patterns that select files by path, as in ignore files."""

import re
from collections.abc import Callable, Sequence

from search_engine.errors import SourceError

_TOKEN = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[[!^]?\]?[^\]/]*\]|.", re.DOTALL)
_MEANING = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}

Matcher = Callable[[str], bool]


def matcher(patterns: Sequence[str], option: str) -> Matcher:
    """Return a function that tells whether a path relative to the source matches a pattern.

    `*` matches anything but a slash, `**` anything, `?` one character, `[abc]` one of these. A
    pattern without a slash matches a name at any depth; one that matches a folder matches
    everything below it.

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
