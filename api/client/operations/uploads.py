"""Uploads: files that are staged for a job."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from api.client.calls import IDEMPOTENCY_KEY, Call, Pages, Steps, Together, in_json, nothing, paged
from api.client.core import Addresses
from api.client.methods import iteration, operation, procedure
from api.schemas.uploads import Upload, UploadDetails, UploadFile, UploadPage

BYTES = {"Content-Type": "application/octet-stream"}


class UploadOperations(Addresses):
    """Operations on uploads."""

    @operation
    def create_upload(
        self,
        name: str | None = None,
        content: bytes | os.PathLike[str] | None = None,
        *,
        idempotency_key: str | None = None,
        collection: str | None = None,
    ) -> Call[Upload]:
        """Open an upload, whose files follow by `put_upload_file`; or send one file as it.

        Args:
            name: The name of the one file, such as `shop.zip`.
            content: Its bytes, or the path where it is.
            idempotency_key: The same for the same upload; made here if none is given.
            collection: Another one than the client's.
        """
        address = self.at(collection, "uploads")
        headers = {IDEMPOTENCY_KEY: idempotency_key or uuid4().hex}
        if name is None or content is None:
            return Call("POST", address, in_json, json={}, headers=headers)
        return Call(
            "POST",
            address,
            in_json,
            query={"name": name},
            content=_content(content),
            headers={**headers, **BYTES},
        )

    @operation
    def put_upload_file(
        self,
        upload_id: str,
        name: str,
        content: bytes | os.PathLike[str],
        *,
        collection: str | None = None,
    ) -> Call[UploadFile]:
        """Stage a file under a relative path; the file of a path is streamed."""
        address = self.at(collection, "uploads", upload_id, "files", name)
        return Call("PUT", address, in_json, content=_content(content), headers=BYTES)

    @operation
    def get_upload(
        self,
        upload_id: str,
        *,
        columns: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        collection: str | None = None,
    ) -> Call[UploadDetails]:
        """An upload with a page of its files; with `columns` what is in its table."""
        address = self.at(collection, "uploads", upload_id)
        query = {"columns": columns, "limit": limit, "cursor": cursor}
        return Call("GET", address, in_json, query=query)

    @operation
    def list_uploads(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        collection: str | None = None,
    ) -> Call[UploadPage]:
        """A page of the uploads that have not expired."""
        query = {"limit": limit, "cursor": cursor}
        return Call("GET", self.at(collection, "uploads"), in_json, query=query)

    @iteration
    def uploads(self, *, limit: int | None = None, collection: str | None = None) -> Pages[Upload]:
        """All uploads that have not expired; `limit` is how many come at once."""
        address = self.at(collection, "uploads")
        return paged(Call("GET", address, in_json, query={"limit": limit}), "uploads")

    @operation
    def delete_upload(self, upload_id: str, *, collection: str | None = None) -> Call[None]:
        """Remove an upload with its files."""
        return Call("DELETE", self.at(collection, "uploads", upload_id), nothing)

    @procedure
    def upload_folder(
        self, folder: str | os.PathLike[str], *, at_once: int = 4, collection: str | None = None
    ) -> Steps[UploadDetails]:
        """Stage all files below a folder, or one file; hidden ones are left out.

        Returns:
            The upload, whose `id` a job names as its source.
        """
        made = yield UploadOperations.create_upload.make(self, collection=collection)
        calls = (
            UploadOperations.put_upload_file.make(
                self, made["id"], name, file, collection=collection
            )
            for name, file in _files(Path(folder))
        )
        yield Together(calls, at_once)
        found: UploadDetails = yield UploadOperations.get_upload.make(
            self, made["id"], collection=collection
        )
        return found


def _content(given: bytes | os.PathLike[str]) -> bytes | Path:
    return given if isinstance(given, bytes) else Path(given)


def _files(place: Path) -> Iterator[tuple[str, Path]]:
    """Files with their names in an upload."""
    if place.is_file():
        yield place.name, place
        return
    for file in sorted(place.rglob("*")):
        inside = file.relative_to(place)
        if file.is_file() and not any(part.startswith(".") for part in inside.parts):
            yield inside.as_posix(), file
