"""The tree of errors that Eyedex raises, named by cause.

EyedexError
├── InputError                 what was asked cannot be done as asked
│   ├── ParameterError         a value outside its range or of the wrong kind
│   ├── FilterError
│   │   └── UnknownFieldError
│   ├── ImageError             bytes that are not a picture we accept
│   │   ├── EmptyFileError, UnsupportedTypeError, CorruptImageError, NoEmbeddingError
│   │   └── TooManyBytesError, TooManyPixelsError, TooComplexError, MissingPictureError
│   ├── RowError               one row of a catalog source, with its own code
│   ├── NotFoundError
│   │   ├── ItemNotFoundError, CollectionNotFoundError, PictureNotFoundError
│   │   └── ClassifierNotFoundError, QueryExpiredError, JobNotFoundError
│   ├── CollectionExistsError, ItemChangedError
│   ├── JobFinishedError       a job that cannot be cancelled any more
│   ├── TooManyJobsError       as many jobs wait as may
│   ├── SourceDeniedError      a path that jobs may not read
│   ├── MissingExtraError      an optional package is not installed
│   └── ExternalEncoderError   a picture, where embeddings are made elsewhere
├── SourceError                the whole catalog source is unusable
├── StorageError               the data directory cannot be read or written
│   ├── CorruptDataError, NewerFormatError, StorageFullError, StorageBusyError
│   ├── ReadOnlyError, EngineClosedError
│   └── DatabaseUnavailableError, IndexUnavailableError  a server is away
├── LockHeldError              another process is writing
├── EncoderError
│   └── UnknownEncoderError, WeightsError, ModelMismatchError
├── DimensionMismatchError     vectors of the wrong width: a caller's mistake
├── ForkError                  the engine of a parent, in a child that cannot go on with it
└── WorkerLostError            a decoding process died; the request may be repeated

Those of uploads are in `indexer/upload_errors.py`. Each class has a stable `code`. Translating a
code into an HTTP status or an exit status is the business of the edges (`api.problems`,
`api.cli.exits`), not of this tree.
"""

from typing import ClassVar


class EyedexError(Exception):
    """Base of all errors raised on purpose: what happened, where, and how to mend it."""

    code: ClassVar[str] = "error"

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        text = self.what
        if self.where:
            text += f" ({self.where})"
        if self.fix:
            text += f"; {self.fix}"
        return text

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross process borders (the decoding pool), keyword arguments included."""
        return _rebuild, (type(self), self.what, self.where, self.fix)


def _rebuild(kind: type[EyedexError], what: str, where: str | None, fix: str | None) -> EyedexError:
    error = kind.__new__(kind)
    EyedexError.__init__(error, what, where=where, fix=fix)
    return error


class InputError(EyedexError):
    """What was asked cannot be done as asked."""

    code = "bad_input"


class ParameterError(InputError):
    """A value is outside its range or of the wrong kind."""

    code = "bad_parameter"


class FilterError(InputError):
    """A filter has the wrong form."""

    code = "bad_filter"


class UnknownFieldError(FilterError):
    """A filter names a field that no item of the collection has."""

    code = "unknown_field"


class ImageError(InputError):
    """The bytes are not a picture that can be accepted."""

    code = "bad_image"


class EmptyFileError(ImageError):
    """There are no bytes at all."""

    code = "empty_file"


class UnsupportedTypeError(ImageError):
    """The content is of a type that is not accepted, whatever its name says."""

    code = "unsupported_type"


class CorruptImageError(ImageError):
    """The type is accepted but the content cannot be decoded."""

    code = "corrupt_image"


class TooManyBytesError(ImageError):
    """The file is larger than the limit."""

    code = "body_too_large"


class TooManyPixelsError(ImageError):
    """The header announces more pixels than the limit; nothing was decoded."""

    code = "too_many_pixels"


class TooComplexError(ImageError):
    """Decoding would take, or took, more time or memory than the limit."""

    code = "too_complex"


class NoEmbeddingError(ImageError):
    """The encoder gave a zero or non-finite vector, which cannot be compared."""

    code = "no_embedding"

    rows: tuple[int, ...] = ()


class MissingPictureError(ImageError):
    """There is no file at the path of the picture."""

    code = "not_found"


class RowError(InputError):
    """One row of a catalog source is refused; the code names the reason."""

    code = "bad_row"

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = code  # type: ignore[misc]  # rows have many reasons, one class is enough


class NotFoundError(InputError):
    """The thing asked for does not exist."""

    code = "not_found"


class ItemNotFoundError(NotFoundError):
    """No live item has this id."""

    code = "item_not_found"


class CollectionNotFoundError(NotFoundError):
    """No collection has this name."""

    code = "collection_not_found"


class PictureNotFoundError(NotFoundError):
    """The item exists, but its source picture can no longer be read."""

    code = "picture_not_found"


class ClassifierNotFoundError(NotFoundError):
    """No classifier of this name was trained for the collection and target."""

    code = "classifier_not_found"


class OverviewNotFoundError(NotFoundError):
    """Such a list or map was not made yet for the collection and its encoder."""

    code = "overview_not_found"


class QueryExpiredError(NotFoundError):
    """The token of a photo that is not remembered any more; send the photo itself."""

    code = "query_expired"


class JobNotFoundError(NotFoundError):
    """No job has this id, or it has no such file."""

    code = "job_not_found"


class JobFinishedError(InputError):
    """The job has ended already, so it cannot be cancelled."""

    code = "job_finished"


class TooManyJobsError(InputError):
    """As many jobs as may wait are waiting already."""

    code = "too_many_jobs"


class SourceDeniedError(InputError):
    """The path is not below a directory that jobs may read."""

    code = "source_denied"


class ItemChangedError(InputError):
    """The item is not in the state that the change was bound to."""

    code = "item_changed"


class CollectionExistsError(InputError):
    """A collection of this name is already there."""

    code = "collection_exists"


class MissingExtraError(InputError):
    """What was asked needs an optional package that is not installed."""

    code = "missing_extra"


class ExternalEncoderError(InputError):
    """The collection's embeddings are made elsewhere, so no picture can be encoded for it."""

    code = "external_encoder"


