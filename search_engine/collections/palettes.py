"""The palettes of a collection's items, read once and kept until something is committed."""

from dataclasses import dataclass

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.picture_colors import all_palettes
from search_engine.catalog.store import Catalog
from search_engine.images.palette_table import PaletteTable
from search_engine.records import Keys


@dataclass(frozen=True, slots=True)
class KnownPalettes:
    """Keys (N,) of the items whose colours are known, ascending, and their palettes."""

    keys: Keys
    table: PaletteTable


class Palettes:
    """Palettes of one collection. For several threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._kept: tuple[int, KnownPalettes] | None = None

    def of(self, record: Collection) -> KnownPalettes:
        """Those of the last commit."""
        seq = self._catalog.seq()
        kept = self._kept
        if kept is None or kept[0] != seq:
            keys, packed = self._catalog.ask(lambda connection: all_palettes(connection, record.id))
            kept = self._kept = (seq, KnownPalettes(keys, PaletteTable(packed)))
        return kept[1]
