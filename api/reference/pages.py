"""The description of the API as a page of Markdown."""

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from api.examples import exchanges
from api.parameters import REQUEST_ID
from api.reference.scenario import EXAMPLES

INTRODUCTION = Path(__file__).parent / "introduction.md"
_EXAMPLE_OF = {each.operation: each for each in EXAMPLES}


def render(document: Mapping[str, Any]) -> str:
    """The whole page."""
    parts = [INTRODUCTION.read_text(encoding="utf-8").rstrip()]
    for tag in document["tags"]:
        parts.append(f"## {tag['name'].capitalize()}\n\n{tag['description']}")
        for method, path, operation in _operations(document):
            if tag["name"] in operation["tags"]:
                parts.append("\n\n".join(_operation(method, path, operation, document)))
    parts.append("## Schemas\n\nWhat bodies and answers hold, by name.")
    for name, schema in document["components"]["schemas"].items():
        parts.append("\n\n".join(_schema(name, schema)))
    return "\n\n".join(parts) + "\n"


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Operations in the order of the examples, then the others."""
    order = {each.operation: place for place, each in enumerate(EXAMPLES)}
    found = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    yield from sorted(found, key=lambda each: order.get(each[2]["operationId"], len(order)))


def _operation(
    method: str, path: str, operation: Mapping[str, Any], document: Mapping[str, Any]
) -> Iterator[str]:
    yield f"### {operation['operationId']}\n\n`{method} {path}`"
    yield f"{operation['summary']}. {operation.get('description', '')}".strip()
    parameters = [each for each in operation["parameters"] if each != REQUEST_ID]
    if parameters:
        rows = [
            (f"`{each['name']}`", each["in"], _type(each["schema"]), _text(each))
            for each in sorted(parameters, key=lambda each: each["in"] != "path")
        ]
        yield _table(("parameter", "in", "type", ""), rows)
    if "requestBody" in operation:
        kinds = operation["requestBody"]["content"]
        listed = [f"`{kind}`: {_type(each['schema'])}" for kind, each in kinds.items()]
        yield f"Body: {'; '.join(listed)}."
    yield _answers(operation["responses"])
    yield from _example(operation["operationId"])


def _answers(responses: Mapping[str, Any]) -> str:
    good, bad = [], []
    for status, answer in sorted(responses.items()):
        if not status.isdigit():
            continue
        if int(status) >= 400:
            bad.append(status)
            continue
        content = answer.get("content", {})
        types = ", ".join(
            _type(each["schema"]) if kind.endswith("/json") else f"`{kind}`"
            for kind, each in content.items()
        )
        good.append(f"{status} {types or HTTPStatus(int(status)).phrase}")
    return f"Answers: {'; '.join(good)}. Problems: {', '.join(bad) or 'none of its own'}."


def _example(operation: str) -> Iterator[str]:
    example, exchange = _EXAMPLE_OF.get(operation), exchanges().get(operation)
    if example is None or exchange is None:
        return
    yield _code("sh", exchange["curl"])
    yield _code("python", example.python)
    yield _code("js", example.javascript)
    if "answer" in exchange:
        answer = exchange["answer"]
        text = (
            answer if isinstance(answer, str) else json.dumps(answer, indent=2, ensure_ascii=False)
        )
        yield _code("json" if exchange.get("kind", "").endswith("json") else "text", text.rstrip())


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}"
    if schema.get("description"):
        yield str(schema["description"])
    required = schema.get("required", [])
    rows = [
        (f"`{field}`" + ("" if field in required else " ?"), _type(each), _text(each))
        for field, each in schema.get("properties", {}).items()
    ]
    if rows:
        yield _table(("field", "type", ""), rows)
    for joint in ("oneOf", "anyOf"):
        if joint in schema:
            yield f"One of {', '.join(_type(each) for each in schema[joint])}."


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a few words; a name leads to its own table."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for joint in ("anyOf", "oneOf"):
        if joint in schema:
            return " or ".join(dict.fromkeys(_type(each) for each in schema[joint]))
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    inside = schema.get("additionalProperties")
    if kind == "object" and isinstance(inside, dict) and inside:
        return f"object of {_type(inside)}"
    return _bounded(str(kind), schema)


def _bounded(kind: str, schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{each}`" for each in schema["enum"])
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = f", {low} to {high}" if low is not None and high is not None else ""
    return f"{kind}{bounds}"


def _text(described: Mapping[str, Any]) -> str:
    """What is said of a field, in a cell."""
    said = str(described.get("description", ""))
    schema = described.get("schema", described)
    if "default" in schema and "default" not in said:
        said += f" (default: `{json.dumps(schema['default'])}`)"
    return said


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(_cell(each) for each in line)} |" for line in lines)


def _cell(text: str) -> str:
    return (
        text.replace("|", "\\|")
        .replace("\n\n- ", "<br>")
        .replace("\n- ", "<br>")
        .replace("\n", " ")
    )


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"
