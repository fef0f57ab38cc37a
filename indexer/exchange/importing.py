"""`import_embeddings`: import embeddings with their items from a file into a collection.

Nothing is written before the whole file has been verified. Each part of it is one transaction, so
an interrupted import continues when it is run again. Rows that cannot be used are rejected with
their number; the run goes on.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.exchange.declared import Declared, Destination, declare, destination, encoder_here
from indexer.exchange.forms import (
    EmbeddingFile,
    FilePart,
    hash_without_picture,
)
from indexer.exchange.rows import Row, read_item_id, read_row, unit_vectors
from indexer.report import RunReport
from indexer.run import (
    Rejects,
    listed_rejects,
    open_collection,
    opened_to_change,
    publish,
)
from indexer.sources.base import Reject, printable, usable
from search_engine.catalog.collection_rows import Collection, check_collection_name
from search_engine.catalog.descriptions import differ
from search_engine.catalog.store import Catalog
from search_engine.catalog.vectors import pack
from search_engine.catalog.writer import CatalogWriter, ItemDraft
from search_engine.config import Settings
from search_engine.encoders.registry import EncoderRequest
from search_engine.engine import SearchEngine
from search_engine.errors import NoEmbeddingError, RowError
from search_engine.names import check_item_id
from search_engine.records import CatalogItem, Vectors
from search_engine.storage.faults import fault_point

OnProgress = Callable[[int], None]
OnEncoder = Callable[[Declared], None]


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """How to import.

    `encoder` None means the one that the file names; `external:<name>` is for embeddings made
    elsewhere. `weights` and `download` say where to find the encoder's weights, if it needs any.
    """

    collection: str = "default"
    encoder: str | None = None
    weights: Path | None = None
    download: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class ImportReport(RunReport):
    """Counts of items by outcome.

    `scaled` rows did not have length 1; `pictures_missing` counts rows whose picture cannot be
    read.
    """

    fingerprint: str = ""
    dimension: int = 0
    scaled: int = 0
    pictures_missing: int = 0

    def summary(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        whole = RunReport.summary(self)
        names = (
            "added", "updated", "unchanged", "rejected", "reasons", "seconds", "stages",
        )  # fmt: skip
        rows = self.added + self.updated + self.unchanged + self.rejected
        return {
            **{name: whole[name] for name in names},
            "rows_per_second": round(rows / self.seconds, 1) if self.seconds else 0.0,
            "scaled": self.scaled,
            "pictures_missing": self.pictures_missing,
            "encoder": self.encoder,
            "fingerprint": self.fingerprint,
            "dimension": self.dimension,
            "generation": self.generation,
            "dry_run": self.dry_run,
        }


def import_embeddings(
    file: EmbeddingFile,
    request: ImportRequest,
    settings: Settings,
    on_progress: OnProgress = lambda count: None,
    on_encoder: OnEncoder = lambda declared: None,
) -> ImportReport:
    """Add the items of a file to a collection, or update existing ones.

    Columns that the file lacks leave items unchanged. An item keeps its picture unless the file
    names another one. Index and calibration are updated as after `index_source`.

    Raises:
        ParameterError: Neither file nor user names the encoder of the embeddings.
        ModelMismatchError: The collection uses another encoder, or the one that the file names
            cannot be loaded here.
        LockHeldError: Another run is changing this collection.
        SourceError: The encoder record of the file is damaged.
        StorageError: The data directory cannot be written.
    """
    started = time.perf_counter()
    check_collection_name(request.collection)
    declared = declare(file, request.encoder)
    report = ImportReport(
        encoder=declared.name,
        fingerprint=declared.fingerprint,
        dimension=declared.dimension,
        dry_run=request.dry_run,
    )
    with opened_to_change(settings, request.collection, request.dry_run) as engine:
        with report.stage("start"):
            collection, goal = _prepare(engine, declared, request)
        on_encoder(declared)
        with closing(listed_rejects(engine, request.collection, report)) as rejects:
            run = _Run(
                engine.catalog, collection, goal, report, rejects, settings.catalog_max_bytes
            )
            run.take_all(file, on_progress)
        publish(engine, request.collection, report)
    report.seconds = time.perf_counter() - started
    return report


def _prepare(
    engine: SearchEngine, declared: Declared, request: ImportRequest
) -> tuple[Collection, Destination]:
    """Return the collection, created if that is needed and allowed, and how it stores embeddings.

    A new one takes the file's encoder with the first items: a file of which all rows are refused
    decides nothing.
    """
    catalog = engine.catalog
    found = {one.name: one for one in catalog.collections()}.get(request.collection)
    goal = destination(declared, found, catalog)
    if goal is not None:
        return open_collection(engine, request.collection, request.dry_run), goal
    options = {**declared.options, **EncoderRequest("", weights=request.weights).options}
    bound = replace(declared, options=options)
    encoder_here(
        bound,
        EncoderRequest(
            declared.name,
            runtime=engine.settings.runtime,
            cache=catalog.paths.encoders,
            keep=not (request.dry_run or catalog.read_only),
            download=request.download,
        ),
    )
    collection = open_collection(engine, request.collection, request.dry_run)
    return collection, Destination(bound, declared.fingerprint)


def _bind(writer: CatalogWriter, collection: Collection, declared: Declared) -> None:
    if declared.projection is not None:
        writer.keep_learned(declared.projection.sha256, declared.projection.data)
    writer.set_encoder(
        collection.id, declared.name, declared.options, declared.fingerprint, declared.dimension
    )


@dataclass(slots=True)
class _Work:
    """The rows of a part to write, by their position among its vectors."""

    new: dict[int, Row] = field(default_factory=dict)
    keys: dict[int, int] = field(default_factory=dict)
    changes: dict[int, dict[str, Any]] = field(default_factory=dict)


class _Run:
    """One import, part by part."""

    def __init__(
        self,
        catalog: Catalog,
        collection: Collection,
        goal: Destination,
        report: ImportReport,
        rejects: Rejects,
        max_bytes: int,
    ) -> None:
        self._catalog = catalog
        self._collection = collection
        self._goal = goal
        self._report = report
        self._rejects = rejects
        self._max_bytes = max_bytes
        self._seen: dict[str, int] = {}
        self._is_bound = collection.fingerprint is not None

    def take_all(self, file: EmbeddingFile, on_progress: OnProgress) -> None:
        """Import all parts."""
        root = file.path.parent.resolve()
        for part in file.parts():
            with self._report.stage("read"):
                rows, vectors = self._usable(part, root)
            work = self._plan(rows, vectors)
            if not self._report.dry_run:
                with self._report.stage("commit"):
                    self._commit(work, vectors)
            on_progress(len(part.records))
        if not (self._is_bound or self._report.dry_run or self._report.rejected):
            with self._catalog.write() as writer:  # of a collection without items
                _bind(writer, self._collection, self._goal.declared)

    def _usable(self, part: FilePart, root: Path) -> tuple[list[Row], Vectors]:
        """Return the rows that can be imported, and their embeddings as unit rows."""
        vectors, problems, scaled = unit_vectors(part.vectors)
        problems |= part.bad
        rows, places = [], []
        for place, record in enumerate(part.records):
            line, item_id = part.line + place, None
            try:
                named = read_item_id(record)
                item_id = printable(named)
                item_id = usable("bad_id", check_item_id, named)
                if place in problems:
                    raise RowError("bad_embedding", problems[place])
                row = read_row(line, item_id, record, root, self._max_bytes)
                self._report.pictures_missing += row.picture_missing
                self._admit(row)
            except RowError as error:
                self._reject(Reject(line, item_id, error.code, error.what))
                continue
            rows.append(row)
            places.append(place)
        self._report.scaled += len(scaled.intersection(places))
        return self._projectable(rows, vectors[places])

    def _projectable(self, rows: list[Row], vectors: Vectors) -> tuple[list[Row], Vectors]:
        """Return the rows that the collection's projection can map; all if it has no projection."""
        try:
            self._goal.stored(vectors)
        except NoEmbeddingError as error:
            for place in error.rows:
                reason = "the collection's tuning makes nothing of its embedding"
                self._reject(Reject(rows[place].line, rows[place].item_id, error.code, reason))
            kept = [place for place in range(len(rows)) if place not in set(error.rows)]
            return [rows[place] for place in kept], vectors[kept]
        return rows, vectors

    def _admit(self, row: Row) -> None:
        first = self._seen.setdefault(row.item_id, row.line)
        if first != row.line:
            raise RowError("duplicate_id", f"row {first:,} has this id already")

    def _reject(self, reject: Reject) -> None:
        self._report.reject(reject.code)
        self._rejects.write(reject)

    def _plan(self, rows: list[Row], vectors: Vectors) -> _Work:
        """Compare rows with the stored items, and count the outcomes."""
        work = _Work()
        known = self._catalog.get_many(self._collection, [row.item_id for row in rows])
        same = self._unchanged(rows, vectors, known)
        for place, row in enumerate(rows):
            item = known.get(row.item_id)
            if item is None:
                work.new[place] = row
                continue
            wanted = dict(row.given)
            if place not in same:
                work.keys[place] = item.key
                wanted["content_hash"] = row.digest or self._hash(vectors[place])
            elif row.digest is not None:
                wanted["content_hash"] = row.digest
            changes = {
                name: value for name, value in wanted.items() if differ(getattr(item, name), value)
            }
            if changes:
                work.changes[item.key] = changes
            if changes or place not in same:
                self._report.updated += 1
            else:
                self._report.unchanged += 1
        self._report.added += len(work.new)
        return work

    def _unchanged(
        self, rows: list[Row], vectors: Vectors, known: dict[str, CatalogItem]
    ) -> set[int]:
        """Return the positions of rows whose embedding is stored already, bit by bit."""
        keys = [item.key for item in known.values()]
        wanted = {self._goal.declared.fingerprint, self._goal.fingerprint}
        stored = {one: self._catalog.packed_vectors(keys, one) for one in wanted}
        return {
            place
            for place, row in enumerate(rows)
            if (item := known.get(row.item_id)) is not None
            and item.key in stored[self._goal.fingerprint]
            and stored[self._goal.declared.fingerprint].get(item.key)
            in (pack(vectors[place], item.key), pack(vectors[place]))
        }

    def _commit(self, work: _Work, vectors: Vectors) -> None:
        if not (work.new or work.keys or work.changes):
            return
        with self._catalog.write() as writer:
            if not self._is_bound:
                _bind(writer, self._collection, self._goal.declared)
            if work.new:
                stored = self._goal.stored(vectors[list(work.new)])
                drafts = [
                    self._draft(row, vectors[place], vector)
                    for (place, row), vector in zip(
                        work.new.items(), stored[self._goal.fingerprint], strict=True
                    )
                ]
                keys = writer.put(self._collection.id, self._goal.fingerprint, drafts)
                for fingerprint in stored.keys() - {self._goal.fingerprint}:
                    writer.add_vectors(fingerprint, keys, stored[fingerprint])
            if work.keys:
                changed = self._goal.stored(vectors[list(work.keys)])
                writer.replace_vectors(list(work.keys.values()), changed)
            if work.changes:
                writer.describe(self._collection.id, work.changes)
            fault_point("import_before_commit")
        self._is_bound = True
        fault_point("import_committed")

    def _draft(
        self, row: Row, given: NDArray[np.float32], vector: NDArray[np.float32]
    ) -> ItemDraft:
        return ItemDraft(row.item_id, row.digest or self._hash(given), vector=vector, **row.given)

    def _hash(self, vector: NDArray[np.float32]) -> str:
        return hash_without_picture(pack(vector)[0])
