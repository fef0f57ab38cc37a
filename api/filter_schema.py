"""The filter language in OpenAPI, as `search_engine.catalog.filters` reads it."""

from typing import Any

from search_engine.catalog.filters import MAX_VALUES, OPERATORS

_SCALAR = {"type": ["string", "number", "boolean"]}
_ORDERED = {"type": ["string", "number"]}
_VALUES: dict[str, dict[str, Any]] = {
    "eq": {**_SCALAR, "description": "It is this."},
    "ne": {**_SCALAR, "description": "It has a value, another one than this."},
    "in": {
        "type": "array",
        "items": _SCALAR,
        "minItems": 1,
        "maxItems": MAX_VALUES,
        "description": "It is one of these.",
    },
    "lt": {**_ORDERED, "description": "It is less than this."},
    "lte": {**_ORDERED, "description": "It is this or less."},
    "gt": {**_ORDERED, "description": "It is more than this."},
    "gte": {**_ORDERED, "description": "It is this or more."},
    "under": {"type": "string", "description": "It is this label path, or one below it."},
    "exists": {"type": "boolean", "description": "Whether it has a value."},
}
FILTER = {"$ref": "#/components/schemas/Filter"}


def _group(name: str, parts: dict[str, Any], said: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [name],
        "additionalProperties": False,
        "properties": {name: parts},
        "description": said,
    }


_PARTS = {"type": "array", "items": FILTER, "minItems": 1}
COMPONENTS: dict[str, dict[str, Any]] = {
    "Filter": {
        "description": "Which items are meant: a condition, or several that are joined.",
        "oneOf": [
            {"$ref": f"#/components/schemas/{name}"}
            for name in ("FilterCondition", "FilterAll", "FilterAny", "FilterNot")
        ],
    },
    "FilterCondition": {
        "type": "object",
        "description": "A field, and one operator with its value.",
        "required": ["field"],
        "minProperties": 2,
        "maxProperties": 2,
        "additionalProperties": False,
        "properties": {
            "field": {
                "type": "string",
                "minLength": 1,
                "description": "`item_id`, `product_id`, `label` or an attribute.",
            },
            **{name: _VALUES[name] for name in OPERATORS},
        },
    },
    "FilterAll": _group("all", _PARTS, "Each of these holds."),
    "FilterAny": _group("any", _PARTS, "One of these holds, or several."),
    "FilterNot": _group("not", FILTER, "This does not hold."),
}