class SourceError(EyedexError):
    """The catalog source as a whole cannot be used; nothing was written."""

    code = "catalog_unusable"


class StorageError(EyedexError):
    """The data directory cannot be read or written."""

    code = "storage"


class CorruptDataError(StorageError):
    """Stored bytes do not match their checksum or their description."""

    code = "storage_corrupt"


class DamagedRecordError(CorruptDataError):
    """Something that is known of one item or one collection cannot be read; the rest can."""


class DamagedPictureError(DamagedRecordError, PictureNotFoundError):
    """An item's picture cannot be had, as what the catalog keeps of it is damaged.

    Whoever passes over items without a picture passes over these too.
    """


class UnreadableAttributesError(CorruptDataError):
    """SQLite met attributes that are no JSON while it looked for a value."""


class OlderFormatError(CorruptDataError):
    """An older version wrote it, in a way that is not read any more; it can be built again."""

    code = "older_format"


class NewerFormatError(StorageError):
    """The data was written by a newer version."""

    code = "newer_format"


class StorageFullError(StorageError):
    """No space is left on the device."""

    code = "storage_full"


class StorageBusyError(StorageError):
    """The database stayed locked for longer than the waiting time."""

    code = "storage_busy"


class ReadOnlyError(StorageError):
    """The data directory can only be read, by its permissions or by the settings."""

    code = "read_only"


class EngineClosedError(StorageError):
    """`close()` was called before; open another engine."""

    code = "engine_closed"


class DatabaseUnavailableError(StorageError):
    """The server that holds the catalog does not answer."""

    code = "database_unavailable"


class IndexUnavailableError(StorageError):
    """The server that an index lies on does not answer."""

    code = "index_unavailable"


class LockHeldError(EyedexError):
    """Another process is writing to the same data directory or collection."""

    code = "lock_held"


class EncoderError(EyedexError):
    """An encoder cannot be made or used."""

    code = "encoder"


class UnknownEncoderError(EncoderError):
    """No encoder is registered under this name."""

    code = "unknown_encoder"


class WeightsError(EncoderError):
    """Weights are missing, damaged or of another architecture."""

    code = "weights_unavailable"


class ModelMismatchError(EncoderError):
    """Vectors of two encoders would meet."""

    code = "model_mismatch"


class DimensionMismatchError(EyedexError):
    """Vectors do not have the index's dimension."""

    code = "dimension_mismatch"


class ForkError(EyedexError):
    """This process was forked from one whose engine was at work at that moment."""

    code = "forked"


class WorkerLostError(EyedexError):
    """A decoding process died while it worked on this picture."""

    code = "worker_lost"
