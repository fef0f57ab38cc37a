"""Uploads: what was sent for a job, and what becomes of it."""

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
"""What a job takes an upload for."""


@shape
class NewUpload(TypedDict):
    """Nothing is said of an upload yet: its files are."""


@shape
class Upload(TypedDict):
    """Files that are staged for a job of a collection, until they expire."""

    id: str
    """Names it, for `source` of a job."""
    collection: str
    file_count: int
    """How many files are whole."""
    size_bytes: int
    """How large they are together."""
    created_at: str
    """When it was opened (RFC 3339)."""
    expires_at: str
    """When it goes, unless a file is added or a job uses it before."""


@shape
class UploadFile(TypedDict):
    """A whole file of an upload."""

    name: str
    """A relative path."""
    kind: Literal["picture", "table", "archive"]
    size_bytes: int


@shape
class Column(TypedDict):
    """What becomes of a column of a table."""

    column: str
    """Its name in the table."""
    becomes: str | None
    """`item_id`, `image`, `label`, `product_id` or the name of an attribute; null where it is left
    out."""
    kind: str
    """The type of its values."""
    filled: float | None
    """The share of rows that have a value, 0 to 1; null where it was not counted."""
    examples: list[str]
    """Its first different values, as they are written."""
    note: str | None
    """What else is to be known of it."""


@shape
class UploadDetails(Upload):
    """An upload with its files, page by page."""

    reads: TakenFor
    """What a job takes it for. It reads none that is `empty` or `unclear`."""
    unclear_because: str | None
    """Why a job would refuse it; null where it would not."""
    files: list[UploadFile]
    """By name."""
    next_cursor: str | None
    """Leads to the next page of files; null where this is the last one."""
    rows: NotRequired[int]
    """How many rows the table has, where `columns=true` asks for them."""
    columns: NotRequired[list[Column]]
    """What becomes of the columns of the table, where `columns=true` asks for them."""
    notes: NotRequired[list[str]]
    """How the table was understood, where `columns=true` asks for its columns."""


@shape
class UploadPage(TypedDict):
    """Some uploads, oldest first."""

    uploads: list[Upload]
    next_cursor: str | None
    """Leads to the next page; null where this is the last one."""


def upload_json(upload: staging.Upload) -> Upload:
    """An upload without its files."""
    return {
        "id": upload.id,
        "collection": upload.collection,
        "file_count": upload.files,
        "size_bytes": upload.bytes,
        "created_at": rfc3339(upload.created_at),
        "expires_at": rfc3339(upload.expires_at),
    }


def file_json(file: staged_files.StagedFile) -> UploadFile:
    """A file of an upload."""
    return {"name": file.name, "kind": file.kind, "size_bytes": file.bytes}


def details_json(
    upload: staging.Upload, files: Sequence[staged_files.StagedFile], next_cursor: str | None
) -> UploadDetails:
    """An upload with some of its files; what it is taken for is told by who looked."""
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
    """What becomes of the columns of a source."""
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
