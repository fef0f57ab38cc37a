"""Where things live below a data directory."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

DEFAULT_COLLECTION = "default"


@dataclass(frozen=True, slots=True)
class DataPaths:
    """Where things live below the data directory."""

    root: Path

    @property
    def told(self) -> Path:
        """Which notes `eyedex check` gave already, one a line."""
        return self.root / ".told"

    @property
    def catalog(self) -> Path:
        """The SQLite file that holds the truth."""
        return self.root / "catalog.sqlite"

    @property
    def lock(self) -> Path:
        """Held by whoever writes, for the length of one batch."""
        return self.root / "lock"

    @property
    def encoders(self) -> Path:
        """Networks exported for the runtime; can be deleted at any time."""
        return self.root / "encoders"

    def network(self, sha256: str) -> Path:
        """The weights of a fine-tuned network; written from the catalog again if deleted."""
        return self.encoders / f"{sha256}.safetensors"

    @property
    def fetched(self) -> Path:
        """Pictures that were fetched from the addresses in tables."""
        return self.root / "fetched"

    def unpacked(self, source: str) -> Path:
        """The content of an archive, by the name of the source."""
        digest = hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=8)
        return self.root / "unpacked" / digest.hexdigest()

    @property
    def uploads(self) -> Path:
        """What was sent for a job, until that is done or nobody wants it any more."""
        return self.root / "uploads"

    def rejects(self, collection: str) -> Path:
        """The rows that the last `eyedex index` or `eyedex import` of a collection refused."""
        suffix = "" if collection == DEFAULT_COLLECTION else f"-{collection}"
        return self.root / f"rejects{suffix}.jsonl"

    def index(self, collection: str) -> Path:
        """The generations of one collection."""
        return self.root / "indexes" / collection

    def classifiers(self, collection: str) -> Path:
        """What `eyedex train` stored for one collection; can be trained again at any time."""
        return self.root / "classifiers" / collection

    def tuning(self, collection: str) -> Path:
        """Pixels and state of a network that is being trained; gone when it is used."""
        return self.root / "tuning" / collection

    def index_run_lock(self, collection: str) -> Path:
        """Held by `eyedex index` from start to end, so that two runs cannot interleave."""
        return self.root / "indexes" / f"{collection}.lock"

    @property
    def jobs(self) -> Path:
        """Locks of the jobs that run, and the files that jobs made."""
        return self.root / "jobs"

    def job_files(self, job: str) -> Path:
        """The files that a job made: a snapshot, an export, its rejects."""
        return self.jobs / job

    def job_lock(self, job: str) -> Path:
        """Held by the process that runs a job, from start to end; missing where none does."""
        return self.jobs / f"{job}.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the one server of a data directory that starts its jobs."""
        return self.jobs / "supervisor.lock"
