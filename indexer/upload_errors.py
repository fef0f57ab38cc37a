"""Errors of files that are sent to become a catalog."""

from search_engine.errors import InputError, NotFoundError


class UploadNotFoundError(NotFoundError):
    """No upload of the collection has this id: it expired, was deleted, or never was."""

    code = "upload_not_found"


class UploadError(InputError):
    """A file cannot be part of an upload, or an upload is no catalog."""

    code = "bad_upload"


class UploadTooLargeError(UploadError):
    """An upload would have more bytes or files than it may."""

    code = "upload_too_large"


class TooManyUploadsError(UploadError):
    """As many uploads as there may be are open already."""

    code = "too_many_uploads"
