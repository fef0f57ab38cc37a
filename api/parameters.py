"""Parameters of a request beside its body, declared once: how they are read and described."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastapi import Request

from api.forms import query_parameters, text_value, true_or_false, whole_number
from search_engine.catalog.collection_rows import COLLECTION_NAME
from search_engine.names import MAX_ID_BYTES
from search_engine.search.declared import OPTIONS, Kind, Option
from search_engine.search.options import check_choice

_TYPES: Mapping[Kind, dict[str, Any]] = {
    "whole": {"type": "integer"},
    "number": {"type": "number"},
    "text": {"type": "string"},
    "filter": {"type": "string"},
    "box": {"type": "string"},
    "weights": {"type": "string"},
    "boosts": {"type": "string"},
    "colors": {"type": "string"},
    "parts": {"type": "string"},
    "labels": {"type": "string"},
    "fields": {"type": "string"},
    "flag": {"type": "boolean"},
}
_EXAMPLES: Mapping[Kind, Callable[[str], Any]] = {
    "whole": int,
    "number": float,
    "flag": lambda text: text == "true",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, what it is for, its schema in OpenAPI, and what reads its text.

    `read` takes None where the parameter is missing, and raises ParameterError.
    """

    name: str
    help: str
    schema: Mapping[str, Any]
    read: Callable[[str | None], Any]
    required: bool = False

    @property
    def openapi(self) -> dict[str, Any]:
        """The parameter in OpenAPI."""
        return {
            "name": self.name,
            "in": "query",
            "required": self.required,
            "description": f"{self.help[0].upper()}{self.help[1:]}",
            "schema": dict(self.schema),
        }


class Parameters:
    """All that a route takes in its address; every other name is refused.

    `headers` are those that it looks at, as OpenAPI describes them.
    """

    def __init__(self, *declared: Parameter, headers: Sequence[Mapping[str, Any]] = ()) -> None:
        self.declared = declared
        self._headers = headers

    @property
    def openapi(self) -> dict[str, Any]:
        """For `openapi_extra` of a route."""
        return {"parameters": [each.openapi for each in self.declared] + list(self._headers)}

    def read(self, request: Request) -> dict[str, Any]:
        """The value of each by its name, of missing ones their default.

        Raises:
            ParameterError: A name is unknown or given twice, or a value cannot be.
        """
        given = query_parameters(request, [each.name for each in self.declared])
        return {each.name: each.read(given.get(each.name)) for each in self.declared}


def text(name: str, help: str, example: str = "", required: bool = False) -> Parameter:
    """A text; None where it is missing."""
    schema = {"type": "string", **({"examples": [example]} if example else {})}
    return Parameter(name, help, schema, lambda value: text_value({name: value}, name), required)


def whole(name: str, help: str, default: int, low: int, high: int) -> Parameter:
    """A whole number within bounds, in decimal digits."""
    schema = {"type": "integer", "minimum": low, "maximum": high, "default": default}
    return Parameter(
        name, help, schema, lambda value: whole_number(value, name, default, low, high)
    )


def whole_if_any(name: str, help: str, low: int, high: int) -> Parameter:
    """As `whole`; None where it is missing."""
    bounded = whole(name, help, low, low, high)
    schema = {each: value for each, value in bounded.schema.items() if each != "default"}
    return replace(
        bounded, schema=schema, read=lambda value: None if value is None else bounded.read(value)
    )


def flag(name: str, help: str) -> Parameter:
    """True or false; false where it is missing."""

    return Parameter(
        name,
        help,
        {"type": "boolean", "default": False},
        lambda value: bool(value is not None and true_or_false(value, name)),
    )


def include_vectors() -> Parameter:
    """In which form items come with their embeddings; None for without."""
    option = next(each for each in OPTIONS if each.name == "include")
    schema = {"type": "string", "enum": list(option.choices)}
    return Parameter(
        option.name,
        "add the embedding of each item, as numbers or as the base64 of little-endian float32, or "
        "the dominant colours of its picture",
        schema,
        lambda value: None if value is None else check_choice(value, option.name),
    )


def of_options(*options: Option) -> Parameters:
    """Options of a search in the address; `api.forms` reads them."""
    return Parameters(*(_of_option(each) for each in options))


def _of_option(option: Option) -> Parameter:
    schema = option_schema(option)
    return Parameter(option.name, schema.pop("description"), schema, lambda value: value)


def option_schema(option: Option) -> dict[str, Any]:
    """An option in OpenAPI, as a field of a body or a parameter."""
    said = f"{option.help[0].upper()}{option.help[1:]}"
    if option.default:
        said += f" (default: {option.default})"
    lowest, highest = ("minimum", "maximum")
    if option.exclusive:
        lowest, highest = ("exclusiveMinimum", "exclusiveMaximum")
    bounds = {lowest: option.low, highest: option.high, "enum": list(option.choices)}
    return {
        **_TYPES[option.kind],
        **{name: value for name, value in bounds.items() if value not in (None, [])},
        "description": said,
        "examples": [_EXAMPLES.get(option.kind, str)(option.example)],
    }


def as_sent(name: str, help: str) -> Parameter:
    """A text as it was sent, an empty one too; None where it is missing."""
    return Parameter(name, help, {"type": "string"}, read=lambda value: value)


CURSOR = as_sent("cursor", "`next_cursor` of the page before")
"""Where the page before ended."""


def header(name: str, help: str, example: str = "") -> dict[str, Any]:
    """A header that a route looks at, in OpenAPI."""
    schema = {"type": "string", **({"examples": [example]} if example else {})}
    return {"name": name, "in": "header", "required": False, "description": help, "schema": schema}


IF_NONE_MATCH = header(
    "If-None-Match", "The `ETag` of an answer that the client has: 304 where it still holds."
)

REQUEST_ID = {
    "name": "X-Request-ID",
    "in": "header",
    "required": False,
    "description": "Your own name for this request, in its answer and in the log of the server.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
}
"""What every route takes, in OpenAPI; the middleware reads it."""

IN_PATH: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "c": (
        "The name of a collection.",
        {"type": "string", "pattern": f"^{COLLECTION_NAME.pattern}$", "examples": ["default"]},
    ),
    "item_id": (
        f"The id of an item: 1 to {MAX_ID_BYTES} bytes of UTF-8 in NFC, without control characters "
        "and space around it; no part between slashes is empty, `.` or `..`. Escape everything "
        "but letters, digits, `-`, `.`, `_` and `~`, slashes too.",
        {"type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES, "examples": ["mugs/red.jpg"]},
    ),
    "job_id": (
        "The id of a job.",
        {"type": "string", "pattern": "^[0-9a-f]{32}$", "examples": ["0" * 32]},
    ),
    "file_name": (
        "The name of a file that the job made.",
        {"type": "string", "examples": ["snapshot.tar"]},
    ),
    "upload_id": ("The id of an upload.", {"type": "string", "pattern": "^[0-9a-f]{32}$"}),
    "name": (
        "The name of a file: a relative path such as `images/red.jpg`, whose last part says by its "
        "suffix what the file is; no part begins with a dot.",
        {"type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES, "examples": ["shop.csv"]},
    ),
}
"""What stands in paths, by its name: its text and its schema in OpenAPI."""
