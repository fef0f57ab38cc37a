"""Check that everything on disk is as it should be: read all, change nothing."""

import hashlib
import json
import platform
import sqlite3
import zlib
from array import array
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from sqlalchemy import Column, Connection, select, text

from search_engine.catalog.checksum import key_checksum
from search_engine.catalog.collection_rows import (
    Collection,
    is_collection_name,
    live_of,
    require_sound_collection,
)
from search_engine.catalog.damaged import COLLECTION_MENDED, MENDED, Damaged
from search_engine.catalog.dialects.statements import is_postgresql
from search_engine.catalog.item_rows import ITEM_COLUMNS, item_of
from search_engine.catalog.row_checksums import is_sound_blob
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import (
    LEARNED,
    LIVE,
    collections,
    embeddings,
    items,
    picture_hashes,
    pictures,
)
from search_engine.catalog.vectors import is_packed, unpack
from search_engine.collections.live import LiveCollection
from search_engine.commands import compact_command, forget_command, index_command, undo_command
from search_engine.config import Settings
from search_engine.encoders.runtime.exports import damaged_exports
from search_engine.errors import (
    CorruptDataError,
    DamagedRecordError,
    UnreadableAttributesError,
)
from search_engine.images.confinement import NOT_CONFINED, can_confine
from search_engine.indexes.live import describe_snapshot
from search_engine.maintenance.derived_files import flaw_of, learned_files, leftovers
from search_engine.maintenance.findings import Code, Finding, of_collection, of_file, of_item
from search_engine.maintenance.generations import check_generations
from search_engine.maintenance.patch_flaws import patch_flaws
from search_engine.maintenance.sealed_rows import check_sealed
from search_engine.overviews.storage import damaged_overviews, made_anew_by
from search_engine.records import CatalogItem, Keys
from search_engine.vote.calibration.store import calibrated_targets, load_calibration
from search_engine.vote.drift import read_lately

