"""Values of attributes as texts that stand in the order of the values, for PostgreSQL.

A comparison in SQLite takes whatever kind of value it meets. So that one statement serves both, a
value becomes a text there: "n" and the bits of a number, "s" and a text, "j" and the JSON of
anything else. `eyedex_sortable` of `postgresql_schema` writes the same. Texts count by their first
`MOST_CHARS` characters: an index of PostgreSQL takes no longer ones.
"""

import struct
from typing import Any

MOST_CHARS = 600
_FLIPPED = str.maketrans("0123456789abcdef", "fedcba9876543210")
_WHOLE = 2**53


class StoredJson(str):
    """The JSON of a list or an object, told from a text that is the same."""

    __slots__ = ()


def sortable(value: Any) -> Any:
    """A value as PostgreSQL compares it; true and false are 1 and 0, as in SQLite."""
    if isinstance(value, StoredJson):
        return f"j{value[:MOST_CHARS]}"
    if isinstance(value, bool | int | float):
        bits = struct.pack(">d", float(value) + 0.0).hex()
        return f"n0{bits.translate(_FLIPPED)}" if bits[0] >= "8" else f"n1{bits}"
    return f"s{value[:MOST_CHARS]}" if isinstance(value, str) else value


def plain(stored: Any) -> Any:
    """The value of such a text; a number without a fraction is an int."""
    if not isinstance(stored, str):
        return stored
    if stored[0] != "n":
        return StoredJson(stored[1:]) if stored[0] == "j" else stored[1:]
    bits = stored[2:] if stored[1] == "1" else stored[2:].translate(_FLIPPED)
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    return int(number) if number.is_integer() and abs(number) < _WHOLE else number
