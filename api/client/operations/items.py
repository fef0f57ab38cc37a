"""Items: one by one, in pages, and many at once."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NotRequired
from uuid import uuid4

from typing_extensions import TypedDict, Unpack

from api.client.calls import (
    IDEMPOTENCY_KEY,
    Call,
    Pages,
    Together,
    in_bytes,
    in_json,
    nothing,
    paged,
)
from api.client.core import Addresses, given, texts
from api.client.methods import crowd, iteration, operation
from api.client.pictures import Picture, picture_bytes, picture_file
from api.client.vectors import with_arrays
from api.schemas.batches import ItemChange, ItemChanges
from api.schemas.items import Item, ItemPage, ItemPatch

BATCH_OPERATIONS, BATCH_BYTES = 100, 32 * 2**20


class NewItem(TypedDict):
    """An item that is put."""

    item_id: str
    """Its id."""
    image: Picture
    """Its picture, in any form that `search` takes."""
    label: NotRequired[str | None]
    """Its label."""
    product_id: NotRequired[str | None]
    """The product that it is a picture of."""
    attributes: NotRequired[Mapping[str, Any] | None]
    """Everything else that is known of it."""


class ItemOperations(Addresses):
    """Operations on items."""

    @operation
    def list_items(
        self,
        *,
        filter: Mapping[str, Any] | str | None = None,
        q: str | None = None,
        sort: str | None = None,
        include: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        collection: str | None = None,
    ) -> Call[ItemPage]:
        """A page of the items that fulfil `filter` and have `q` in them, in the order of `sort`."""
        asked = {"filter": filter, "q": q, "sort": sort, "include": include}
        query = {**asked, "limit": limit, "cursor": cursor}
        return Call("GET", self.at(collection, "items"), _reads(include), query=query)

    @iteration
    def items(
        self,
        *,
        filter: Mapping[str, Any] | str | None = None,
        q: str | None = None,
        sort: str | None = None,
        include: str | None = None,
        limit: int | None = None,
        collection: str | None = None,
    ) -> Pages[Item]:
        """All of these items; `limit` is how many come at once."""
        query = {"filter": filter, "q": q, "sort": sort, "include": include, "limit": limit}
        return paged(
            Call("GET", self.at(collection, "items"), _reads(include), query=query), "items"
        )

    @operation
    def get_item(
        self, item_id: str, *, include: str | None = None, collection: str | None = None
    ) -> Call[Item]:
        """One item."""
        query = {"include": include}
        return Call("GET", self.at(collection, "items", item_id), _reads(include), query=query)

    @operation
    def get_image(
        self, item_id: str, *, size: int | None = None, collection: str | None = None
    ) -> Call[bytes]:
        """The picture of an item as JPEG, at most `size` pixels long."""
        return Call("GET", self.at(collection, "images", item_id), in_bytes, query={"size": size})

    @operation
    def put_item(
        self,
        item_id: str,
        picture: Picture,
        *,
        label: str | None = None,
        product_id: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        collection: str | None = None,
    ) -> Call[Item]:
        """Add an item, or replace it with all that is known of it."""
        known = {"label": label, "product_id": product_id, "attributes": attributes}
        return Call(
            "PUT",
            self.at(collection, "items", item_id),
            in_json,
            fields=texts(known),
            files={"image": picture_file(picture)},
        )

    @operation
    def patch_item(
        self, item_id: str, *, collection: str | None = None, **changes: Unpack[ItemPatch]
    ) -> Call[Item]:
        """Change what is known of an item: what is named; None clears it."""
        address = self.at(collection, "items", item_id)
        return Call("PATCH", address, in_json, json=dict(changes))

    @operation
    def delete_item(self, item_id: str, *, collection: str | None = None) -> Call[None]:
        """Remove an item."""
        return Call("DELETE", self.at(collection, "items", item_id), nothing)

    @operation
    def batch_items(
        self,
        operations: Sequence[Mapping[str, Any]],
        *,
        idempotency_key: str | None = None,
        collection: str | None = None,
    ) -> Call[ItemChanges]:
        """Put, patch and delete up to 100 items; a result or a problem for each, in order.

        Args:
            operations: As the API has them, with `image` (a picture) in place of `image_base64`
                where that is at hand.
            idempotency_key: The same for the same batch; made here if none is given.
            collection: Another one than the client's.
        """
        body = {"operations": [_operation(each) for each in operations]}
        return self._batch(body, idempotency_key, collection, in_json)

    @crowd
    def put_many(
        self, items: Iterable[NewItem], *, at_once: int = 2, collection: str | None = None
    ) -> Together[list[ItemChange]]:
        """Put any number of items, in batches of which some are under way at a time.

        Nothing is sent before the first result is taken. An item that is refused is a result with
        its problem, and harms no other.
        """
        batches = _batches({"op": "put", **each} for each in items)
        calls = (self._batch({"operations": each}, None, collection, _results) for each in batches)
        return Together(calls, at_once)

    def _batch(
        self, body: Mapping[str, Any], key: str | None, collection: str | None, read: Any
    ) -> Call[Any]:
        headers = {IDEMPOTENCY_KEY: key or uuid4().hex}
        return Call("POST", self.at(collection, "items:batch"), read, json=body, headers=headers)


def _batches(operations: Iterable[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Operations in batches that the server takes, by their number and size."""
    batch: list[dict[str, Any]] = []
    size = 0
    for each in operations:
        ready = _operation(each)
        size += len(ready.get("image_base64", ""))
        if batch and (len(batch) == BATCH_OPERATIONS or size > BATCH_BYTES):
            yield batch
            batch, size = [], len(ready.get("image_base64", ""))
        batch.append(ready)
    if batch:
        yield batch


def _operation(given_operation: Mapping[str, Any]) -> dict[str, Any]:
    """An operation of a batch as JSON has it."""
    found = {name: each for name, each in given_operation.items() if name != "image"}
    if given_operation.get("image") is not None:
        picture = picture_bytes(given_operation["image"])
        found["image_base64"] = base64.b64encode(picture).decode()
    return found if found.get("op") == "patch" else given(found)


def _results(response: Any) -> Any:
    return response.json()["results"]


def _reads(include: str | None) -> Any:
    return in_json if include is None else lambda response: with_arrays(response.json())
