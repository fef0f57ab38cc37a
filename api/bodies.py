"""Bodies of requests in OpenAPI, from the declarations that their readers use.

A schema with a title is one of the named ones: `api.openapi` gathers them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from api.docstrings import describe_fields
from api.filter_schema import FILTER
from api.forms import FORM, JSON
from api.forms.queries import MAX_QUERIES, OF_ONE
from api.parameters import option_schema
from search_engine.search.boosts import MAX_BOOST, MAX_BOOSTS
from search_engine.search.declared import Option, Verb
from search_engine.search.examples import MAX_EXAMPLES, MAX_WEIGHT
from search_engine.search.given_labels import MAX_LABELS
from search_engine.search.options import options_of
from search_engine.search.parts import PARTS

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
        "the server remembers them; a shared one is understood by every server of the catalog.",
    },
    "vector": {
        "description": "An embedding by the collection's encoder, of any length but 0: its "
        "numbers, or the base64 of them as little-endian float32.",
        "anyOf": [
            {"type": "array", "items": {"type": "number"}, "minItems": 1},
            {"type": "string", "contentEncoding": "base64"},
        ],
    },
    "text": {
        "type": "string",
        "description": "What a picture would show, in words, where the collection's encoder reads "
        "texts.",
    },
}
"""What can be asked about in JSON, exactly one of them; in a form `image` takes the place of
`image_base64`."""
EXAMPLE_TEXTS: Mapping[str, str] = {
    "like": "Examples of what is wanted, beside what is asked about or instead of it. Items that "
    "are examples are not found, nor other views of their products.",
    "unlike": "Examples of what is not wanted.",
}
WEIGHT = {
    "type": "number",
    "minimum": 0,
    "maximum": MAX_WEIGHT,
    "default": 1,
    "description": "How much it counts.",
}


def json_body(declared: Any, *kinds: str, name: str = "") -> dict[str, Any]:
    """For `openapi_extra` of a route that reads a TypedDict of `api.schemas` as JSON.

    Models of pydantic and unions of them do as well; a union has no name but the given one.
    """
    return body({kind: typed_schema(declared, name) for kind in kinds or (JSON,)})


def body(content: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """For `openapi_extra`: the schema of each kind of body that a route reads."""
    return {
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": schema} for kind, schema in content.items()},
        }
    }


def union_body(name: str, schema: Mapping[str, Any], said: str) -> dict[str, Any]:
    """For `openapi_extra`: a body that is one of several, named and described here."""
    return body({JSON: {"title": name, "description": said, **schema}})


def typed_schema(declared: Any, name: str = "") -> dict[str, Any]:
    """The schema of a type, named by it unless another name is given."""
    schema = TypeAdapter(declared).json_schema(ref_template=REF_TEMPLATE)
    for each in (schema, *schema.get("$defs", {}).values()):
        describe_fields(each, declared if each is schema else None)
    return {"title": name, **schema} if name else schema


def question_body(verb: Verb) -> dict[str, Any]:
    """The body of search or classify: a form with the picture as a file, or JSON."""
    name = verb.capitalize()
    options = {each.name: option_schema(each) for each in options_of(verb)}
    in_json = {each.name: _in_json(each) for each in options_of(verb)}
    subjects = {name: dict(schema) for name, schema in SUBJECT_SCHEMAS.items()}
    in_form = {"image": _pictures() if verb == "search" else PICTURE_FILE, **subjects}
    del in_form["image_base64"]
    in_form["vector"] = {
        "type": "string",
        "contentEncoding": "base64",
        "description": subjects["vector"]["description"],
    }
    return body(
        {
            FORM: _fields(f"{name}Form", {**in_form, **_examples_in_form(verb), **options}),
            JSON: _fields(f"{name}Request", {**subjects, **_examples(verb), **in_json}),
        }
    )


def batch_body(verb: Verb) -> dict[str, Any]:
    """The body of search or classify for many: a form with several pictures, or JSON."""
    name = f"{verb.capitalize()}Batch"
    shared = [each for each in options_of(verb) if each.name not in OF_ONE]
    box = next(each for each in options_of(verb) if each.name == "box")
    subjects = {name: dict(schema) for name, schema in SUBJECT_SCHEMAS.items()}
    title = "SearchQuery" if verb == "search" else "Query"
    query = _fields(title, {**subjects, "box": _in_json(box), **_examples(verb)})
    return body(
        {
            FORM: _many(f"{name}Form", "image", PICTURE_FILE, map(_as_text, shared)),
            JSON: _many(f"{name}Request", "queries", query, map(_as_json, shared)),
        }
    )


def _pictures() -> dict[str, Any]:
    """One picture, or several examples to like."""
    several = {"type": "array", "items": PICTURE_FILE, "minItems": 2, "maxItems": MAX_EXAMPLES}
    return {"anyOf": [PICTURE_FILE, {**several, "description": "Examples to like."}]}


def _examples(verb: Verb) -> dict[str, Any]:
    """Lists of examples, which a search may have."""
    if verb != "search":
        return {}
    one = {
        "title": "SearchExample",
        "description": "An example: exactly one thing, and how much it counts.",
        "type": "object",
        "additionalProperties": False,
        "properties": {**SUBJECT_SCHEMAS, "weight": WEIGHT},
    }
    listed = {"type": "array", "items": one, "maxItems": MAX_EXAMPLES}
    return {name: {**listed, "description": said} for name, said in EXAMPLE_TEXTS.items()}


def _examples_in_form(verb: Verb) -> dict[str, Any]:
    return {
        name: {
            "type": "string",
            "description": f"{EXAMPLE_TEXTS[name]} As JSON: a list of objects.",
            "examples": ['[{"item_id": "mugs/red.jpg", "weight": 2}]'],
        }
        for name in _examples(verb)
    }


def _many(
    title: str, name: str, asked: Mapping[str, Any], options: Iterable[tuple[str, Any]]
) -> dict[str, Any]:
    listed = {
        "type": "array",
        "items": asked,
        "minItems": 1,
        "maxItems": MAX_QUERIES,
        "description": "What is asked about, each by itself.",
    }
    return {
        "title": title,
        "description": "What is asked about, and how: the same for all.",
        "type": "object",
        "required": [name],
        "additionalProperties": False,
        "properties": {name: listed, **dict(options)},
    }


def _as_text(option: Option) -> tuple[str, Any]:
    return option.name, option_schema(option)


def _as_json(option: Option) -> tuple[str, Any]:
    return option.name, _in_json(option)


def _fields(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": name,
        "description": "What is asked about, exactly one of "
        f"{', '.join(f'`{each}`' for each in fields if each in ('image', *SUBJECT_SCHEMAS))}"
        f"{', or examples to `like`' if 'like' in fields else ''}; and how.",
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
    "labels": {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 2,
        "maxItems": MAX_LABELS,
    },
    "boosts": {
        "type": "object",
        "additionalProperties": {"type": "number", "minimum": -MAX_BOOST, "maximum": MAX_BOOST},
        "maxProperties": MAX_BOOSTS,
    },
    "parts": {
        "type": "object",
        "properties": {name: {"type": "number", "minimum": 0, "maximum": 1} for name in PARTS},
        "additionalProperties": False,
        "minProperties": 1,
    },
    "fields": {"type": "array", "items": {"type": "string", "minLength": 1}},
}
