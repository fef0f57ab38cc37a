"""The description of the API: that it says everything, and that clients need not fetch it twice."""

from typing import Any

import pytest

from api.openapi import operations
from api.problems import known_codes
from tests.api.asking import CheckedClient
from tests.api.described import document, resolved, validator


def schemas() -> dict[str, Any]:
    found: dict[str, Any] = document()["components"]["schemas"]
    return found


def named(part: Any) -> list[str]:
    """Every name that is referred to."""
    if isinstance(part, list):
        return [name for each in part for name in named(each)]
    if not isinstance(part, dict):
        return []
    here = [part["$ref"].rpartition("/")[2]] if isinstance(part.get("$ref"), str) else []
    return here + [name for each in part.values() for name in named(each)]


def test_every_name_that_is_used_is_there_and_every_one_there_is_used() -> None:
    assert set(named(document())) == set(schemas())


def test_bodies_and_answers_have_names() -> None:
    for operation in operations(document()):
        bodies = operation.get("requestBody", {}).get("content", {}).values()
        answers = [each for one in operation["responses"].values() for each in _json_of(one)]
        for each in (*bodies, *answers):
            assert "$ref" in each["schema"] or each["schema"].get("type") == "string", operation


def _json_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    content = answer.get("content", {})
    return [each for kind, each in content.items() if kind.endswith("json")]


@pytest.mark.parametrize("name", sorted(schemas()))
def test_schemas_say_what_they_are(name: str) -> None:
    schema = schemas()[name]
    assert schema["description"], name
    assert "title" not in schema
    for field in schema.get("properties", {}).values():
        assert not isinstance(field.get("title"), str)
    if schema.get("type") == "object":
        assert schema["additionalProperties"] is False


def test_fields_have_the_docstrings_of_their_types() -> None:
    fields = schemas()["ClassifyAnswer"]["properties"]
    assert fields["voters"]["description"] == "How many neighbors voted."
    assert fields["encoder"]["description"] == "Fingerprint of the encoder."
    assert schemas()["Neighbor"]["properties"]["item_id"]["description"].startswith("Its id")


def test_examples_fit_their_schemas() -> None:
    shown = 0
    for operation in operations(document()):
        answers = list(operation["responses"].values())
        for holder in (*answers, operation.get("requestBody", {})):
            for content in holder.get("content", {}).values():
                for example in content.get("examples", {}).values():
                    validator(content["schema"]).validate(example["value"])
                    shown += 1
    assert shown > 20


@pytest.mark.parametrize(
    ("filter", "fits"),
    [
        ({"field": "price", "lt": 3}, True),
        ({"all": [{"field": "a", "in": ["x", 1]}, {"not": {"field": "b", "exists": True}}]}, True),
        ({"field": "price"}, False),
        ({"field": "price", "lt": 3, "gt": 1}, False),
        ({"field": "price", "near": 3}, False),
        ({"any": []}, False),
    ],
)
def test_filters_are_described(filter: Any, fits: bool) -> None:
    assert validator({"$ref": "#/components/schemas/Filter"}).is_valid(filter) == fits


def test_codes_are_listed() -> None:
    problem = resolved({"$ref": "#/components/schemas/Problem"})
    assert problem["properties"]["code"]["examples"] == list(known_codes())
    assert {"bad_parameter", "item_not_found", "bad_host", "bug"} <= set(known_codes())


def test_a_client_that_has_it_gets_nothing_again(client: CheckedClient) -> None:
    answer = client.get("/openapi.json")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    again = client.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/openapi.json", headers={"If-None-Match": '"other"'})
    assert other.json() == answer.json() == document()
