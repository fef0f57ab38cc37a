"""Bodies of requests in OpenAPI, from the declarations that their readers use.

A schema with a title is one of the named ones: `api.openapi` gathers them.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from api.docstrings import describe_fields
from api.filter_schema import FILTER
from api.forms import FORM, JSON
from api.parameters import option_schema
from search_engine.search.options import Option, Verb, options_of

REF_TEMPLATE = "#/components/schemas/{model}"
PICTURE_FILE = {
    "type": "string",
    "format": "binary",
    "contentMediaType": "application/octet-stream",
    "description": "The picture, as a file.",
}
PICTURE_TEXT = {
    "type": "string",
    "contentEncoding": "base64",
    "description": "The picture's bytes in base64, or a data URI.",
}
SUBJECT_SCHEMAS: Mapping[str, dict[str, Any]] = {
    "image_base64": PICTURE_TEXT,
    "item_id": {"type": "string", "description": "An item instead of a photo."},
    "query_token": {
        "type": "string",
        "description": "Of an earlier answer: stands for its photo, and the box of it, as long as "
        "the server remembers them.",
    },
}
"""What can be asked about in JSON, exactly one of them; in a form `image` takes the place of
`image_base64`."""


def json_body(declared: Any, *kinds: str) -> dict[str, Any]:
    """For `openapi_extra` of a route that reads a TypedDict of `api.schemas` as JSON."""
    return body({kind: typed_schema(declared) for kind in kinds or (JSON,)})


def body(content: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """For `openapi_extra`: the schema of each kind of body that a route reads."""
    return {
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": schema} for kind, schema in content.items()},
        }
    }


def typed_schema(declared: Any) -> dict[str, Any]:
    """The schema of a TypedDict of `api.schemas`, named by it."""
    schema = TypeAdapter(declared).json_schema(ref_template=REF_TEMPLATE)
    describe_fields(schema, declared)
    return schema


def question_body(verb: Verb) -> dict[str, Any]:
    """The body of search or classify: a form with the picture as a file, or JSON."""
    name = verb.capitalize()
    options = {each.name: option_schema(each) for each in options_of(verb)}
    in_json = {each.name: _in_json(each) for each in options_of(verb)}
    subjects = {name: dict(schema) for name, schema in SUBJECT_SCHEMAS.items()}
    in_form = {"image": PICTURE_FILE, **subjects}
    del in_form["image_base64"]
    return body(
        {
            FORM: _fields(f"{name}Form", {**in_form, **options}),
            JSON: _fields(f"{name}Request", {**subjects, **in_json}),
        }
    )


def _fields(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": name,
        "description": "What is asked about, exactly one of "
        f"{', '.join(f'`{each}`' for each in fields if each in ('image', *SUBJECT_SCHEMAS))}; "
        "and how.",
        "type": "object",
        "additionalProperties": False,
        "properties": dict(fields),
    }


def _in_json(option: Option) -> dict[str, Any]:
    """As in a form, or what JSON has for it: a tree, a list of numbers or of names."""
    schema = option_schema(option)
    as_text = {"type": schema.pop("type")}
    other = _OTHER_IN_JSON.get(option.kind)
    return {**(as_text if other is None else {"anyOf": [as_text, other]}), **schema}


_OTHER_IN_JSON: Mapping[str, dict[str, Any]] = {
    "filter": FILTER,
    "box": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
    "fields": {"type": "array", "items": {"type": "string", "minLength": 1}},
}
