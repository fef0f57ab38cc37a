"""The description of the API in OpenAPI 3.1, derived from what the code reads and answers with.

Routes say what they take and give (`api.parameters`, `api.bodies`, `api.schemas`, `api.problems`);
here it becomes one document in which every schema has a name and every field its text.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.openapi.utils import get_openapi

from api import filter_schema
from api.bodies import typed_schema
from api.docstrings import describe_fields, schemas
from api.examples import exchanges
from api.heads import has_already
from api.parameters import IN_PATH, REQUEST_ID
from api.problems import known_codes, responses
from api.schemas.server import Problem
from api.security.access import ANY_KEY, SCHEMES, needed_scope

PATH = "/openapi.json"
ABOUT = """\
Finds the items of a catalog that look like a picture, gives pictures a class by the vote of the
most similar items, and keeps the catalog.

Errors are `application/problem+json` with a stable `code`. Pages have a `next_cursor`, null at the
end. Unknown parameters and fields are refused, never ignored. Once `eyedex keys create` made a key,
everything but the health of the server needs one; until then everyone may do anything."""
TAGS = {
    "queries": "What looks like this, and what class is it.",
    "items": "Items of a collection, and their pictures.",
    "collections": "Collections; their labels, values and trained classifiers.",
    "overviews": "What looks wrong in a collection, and its map, as jobs found them.",
    "uploads": "Pictures and tables that are staged for a job.",
    "jobs": "Work that takes longer than a request.",
    "feedback": "What people did with results, to learn a better order from.",
    "health": "Whether the server is alive and ready.",
}
"""Groups of operations, in the order of the documentation."""


def install(app: FastAPI) -> None:
    """Let the app describe itself: as a value by `app.openapi()`, and at `/openapi.json`."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
    document = _Document(app)
    app.add_api_route(PATH, document.answer, include_in_schema=False)


class _Document:
    """The description as bytes, made when it is asked for first."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._making = asyncio.Lock()
        self._body = b""
        self._tag = ""

    async def answer(self, request: Request) -> Response:
        """The description, or 304 where the client has it."""
        async with self._making:
            if not self._body:
                await run_in_threadpool(self._make)
        headers = {"ETag": f"W/{self._tag}", "Cache-Control": "no-cache"}
        if has_already(request.headers.getlist("if-none-match"), self._tag):
            return Response(status_code=304, headers=headers)
        return Response(self._body, media_type="application/json", headers=headers)

    def _make(self) -> None:
        """Take the tenths of a second beside the event loop, which would keep all waiting."""
        body = json.dumps(self._app.openapi(), ensure_ascii=False, separators=(",", ":")).encode()
        self._tag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        self._body = body


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole document."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=ABOUT,
        routes=app.routes,
        servers=[{"url": "/", "description": "This server."}],
    )
    components = document["components"]["schemas"]
    _secure(document)
    for operation in operations(document):
        operation.setdefault("parameters", []).append(REQUEST_ID)
        _describe_path(operation)
        _show(operation)
    _gather(document["paths"], components)
    components |= filter_schema.COMPONENTS | {"Problem": _problem()}
    for name, schema in components.items():
        describe_fields(schema, schemas().get(name))
        schema.pop("title", None)
    document["components"]["schemas"] = dict(sorted(components.items()))
    used = {tag for operation in operations(document) for tag in operation["tags"]}
    document["tags"] = [
        {"name": name, "description": text} for name, text in TAGS.items() if name in used
    ]
    return document


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every operation of a document."""
    for path in document["paths"].values():
        yield from path.values()


def _secure(document: dict[str, Any]) -> None:
    """Add to every operation which key it needs."""
    document["components"]["securitySchemes"] = SCHEMES
    for path in document["paths"].values():
        for method, operation in path.items():
            scope = needed_scope(operation["operationId"], method.upper())
            operation["security"] = [] if scope is None else ANY_KEY
            if scope is not None:
                operation["x-eyedex-scope"] = scope
                for status, answer in responses(401, 403).items():
                    operation["responses"].setdefault(str(status), answer)


def _describe_path(operation: dict[str, Any]) -> None:
    """Parameters in the path as they are declared."""
    for each in operation.get("parameters", []):
        if each["in"] == "path":
            each["schema"].pop("title", None)
            if each["name"] in IN_PATH:
                text, schema = IN_PATH[each["name"]]
                each |= {"description": text, "schema": dict(schema)}


def _show(operation: dict[str, Any]) -> None:
    """Add the recorded example to an operation."""
    exchange = exchanges().get(operation["operationId"])
    if exchange is None:
        return
    answer = operation["responses"].get(str(exchange["status"]), {})
    for holder, value in ((answer, "answer"), (operation.get("requestBody", {}), "body")):
        content = holder.get("content", {}).get("application/json")
        if content is not None and value in exchange:
            content["examples"] = {"recorded": {"value": exchange[value]}}  # type: ignore[literal-required]


def _gather(part: Any, components: dict[str, Any]) -> Any:
    """Move schemas that have a title or `$defs` to the components; return what replaces them."""
    if isinstance(part, list):
        return [_gather(each, components) for each in part]
    if not isinstance(part, dict) or "value" in part:
        return part
    for name, schema in part.pop("$defs", {}).items():
        components.setdefault(name, _gather(schema, components))
    for name, value in part.items():
        part[name] = _gather(value, components)
    name = part.get("title")
    if isinstance(name, str) and name.isidentifier():
        components[name] = {key: value for key, value in part.items() if key != "title"}
        return {"$ref": f"#/components/schemas/{name}"}
    return part


def _problem() -> dict[str, Any]:
    """Describe the shape of all errors; the list of codes is open, as new ones may be added."""
    schema = typed_schema(Problem)
    code = schema["properties"]["code"]
    code["description"] += " One of those of this version:\n\n" + "\n".join(
        f"- `{name}`: {text}" for name, text in known_codes().items()
    )
    code["examples"] = list(known_codes())
    return schema
