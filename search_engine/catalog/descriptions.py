"""What is known of an item beside its picture: label, product id and attributes."""

import json
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
    wanted = check_description(patch)
    if patch.get("attributes") is not None:
        merged = {**item.attributes, **wanted["attributes"]}
        gone = {name for name, value in wanted["attributes"].items() if value is None}
        wanted["attributes"] = {name: value for name, value in merged.items() if name not in gone}
        check_count(wanted["attributes"])
    return {name: value for name, value in wanted.items() if differ(getattr(item, name), value)}


def differ(stored: Any, wanted: Any) -> bool:
    """Whether two columns would be written differently: to Python, true equals 1 and 1.0."""
    if stored != wanted or not isinstance(wanted, Mapping):
        return bool(stored != wanted)
    return json.dumps(stored, sort_keys=True) != json.dumps(wanted, sort_keys=True)
