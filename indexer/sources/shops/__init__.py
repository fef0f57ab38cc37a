"""Exports of shops, recognised by their header."""

from collections.abc import Callable

from indexer.sources.mapping import plain_name
from indexer.sources.options import SourceOptions
from indexer.sources.records import Table
from indexer.sources.shops import (
    google_merchant,
    google_product_search,
    json_products,
    numbered_pictures,
    shopify,
    woocommerce,
)
from indexer.sources.shops.base import Layout

__all__ = ["Layout", "recognised"]

LAYOUTS: tuple[Callable[[Table], Layout | None], ...] = (
    json_products.shopify_layout_of,
    json_products.woocommerce_layout_of,
    shopify.layout_of,
    woocommerce.layout_of,
    google_product_search.layout_of,
    google_merchant.layout_of,
    numbered_pictures.layout_of,
)
"""Each returns the layout of a table of its shop, else None; the first that matches counts."""

DECISIVE = ("item_id", "image")
"""Fields whose column decides which rows belong together."""


def recognised(table: Table, options: SourceOptions) -> Layout:
    """Return the layout of a table; a plain one if no shop's is recognised, or it is overridden.

    Choosing another column of ids or pictures than the shop's layout has means a plain table.
    """
    for layout_of in LAYOUTS:
        layout = layout_of(table)
        if layout is None:
            continue
        if all(_agrees(layout, options, field) for field in DECISIVE):
            return layout
    return Layout(table)


def _agrees(layout: Layout, options: SourceOptions, field: str) -> bool:
    said, here = options.columns.get(field), layout.mapping.get(field)
    return said is None or here is None or plain_name(said) == plain_name(here)