UNIT_TOLERANCE = 2e-3
UNSEARCHABLE_SHOWN = 5
INDEX_AGAIN = "index the item again"
REMOVE_FIRST = "remove the item and index it again"
RESTORE = "restore the catalog from a snapshot"
FIXED_SQLITE = (3, 51, 3)
PACKAGES = ("faiss-cpu", "fastapi", "numpy", "openvino", "pillow", "sqlalchemy", "torch")


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Problems, and facts about what was checked."""

    findings: tuple[Finding, ...]
    collections: tuple[dict[str, Any], ...]
    versions: dict[str, str]

    @property
    def sound(self) -> bool:
        """Whether there are no errors."""
        return all(finding.level != "error" for finding in self.findings)


def check_data(settings: Settings) -> CheckReport:
    """Verify the database, every embedding, every generation, and that they agree.

    It also verifies what was learned from collections: calibrations and classifiers.

    Raises:
        NotFoundError: There is no catalog.
        StorageError: The catalog cannot be opened.
    """
    paths = settings.paths
    findings: list[Finding] = []
    facts = []
    with Catalog(
        paths, settings.lock_wait_s, create=False, read_only=settings.read_only
    ) as catalog:
        findings += _check_database(catalog)
        for collection in catalog.collections():
            findings += _check_collection(catalog, collection)
            if not collection.is_damaged:
                fact, problems = _check_content(catalog, collection, settings)
                facts.append(fact)
                findings += problems
        findings += check_sealed(catalog)
        findings += _check_learned(catalog)
        findings += _check_made(catalog)
        findings += _check_drift(catalog)
    if paths.catalog.exists():
        findings += _sqlite_note()
    if not can_confine():
        findings.append(Finding("note", "decoding", NOT_CONFINED, "not_confined"))
    return CheckReport(tuple(findings), tuple(facts), _versions())


def _check_database(catalog: Catalog) -> Iterator[Finding]:
    where = catalog.where
    try:
        with catalog.read() as connection:
            for name in connection.execute(select(collections.c.name)).scalars():
                if not is_collection_name(name):
                    said = f"{name!r} is no name of a collection; {RESTORE}"
                    yield Finding("error", where, said, "collection_name", {"collection": name})
            if is_postgresql(connection):
                return  # it keeps its references itself, and its pages are for pg_amcheck
            for (line,) in connection.execute(text("PRAGMA integrity_check")):
                if line != "ok":
                    yield Finding("error", where, f"SQLite: {line}; {RESTORE}", "database_damaged")
            for row in connection.execute(text("PRAGMA foreign_key_check")):
                said = f"a row of {row[0]} refers to nothing; {RESTORE}"
                yield Finding("error", where, said, "database_damaged")
    except UnreadableAttributesError as error:
        said = f"{error.what}: indexes of fields do not fit them; index these items again"
        yield Finding("error", where, said, "attributes_damaged")


def _check_items(
    connection: Connection, collection: Collection, unsearchable: Container[int]
) -> tuple[str, list[Finding]]:
    """Verify every embedding by its checksum; also return a digest of the collection's content."""
    query = (
        select(*ITEM_COLUMNS, embeddings.c.vector, embeddings.c.crc32.label("vector_crc32"))
        .outerjoin(
            embeddings,
            (embeddings.c.key == items.c.key)
            & (embeddings.c.fingerprint == collection.fingerprint),
        )
        .where(items.c.collection_id == collection.id, LIVE)
        .order_by(items.c.item_id)
    )
    findings = []
    digest = hashlib.sha256()
    keys = array("q")
    for row in connection.execution_options(yield_per=1_000).execute(query):
        *known, vector, crc32 = row
        item = item_of(known)
        keys.append(item.key)
        content = [*_content(item), zlib.crc32(vector) if isinstance(vector, bytes) else crc32]
        digest.update(json.dumps(content, sort_keys=True, default=str).encode())
        problem = _vector_problem(vector, crc32, collection.dimension or 0, item.key)
        if problem and not (vector is None and item.key in unsearchable):
            code: Code = "embedding_missing" if vector is None else "embedding_damaged"
            findings.append(of_item(collection.name, item.item_id, problem, code))
        if isinstance(item.attributes, Damaged):
            what = f"{item.attributes.what}; {MENDED}"
            findings.append(of_item(collection.name, item.item_id, what, "attributes_damaged"))
    findings += _check_blobs(connection, collection)
    findings += _check_key_state(connection, collection, np.array(keys, dtype=np.int64))
    return digest.hexdigest(), findings


def _content(item: CatalogItem) -> list[Any]:
    known = (item.item_id, item.content_hash, item.label, item.product_id)
    return [*known, dict(item.attributes)]


def _check_blobs(connection: Connection, collection: Collection) -> Iterator[Finding]:
    """Verify the pictures and hashes of pictures that the catalog keeps."""
    kinds: tuple[tuple[Column[bytes], str, Code], ...] = (
        (
            pictures.c.jpeg,
            "its picture does not match its checksum; put its picture again",
            "picture_damaged",
        ),
        (
            picture_hashes.c.hash,
            f"the hash of its picture does not match its checksum; {INDEX_AGAIN}",
            "picture_hash_damaged",
        ),
    )
    for column, what, code in kinds:
        table = column.table
        query = (
            select(items.c.item_id, table.c.key, column, table.c.crc32)
            .join(table, table.c.key == items.c.key)
            .where(live_of(collection))
        )
        for item_id, key, blob, crc32 in connection.execution_options(yield_per=100).execute(query):
            if not is_sound_blob(key, blob, crc32):
                yield of_item(collection.name, item_id, what, code)


