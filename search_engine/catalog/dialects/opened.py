"""Which database a data directory has its catalog in."""

from search_engine.catalog.database import Database
from search_engine.catalog.dialects.note import read_note
from search_engine.catalog.dialects.sqlite import Sqlite
from search_engine.errors import MissingExtraError, ParameterError
from search_engine.storage.paths import DataPaths


def database_of(paths: DataPaths, lock_wait_s: float) -> Database:
    """The database of a data directory: the one that is named, that it notes, or its file.

    Raises:
        ParameterError: One is named, and the directory has its catalog in a file.
        MissingExtraError: What talks to it is not installed.
        CorruptDataError: What the directory notes cannot be read.
    """
    note = read_note(paths)
    url = paths.database or (note.url if note else None)
    if url is None:
        return Sqlite(paths, lock_wait_s)
    if paths.catalog.exists():
        raise ParameterError(
            "this data directory has its catalog in a file, and a database is named beside it",
            where=str(paths.catalog),
            fix="leave out EYEDEX_DATABASE_URL, or restore a snapshot of it into another --data",
        )
    try:
        from search_engine.catalog.dialects.postgresql import Postgresql
    except ImportError as error:
        raise MissingExtraError(
            "the catalog is in PostgreSQL, and what talks to that is not installed",
            fix="pip install 'eyedex[postgres]'",
        ) from error
    return Postgresql(paths, url, note, lock_wait_s)
