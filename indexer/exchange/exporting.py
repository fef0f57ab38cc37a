"""`export_embeddings`: write the embeddings of a collection, with its items, to a file.

The file holds one state of the catalog, whatever is written meanwhile. It is written under a
temporary name and renamed when it is complete and on disk.
"""

import base64
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from indexer.arrow_import import import_arrow
from indexer.exchange.forms import (
    PARQUET,
    EmbeddingWriter,
    EncoderRecord,
    check_suffix,
    json_beside,
)
from search_engine.catalog.collection_rows import Collection, collection_in
from search_engine.catalog.embedded import EmbeddedItems, read_embedded
from search_engine.catalog.filter_fit import fit_filter
from search_engine.catalog.filters import Filter, compile_filter
from search_engine.catalog.key_queries import Every, select_keys
from search_engine.catalog.store import Catalog
from search_engine.errors import ParameterError
from search_engine.maintenance.staging import check_space, check_target, real_path, workshop
from search_engine.records import Keys
from search_engine.storage.durable import storage_error, sync_directory
from search_engine.storage.faults import fault_point

ITEMS_A_PART = 4_096

Advance = Callable[[int], None]


@dataclass(slots=True)
class ExportReport:
    """The files written (one or two, the embeddings first), and what was left out.

    `missing` has the ids of items left out because their embedding is missing or damaged.
    """

    files: tuple[Path, ...]
    encoder: EncoderRecord
    rows: int = 0
    missing: list[str] = field(default_factory=list)
    size_bytes: int = 0
    seconds: float = 0.0

    def summary(self, warnings: Sequence[str] = ()) -> dict[str, Any]:
        """For programs, with what is to be known of the filter."""
        return {
            "files": [str(one) for one in self.files],
            "rows": self.rows,
            "without_embedding": self.missing,
            "encoder": self.encoder.name,
            "fingerprint": self.encoder.fingerprint,
            "dimension": self.encoder.dimension,
            "metric": self.encoder.metric,
            "size_bytes": self.size_bytes,
            "warnings": list(warnings),
            "seconds": round(self.seconds, 3),
        }


def export_embeddings(
    catalog: Catalog,
    collection: str,
    file: Path,
    *,
    filter: Filter | None = None,
    force: bool = False,
    advance: Advance = lambda count: None,
) -> ExportReport:
    """Write the items of a collection with their embeddings, by key, in full precision.

    Args:
        catalog: The catalog to read.
        collection: Its name.
        file: A `.parquet`, or a `.npy`, which gets a `.json` beside it.
        filter: Selects items; None exports all.
        force: Replace existing files, once the new ones are complete.
        advance: Called with the number of items written since the last call.

    Raises:
        CollectionNotFoundError, FilterError: As they say.
        ParameterError: Nothing is indexed, the format is unknown, or the file exists.
        MissingExtraError: Parquet needs a package that is not installed.
        LockHeldError: Another process is writing this file.
        StorageError: The file could not be written; an existing one is unchanged.
    """
    started = time.perf_counter()
    file = real_path(file)
    files = _targets(file, force)
    try:
        with (
            workshop(file.with_name(f".{file.name}.new"), "writing this file") as aside,
            catalog.read() as connection,
        ):
            keys = _selected(catalog, connection, collection, filter)
            report = _write(catalog, connection, collection, keys, aside, files, advance)
            _put_in_place(aside / "data", files, force)
    except OSError as error:
        raise storage_error(error, "exporting", file) from error
    report.size_bytes = sum(one.stat().st_size for one in files)
    report.seconds = time.perf_counter() - started
    return report


def count_selected(catalog: Catalog, collection: str, filter: Filter | None) -> int:
    """Count the items that an export would write now.

    Raises:
        CollectionNotFoundError, FilterError: As they say.
    """
    with catalog.read() as connection:
        return len(_selected(catalog, connection, collection, filter))


def _selected(
    catalog: Catalog, connection: Connection, collection: str, filter: Filter | None
) -> Keys:
    record = collection_in(connection, collection)
    fitted = None if filter is None else fit_filter(catalog, record, filter).filter
    query = Every(()) if fitted is None else compile_filter(fitted)
    return select_keys(connection, record.id, query)


def _targets(file: Path, force: bool) -> tuple[Path, ...]:
    """Return the files to write, after checking that they can be."""
    check_suffix(file)
    parquet = file.suffix.lower() == PARQUET
    files = (file,) if parquet else (file, json_beside(file))
    for one in files:
        check_target(one, force)
    if parquet:
        import_arrow(str(file), "write .npy")
    return files


def _write(
    catalog: Catalog,
    connection: Connection,
    collection: str,
    keys: Keys,
    aside: Path,
    files: tuple[Path, ...],
    advance: Advance,
) -> ExportReport:
    record = collection_in(connection, collection)
    encoder = _encoder_record(catalog, record)
    file = files[0]
    if file.suffix.lower() != PARQUET:
        check_space(file.parent, len(keys) * encoder.dimension * np.dtype(np.float32).itemsize)
    folder = aside / "data"
    folder.mkdir()
    report = ExportReport(files, encoder)
    with _writer(folder / file.name, encoder, file.parent) as writer:
        for part in _parts(connection, record, keys):
            writer.write(part.items, part.vectors.astype(np.float32))
            fault_point("export_half")
            report.rows += len(part.items)
            report.missing += part.missing
            advance(len(part.items) + len(part.missing))
    fault_point("export_written")
    return report


def _parts(connection: Connection, record: Collection, keys: Keys) -> Iterator[EmbeddedItems]:
    for start in range(0, len(keys), ITEMS_A_PART):
        yield read_embedded(connection, record, keys[start : start + ITEMS_A_PART])


@contextmanager
def _writer(path: Path, encoder: EncoderRecord, root: Path) -> Iterator[EmbeddingWriter]:
    """Open a writer for the format that the file name asks for; `root` is the pictures' folder."""
    writer = _open_writer(path, encoder, root)
    try:
        yield writer
        writer.close()
    except BaseException:
        writer.give_up()
        raise


def _open_writer(path: Path, encoder: EncoderRecord, root: Path) -> EmbeddingWriter:
    if path.suffix.lower() == PARQUET:
        from indexer.exchange.parquet import ParquetWriter

        return ParquetWriter(path, encoder, root)
    from indexer.exchange.npy import NpyWriter

    return NpyWriter(path, encoder, root)


def _encoder_record(catalog: Catalog, record: Collection) -> EncoderRecord:
    """Return all that is needed to build the encoder elsewhere, except weights that are files."""
    if record.encoder is None or record.fingerprint is None or record.dimension is None:
        raise ParameterError(
            "nothing is indexed yet",
            where=f"collection {record.name}",
            fix="`eyedex index` comes first",
        )
    options = {str(name): str(value) for name, value in record.encoder_options.items()}
    options.pop("weights", None)
    sha256 = options.get("projection")
    projection = None if sha256 is None else base64.b64encode(catalog.learned(sha256)).decode()
    return EncoderRecord(
        name=record.encoder,
        fingerprint=record.fingerprint,
        dimension=record.dimension,
        options=options,
        projection=projection,
    )


def _put_in_place(folder: Path, files: tuple[Path, ...], force: bool) -> None:
    """Rename the files; one holds the hash of the other, so a half-replaced pair is detected."""
    for one in files:
        check_target(one, force)
    fault_point("export_before_rename")
    for one in files:
        (folder / one.name).chmod(0o600)  # embeddings tell of pictures: for their owner alone
        os.replace(folder / one.name, one)
        if one != files[-1]:
            fault_point("export_first_renamed")
    sync_directory(files[0].parent)
