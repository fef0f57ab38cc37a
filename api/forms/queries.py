"""What search and classify are asked: with what, one thing or many, and how."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from api.base64_pictures import decode_picture
from api.forms.bodies import FORM, content_type, json_object, read_body
from api.forms.json_text import parse_json
from api.forms.options import (
    query_parameters,
    read_box,
    read_options,
    without_subjects,
)
from api.forms.values import refuse_empty, text_value
from api.problems import Problem
from search_engine.errors import EyedexError, ParameterError
from search_engine.search.asked import Asked
from search_engine.search.declared import EXAMPLES, OPTIONS, SUBJECTS, Verb
from search_engine.search.examples import MAX_EXAMPLES, Example, at_example
from search_engine.search.given_vectors import GivenVector
from search_engine.search.options import check_names, check_options, names_of
from search_engine.search.query_cache import QueryToken

MAX_QUERIES = 64
"""Of one request."""

OF_ONE = {
    "box": ("a region is of one picture", "give it beside the picture, in queries"),
    "explain": ("explanations are of one question", "ask for them by itself"),
    "cursor": ("a page is of one question", "ask for the next one by itself"),
}
"""Options that many questions cannot share, and what to say of them."""

QUERY_FIELDS = {"search": (*SUBJECTS, "box", *EXAMPLES), "classify": (*SUBJECTS, "box")}
EXAMPLE_FIELDS = (*SUBJECTS, "weight")
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
    """The body of a question: one thing to ask with, examples in a search, and options.

    Several pictures of a form are a mix: examples to like.
    """
    known = (*SUBJECTS, *EXAMPLES) if verb == "search" else SUBJECTS
    most = MAX_EXAMPLES if verb == "search" else 1
    body = await read_body(request, (*_OPTION_NAMES, *known), most_images=most)
    one = len(body.images) == 1
    check_options(without_subjects(body.values), verb, photo=one)
    options, facets = read_options(body.values)
    pictures = [] if one else [Example(picture=each) for each in body.images]
    parts = {name: options.pop(name, None) for name in ("box", "regions", "turns")}
    describes = not {"q", "color"}.isdisjoint(options)
    arguments = body.values, body.image if one else None, parts, pictures, describes
    has_examples = any(body.values.get(name) for name in EXAMPLES)
    asked = await run_in_threadpool(_asked, *arguments) if has_examples else _asked(*arguments)
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
        if shared.get(name) is not None:
            raise ParameterError(what, where=name, fix=fix)
    check_options(shared, verb, photo=False)
    options, facets = read_options(shared)
    if content_type(request) == FORM:
        if "queries" in body.values:
            raise ParameterError("it is for JSON", where="queries", fix="send files as image")
        queries: list[Asked | EyedexError | Problem] = [Asked(each) for each in body.images]
    else:
        queries = await run_in_threadpool(lambda: list(_queries(body.values.get("queries"), verb)))
    if not queries:
        raise Problem(422, "missing_file", "send queries, or pictures as image")
    if sum(_pictures_of(each) for each in queries) > MAX_QUERIES:
        what = f"send at most {MAX_QUERIES} pictures at a time, those of examples among them"
        raise Problem(422, "too_many_queries", what)
    return QueryForm(queries, options, facets)


def _queries(given: Any, verb: Verb) -> Iterator[Asked | EyedexError | Problem]:
    if not isinstance(given, list):
        raise ParameterError("not a list of queries", where="queries", fix="send 1 to 64 objects")
    if len(given) > MAX_QUERIES:
        raise Problem(422, "too_many_queries", f"send at most {MAX_QUERIES} queries at a time")
    for each in given:
        try:
            yield _query(json_object(each, "a query"), verb)
        except (EyedexError, Problem) as error:
            yield error


def _pictures_of(asked: Asked | EyedexError | Problem) -> int:
    if isinstance(asked, Exception):
        return 0
    return sum(isinstance(each.picture, bytes) for each in asked.parts)


def _query(values: Mapping[str, Any], verb: Verb) -> Asked:
    check_names(values, QUERY_FIELDS[verb])
    encoded = values.get("image_base64")
    image = None if encoded is None else decode_picture(encoded)
    box = read_box(values.get("box"))
    if box is not None and image is None:
        raise ParameterError(
            "box is about a photo that is sent", where="box", fix="leave it out, or send the photo"
        )
    return _asked(values, image, {"box": box})


def _asked(
    values: Mapping[str, Any],
    image: bytes | None,
    parts: Mapping[str, Any],
    pictures: Sequence[Example] = (),
    describes: bool = False,
) -> Asked:
    """What is asked with: one thing, or examples to like, `pictures` among them.

    `parts` are box, regions and turns of the one thing, by their names in `Asked`. Nothing is
    needed where options describe what is wanted.
    """
    given = _subject(values, image)
    like, unlike = (*pictures, *_examples(values, "like")), tuple(_examples(values, "unlike"))
    if not (given or like or (describes and not unlike)):
        raise _not_one()
    return Asked(**given, **parts, like=like, unlike=unlike, described=describes)


def _subject(values: Mapping[str, Any], image: bytes | None) -> dict[str, Any]:
    """The one thing that is given to ask with, by its name in `Asked`; none where nothing is."""
    token = text_value(values, "query_token")
    given = [
        ("picture", image),
        ("picture", None if token is None else QueryToken(token)),
        ("item_id", text_value(values, "item_id")),
        ("vector", _vector(values.get("vector"))),
        ("text", text_value(values, "text")),
    ]
    found = [(name, value) for name, value in given if value is not None]
    if len(found) > 1:
        raise _not_one()
    return dict(found)


def _examples(values: Mapping[str, Any], name: str) -> Iterator[Example]:
    """Examples in JSON, or in its text in a form."""
    given = values.get(name)
    if given is None:
        return
    refuse_empty(given, name)
    if isinstance(given, str):
        given = _parsed(given)
    if not isinstance(given, list) or len(given) > MAX_EXAMPLES:
        fix = f"send a list of 1 to {MAX_EXAMPLES} objects"
        raise ParameterError("not a list of examples", where=name, fix=fix)
    for number, each in enumerate(given):
        with at_example(f"{name}[{number}]"):
            yield _example(json_object(each, f"{name}[{number}]"))


def _parsed(text: str) -> Any:
    """What is no JSON is no list of examples either."""
    with suppress(Problem, UnicodeEncodeError):
        return parse_json(text.encode())
    return None


def _example(values: Mapping[str, Any]) -> Example:
    check_names(values, EXAMPLE_FIELDS)
    encoded = values.get("image_base64")
    given = _subject(values, None if encoded is None else decode_picture(encoded))
    weight = values.get("weight")
    return Example(**given, weight=1.0 if weight is None else weight)


def _vector(value: Any) -> GivenVector | None:
    """What is not a text or a list is refused where vectors are read."""
    refuse_empty(value, "vector")
    given: GivenVector | None = value
    return given


def _not_one() -> Problem:
    what = "a picture (image, image_base64), a query_token, an item_id, a vector or a text"
    also = "examples to like, or in a search q or color"
    return Problem(422, "missing_file", f"send {what}, one of them, or {also}")
