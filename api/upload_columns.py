"""What becomes of the columns of a table in an upload, told before a job reads it."""

from pathlib import Path

from api.problems import Problem
from api.schemas.uploads import UploadDetails, columns_json
from indexer.remembered import recalled
from indexer.sources import SourceOptions, open_source
from indexer.staging import UPLOAD_SOURCE
from search_engine.engine import SearchEngine
from search_engine.errors import SourceError


def add_columns(found: UploadDetails, engine: SearchEngine, table: Path, collection: str) -> None:
    """Tell the columns as `eyedex index --dry-run` does, by what is known of earlier uploads.

    Raises:
        Problem: 422 `catalog_unusable`: the table cannot be read.
    """
    settings = engine.settings
    said = SourceOptions(addresses=bool(settings.allow_urls))
    reading, _ = recalled(settings, collection, UPLOAD_SOURCE, said)
    try:
        source = open_source(table, reading)
        found["rows"] = len(source)
    except SourceError as error:
        detail = error.what if error.fix is None else f"{error.what}; {error.fix}"
        raise Problem(422, error.code, f"{table.name}: {detail}") from error
    found["columns"] = columns_json(source.columns)
    found["notes"] = list(source.notes)
