"""Which items have a text in what is known of them: id, product id, label, texts of attributes.

Case does not matter, accents do. Python folds it, as SQLite knows the case of ASCII only, and is
asked about the attributes of an item only where their JSON as it is written leaves it open.
"""

import json
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_

from search_engine.catalog.stored_types import read_object
from search_engine.catalog.tables import items

_ESCAPE = "\\u"
"""Before each character in stored JSON that is not ASCII."""
_BETWEEN = func.char(0)
"""Between texts that are looked at together; no text that is looked for has it."""


def text_in_item(text: str) -> ColumnElement[bool]:
    """The condition that a text is in an item's id, product id, label or texts of attributes.

    Names of attributes do not count, nor do numbers; texts in lists do.
    """
    folded = text.casefold()
    product_id, label = (func.coalesce(each, "") for each in (items.c.product_id, items.c.label))
    columns = items.c.item_id.concat(_BETWEEN).concat(product_id).concat(_BETWEEN).concat(label)
    in_columns = func.instr(func.casefold(columns), folded) > 0
    in_attributes = func.has_text(items.c.attributes, folded) == 1
    return or_(in_columns, and_(_may_be_in_attributes(folded), in_attributes))


def has_text(attributes: Any, folded: str) -> bool:
    """Whether a folded text is in a text of stored attributes; SQL's function of this name."""
    return any(_is_in(folded, value) for value in read_object(attributes).values())


def _is_in(folded: str, value: Any) -> bool:
    if isinstance(value, str):
        return folded in value.casefold()
    return isinstance(value, list) and any(_is_in(folded, each) for each in value)


def _may_be_in_attributes(folded: str) -> ColumnElement[bool]:
    """Whether the JSON has the text as ASCII, or something that may fold to it: `ß` is `ss`."""
    written = items.c.attributes
    escaped = func.instr(written, _ESCAPE) > 0
    if not folded.isascii():
        return escaped
    return or_(func.instr(func.lower(written), json.dumps(folded)[1:-1]) > 0, escaped)
