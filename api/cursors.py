"""Cursors: where a page ended, as a text that means nothing to the client."""

import base64
import binascii

from search_engine.errors import ParameterError


def encode_cursor(place: str) -> str:
    """A cursor for a place: the last key or label of a page."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The place that a cursor stands for.

    Raises:
        ParameterError: It is none of ours.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        fix = "give the next_cursor of the page before"
        raise ParameterError("not a cursor of ours", where="cursor", fix=fix) from None
