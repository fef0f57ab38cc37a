"""Ids, labels and product ids: which texts are accepted, and in which form they are stored.

All input (tables, folders, HTTP, Python, imports) is checked by these functions, and all queries
are normalised by `normal`, so that a name means the same item everywhere. Texts are in Unicode's
composed form (NFC): a file name from a Mac equals the same name typed elsewhere.
"""

import unicodedata
from itertools import accumulate

from search_engine.errors import ParameterError

MAX_ID_BYTES = 256
MAX_LABEL_BYTES = 1_024
MAX_LABEL_LEVELS = 32
SEPARATOR = "/"


def normal(text: str) -> str:
    """Return the text in NFC, as names are stored; for queries, which unknown names just miss."""
    return unicodedata.normalize("NFC", text)


def asked_item_id(value: object) -> str:
    """Return an id as it would be stored, for queries: an impossible id is just not found.

    Raises:
        ParameterError: It is not a text.
    """
    if not isinstance(value, str):
        raise _refused("item_id", f"is {_kind(value)}, not a text", "give it as text")
    return normal(value)


def check_item_id(value: object) -> str:
    """Return the id as it is stored.

    Ids have 1 to 256 bytes of UTF-8 in NFC, without control characters or surrounding space; no
    part between slashes is empty, `.` or `..`, as web clients remove these from addresses.

    Raises:
        ParameterError: It is not such an id; the message says why.
    """
    item_id = _checked_text(value, "item_id", MAX_ID_BYTES)
    if item_id != item_id.strip():
        raise _refused("item_id", "has a space at its start or end", "remove it")
    for part in item_id.split(SEPARATOR):
        if part == "":
            raise _refused("item_id", "has an empty part beside a slash", "remove that slash")
        if part in (".", ".."):
            raise _refused(
                "item_id", f"has the part {part!r}", "addresses lose it; name it otherwise"
            )
    return item_id


def check_label(value: object) -> str | None:
    """Return the label as it is stored; None for an empty one.

    Labels are paths of at most 32 levels between slashes and 1,024 bytes of UTF-8 in NFC, without
    control characters. Surrounding slashes and space, and empty levels are dropped: `/Home//Mug/`
    is `Home/Mug`.

    Raises:
        ParameterError: It is not such a label; the message says why.
    """
    if value is None or value == "":
        return None
    text = _checked_text(value, "label", MAX_LABEL_BYTES)
    levels = [level for level in text.strip("/ ").split(SEPARATOR) if level.strip()]
    if len(levels) > MAX_LABEL_LEVELS:
        raise _refused("label", f"has {len(levels)} levels", f"give at most {MAX_LABEL_LEVELS}")
    return SEPARATOR.join(levels) or None


def check_product_id(value: object) -> str | None:
    """Return the product id as it is stored, at most 1,024 bytes; None for an empty one.

    Raises:
        ParameterError: It is not such an id; the message says why.
    """
    if value is None or value == "":
        return None
    return _checked_text(value, "product_id", MAX_LABEL_BYTES)


def _checked_text(value: object, where: str, max_bytes: int) -> str:
    if not isinstance(value, str):
        raise _refused(where, f"is {_kind(value)}, not a text", "give it as text")
    text = normal(value)
    if text == "":
        raise _refused(where, "is empty", f"give 1 to {max_bytes:,} bytes of text")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise _refused(where, "is not valid Unicode", "spell it in UTF-8") from None
    if size > max_bytes:
        raise _refused(where, f"has {size:,} bytes", f"give at most {max_bytes:,}")
    if text.isprintable():
        return text
    for place, character in enumerate(text, 1):
        if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            what = (
                f"has a control character or line break (U+{ord(character):04X}) at place {place}"
            )
            raise _refused(where, what, "remove it")
    return text


def _kind(value: object) -> str:
    named = {bool: "true or false", int: "a number", float: "a number", bytes: "bytes"}
    return named.get(type(value), f"a {type(value).__name__}")


def _refused(where: str, what: str, fix: str) -> ParameterError:
    return ParameterError(f"the {_WORDS[where]} {what}", where=where, fix=fix)


_WORDS = {"item_id": "id", "label": "label", "product_id": "product id"}


def prefixes(label: str) -> tuple[str, ...]:
    """Cut the path after its first, second, ... part; the last result is the label itself."""
    parts = label.split(SEPARATOR, MAX_LABEL_LEVELS - 1)
    return tuple(accumulate(parts, lambda path, part: f"{path}{SEPARATOR}{part}"))
