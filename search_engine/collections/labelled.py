"""Labelled embeddings: a whole collection, or query photos, with what is known of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.fields import check_field, check_single, value_of
from search_engine.catalog.store import Catalog
from search_engine.errors import ParameterError
from search_engine.records import Codes, Keys, Vectors


@dataclass(frozen=True, slots=True)
class Labelled:
    """Embeddings (N, D) with keys (N,) and a label each, None without one.

    Keys of queries are those of the same pictures in the gallery, or -1: a query never finds
    itself. `products` are product ids or None; `names` identify pictures for people: item ids, or
    paths; `groups` tell what else belongs together, None for what stands alone. All three are empty
    if not requested.
    """

    vectors: Vectors
    labels: Sequence[str | None]
    keys: Keys
    products: Sequence[str | None] = field(default=())
    names: Sequence[str] = field(default=())
    groups: Sequence[str | None] = field(default=())

    @property
    def together(self) -> Sequence[str | None]:
        """What is held out together: the groups, or the products without any."""
        return self.groups or self.products

    @property
    def order(self) -> Sequence[str]:
        """The ids whose order may tell what came together; none where groups tell it."""
        return () if self.groups else self.names


def take(labelled: Labelled, rows: Codes) -> Labelled:
    """Select rows, in the given order."""
    chosen = rows.tolist()
    return Labelled(
        labelled.vectors[rows],
        [labelled.labels[row] for row in chosen],
        labelled.keys[rows],
        [labelled.products[row] for row in chosen] if labelled.products else (),
        [labelled.names[row] for row in chosen] if labelled.names else (),
        [labelled.groups[row] for row in chosen] if labelled.groups else (),
    )


def aligned(galleries: Sequence[Labelled]) -> list[Labelled]:
    """Select the items that all galleries have; each is in ascending order of keys."""
    keys = reduce(np.intersect1d, [each.keys for each in galleries])
    return [take(each, np.searchsorted(each.keys, keys)) for each in galleries]


def read_gallery(
    catalog: Catalog,
    collection: str,
    target: str = "label",
    record: Collection | None = None,
    group_by: str | None = None,
    single: bool = False,
) -> Labelled:
    """Read all items of a collection that have an embedding, by key, with their value of a target.

    The embeddings are by the encoder of `record` if given, else of the collection. Items with one
    value of the field `group_by` are a group. A list of values counts as one text, unless `single`.

    Raises:
        CollectionNotFoundError: There is no such collection.
        ParameterError: There is no field `group_by`, or no value of it is that of two items; or
            values are lists and shall be `single`.
    """
    record = record or catalog.collection(collection)
    changes = catalog.changes_since(record, -1)
    found = catalog.by_keys(changes.keys.tolist())
    here = np.array([key in found for key in changes.keys.tolist()], dtype=bool)
    items = [found[key] for key in changes.keys[here].tolist()]
    if single:
        check_single(items, target)
    groups: list[str | None] = []
    if group_by is not None:
        check_field(catalog, record, group_by, "group_by")
        groups = [value_of(item, group_by) for item in items]
        _check_groups(group_by, groups)
    return Labelled(
        changes.vectors[here].astype(np.float32),
        [value_of(item, target) for item in items],
        changes.keys[here],
        [item.product_id for item in items],
        [item.item_id for item in items],
        groups,
    )


def _check_groups(group_by: str, groups: Sequence[str | None]) -> None:
    known = [one for one in groups if one is not None]
    if known and len(set(known)) in (1, len(known)):
        several = "no two items" if len(set(known)) > 1 else "all items"
        raise ParameterError(
            f"{several} have one value of {group_by!r}: nothing can be held out by it",
            where="group_by",
            fix="name a field that several items share, such as a product or a day",
        )
