"""Check that everything on disk is as it should be: read all, change nothing."""

import hashlib
import json
import platform
import sqlite3
import time
import zlib
from array import array
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sqlalchemy import Connection, select, text

from search_engine.catalog.checksum import key_checksum
from search_engine.catalog.collection_rows import (
    Collection,
    is_collection_name,
    live_of,
    require_sound_collection,
)
from search_engine.catalog.damaged import MENDED, Damaged
from search_engine.catalog.dialects.statements import is_postgresql
from search_engine.catalog.item_rows import ITEM_COLUMNS, item_of
from search_engine.catalog.row_checksums import damaged_rows, is_sound_blob
from search_engine.catalog.store import Catalog
from search_engine.catalog.tables import (
    LEARNED,
    LIVE,
    access_keys,
    collections,
    embeddings,
    fields,
    items,
    picture_hashes,
    pictures,
    sources,
)
from search_engine.catalog.vectors import unpack
from search_engine.collections.live import LiveCollection
from search_engine.commands import forget_command
from search_engine.config import Settings
from search_engine.errors import (
    CorruptDataError,
    DamagedRecordError,
    NewerFormatError,
    OlderFormatError,
    UnreadableAttributesError,
)
from search_engine.images.confinement import NOT_CONFINED, can_confine
from search_engine.indexes import generations as generation
from search_engine.indexes.live import describe_snapshot
from search_engine.indexes.manifest import verify
from search_engine.maintenance.derived_files import flaw_of, learned_files, leftovers
from search_engine.records import CatalogItem, Keys

