"""`If-Match` and `If-None-Match` of changes, so that nothing unseen is overwritten."""

import re
from typing import Any

from fastapi import Request, Response

from api.parameters import header
from search_engine.collections.versions import Expected, version_of
from search_engine.errors import ParameterError
from search_engine.records import CatalogItem

_TAGS = re.compile(r'\s*(?:W/)?"([^"]*)"\s*(?:,|$)')

IF_MATCH = header(
    "If-Match",
    "The `ETag` of an answer: 412 where the item is not what it was then; `*` for any that is "
    "there.",
)
IF_NEW = header("If-None-Match", "`*` to add an item only: 412 where there is one of this id.")

TAGGED: dict[str, Any] = {
    "description": "The item",
    "headers": {"ETag": {"description": "Its version.", "schema": {"type": "string"}}},
}
"""Of an answer with an item, in OpenAPI."""


def conditional(extra: dict[str, Any], *headers: dict[str, Any]) -> dict[str, Any]:
    """For `openapi_extra` of a route that looks at such headers."""
    return {**extra, "parameters": list(headers)}


def expected_by(request: Request) -> Expected | None:
    """What a request expects of its item; None where it expects nothing.

    Raises:
        ParameterError: A header is not what RFC 9110 says.
    """
    match, none_match = (
        ", ".join(request.headers.getlist(name)) for name in ("if-match", "if-none-match")
    )
    if none_match and (match or none_match.strip() != "*"):
        raise ParameterError("a change can take * alone", where="If-None-Match", fix="send *")
    if none_match:
        return Expected(())
    if not match:
        return None
    return Expected(None if match.strip() == "*" else _versions(match))


def tag(response: Response, item: CatalogItem) -> None:
    """Let an answer say which version of its item it has."""
    response.headers["ETag"] = f'"{version_of(item)}"'


def _versions(text: str) -> tuple[str, ...]:
    """The tags of a list; weak ones too, as whoever packs answers on the way makes them such."""
    found = [*_TAGS.finditer(text)]
    if sum(len(each[0]) for each in found) != len(text):
        fix = 'send the ETag of an answer with its quotes, such as "0f3a", or *'
        raise ParameterError("not a list of tags", where="If-Match", fix=fix)
    return tuple(each[1] for each in found)
