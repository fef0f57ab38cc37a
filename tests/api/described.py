"""Answers held against the description: whatever a test gets has to be what OpenAPI promises."""

import re
from functools import cache
from typing import Any

from httpx2 import Response
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from api.app import create_app
from search_engine.config import Settings

VERSIONED, ID = "/v1/", "(?s:.+)"


@cache
def document() -> dict[str, Any]:
    """The description, of which what is the same for all apps is looked at here."""
    return create_app(Settings()).openapi()


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, where a reference stands the one that it leads to."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return document()["components"]["schemas"][name] if name else schema


def check_described(response: Response) -> None:
    """An answer has a status, a kind and a body that the description knows for its operation."""
    method, path = response.request.method.lower(), response.request.url.path
    operation = _operation("get" if method == "head" else method, path)
    if operation is None:
        assert response.status_code >= 400 or not path.startswith(VERSIONED), path
        return
    answers = operation["responses"]
    status = str(response.status_code)
    assert status in answers or response.status_code >= 400, f"{status} of {method} {path}"
    content = answers.get(status, answers["default"]).get("content", {})
    if not response.content:
        return
    kind = response.headers["content-type"].partition(";")[0]
    assert kind in content, f"{kind} of {method} {path}"
    if kind.endswith(("/json", "+json")):
        fits = _validator(operation["operationId"], status, kind)
        error = next(fits.iter_errors(response.json()), None)
        assert error is None, f"{method} {path}: {error.json_path}: {error.message}"


@cache
def _operations() -> list[tuple[str, re.Pattern[str], dict[str, Any]]]:
    found = []
    for path, operations in document()["paths"].items():
        pattern = re.sub(r"\\{(item_id|name)\\}$", lambda _: ID, re.escape(path))
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", pattern)
        found += [(method, re.compile(pattern), each) for method, each in operations.items()]
    return found


def _operation(method: str, path: str) -> dict[str, Any] | None:
    fitting = (
        each for by, pattern, each in _operations() if by == method and pattern.fullmatch(path)
    )
    return next(fitting, None)


@cache
def _validator(operation_id: str, status: str, kind: str) -> Draft202012Validator:
    answers = next(each for _, _, each in _operations() if each["operationId"] == operation_id)
    answer = answers["responses"].get(status, answers["responses"]["default"])
    return validator(answer["content"][kind]["schema"])


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """What checks a value against a schema of the description."""
    whole = DRAFT202012.create_resource(document())
    registry: Registry[Any] = Registry().with_resource("urn:openapi", whole)
    return Draft202012Validator(_absolute(schema), registry=registry)


def _absolute(schema: Any) -> Any:
    """A schema outside the document, whose references lead into it."""
    if isinstance(schema, list):
        return [_absolute(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: f"urn:openapi{value}" if name == "$ref" else _absolute(value)
        for name, value in schema.items()
    }
