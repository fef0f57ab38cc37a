"""Uploads of files for jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NotRequired, cast

from typing_extensions import TypedDict

from api.schemas.shape import shape
from api.schemas.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer import staged_files, staging
    from indexer.sources import ColumnReport


TakenFor = Literal["empty", "pictures", "table", "archive", "unclear"]
"""How a job reads an upload."""


@shape
class NewUpload(TypedDict):
    """An empty object: files are added to the upload afterwards."""


@shape
class Upload(TypedDict):
    """Files for a job of a collection, kept until the upload expires."""

    id: str
    """Id of the upload, for `source` of a job."""
    collection: str
    file_count: int
    """Number of complete files."""
    size_bytes: int
    """Total size of the complete files."""
    created_at: str
    """When the upload was opened (RFC 3339)."""
    expires_at: str
    """When the upload is deleted, unless a file is added or a job uses it before (RFC 3339)."""


@shape
class UploadFile(TypedDict):
    """A complete file of an upload."""

    name: str
    """A relative path."""
    kind: Literal["picture", "table", "archive"]
    size_bytes: int


@shape
class Column(TypedDict):
    """How a column of a table is read."""

    column: str
    """Its name in the table."""
    becomes: str | None
    """`item_id`, `image`, `label`, `product_id` or the name of an attribute; null if the column is
    ignored."""
    kind: str
    """The type of its values."""
    filled: float | None
    """Fraction of rows with a value, 0 to 1; null if it was not counted."""
    examples: list[str]
    """The first distinct values, as they are written in the table."""
    note: str | None
    """Further information about the column."""


@shape
class UploadDetails(Upload):
    """An upload with a page of its files."""

    reads: TakenFor
    """How a job reads the upload; it refuses one that is `empty` or `unclear`."""
    unclear_because: str | None
    """Why a job would refuse the upload; null if it would not."""
    files: list[UploadFile]
    """Sorted by name."""
    next_cursor: str | None
    """Cursor of the next page of files; null on the last page."""
    rows: NotRequired[int]
    """Number of rows of the table, with `columns=true`."""
    columns: NotRequired[list[Column]]
    """How the columns of the table are read, with `columns=true`."""
    notes: NotRequired[list[str]]
    """Notes about how the table is read, with `columns=true`."""


@shape
class UploadPage(TypedDict):
    """A page of uploads, oldest first."""

    uploads: list[Upload]
    next_cursor: str | None
    """Cursor of the next page; null on the last page."""


def upload_json(upload: staging.Upload) -> Upload:
    """Return an upload without its files."""
    return {
        "id": upload.id,
        "collection": upload.collection,
        "file_count": upload.files,
        "size_bytes": upload.bytes,
        "created_at": rfc3339(upload.created_at),
        "expires_at": rfc3339(upload.expires_at),
    }


def file_json(file: staged_files.StagedFile) -> UploadFile:
    """Return a file of an upload."""
    return {"name": file.name, "kind": file.kind, "size_bytes": file.bytes}


def details_json(
    upload: staging.Upload, files: Sequence[staged_files.StagedFile], next_cursor: str | None
) -> UploadDetails:
    """Return an upload with a page of files; the caller fills in how it is read."""
    return cast(
        UploadDetails,
        {
            **upload_json(upload),
            "reads": "empty",
            "unclear_because": None,
            "files": [file_json(each) for each in files],
            "next_cursor": next_cursor,
        },
    )


def columns_json(columns: Sequence[ColumnReport]) -> list[Column]:
    """Return how the columns of a source are read."""
    return [
        {
            "column": one.column,
            "becomes": one.becomes,
            "kind": one.kind,
            "filled": one.filled,
            "examples": list(one.examples),
            "note": one.note,
        }
        for one in columns
    ]
