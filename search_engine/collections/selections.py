"""The keys of the items that are asked for, found once and kept until something is committed."""

from collections.abc import Iterator
from dataclasses import replace

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.filter_fit import NO_ITEM_FITS_ALL, Fitted, fit_filter
from search_engine.catalog.filters import Filter, compile_filter
from search_engine.catalog.store import Catalog
from search_engine.catalog.text_search import text_in_items
from search_engine.indexes.selection import KeySet

UNREADABLE_SHOWN = 5
SELECTIONS_KEPT = 64
SELECTED_KEYS_KEPT = 16_000_000

_Asked = Filter | tuple[Filter | None, str]
"""A filter, or one with a text that items have to have."""


class Selections:
    """Answers filters and texts of one collection. For several threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._kept: tuple[int, dict[_Asked, tuple[Fitted | None, KeySet]]] = (-1, {})

    def matching(self, record: Collection, parsed: Filter) -> tuple[Fitted, KeySet]:
        """A filter as the collection answers it, and the keys of the items that fulfil it.

        Raises:
            FilterError: It does not fit the collection (`filter_fit`).
        """
        seq = self._catalog.seq()
        fitted, keys = self._known(seq, parsed) or self._keep(
            seq, parsed, self._fit(record, parsed)
        )
        assert fitted is not None
        return fitted, keys

    def containing(self, record: Collection, text: str, parsed: Filter | None) -> KeySet:
        """The keys of the items that a text means (`text_search`), and that fulfil a filter.

        Raises:
            FilterError: As for `matching`.
        """
        seq = self._catalog.seq()
        known = self._known(seq, (parsed, text))
        if known is None:
            among = None if parsed is None else self.matching(record, parsed)[1].keys
            found = self._catalog.keys_where(record, text_in_items(text), among)
            known = self._keep(seq, (parsed, text), (None, KeySet(found)))
        return known[1]

    def _known(self, seq: int, asked: _Asked) -> tuple[Fitted | None, KeySet] | None:
        kept_at, kept = self._kept
        return kept.get(asked) if kept_at == seq else None

    def _keep(
        self, seq: int, asked: _Asked, found: tuple[Fitted | None, KeySet]
    ) -> tuple[Fitted | None, KeySet]:
        kept_at, kept = self._kept
        size = sum(len(keys) for _, keys in kept.values())
        if kept_at != seq or len(kept) >= SELECTIONS_KEPT or size > SELECTED_KEYS_KEPT:
            kept = {}
        self._kept = (seq, {**kept, asked: found})  # together: never old keys as new ones
        return found

    def _fit(self, record: Collection, parsed: Filter) -> tuple[Fitted, KeySet]:
        before = self._catalog.guarded
        fitted = fit_filter(self._catalog, record, parsed)
        keys = KeySet(self._catalog.keys_where(record, compile_filter(fitted.filter)))
        if len(keys) == 0 and not fitted.warnings:
            fitted = replace(fitted, warnings=(NO_ITEM_FITS_ALL,))
        if self._catalog.guarded > before:
            fitted = replace(fitted, warnings=(*fitted.warnings, *self._passed_over(record)))
        return fitted, keys

    def _passed_over(self, record: Collection) -> Iterator[str]:
        """What to know of items that no condition on attributes can be held against."""
        ids = self._catalog.unreadable(record, UNREADABLE_SHOWN + 1)
        if ids:
            more = " and more" if len(ids) > UNREADABLE_SHOWN else ""
            yield (
                "damaged_items: the attributes of items cannot be read, so that they fulfil no "
                f"condition: {', '.join(map(repr, ids[:UNREADABLE_SHOWN]))}{more}; index them again"
            )
