"""What becomes of the columns of a table in an upload, told before a job reads it."""

from pathlib import Path

from api.schemas.uploads import UploadDetails, columns_json
from indexer.remembered import recalled
from indexer.sources import SourceOptions, open_source
from indexer.staging import UPLOAD_SOURCE
from search_engine.engine import SearchEngine


def add_columns(found: UploadDetails, engine: SearchEngine, table: Path, collection: str) -> None:
    """Tell the columns as `eyedex index --dry-run` does, by what is known of earlier uploads.

    Raises:
        SourceError: The table cannot be read.
    """
    settings = engine.settings
    said = SourceOptions(addresses=bool(settings.allow_urls))
    reading, _ = recalled(settings, collection, UPLOAD_SOURCE, said)
    source = open_source(table, reading)
    found["rows"] = len(source)
    found["columns"] = columns_json(source.columns)
    found["notes"] = list(source.notes)
