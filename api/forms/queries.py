"""What search and classify are asked: with what, one thing or many, and how."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from api.base64_pictures import decode_picture
from api.forms.bodies import FORM, content_type, json_object, read_body
from api.forms.options import (
    query_parameters,
    read_box,
    read_options,
    without_subjects,
)
from api.forms.values import text_value
from api.problems import Problem
from search_engine.errors import EyedexError, ParameterError
from search_engine.search.given_vectors import GivenVector
from search_engine.search.options import (
    OPTIONS,
    SUBJECTS,
    Verb,
    check_names,
    check_options,
    names_of,
)
from search_engine.search.query_cache import QueryToken
from search_engine.search.subject import Asked

MAX_QUERIES = 64
"""Of one request."""

OF_ONE = {
    "box": ("a region is of one picture", "give it beside the picture, in queries"),
    "cursor": ("a page is of one question", "ask for the next one by itself"),
}
"""Options that many questions cannot share, and what to say of them."""

QUERY_FIELDS = (*SUBJECTS, "box")
_OPTION_NAMES = tuple(option.name for option in OPTIONS)


@dataclass(frozen=True, slots=True)
class QueryForm:
    """What search and classify are asked: with what, and how.

    `asked` may be a reason why nothing can be asked with it, in a batch. `options` are those that
    are given, by their names in Python; `facets` are names of fields.
    """

    asked: Sequence[Asked | EyedexError | Problem]
    options: Mapping[str, Any]
    facets: tuple[str, ...] = ()


async def read_query(request: Request, verb: Verb) -> QueryForm:
    """The body of a question: exactly one thing to ask with, and options."""
    body = await read_body(request, (*_OPTION_NAMES, *SUBJECTS))
    check_options(without_subjects(body.values), verb, photo=body.image is not None)
    options, facets = read_options(body.values)
    asked = _asked(body.values, body.image, options.pop("box", None))
    return QueryForm([asked], options, facets)


def item_query(request: Request, item_id: str) -> QueryForm:
    """The question what looks like an item, from the query string."""
    values = query_parameters(request, names_of("search", photo=False))
    options, facets = read_options(values)
    return QueryForm([Asked(item_id=item_id)], options, facets)


async def read_batch(request: Request, verb: Verb) -> QueryForm:
    """The body of many questions under the same options: JSON, or a form with several pictures.

    Raises:
        Problem, ParameterError, FilterError: What is wrong does not concern one of them alone.
    """
    body = await read_body(request, (*_OPTION_NAMES, "queries"), most_images=MAX_QUERIES)
    shared = {name: value for name, value in body.values.items() if name != "queries"}
    for name, (what, fix) in OF_ONE.items():
        if shared.get(name) not in (None, ""):
            raise ParameterError(what, where=name, fix=fix)
    check_options(shared, verb, photo=False)
    options, facets = read_options(shared)
    if content_type(request) == FORM:
        if "queries" in body.values:
            raise ParameterError("it is for JSON", where="queries", fix="send files as image")
        queries: list[Asked | EyedexError | Problem] = [Asked(each) for each in body.images]
    else:
        queries = await run_in_threadpool(lambda: list(_queries(body.values.get("queries"))))
    if not queries:
        raise Problem(422, "missing_file", "send queries, or pictures as image")
    return QueryForm(queries, options, facets)


def _queries(given: Any) -> Iterator[Asked | EyedexError | Problem]:
    if not isinstance(given, list):
        raise ParameterError("not a list of queries", where="queries", fix="send 1 to 64 objects")
    if len(given) > MAX_QUERIES:
        raise Problem(422, "too_many_queries", f"send at most {MAX_QUERIES} queries at a time")
    for each in given:
        try:
            yield _query(json_object(each, "a query"))
        except (EyedexError, Problem) as error:
            yield error


def _query(values: Mapping[str, Any]) -> Asked:
    check_names(values, QUERY_FIELDS)
    encoded = values.get("image_base64")
    image = None if encoded is None else decode_picture(encoded)
    box = read_box(values.get("box"))
    if box is not None and image is None:
        raise ParameterError(
            "box is about a photo that is sent", where="box", fix="leave it out, or send the photo"
        )
    return _asked(values, image, box)


def _asked(values: Mapping[str, Any], image: bytes | None, box: Any) -> Asked:
    """The one thing that is asked with."""
    token, item_id = text_value(values, "query_token"), text_value(values, "item_id")
    vector = _vector(values.get("vector"))
    if [image, token, item_id, vector].count(None) != 3:
        raise Problem(
            422,
            "missing_file",
            "send a picture (image, image_base64), a query_token, an item_id or a vector, one of "
            "them",
        )
    return Asked(image if token is None else QueryToken(token), item_id, vector, box)


def _vector(value: Any) -> GivenVector | None:
    """What is not a text or a list is refused where vectors are read."""
    return None if value is None or value == "" else value
