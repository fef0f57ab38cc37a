"""Cells of CSV files as spreadsheets take them, which must not take any of ours for a formula.

Spreadsheets compute cells that begin with `=`, `+`, `-` or `@`, whoever wrote them. An apostrophe
before it makes a text of one (OWASP ASVS 1.2.10). Numbers are no texts here and stay as they are.
"""

from collections.abc import Iterable
from typing import Any

CLUSTER_COLUMNS = ("cluster", "proposed_label", "support", "is_medoid")
"""What `eyedex cluster` adds to a table of the catalog; a table with all of them is one of ours."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MARK = "'"
WRAPPED = '="'
"""How programs write a text that Excel shall not take for a number, `="0123"`."""


def safe_cell(value: Any) -> Any:
    """The value for a cell; a text that could be a formula has an apostrophe before it."""
    if isinstance(value, str) and value.lstrip(_MARK).startswith(_FORMULA):
        return _MARK + value
    return value


def is_ours(columns: Iterable[str]) -> bool:
    """Whether a table with these columns was written by us, so that `read_cell` reads it."""
    return set(CLUSTER_COLUMNS) <= set(columns)


def read_cell(text: str) -> str:
    """The text that `safe_cell` made a cell of."""
    if text.startswith(_MARK) and text.lstrip(_MARK).startswith(_FORMULA):
        return text[len(_MARK) :]
    return text


def unwrapped(text: str) -> str:
    """The text within `="..."`; any other cell as it is."""
    inner = text[len(WRAPPED) : -1]
    whole = text.startswith(WRAPPED) and text.endswith('"') and len(text) > len(WRAPPED)
    return inner if whole and '"' not in inner else text