UNIT_TOLERANCE = 2e-3
UNSEARCHABLE_SHOWN = 5
MEANWHILE_S = 0.5
FIXED_SQLITE = (3, 51, 3)
PACKAGES = ("faiss-cpu", "fastapi", "numpy", "openvino", "pillow", "sqlalchemy", "torch")


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem; an `error` makes the check fail."""

    level: Literal["error", "note"]
    where: str
    what: str


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
            if collection.is_damaged:
                continue
            lost = catalog.unsearchable(collection)
            with catalog.read() as connection:
                digest, problems = _check_items(connection, collection, lost.keys())
                findings += problems
                findings += _check_former(connection, catalog.former(collection))
            findings += _check_unsearchable(catalog, collection, lost)
            findings += _check_generations(catalog, collection)
            live = LiveCollection(catalog, collection, settings)
            fact, problems = _check_index(catalog, live)
            findings += problems
            facts.append({**fact, "unsearchable": len(lost), "digest": digest})
        findings += _check_sealed(catalog)
        findings += _check_learned(catalog)
    if paths.catalog.exists():
        findings += _sqlite_note()
    if not can_confine():
        findings.append(Finding("note", "decoding", NOT_CONFINED))
    return CheckReport(tuple(findings), tuple(facts), _versions())


def _check_database(catalog: Catalog) -> Iterator[Finding]:
    where = catalog.where
    try:
        with catalog.read() as connection:
            for name in connection.execute(select(collections.c.name)).scalars():
                if not is_collection_name(name):
                    yield Finding("error", where, f"{name!r} is no name of a collection")
            if is_postgresql(connection):
                return  # it keeps its references itself, and its pages are for pg_amcheck
            for (line,) in connection.execute(text("PRAGMA integrity_check")):
                if line != "ok":
                    yield Finding("error", where, f"SQLite: {line}")
            for row in connection.execute(text("PRAGMA foreign_key_check")):
                yield Finding("error", where, f"a row of {row[0]} refers to nothing")
    except UnreadableAttributesError as error:
        yield Finding("error", where, f"{error.what}: indexes of fields do not fit them")


_SEALED = (
    (access_keys, "access key", "revoke it and make another; until then it opens nothing"),
    (sources, "source", "index it again"),
    (fields, "field", "index a source that has it again, with --type if it was given"),
)


def _check_sealed(catalog: Catalog) -> Iterator[Finding]:
    """Verify rows that are neither items nor collections."""
    what = "its row does not match its checksum"
    with catalog.read() as connection:
        for table, kind, mended in _SEALED:
            for *_, name in damaged_rows(connection, table):
                yield Finding("error", f"{kind} {name!r}", f"{what}; {mended}")


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
        digest.update(json.dumps([*_content(item), crc32], sort_keys=True, default=str).encode())
        where = f"item {item.item_id!r}"
        problem = _vector_problem(vector, crc32, collection.dimension or 0)
        if problem and not (vector is None and item.key in unsearchable):
            findings.append(Finding("error", where, problem))
        if isinstance(item.attributes, Damaged):
            findings.append(Finding("error", where, f"{item.attributes.what}; {MENDED}"))
    findings += _check_blobs(connection, collection)
    findings += _check_key_state(connection, collection, np.array(keys, dtype=np.int64))
    return digest.hexdigest(), findings


def _content(item: CatalogItem) -> list[Any]:
    known = (item.item_id, item.content_hash, item.label, item.product_id)
    return [*known, dict(item.attributes)]


def _check_blobs(connection: Connection, collection: Collection) -> Iterator[Finding]:
    """Verify the pictures and hashes of pictures that the catalog keeps."""
    for column, what in (
        (pictures.c.jpeg, "its picture does not match its checksum; put its picture again"),
        (
            picture_hashes.c.hash,
            "the hash of its picture does not match its checksum; index the item again",
        ),
    ):
        table = column.table
        query = (
            select(items.c.item_id, table.c.key, column, table.c.crc32)
            .join(table, table.c.key == items.c.key)
            .where(live_of(collection))
        )
        for item_id, key, blob, crc32 in connection.execution_options(yield_per=100).execute(query):
            if not is_sound_blob(key, blob, crc32):
                yield Finding("error", f"item {item_id!r}", what)


def _check_collection(catalog: Catalog, collection: Collection) -> Iterator[Finding]:
    """Check what the catalog records of the encoders of a collection."""
    where = f"collection {collection.name}"
    try:
        require_sound_collection(collection)
    except DamagedRecordError as error:
        yield Finding("error", where, f"{error.what}; {error.fix}")
    else:
        for sha256 in filter(None, map(collection.encoder_options.get, LEARNED)):
            try:
                catalog.learned(sha256)
            except CorruptDataError as error:
                yield Finding("error", where, f"{error.what}; {error.fix}")
    if catalog.former_is_unreadable(collection):
        yield Finding(
            "error",
            where,
            "what is kept of its former encoder cannot be read, so that there is no going back; "
            f"{forget_command(collection.name)} forgets it",
        )


def _check_unsearchable(
    catalog: Catalog, collection: Collection, lost: Mapping[int, str]
) -> Iterator[Finding]:
    """Report items that an encoder could not embed, for example as their picture was gone."""
    if lost:
        shown = catalog.by_keys(list(lost)[:UNSEARCHABLE_SHOWN])
        named = ", ".join(repr(item.item_id) for item in shown.values())
        yield Finding(
            "note",
            f"collection {collection.name}",
            f"items without an embedding by its encoder, which no search finds: {len(lost):,} "
            f"({named}{' ...' if len(lost) > len(shown) else ''}); `eyedex index` brings them back "
            "once their pictures can be read",
        )


def _check_former(connection: Connection, former: Collection | None) -> Iterator[Finding]:
    """Check the embeddings kept for the former encoder, which an undo needs."""
    if former is None:
        return
    query = (
        select(embeddings.c.vector, embeddings.c.crc32)
        .join(items, items.c.key == embeddings.c.key)
        .where(items.c.collection_id == former.id, LIVE)
        .where(embeddings.c.fingerprint == former.fingerprint)
    )
    damaged = sum(
        _vector_problem(row.vector, row.crc32, former.dimension or 0) is not None
        for row in connection.execution_options(yield_per=1_000).execute(query)
    )
    if damaged:
        yield Finding(
            "note",
            f"collection {former.name}",
            f"damaged embeddings by {former.encoder}, the encoder before: {damaged:,}; after "
            "`eyedex switch --undo` no search would find these items",
        )


def _check_key_state(
    connection: Connection, collection: Collection, keys: Keys
) -> Iterator[Finding]:
    """Check number and checksum of the live keys, which reveal an outdated index."""
    query = select(collections.c.key_count, collections.c.key_checksum)
    noted = connection.execute(query.where(collections.c.id == collection.id)).one()
    if tuple(noted) != (len(keys), key_checksum(keys)):
        yield Finding(
            "error",
            f"collection {collection.name}",
            f"notes {noted.key_count:,} keys with checksum {noted.key_checksum}, but its "
            f"{len(keys):,} items have {key_checksum(keys)}",
        )


def _vector_problem(vector: object, crc32: object, dimension: int) -> str | None:
    if vector is None:
        return "has no embedding"
    if not isinstance(vector, bytes) or zlib.crc32(vector) != crc32:
        return "its embedding does not match its checksum"
    if len(vector) != 2 * dimension:
        return "its embedding has the wrong length"
    norm = float(np.linalg.norm(unpack([vector], dimension).astype(np.float32)))
    if not abs(norm - 1) < UNIT_TOLERANCE:
        return "its embedding is not a unit vector"
    return None


def _check_generations(catalog: Catalog, collection: Collection) -> Iterator[Finding]:
    folder = catalog.paths.index(collection.name)
    findings = list(_generation_findings(folder))
    if any(one.level == "error" for one in findings):
        time.sleep(MEANWHILE_S)  # a server may have changed them meanwhile; damage stays
        findings = list(_generation_findings(folder))
    yield from findings
    for left in generation.leftovers(folder):
        yield Finding("note", str(left), "left by an interrupted run; the next run deletes it")


def _generation_findings(folder: Path) -> Iterator[Finding]:
    try:
        named = generation.current(folder)
        names = generation.generations(folder)
        if named is not None and named not in names:
            yield Finding("error", str(folder / "CURRENT"), f"names {named}, which is not there")
    except CorruptDataError as error:
        names = generation.generations(folder)
        yield Finding("error", error.where or str(folder), error.what)
    for name in names:
        try:
            verify(folder / name)
        except OlderFormatError as error:
            yield Finding("note", error.where or name, f"{error.what}; the next one replaces it")
        except (CorruptDataError, NewerFormatError) as error:
            if (folder / name).exists():
                yield Finding("error", error.where or name, error.what)


def _check_index(catalog: Catalog, live: LiveCollection) -> tuple[dict[str, Any], list[Finding]]:
    """Compare the keys that a search can find with those of the catalog."""
    collection = live.record
    findings = []
    snapshot = live.snapshot()
    wanted = catalog.changes_since(collection, -1).keys
    if snapshot is not None and not np.array_equal(snapshot.keys(), wanted):
        findings.append(
            Finding("error", f"collection {collection.name}", "index and catalog differ in keys")
        )
    if live.drifted is not None:
        findings.append(
            Finding(
                "error",
                f"collection {collection.name}",
                f"{live.drifted} holds other keys than the catalog and is not used; "
                f"`eyedex collections compact {collection.name}` builds the index again",
            )
        )
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
            yield Finding(flaw.level, str(path), flaw.what)
    for left in leftovers(catalog.paths):
        yield Finding("note", str(left), "left by an interrupted run; delete it")


def is_sqlite_note(finding: Finding) -> bool:
    """Return whether a message is only about SQLite's version, and not about damage."""
    return finding in tuple(_sqlite_note())


def _sqlite_note() -> Iterator[Finding]:
    if sqlite3.sqlite_version_info < FIXED_SQLITE:
        yield Finding(
            "note",
            f"SQLite {sqlite3.sqlite_version}",
            "two programs that write at once could meet a bug of it (fixed in 3.51.3); Eyedex "
            "writes alone, so let no other program write to the catalog",
        )


def _versions() -> dict[str, str]:
    found = {package: version(package) for package in PACKAGES}
    return {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, **found}