def _check_collection(catalog: Catalog, collection: Collection) -> Iterator[Finding]:
    """Check what the catalog records of the encoders of a collection."""
    name = collection.name
    try:
        require_sound_collection(collection)
    except DamagedRecordError as error:
        yield of_collection("error", name, f"{error.what}; {error.fix}", "collection_damaged")
    else:
        for sha256 in filter(None, map(collection.encoder_options.get, LEARNED)):
            try:
                catalog.learned(sha256)
            except CorruptDataError as error:
                said = f"{error.what}; {error.fix}"
                yield of_collection("error", name, said, "collection_damaged")
    if catalog.former_is_unreadable(collection):
        yield of_collection(
            "error",
            name,
            "what is kept of its former encoder cannot be read, so that there is no going back; "
            f"{forget_command(name)} forgets it",
            "former_encoder_damaged",
        )


def _check_unsearchable(
    catalog: Catalog, collection: Collection, lost: Mapping[int, str]
) -> Iterator[Finding]:
    """Report items that an encoder could not embed, for example as their picture was gone."""
    if lost:
        shown = catalog.by_keys(list(lost)[:UNSEARCHABLE_SHOWN])
        named = ", ".join(repr(item.item_id) for item in shown.values())
        yield of_collection(
            "note",
            collection.name,
            f"items without an embedding by its encoder, which no search finds: {len(lost):,} "
            f"({named}{' ...' if len(lost) > len(shown) else ''}); "
            f"{index_command(collection.name)} brings them back once their pictures can be read",
            "not_searchable",
            count=len(lost),
        )


def _check_former(connection: Connection, former: Collection | None) -> Iterator[Finding]:
    """Check the embeddings kept for the former encoder, which an undo needs."""
    if former is None:
        return
    query = (
        select(items.c.key, embeddings.c.vector, embeddings.c.crc32)
        .join(items, items.c.key == embeddings.c.key)
        .where(items.c.collection_id == former.id, LIVE)
        .where(embeddings.c.fingerprint == former.fingerprint)
    )
    damaged = sum(
        _vector_problem(row.vector, row.crc32, former.dimension or 0, row.key) is not None
        for row in connection.execution_options(yield_per=1_000).execute(query)
    )
    if damaged:
        yield of_collection(
            "note",
            former.name,
            f"damaged embeddings by {former.encoder}, the encoder before: {damaged:,}; after "
            f"{undo_command(former.name)} no search would find these items; "
            f"{forget_command(former.name)} deletes them all",
            "former_embeddings_damaged",
            count=damaged,
        )


def _check_key_state(
    connection: Connection, collection: Collection, keys: Keys
) -> Iterator[Finding]:
    """Check number and checksum of the live keys, which reveal an outdated index."""
    query = select(collections.c.key_count, collections.c.key_checksum)
    noted = connection.execute(query.where(collections.c.id == collection.id)).one()
    if tuple(noted) != (len(keys), key_checksum(keys)):
        yield of_collection(
            "error",
            collection.name,
            f"notes {noted.key_count:,} keys with checksum {noted.key_checksum}, but its "
            f"{len(keys):,} items have {key_checksum(keys)}; {COLLECTION_MENDED}",
            "items_differ",
        )


def _vector_problem(vector: object, crc32: object, dimension: int, key: int) -> str | None:
    if vector is None:
        return f"has no embedding; {INDEX_AGAIN}"
    if not isinstance(vector, bytes) or not is_packed(vector, crc32, key):
        return f"its embedding does not match its checksum; {INDEX_AGAIN}"
    if len(vector) != 2 * dimension:
        return f"its embedding has the wrong length; {INDEX_AGAIN}"
    norm = float(np.linalg.norm(unpack([vector], dimension).astype(np.float32)))
    if not abs(norm - 1) < UNIT_TOLERANCE:
        return f"its embedding is not a unit vector; {REMOVE_FIRST}"
    return None


