"""The items of a collection, page by page: which of them, in what order, and where a page ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from search_engine.catalog.fields import check_field
from search_engine.catalog.filters import Filter
from search_engine.catalog.listing import ADDED, NUMBERED, Order, Place
from search_engine.catalog.store import Catalog
from search_engine.collections.live import LiveCollection
from search_engine.cursors import NONE, read_cursor, write_cursor
from search_engine.names import normal
from search_engine.records import CatalogItem, ItemPage, Keys

PAGE_ITEMS, MAX_PAGE_ITEMS = 50, 500
DESCENDING = "-"

_PLACE = (int, (str, int, float, NONE), int)


@dataclass(frozen=True, slots=True)
class ItemQuestion:
    """Which items are listed, and in what order."""

    filter: Filter | None = None
    q: str | None = None
    """Only items with this text in id or product id, or with words that begin so; see
    `text_search`."""
    sort: str = ADDED
    """`added`, `changed`, a column or an attribute, descending behind a `-`."""


def item_page(
    catalog: Catalog,
    live: LiveCollection,
    question: ItemQuestion,
    limit: int = PAGE_ITEMS,
    cursor: str | None = None,
) -> ItemPage:
    """The first items, or those behind the page that a cursor ends.

    Items that come and go meanwhile move no others: none comes twice and none that stayed as it was
    is left out.

    Raises:
        FilterError: The filter does not fit the collection.
        ParameterError: There is nothing of the name to sort by, or the cursor is of another
            question.
    """
    order = _order(catalog, live, question.sort)
    asked = _identity(live, question)
    after: Place | None = None
    if cursor is not None:
        part, value, key = read_cursor(cursor, asked, _PLACE)
        after = part, value, key
    within = _within(live, question)
    found = catalog.listed(live.record, order, limit + 1, within, after)
    shown = found[:limit]
    return ItemPage(
        items=tuple(item for _, item in shown),
        next_cursor=write_cursor(shown[-1][0], asked) if len(found) > limit else None,
        total=catalog.count(live.record) if within is None else len(within),
        warnings=() if question.filter is None else live.fitted(question.filter).warnings,
    )


def every_item(
    catalog: Catalog, live: LiveCollection, question: ItemQuestion
) -> Iterator[CatalogItem]:
    """All items, read page by page; see `item_page`."""
    page = item_page(catalog, live, question, MAX_PAGE_ITEMS)
    yield from page.items
    while page.next_cursor is not None:
        page = item_page(catalog, live, question, MAX_PAGE_ITEMS, page.next_cursor)
        yield from page.items


def _order(catalog: Catalog, live: LiveCollection, sort: str) -> Order:
    field = normal(sort.removeprefix(DESCENDING))
    if field not in (*NUMBERED, "item_id"):
        check_field(catalog, live.record, field, "sort")
    return Order(field, sort.startswith(DESCENDING))


def _within(live: LiveCollection, question: ItemQuestion) -> Keys | None:
    text = None if question.q is None else normal(question.q)
    if text:
        return live.containing(text, question.filter).keys
    return None if question.filter is None else live.matching(question.filter).keys


def _identity(live: LiveCollection, question: ItemQuestion) -> dict[str, Any]:
    """The parts of a question that a cursor belongs to."""
    return {
        "collection": live.record.uid,
        "filter": question.filter,
        "q": question.q,
        "sort": question.sort,
    }
