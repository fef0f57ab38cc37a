"""What both clients are made of: their settings, and requests as httpx2 takes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from api.client.calls import Call

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_S = 60.0
FINAL_STATES = frozenset(("done", "failed", "cancelled", "interrupted"))
"""Of jobs: nothing happens after these."""


class Addresses:
    """Addresses below a server, in the collection of the client unless another one is named."""

    collection: str

    def at(self, collection: str | None, *parts: str) -> str:
        """The address of something in a collection; parts are escaped whole."""
        return path("collections", self.collection if collection is None else collection, *parts)


def headers_of(key: str | None) -> dict[str, str]:
    """What every request of a client says."""
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def path(*parts: str) -> str:
    """An address of the API; slashes in parts are escaped too.

    Raises:
        TypeError: A part is no text.
    """
    for part in parts:
        if not isinstance(part, str):
            raise TypeError(f"ids and names are texts, and {part!r:.40} is none")
    return "/v1/" + "/".join(quote(each, safe=":") for each in parts)


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as an address or a form has them; those that are None are left out."""
    return {name: _text(value) for name, value in values.items() if value is not None}


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values without those that are None."""
    return {name: value for name, value in values.items() if value is not None}


def request_arguments(call: Call[Any]) -> dict[str, Any]:
    """A call as `build_request` of httpx2 takes it, without a file that is streamed."""
    return {
        "method": call.method,
        "url": call.path,
        "params": texts(call.query) or None,
        "headers": dict(call.headers),
        "json": plain(call.json),
        "data": call.fields,
        "files": call.files,
    }


def plain(value: Any) -> Any:
    """A value as JSON has it: numbers of NumPy become Python's.

    Raises:
        TypeError: JSON has no such value.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        return plain(value.item())
    raise TypeError(
        f"{type(value).__name__} cannot be sent: use texts, numbers, True, False, None, and lists "
        "and dicts of these"
    )


def _text(value: Any) -> str:
    value = plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
