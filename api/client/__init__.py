"""The HTTP API from Python: the same answers, without the engine and what it needs.

    from api.client import Client

    with Client("http://127.0.0.1:8000") as client:
        for neighbor in client.search("photo.jpg", k=5)["neighbors"]:
            print(neighbor["item_id"], neighbor["score"])

`AsyncClient` has the same methods, to be awaited. Only httpx2 and typing_extensions are needed.
"""

from api.client.asynchronous import AsyncClient
from api.client.errors import (
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NoAnswer,
    NotFound,
    TooLarge,
    Unavailable,
)
from api.client.retries import Retries
from api.client.synchronous import Client

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "Conflict",
    "Forbidden",
    "Invalid",
    "NoAnswer",
    "NotFound",
    "Retries",
    "TooLarge",
    "Unavailable",
]
