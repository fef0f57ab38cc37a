"""Pictures as base64, in the forms that people have them in."""

import base64
import re
from typing import Any

from search_engine.errors import ParameterError

_DATA_URI = re.compile(r"\s*data:([^,]*),", re.IGNORECASE)
_FOREIGN = re.compile(r"[^A-Za-z0-9+/_\-=\s]|=(?=\s*[^=\s])")
_SPACE = re.compile(r"[\s=]+")
_PLUS = {"+", "-"}
_SURE_OF_PLUS = 1_024
"""Of so many digits hardly a text has no `+`: one in ten million."""


def decode_picture(value: Any) -> bytes:
    """The bytes of a picture: plain or URL-safe base64, with or without line breaks and padding,
    alone or as a data URI.

    Raises:
        ParameterError: It is none of these; says where it stops to be one.
    """
    if not isinstance(value, str):
        raise _refused("is not a text", "send the picture's bytes as base64")
    start = _after_head(value)
    foreign = _FOREIGN.search(value, start)
    if foreign:
        what = f"is not base64: character {foreign.start() + 1:,} is {_shown(foreign[0])}"
        raise _refused(what, "send A-Z, a-z, 0-9, + and / (or - and _), padded by = at the end")
    digits = _SPACE.sub("", value[start:])
    if len(digits) >= _SURE_OF_PLUS and " " in value[start:].strip() and not _PLUS & {*digits}:
        what = "has spaces where + belongs: that is what + becomes in a form"
        raise _refused(what, "percent-encode the text, or send it as JSON")
    if len(digits) % 4 == 1:
        what = f"is not base64: its {len(digits):,} digits are one too many, or some are missing"
        raise _refused(what, "send the whole text")
    padded = digits + "=" * (-len(digits) % 4)
    return base64.b64decode(padded.translate(str.maketrans("-_", "+/")))


def _after_head(value: str) -> int:
    """Where the base64 begins: behind the head of a data URI, if it is one."""
    head = _DATA_URI.match(value)
    if head is None:
        return 0
    if not head[1].rpartition(";")[2].strip().lower() == "base64":
        raise _refused("is a data URI that is not base64", "end its head with ;base64,")
    return head.end()


def _shown(character: str) -> str:
    plain = character.isascii() and character.isprintable()
    return repr(character) if plain else f"U+{ord(character):04X}"


def _refused(what: str, fix: str) -> ParameterError:
    return ParameterError(what, where="image_base64", fix=fix)
