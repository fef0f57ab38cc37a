"""Uploads: files that are staged for a job."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from api.client.calls import IDEMPOTENCY_KEY, Call, Steps, Together, in_json, nothing
from api.client.core import Addresses
from api.client.methods import operation, procedure

BYTES = {"Content-Type": "application/octet-stream"}


class UploadOperations(Addresses):
    """Operations on uploads."""

    @operation
    def create_upload(
        self, *, idempotency_key: str | None = None, collection: str | None = None
    ) -> Call[Any]:
        """Begin an upload; its files follow by `put_upload_file`."""
        headers = {IDEMPOTENCY_KEY: idempotency_key or uuid4().hex}
        return Call("POST", self.at(collection, "uploads"), in_json, json={}, headers=headers)

    @operation
    def put_upload_file(
        self,
        upload_id: str,
        name: str,
        content: bytes | os.PathLike[str],
        *,
        collection: str | None = None,
    ) -> Call[Any]:
        """Stage a file under a relative path; the file of a path is streamed."""
        address = self.at(collection, "uploads", upload_id, "files", name)
        body = content if isinstance(content, bytes) else Path(content)
        return Call("PUT", address, in_json, content=body, headers=BYTES)

    @operation
    def get_upload(
        self, upload_id: str, *, columns: bool | None = None, collection: str | None = None
    ) -> Call[Any]:
        """Files, sizes and expiry of an upload; with `columns` what is in its table."""
        address = self.at(collection, "uploads", upload_id)
        return Call("GET", address, in_json, query={"columns": columns})

    @operation
    def list_uploads(self, collection: str | None = None) -> Call[Any]:
        """All uploads that have not expired."""
        return Call("GET", self.at(collection, "uploads"), in_json)

    @operation
    def delete_upload(self, upload_id: str, *, collection: str | None = None) -> Call[None]:
        """Remove an upload with its files."""
        return Call("DELETE", self.at(collection, "uploads", upload_id), nothing)

    @procedure
    def upload_folder(
        self, folder: str | os.PathLike[str], *, at_once: int = 4, collection: str | None = None
    ) -> Steps[Any]:
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
        return (yield UploadOperations.get_upload.make(self, made["id"], collection=collection))


def _files(place: Path) -> Iterator[tuple[str, Path]]:
    """Files with their names in an upload."""
    if place.is_file():
        yield place.name, place
        return
    for file in sorted(place.rglob("*")):
        inside = file.relative_to(place)
        if file.is_file() and not any(part.startswith(".") for part in inside.parts):
            yield inside.as_posix(), file
