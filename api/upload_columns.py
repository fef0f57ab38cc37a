"""Report how the columns of an uploaded table would be read."""

from pathlib import Path

from api.request_names import as_requested
from api.schemas.uploads import UploadDetails, columns_json
from indexer.remembered import recalled
from indexer.sources import SourceOptions, open_source
from indexer.staging import UPLOAD_SOURCE
from search_engine.engine import SearchEngine
from search_engine.errors import ParameterError

MOST_BYTES = 32 * 2**20
"""Largest table that is read within a request; it takes some seconds."""


def add_columns(found: UploadDetails, engine: SearchEngine, table: Path, collection: str) -> None:
    """Add the columns as `eyedex index --dry-run` reports them, using options of earlier uploads.

    Raises:
        ParameterError: The table is too large to be read within a request.
        SourceError: The table cannot be read.
    """
    if table.stat().st_size > MOST_BYTES:
        raise ParameterError(
            f"a table of more than {MOST_BYTES:,} bytes is not read while you wait",
            where="columns",
            fix="ask for a job of the kind index with dry_run, whose result has them",
        )
    settings = engine.settings
    said = SourceOptions(addresses=bool(settings.allow_urls))
    reading, _ = recalled(settings, collection, UPLOAD_SOURCE, said)
    source = open_source(table, reading)
    found["rows"] = len(source)
    found["columns"] = columns_json(source.columns)
    for column in found["columns"]:
        column["note"] = column["note"] and as_requested(column["note"])
    found["notes"] = [as_requested(each) for each in source.notes]
