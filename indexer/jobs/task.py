"""What a kind of job is given to do its work."""

from dataclasses import dataclass
from pathlib import Path

from indexer.change.request import Stage
from indexer.jobs.running import Running
from search_engine.config import Settings


@dataclass(frozen=True, slots=True)
class Task:
    """A job at work: over which collection, with what settings, and how it tells of itself."""

    settings: Settings
    collection: str
    running: Running

    @property
    def stage(self) -> Stage:
        """Begins a stage of the work."""
        return self.running.stage

    def file(self, name: str) -> Path:
        """Where a file of this name is written, to be kept with the job."""
        return self.running.file(name)
