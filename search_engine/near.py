"""Find names and values close to an unknown one, for messages with "did you mean"."""

import difflib
import re
from collections.abc import Iterable, Sequence

from search_engine.names import normal

MAX_COMPARED = 100
"""Characters of a text to compare: the time grows with their square."""
MAX_SHOWN = 60
_LIKE = 0.6


def near(text: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return up to `count` of the known texts that may have been meant, the nearest first.

    Texts that only differ in case, Unicode form or space come first, then paths that end in the
    text; only without any of these, texts of similar spelling, and without these, texts that have
    it as a word.
    """
    known = list(known)
    asked = _plain(text)
    plain = {one: _plain(one) for one in known}
    same = [one for one in known if plain[one] == asked]
    ends = [one for one in known if plain[one].endswith(f"/{asked}")] if asked else []
    alike: list[str] = []
    if not same and not ends:
        short = {one: found[:MAX_COMPARED] for one, found in plain.items()}
        best = difflib.get_close_matches(asked[:MAX_COMPARED], set(short.values()), count, _LIKE)
        alike = [one for found in best for one in known if short[one] == found]
    if asked and not (same or ends or alike):
        word = re.compile(rf"(?<![^\W_]){re.escape(asked)}(?![^\W_])")
        alike = [one for one in known if word.search(plain[one])]
    return list(dict.fromkeys([*same, *ends, *alike]))[:count]


def did_you_mean(text: str, known: Sequence[str]) -> str:
    """Suggest how to correct an unknown name: the nearest known ones, else all."""
    found = near(text, known, 1)
    listed = f"known: {', '.join(known)}" if known else "there are none"
    return f"did you mean {found[0]}? {listed}" if found else listed


def shown(text: str) -> str:
    """Shorten a user's text for messages, without odd characters."""
    short = text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
    return short if short.isprintable() else ascii(short)[1:-1]


def _plain(text: str) -> str:
    return normal(text).casefold().strip()
