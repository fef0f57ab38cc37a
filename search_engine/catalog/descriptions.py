"""What is known of an item beside its picture: label, product id and attributes."""

from collections.abc import Mapping
from typing import Any

from search_engine.catalog.attribute_values import check_attributes, check_count
from search_engine.errors import ParameterError
from search_engine.names import check_label, check_product_id
from search_engine.records import CatalogItem

_CHECKS = {
    "attributes": lambda value: check_attributes({} if value is None else value),
    "label": check_label,
    "product_id": check_product_id,
}
COLUMNS = tuple(_CHECKS)


def check_description(given: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that are given, as they are stored.

    Raises:
        ParameterError: There is no such column, or it cannot hold the value.
    """
    for name in given:
        if name not in _CHECKS:
            fix = f"known: {', '.join(COLUMNS)}"
            raise ParameterError("there is no such column", where=str(name), fix=fix)
    return {name: _CHECKS[name](value) for name, value in given.items()}


def changed_columns(item: CatalogItem, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that a JSON merge patch (RFC 7396) makes differ, with their new values.

    Attributes that are named change, those that are null go, all others stay; null for all of them
    leaves none.

    Raises:
        ParameterError: A value cannot be stored.
    """
    return merged_columns(item, check_description(patch), whole=patch.get("attributes") is None)


def merged_columns(
    item: CatalogItem, checked: Mapping[str, Any], whole: bool = False
) -> dict[str, Any]:
    """As `changed_columns`, for a patch that was checked; `whole` takes its attributes for all.

    Raises:
        ParameterError: The item would have too many attributes.
    """
    changes: dict[str, Any] = {}
    for name, value in checked.items():
        if name == "attributes" and not whole:
            merged = {**item.attributes, **value}
            value = {
                each: one for each, one in merged.items() if one is not None or each not in value
            }
            check_count(value)
        if differ(getattr(item, name), value):
            changes[name] = value
    return changes


def differ(stored: Any, wanted: Any) -> bool:
    """Whether two columns would be written differently: to Python, true equals 1 and 1.0."""
    if stored != wanted:
        return True
    if isinstance(wanted, Mapping):
        return any(differ(stored[name], value) for name, value in wanted.items())
    if isinstance(wanted, list | tuple):
        return any(map(differ, stored, wanted))
    return type(stored) is not type(wanted)
