"""The labels of a collection, counted: page by page, along the index of labels."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from search_engine.catalog.tables import LIVE, items

JUST_ABOVE_SLASH = "0"
"""The character after the one that separates levels: all paths below `a` are before `a0`."""


@dataclass(frozen=True, slots=True)
class LabelCount:
    """A label, how many live items have it, and key and id of the first of them."""

    label: str
    count: int
    first: int
    example: str


@dataclass(frozen=True, slots=True)
class LabelQuery:
    """Which labels: a path and all below it, with a text in them, after one, at most so many."""

    under: str | None = None
    containing: str | None = None
    after: str | None = None
    limit: int | None = None


def count_labels(connection: Connection, collection_id: int, query: LabelQuery) -> list[LabelCount]:
    """The labels of live items with their counts, by label; no item is read but the examples."""
    counted = (
        select(items.c.label, func.count().label("count"), func.min(items.c.key).label("first"))
        .where(items.c.collection_id == collection_id, LIVE, items.c.label.is_not(None))
        .where(*_conditions(query))
        .group_by(items.c.label)
        .having(*_text_in_label(query.containing))
        .order_by(items.c.label)
        .limit(query.limit)
        .subquery()
    )
    rows = (
        select(counted, items.c.item_id.label("example"))
        .join(items, items.c.key == counted.c.first)
        .order_by(counted.c.label)
    )
    return [LabelCount(**row._mapping) for row in connection.execute(rows)]


def _conditions(query: LabelQuery) -> list[ColumnElement[bool]]:
    label, found = items.c.label, []
    if query.under is not None:
        below = and_(label >= f"{query.under}/", label < query.under + JUST_ABOVE_SLASH)
        found.append(or_(label == query.under, below))
    if query.after is not None:
        found.append(label > query.after)
    return found


def _text_in_label(text: str | None) -> list[ColumnElement[bool]]:
    """The condition on a group: as one on `max`, it is looked at once a label and not an item."""
    if text is None:
        return []
    return [func.instr(func.casefold(func.max(items.c.label)), text.casefold()) > 0]
