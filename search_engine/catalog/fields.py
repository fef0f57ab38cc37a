"""Fields of items: their values as those that vote, and whether a collection has one."""

from collections.abc import Iterable
from typing import Any

from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.store import Catalog
from search_engine.errors import ParameterError
from search_engine.near import did_you_mean, shown
from search_engine.records import CatalogItem


def check_field(
    catalog: Catalog, collection: Collection, name: str, where: str, also: tuple[str, ...] = ()
) -> None:
    """Raise ParameterError unless a name is `label`, `product_id`, an attribute or in `also`."""
    known = ["label", "product_id", *catalog.fields(collection), *also]
    if not name:
        raise ParameterError("the name of a field is empty", where=where, fix="leave it out")
    if name not in known:
        raise ParameterError(
            f"there is no such field: {shown(name)}", where=where, fix=did_you_mean(name, known)
        )


def value_of(item: CatalogItem, target: str) -> str | None:
    """The item's value of a target, as text; None when it has none."""
    return as_label(_value(item, target))


def values_of(item: CatalogItem, target: str) -> tuple[str, ...] | None:
    """All values of a target that is a list, as texts, each once; else None."""
    value = _value(item, target)
    if not isinstance(value, list):
        return None
    texts = (as_label(one) for one in value if not isinstance(one, list | dict))
    return tuple(dict.fromkeys(text for text in texts if text is not None))


def check_single(items: Iterable[CatalogItem], target: str) -> None:
    """Raise ParameterError if items have lists as their value of a target."""
    if any(isinstance(_value(item, target), list) for item in items):
        raise ParameterError(
            f"items have several values of {shown(target)} each, not one class",
            where="target",
            fix="name a field with one value an item",
        )


def as_label(value: Any) -> str | None:
    """A value as the text that votes for it: 3.0 and 3 are one label, and True and `true`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value)


def _value(item: CatalogItem, target: str) -> Any:
    if target in ("label", "product_id"):
        return item.label if target == "label" else item.product_id
    return item.attributes.get(target)
