"""Palettes and shapes of a collection's items, read once and kept until something is committed."""

from dataclasses import dataclass

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.picture_colors import all_palettes, all_shapes
from search_engine.catalog.store import Catalog
from search_engine.images.palette_table import PaletteTable
from search_engine.images.shape import ShapeTable
from search_engine.records import Keys


@dataclass(frozen=True, slots=True)
class KnownPalettes:
    """Keys (N,) of the items whose colours are known, ascending, and their palettes."""

    keys: Keys
    table: PaletteTable


@dataclass(frozen=True, slots=True)
class KnownShapes:
    """Keys (N,) of the items whose shapes are known, ascending, and these."""

    keys: Keys
    table: ShapeTable


class Palettes:
    """Palettes and shapes of one collection. For several threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._kept: tuple[int, KnownPalettes] | None = None
        self._shapes: tuple[int, KnownShapes] | None = None

    def of(self, record: Collection) -> KnownPalettes:
        """The palettes of the last commit."""
        seq = self._catalog.seq()
        kept = self._kept
        if kept is None or kept[0] != seq:
            keys, packed = self._catalog.ask(lambda connection: all_palettes(connection, record.id))
            kept = self._kept = (seq, KnownPalettes(keys, PaletteTable(packed)))
        return kept[1]

    def shapes(self, record: Collection) -> KnownShapes:
        """The shapes of the last commit."""
        seq = self._catalog.seq()
        kept = self._shapes
        if kept is None or kept[0] != seq:
            keys, packed = self._catalog.ask(lambda connection: all_shapes(connection, record.id))
            kept = self._shapes = (seq, KnownShapes(keys, ShapeTable(packed)))
        return kept[1]
