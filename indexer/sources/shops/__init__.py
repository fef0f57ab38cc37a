"""Exports of shops, recognised by their header."""

from collections.abc import Callable

from indexer.sources.options import SourceOptions
from indexer.sources.records import Table
from indexer.sources.shops.base import Layout

__all__ = ["Layout", "recognised"]

LAYOUTS: tuple[Callable[[Table], Layout | None], ...] = ()
"""Each gives the layout of a table that is of its shop, else None."""


def recognised(table: Table, options: SourceOptions) -> Layout:
    """The layout of a table; a plain one where no shop's is recognised."""
    for layout_of in LAYOUTS:
        layout = layout_of(table)
        if layout is not None:
            return layout
    return Layout(table)
