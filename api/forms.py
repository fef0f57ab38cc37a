"""Request bodies: multipart forms and JSON, read strictly and under limits.

FastAPI's own form handling is lenient where it must not be: of two files it takes the last, `1_0`
is ten and NaN makes it answer 500. So the few fields there are, are read here.
"""

import json
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.base64_pictures import decode_picture
from api.problems import Problem
from search_engine.catalog.filter_text import read_filter
from search_engine.encoders.union import parse_weights
from search_engine.errors import ParameterError
from search_engine.images import Box, parse_box
from search_engine.near import shown
from search_engine.search.options import (
    OPTIONS,
    SUBJECTS,
    Kind,
    Option,
    Verb,
    check_names,
    check_options,
    names_of,
)

MAX_FIELDS = 20
MAX_FACETS = 10
MAX_FIELD_BYTES = 2**20
_NUMBER = re.compile(r"[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})([eE][+-]?\d{1,3})?", re.ASCII)
_QUESTION = (*(option.name for option in OPTIONS), *SUBJECTS)

FORM, JSON = BODY_KINDS = ("multipart/form-data", "application/json")


@dataclass(frozen=True, slots=True)
class Body:
    """Fields of a request by name, and the one picture if there is one."""

    values: Mapping[str, Any] = field(default_factory=dict)
    image: bytes | None = None


@dataclass(frozen=True, slots=True)
class QueryForm:
    """What search and classify are asked: a picture, the token of one, or an item; and how.

    `options` are those that are given, by their names in Python; `facets` are names of fields.
    """

    image: bytes | None
    query_token: str | None
    item_id: str | None
    options: Mapping[str, Any]
    facets: tuple[str, ...]


