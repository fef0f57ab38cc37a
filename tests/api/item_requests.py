"""Items over HTTP: where they are, and how one is put there."""

from urllib.parse import quote

from PIL import Image

from tests.api.asking import (
    DEFAULT,
    CheckedClient,
)
from tests.images.pictures import (
    jpeg,
)

ITEMS = f"{DEFAULT}/items"
IMAGES = f"{DEFAULT}/images"
SIMILAR = f"{DEFAULT}/similar"
SOLID = {"red": (210, 20, 20), "green": (20, 180, 30), "blue": (20, 30, 200)}


def solid(colour: str) -> bytes:
    return jpeg(Image.new("RGB", (40, 30), SOLID[colour]))


def put(client: CheckedClient, item_id: str, picture: bytes, **fields: str) -> dict[str, object]:
    response = client.put(
        f"{ITEMS}/{quote(item_id, safe='')}", files={"image": ("p", picture)}, data=fields
    )
    assert response.status_code in (200, 201), response.text
    body: dict[str, object] = response.json()
    return body
