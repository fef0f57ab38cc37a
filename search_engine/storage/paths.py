"""Paths below a data directory."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_COLLECTION = "default"


@dataclass(frozen=True, slots=True)
class DataPaths:
    """Paths below a data directory, and the address of the database that holds its catalog.

    Without `database` that is the one that the directory notes, or else the file `catalog`.
    """

    root: Path
    database: str | None = field(default=None, repr=False)

    @property
    def told(self) -> Path:
        """Notes that `eyedex check` has already given, one for each line."""
        return self.root / ".told"

    @property
    def catalog(self) -> Path:
        """The SQLite file of the catalog, from which the rest can be rebuilt."""
        return self.root / "catalog.sqlite"

    @property
    def database_note(self) -> Path:
        """Which database server has the catalog in place of that file."""
        return self.root / "database.json"

    @property
    def has_catalog(self) -> bool:
        """Whether there is a catalog, in a file or on a server."""
        return self.catalog.exists() or self.database_note.exists()

    @property
    def reserve(self) -> Path:
        """Keeps room on the disk; see `storage.room`."""
        return self.root / "reserve"

    @property
    def lock(self) -> Path:
        """Locked by a writer for the duration of one batch."""
        return self.root / "lock"

    @property
    def audit(self) -> Path:
        """Who changed what over HTTP, unless another file is named for that."""
        return self.root / "audit.jsonl"

    @property
    def encoders(self) -> Path:
        """Networks exported for the runtime; may be deleted at any time."""
        return self.root / "encoders"

    def network(self, sha256: str) -> Path:
        """Return the weights file of a fine-tuned network; the catalog can restore it."""
        return self.encoders / f"{sha256}.safetensors"

    @property
    def fetched(self) -> Path:
        """Pictures fetched from addresses in tables."""
        return self.root / "fetched"

    @property
    def spectra(self) -> Path:
        """Perceptual hashes of pictures by their bytes; may be deleted at any time."""
        return self.root / "spectra.bin"

    def unpacked(self, source: str) -> Path:
        """Return the folder for the content of an archive, by the name of the source."""
        digest = hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=8)
        return self.root / "unpacked" / digest.hexdigest()

    @property
    def uploads(self) -> Path:
        """What was sent for a job, until that is done or nobody wants it any more."""
        return self.root / "uploads"

    def shards(self, collection: str) -> Path:
        """Return the folder of what a cluster has embedded and nobody has committed yet."""
        return self.root / "shards" / collection

    def rejects(self, collection: str) -> Path:
        """Return the file of rows rejected by the last `eyedex index` or `eyedex import`."""
        suffix = "" if collection == DEFAULT_COLLECTION else f"-{collection}"
        return self.root / f"rejects{suffix}.jsonl"

    def index(self, collection: str) -> Path:
        """Return the folder of the generations of a collection."""
        return self.root / "indexes" / collection

    def patches(self, collection: str) -> Path:
        """Return the folder of the generations of the patches of a collection."""
        return self.index(collection) / "patches"

    def classifiers(self, collection: str) -> Path:
        """Return the folder of trained classifiers of a collection, which can be trained again."""
        return self.root / "classifiers" / collection

    def overviews(self, collection: str) -> Path:
        """Return the folder of lists and maps of a collection; may be deleted at any time."""
        return self.root / "overviews" / collection

    def tuning(self, collection: str) -> Path:
        """Return the folder for pixels and state of a training, deleted when its result is used."""
        return self.root / "tuning" / collection

    def index_run_lock(self, collection: str) -> Path:
        """Return the lock of a run of `eyedex index`, so that two runs cannot interleave."""
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
