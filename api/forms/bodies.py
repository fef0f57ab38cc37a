"""Whole bodies: a form or JSON, each field at most once, every name known."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from api.base64_pictures import decode_picture
from api.forms.json_text import parse_json
from api.forms.multipart import read_multipart
from api.problems import Problem
from search_engine.search.options import check_names

FORM, JSON = BODY_KINDS = ("multipart/form-data", "application/json")


QUICKLY_READ_BYTES = 64 * 2**10
"""Larger texts are read beside the event loop, which 100 MB would hold up for a second."""


@dataclass(frozen=True, slots=True)
class Body:
    """Fields of a request by name, and its pictures."""

    values: Mapping[str, Any] = field(default_factory=dict)
    images: Sequence[bytes] = ()

    @property
    def image(self) -> bytes | None:
        """The one picture, if there is one."""
        return self.images[0] if self.images else None


async def read_body(
    request: Request,
    known: Iterable[str],
    kinds: Sequence[str] = BODY_KINDS,
    most_images: int = 1,
) -> Body:
    """The body of a request, whichever of the accepted kinds it is.

    Raises:
        Problem: 400, 415 or 422, saying what is wrong.
    """
    kind = content_type(request)
    if kind not in kinds:
        raise Problem(415, "unsupported_type", f"send {' or '.join(kinds)}")
    if kind == FORM:
        body = Body(*await read_multipart(request, most_images))
    else:
        data = await request.body()
        aside = len(data) > QUICKLY_READ_BYTES
        body = await run_in_threadpool(_json_body, data) if aside else _json_body(data)
    check_names(body.values, tuple(known))
    return body


def content_type(request: Request) -> str:
    """What a request says that its body is, without parameters; empty where it says nothing."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def json_object(value: Any, where: str = "the body") -> dict[str, Any]:
    """A value that has to be a JSON object.

    Raises:
        Problem: 422; it is not.
    """
    if not isinstance(value, dict):
        raise Problem(422, "bad_parameter", f"{where} is not a JSON object")
    return value


def _json_body(data: bytes) -> Body:
    values = json_object(parse_json(data))
    encoded = values.get("image_base64")
    return Body(values, () if encoded is None else (decode_picture(encoded),))
