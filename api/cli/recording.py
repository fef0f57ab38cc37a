"""How runs of the command line get among the jobs of their data directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from api.cli.terminal.progress import progress

if TYPE_CHECKING:
    from indexer.change.request import Stage
    from indexer.jobs.running import Running
    from search_engine.config import Settings


@contextmanager
def recorded(
    settings: "Settings",
    collection: str,
    kind: str,
    *,
    dry_run: bool = False,
    create: bool = False,
    **params: Any,
) -> "Iterator[Running]":
    """Let the block be a job that others see, unless it writes nothing; see `indexer.jobs.running`.

    Args:
        settings: Of the data directory.
        collection: Which the run is about.
        kind: Of jobs.
        dry_run: Whether nothing shall be written.
        create: Make the data directory if it is missing, as the run would.
        params: What is asked for; what is None, False or empty is left out.
    """
    from indexer.jobs.running import Running
    from indexer.jobs.running import recorded as as_job

    if dry_run:
        yield Running()
        return
    said = {name: value for name, value in params.items() if value not in (None, False, "")}
    with as_job(settings, collection, kind, said, create=create) as running:
        yield running


def told(running: "Running") -> "Stage":
    """Stages that are shown on the terminal, and told to those who look at the job."""
    from indexer.jobs.running import both

    return both(progress, running.stage)
