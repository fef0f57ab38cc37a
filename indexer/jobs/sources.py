"""The files that a job reads: of an upload, or below the directories that the operator lists."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.jobs.allowed import allowed_path
from indexer.jobs.parameters import JobSource, UploadSource
from indexer.jobs.task import Task
from indexer.jobs.uploads import staging_of
from search_engine.config import Settings


def check_source(settings: Settings, collection: str, source: JobSource | None) -> None:
    """Refuse a source that cannot be read; an upload is kept for as long as it may wait.

    Raises:
        UploadNotFoundError, UploadError: Of an upload.
        SourceDeniedError, ParameterError: Of a path.
    """
    if isinstance(source, UploadSource):
        staging = staging_of(settings)
        staging.source(collection, source.upload)
        staging.keep(collection, source.upload)
    elif source is not None:
        allowed_path(settings, source.path)


@contextmanager
def opened_files(source: JobSource | None, task: Task) -> Iterator[Path | None]:
    """The folder or file of a source, which stays there meanwhile; None where none is named."""
    check_source(task.settings, task.collection, source)
    if isinstance(source, UploadSource):
        yield staging_of(task.settings).source(task.collection, source.upload)
    elif source is not None:
        yield allowed_path(task.settings, source.path)
    else:
        yield None
