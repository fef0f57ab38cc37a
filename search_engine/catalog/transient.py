"""What a catalog holds for a while only: jobs, and answers to requests that may come again."""

from sqlalchemy import delete

from search_engine.catalog.tables import answers, jobs
from search_engine.catalog.writer import CatalogWriter


def clear_transient(writer: CatalogWriter) -> None:
    """Delete it, as a copy of the catalog must not start a job again that this one has."""
    for table in (jobs, answers):
        writer.connection.execute(delete(table))