def _check_content(
    catalog: Catalog, collection: Collection, settings: Settings
) -> tuple[dict[str, Any], list[Finding]]:
    """Verify what a sound record of a collection leads to, and tell what is there."""
    lost = catalog.unsearchable(collection)
    with catalog.read() as connection:
        digest, findings = _check_items(connection, collection, lost.keys())
        findings += _check_former(connection, catalog.former(collection))
    findings += _check_unsearchable(catalog, collection, lost)
    for folder_of in (catalog.paths.index, catalog.paths.patches):
        findings += check_generations(folder_of(collection.name), collection.name)
    live = LiveCollection(catalog, collection, settings)
    fact, problems = _check_index(catalog, live)
    findings += [*problems, *patch_flaws(catalog, live)]
    return {**fact, "unsearchable": len(lost), "digest": digest}, findings


def _check_index(catalog: Catalog, live: LiveCollection) -> tuple[dict[str, Any], list[Finding]]:
    """Compare the keys that a search can find with those of the catalog."""
    collection = live.record
    findings = []
    snapshot = live.snapshot()
    wanted = catalog.changes_since(collection, -1).keys
    if snapshot is not None and not np.array_equal(snapshot.keys(), wanted):
        said = f"index and catalog differ in keys; {COLLECTION_MENDED}"
        findings.append(of_collection("error", collection.name, said, "index_differs"))
    if live.drifted is not None:
        said = (
            f"{live.drifted} holds other keys than the catalog and is not used; "
            f"{compact_command(collection.name)} builds the index again"
        )
        findings.append(of_collection("error", collection.name, said, "index_unused"))
    fact = {
        "name": collection.name,
        "items": len(wanted),
        "encoder": collection.encoder,
        "fingerprint": collection.fingerprint,
        "dimension": collection.dimension,
        **describe_snapshot(snapshot),
    }
    return fact, findings


def _check_learned(catalog: Catalog) -> Iterator[Finding]:
    """Report calibrations and classifiers that cannot be used, and why."""
    for path in learned_files(catalog.paths):
        flaw = flaw_of(path, catalog)
        if flaw is not None:
            code: Code = "learned_damaged" if flaw.level == "error" else "learned_unused"
            yield of_file(flaw.level, str(path), flaw.what, code)
    for left in leftovers(catalog.paths):
        yield of_file("note", str(left), "left by an interrupted run; delete it", "leftover")


def _check_made(catalog: Catalog) -> Iterator[Finding]:
    """Report lists, maps and exported networks that are damaged; all are made anew."""
    for file, flaw in damaged_overviews(catalog.paths):
        said = f"{flaw}; {made_anew_by(file)} makes it anew"
        yield of_file("error", str(file), said, "overview_damaged")
    for folder in damaged_exports(catalog.paths.encoders):
        said = "the network does not match its checksum; what uses it next makes it anew"
        yield of_file("note", str(folder), said, "network_damaged")


def _check_drift(catalog: Catalog) -> Iterator[Finding]:
    """Report that the photos asked about lately are unlike those of a calibration."""
    for collection in catalog.collections():
        if collection.is_damaged:
            continue
        for target in calibrated_targets(catalog, collection):
            fitted = load_calibration(catalog, collection, target)
            if fitted is not None and fitted.score_tenths:
                said = read_lately(catalog.paths, collection, fitted).drifted
                if said is not None:
                    said = f"{target}: {said}"
                    yield of_collection("note", collection.name, said, "photos_drifted")


def is_sqlite_note(finding: Finding) -> bool:
    """Return whether a message is only about SQLite's version, and not about damage."""
    return finding.code == "sqlite"


def _sqlite_note() -> Iterator[Finding]:
    if sqlite3.sqlite_version_info < FIXED_SQLITE:
        yield Finding(
            "note",
            f"SQLite {sqlite3.sqlite_version}",
            "two programs that write at once could meet a bug of it (fixed in 3.51.3); Eyedex "
            "writes alone, so let no other program write to the catalog",
            "sqlite",
        )


def _versions() -> dict[str, str]:
    found = {package: version(package) for package in PACKAGES}
    return {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, **found}