async def read_body(
    request: Request, known: Iterable[str], kinds: Sequence[str] = BODY_KINDS
) -> Body:
    """The body of a request, whichever of the accepted kinds it is.

    Raises:
        Problem: 400, 415 or 422, saying what is wrong.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        raise Problem(415, "unsupported_type", f"send {' or '.join(kinds)}")
    if kind == FORM:
        body = await _read_multipart(request)
    else:
        body = _read_json(await request.body())
    check_names(body.values, tuple(known))
    return body


def query_form(values: Mapping[str, Any], image: bytes | None) -> QueryForm:
    """Check the fields of search and classify.

    Raises:
        ParameterError: A field has a bad value.
        FilterError: The filter has.
    """
    options = {each.keyword: read_option(each, values.get(each.name)) for each in OPTIONS}
    facets = options.pop("facets") or ()
    return QueryForm(
        image=image,
        query_token=text_value(values, "query_token"),
        item_id=text_value(values, "item_id"),
        options={name: value for name, value in options.items() if value is not None},
        facets=facets,
    )


def read_option(option: Option, value: Any) -> Any:
    """The value of an option in a form, an address or JSON; None where it is not given.

    Raises:
        ParameterError, FilterError: It cannot be.
    """
    if value is None:
        return None
    return _READERS[option.kind](option, value)


async def read_query(request: Request, verb: Verb) -> QueryForm:
    """The body of a question: exactly one of a picture, its token and an item id, and options."""
    body = await read_body(request, _QUESTION)
    check_options(_options(body.values), verb, photo=body.image is not None)
    form = query_form(body.values, body.image)
    if [form.image, form.query_token, form.item_id].count(None) != 2:
        raise Problem(
            422,
            "missing_file",
            "send a picture (image, image_base64), a query_token or an item_id, one of them",
        )
    return form


def item_query(request: Request, item_id: str) -> QueryForm:
    """The question what looks like an item, from the query string."""
    values = query_parameters(request, names_of("search", photo=False))
    return replace(query_form(values, None), item_id=item_id)


def query_parameters(request: Request, known: Iterable[str]) -> dict[str, str]:
    """Query-string parameters; each known one at most once."""
    check_names(request.query_params, tuple(known), "parameter")
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in values:
            raise ParameterError(f"{name} is given twice", where=name)
        values[name] = value
    return values


def whole_number(value: Any, name: str, default: int, low: int, high: int) -> int:
    """A whole number in plain decimal digits within bounds."""
    if value is None:
        return default
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ParameterError("not a whole number in range", where=name, fix=f"give {low} to {high}")
    return value


def field_names(value: Any, name: str) -> tuple[str, ...]:
    """Names of fields, each once: separated by commas, or in JSON a list of texts.

    Raises:
        ParameterError: They are something else, or too many.
    """
    if value in (None, ""):
        return ()
    names = [each.strip() for each in value.split(",")] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(each, str) and each for each in names):
        raise ParameterError("not names of fields", where=name, fix="separate them by commas")
    different = tuple(dict.fromkeys(names))
    if len(different) > MAX_FACETS:
        raise ParameterError("too many fields", where=name, fix=f"give at most {MAX_FACETS}")
    return different


def text_value(values: Mapping[str, Any], name: str) -> str | None:
    """A text without characters that nothing could store; None when it is missing or empty."""
    value = values.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ParameterError("not a text", where=name)
    if "\x00" in value or any("\ud800" <= one <= "\udfff" for one in value):
        raise ParameterError("the text holds characters that cannot be stored", where=name)
    return value


def parse_json(data: bytes | str) -> Any:
    """JSON without NaN, Infinity or repeated keys.

    Raises:
        Problem: 400 `bad_json`.
    """
    try:
        return json.loads(data, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise Problem(400, "bad_json", "the body is not valid JSON") from None


async def _read_multipart(request: Request) -> Body:
    if "boundary=" not in request.headers.get("content-type", ""):
        raise Problem(400, "bad_request", "the multipart boundary is missing")
    form = await _parse_multipart(request)
    try:
        return await _multipart_body(form)
    finally:
        await form.close()


async def _parse_multipart(request: Request) -> FormData:
    async with aclosing(request.stream()) as stream:
        parser = _WholeFormParser(
            request.headers,
            stream,
            max_files=2,
            max_fields=MAX_FIELDS,
            max_part_size=MAX_FIELD_BYTES,
        )
        try:
            return await parser.parse()
        except MultiPartException as error:
            raise Problem(400, "bad_request", error.message) from None


class _WholeFormParser(MultiPartParser):
    """Insists on the last boundary: parts that were cut off would be missed silently."""

    _ended = False

    async def parse(self) -> FormData:
        self.stream = self._whole(self.stream)
        return await super().parse()

    def on_end(self) -> None:
        self._ended = True

    async def _whole(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for chunk in stream:
            yield chunk
        if not self._ended:
            raise Problem(400, "truncated_body", "the body ends before its last boundary")


async def _multipart_body(form: FormData) -> Body:
    values: dict[str, Any] = {}
    images: list[bytes] = []
    for name, part in form.multi_items():
        if isinstance(part, UploadFile):
            if name != "image":
                raise Problem(422, "bad_parameter", "the picture's field is named image")
            images.append(await part.read())
        elif name == "image":
            raise Problem(422, "missing_file", "image is a text; send it as a file")
        elif name == "image_base64":
            raise ParameterError("it is for JSON", where=name, fix="send the file as image")
        elif name in values:
            raise ParameterError("it is given twice", where=shown(name))
        else:
            values[name] = part
    if len(images) > 1:
        raise Problem(422, "one_file_only", "send one picture at a time")
    return Body(values, images[0] if images else None)


def _read_json(data: bytes) -> Body:
    values = parse_json(data)
    if not isinstance(values, dict):
        raise Problem(422, "bad_parameter", "the body is not a JSON object")
    encoded = values.get("image_base64")
    return Body(values, None if encoded is None else decode_picture(encoded))


def _number(option: Option, value: Any) -> float | None:
    if value == "":
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    low, high = option.low, option.high
    assert low is not None
    assert high is not None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        fix = f"give {low:g} to {high:g}"
        raise ParameterError(f"not {option.unit}", where=option.name, fix=fix)
    return float(value)


def _whole(option: Option, value: Any) -> int:
    low, high = option.low, option.high
    assert low is not None
    assert high is not None
    return whole_number(value, option.name, int(low), int(low), int(high))


def _box(option: Option, value: Any) -> Box | None:
    if value == "":
        return None
    if isinstance(value, list) and all(isinstance(each, int | float) for each in value):
        value = ",".join(str(each) for each in value)
    if not isinstance(value, str):
        raise ParameterError("not four numbers", where=option.name)
    return parse_box(value)


def _weights(option: Option, value: Any) -> Mapping[str, float] | None:
    text = text_value({option.name: value}, option.name)
    return None if text is None else parse_weights(text)


_READERS: Mapping[Kind, Callable[[Option, Any], Any]] = {
    "whole": _whole,
    "number": _number,
    "text": lambda option, value: text_value({option.name: value}, option.name),
    "filter": lambda option, value: read_filter(value),
    "box": _box,
    "weights": _weights,
    "fields": lambda option, value: field_names(value, option.name),
}


def _options(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in SUBJECTS}


def _refuse(name: str) -> None:
    raise ValueError(name)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated key")
    return found
