"""One run: read, plan, decode, encode, commit, all at a time.

One thread drives: it reads and hashes a chunk of rows, plans it, and hands pictures to an executor
(`indexer.executors`), which decodes and encodes elsewhere: in processes and threads of this
machine, or on a cluster. Meanwhile it commits what came back. What waits between the stages is
bounded in pictures and in bytes of files. A batch is committed in one transaction and is then safe:
an interrupted run is continued by running again.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexer.batches import bind_encoder, commit_batch
from indexer.picture_hashes import hash_pictures
from indexer.plan import NO_PICTURE, HashedRow, Plan, admit, plan
from indexer.run_context import Run
from indexer.sources import Reject, Source, SourceRow
from search_engine.catalog.source_rows import adopt, keys_of_others, views_of
from search_engine.collections.pictures import content_hash
from search_engine.errors import ImageError
from search_engine.images import read_file
from search_engine.records import CatalogItem
from search_engine.storage.faults import fault_point

CHUNK_ROWS = 256
CHUNK_BYTES = 32 * 2**20
"""A chunk ends with the row that reaches one of both."""
LACKING = "the item is not in the catalog yet, and the row has no picture of it"


def run_pipeline(run: Run, source: Source) -> None:
    """Bring the collection to the state of the source.

    Raises:
        EyedexError: The run cannot go on; what was committed before stays.
    """
    if not run.dry_run and run.collection.fingerprint is not None:
        with run.catalog.write() as writer:
            bind_encoder(run, writer)  # refused before anything is embedded
    run.unsearchable = frozenset(run.catalog.unsearchable(run.collection))
    if not run.dry_run:
        run.unhashed = frozenset(run.catalog.keys_without_hash(run.collection).tolist())
    with closing(run.executor.outcomes(_to_embed(run, source))) as batches:
        for batch in batches:
            commit_batch(run, batch)


def _to_embed(run: Run, source: Source) -> Iterator[tuple[HashedRow, bytes]]:
    """What has to be embedded, with its picture; all else is recorded on the way."""
    seen: dict[str, int] = {}
    rows = source.rows()
    while chunk := _read_chunk(run, rows, seen):
        for hashed in _plan_chunk(run, chunk):
            yield hashed, chunk.pictures.pop(hashed.row.item_id)


@dataclass(slots=True)
class _Chunk:
    """Rows that were read together, and their pictures by id, until they are handed on."""

    rows: list[HashedRow] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)


def _read_chunk(
    run: Run, rows: Iterator[SourceRow | Reject], seen: dict[str, int]
) -> _Chunk | None:
    """The next rows, without those that are rejected or repeated; None at the end."""
    chunk = _Chunk()
    count = size = 0
    while count < CHUNK_ROWS and size < CHUNK_BYTES and (row := next(rows, None)) is not None:
        count += 1
        read = _read(run, row)
        if read is None or not _admitted(run, read[0], seen):
            continue
        hashed, picture = read
        chunk.rows.append(hashed)
        chunk.pictures[hashed.row.item_id] = picture
        size += len(picture)
    return chunk if count else None


def _plan_chunk(run: Run, chunk: _Chunk) -> Iterator[HashedRow]:
    """Record what needs no encoding, and yield what does."""
    _add_views(run, chunk)
    known = run.catalog.get_many(run.collection, [each.row.item_id for each in chunk.rows])
    gone = run.covered.moved_from(run.catalog, {each.content_hash for each in chunk.rows})
    left = dict(gone)
    paths = not (run.temporary or run.keep_pictures)
    again = run.unsearchable | _without_embedding(run, known)
    if run.keep_pictures:
        again |= _without_file(known)
    planned = plan(chunk.rows, known, again, left, run.replace, paths)
    for content in gone.keys() - left.keys():
        run.covered.forget(gone[content])
    if not run.dry_run:
        _describe(run, chunk, planned, known)
        _hash(run, chunk, planned, known)
    run.report.updated += len(planned.describe) - planned.moved
    run.report.moved += planned.moved
    run.report.unchanged += planned.unchanged
    run.on_progress(len(planned.describe) + planned.unchanged)
    run.report.from_elsewhere += _count_from_elsewhere(run, planned, known)
    for each in planned.lacking:
        run.reject(Reject(each.row.line, each.row.item_id, "no_picture", LACKING))
    for each in planned.encode:
        if each.row.item_id in known:
            run.report.updated += 1
        else:
            run.report.added += 1
        if run.dry_run:
            run.on_progress(1)
        else:
            yield each


def _count_from_elsewhere(run: Run, planned: Plan, known: Mapping[str, CatalogItem]) -> int:
    """How many items get another picture than the one that did not come from this source."""
    replaced = [
        item.key
        for each in planned.encode
        if (item := known.get(each.row.item_id)) is not None
        and item.content_hash != each.content_hash
    ]
    if not replaced:
        return 0
    with run.catalog.read() as connection:
        return len(keys_of_others(connection, replaced, run.source))


def _without_embedding(run: Run, known: Mapping[str, CatalogItem]) -> frozenset[int]:
    """Keys of items whose embedding is missing or damaged: it is made again."""
    if run.collection.fingerprint is None:
        return frozenset()
    keys = [item.key for item in known.values()]
    return frozenset(keys).difference(run.catalog.vectors(run.collection, keys))


def _without_file(known: Mapping[str, CatalogItem]) -> frozenset[int]:
    """Keys of items whose picture was a file that is gone: the upload has it again."""
    files = {item.key: item.picture for item in known.values() if item.picture is not None}
    return frozenset(key for key, file in files.items() if not Path(file).exists())


def _add_views(run: Run, chunk: _Chunk) -> None:
    """Let rows without a picture describe all pictures of their product.

    A feed of prices names a product once, however many pictures of it the catalog has.
    """
    asked = [each.row.item_id for each in chunk.rows if each.content_hash == NO_PICTURE]
    if not asked:
        return
    with run.catalog.read() as connection:
        views = views_of(connection, run.collection, asked)
    known = run.catalog.get_many(run.collection, [each for each in asked if each in views])
    rows: list[HashedRow] = []
    for each in chunk.rows:
        own = each.row.item_id
        of_row = views.get(own, []) if each.content_hash == NO_PICTURE else []
        if not of_row or own in known:
            rows.append(each)
        others = (view for view in of_row if view != own and view not in run.covered.listed)
        rows += [HashedRow(replace(each.row, item_id=view), NO_PICTURE) for view in others]
    chunk.rows = rows


def _describe(run: Run, chunk: _Chunk, planned: Plan, known: Mapping[str, CatalogItem]) -> None:
    """Write what changes beside pictures, and that the source has the items."""
    encoded = {each.row.item_id for each in planned.encode}
    had = [
        known[each.row.item_id].key
        for each in chunk.rows
        if each.content_hash != NO_PICTURE and each.row.item_id in known.keys() - encoded
    ]
    with run.catalog.read() as connection:
        adopted = keys_of_others(connection, had, run.source)
    if planned.describe or adopted:
        with run.report.stage("commit"), run.catalog.write() as writer:
            writer.describe(run.collection.id, planned.describe)
            adopt(writer, adopted, run.source)


def _hash(run: Run, chunk: _Chunk, planned: Plan, known: Mapping[str, CatalogItem]) -> None:
    """Hash the pictures of items that need no encoding, where that was never done."""
    encoded = {each.row.item_id for each in planned.encode}
    pictures = {
        known[item_id].key: picture
        for item_id, picture in chunk.pictures.items()
        if picture and item_id not in encoded and item_id in known
    }
    pictures = {key: each for key, each in pictures.items() if key in run.unhashed}
    if pictures:
        with run.report.stage("hash"):
            run.report.hashed += hash_pictures(
                run.catalog, run.collection.id, run.decoder, pictures
            )


def _read(run: Run, row: SourceRow | Reject) -> tuple[HashedRow, bytes] | None:
    """The row and its picture; None when it is rejected."""
    if isinstance(row, Reject):
        run.reject(row)
        return None
    fault_point("row_read")
    if row.image is None:  # in a dry run nothing is fetched
        return HashedRow(row, NO_PICTURE if row.url is None else row.url), b""
    try:
        with run.report.stage("read"):
            picture = read_file(row.image, run.max_bytes)
            return HashedRow(row, content_hash(picture)), picture
    except ImageError as error:
        run.reject(Reject(row.line, row.item_id, error.code, error.what))
        return None


def _admitted(run: Run, hashed: HashedRow, seen: dict[str, int]) -> bool:
    """Whether the row goes on; a repetition counts once, a contradiction is rejected."""
    row = hashed.row
    verdict = admit(hashed, seen)
    if verdict == "new" and hashed.content_hash != NO_PICTURE:
        mark = hash(hashed.content_hash)
        run.report.same_picture += mark in run.pictures
        run.pictures.add(mark)
    if verdict == "conflict":
        reason = "an earlier row has this id with another picture or other values"
        run.reject(Reject(row.line, row.item_id, "duplicate_id", reason))
    elif verdict == "repeat":
        run.report.unchanged += 1
        run.on_progress(1)
    return verdict == "new"


def remove_gone(run: Run) -> None:
    """Remove what the source gave and no longer lists; rejected rows keep what they had."""
    keys = [item.key for item in run.covered.gone.values()]
    if keys and not run.dry_run:
        with run.report.stage("commit"), run.catalog.write() as writer:
            writer.remove(keys)
    run.report.removed += len(keys)
