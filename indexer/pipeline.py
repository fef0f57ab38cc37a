"""One run: read, plan, decode, encode, commit, all at a time.

One thread drives: it reads and hashes a chunk of rows, plans it, and hands pictures to the
decoding processes. Whenever enough have come back, a second thread encodes them, while the first
commits the batch before and decoding goes on. What waits between the stages is bounded in pictures
and in bytes of files. A batch is committed in one transaction and is then safe: an interrupted run
is continued by running again.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from indexer.covered import Covered
from indexer.decode_window import DecodeWindow
from indexer.embed import NO_EMBEDDING
from indexer.picture_hashes import hash_pictures
from indexer.plan import NO_PICTURE, HashedRow, Plan, admit, plan
from indexer.report import RunReport
from indexer.sources import Reject, Source, SourceRow
from search_engine.catalog.collection_rows import Collection
from search_engine.catalog.source_rows import adopt, keys_of_others, views_of
from search_engine.catalog.store import Catalog
from search_engine.catalog.writer import ItemDraft
from search_engine.collections.pictures import content_hash, kept_pictures
from search_engine.encoders.base import Encoder
from search_engine.encoders.projection import base_of, encode_both
from search_engine.errors import ImageError, NoEmbeddingError, SourceError, WorkerLostError
from search_engine.images import DecodedImage, PictureColors, read_file
from search_engine.images.decoder import Decoder
from search_engine.records import CatalogItem, Vectors
from search_engine.storage.faults import fault_point

CHUNK_ROWS = 256
CHUNK_BYTES = 32 * 2**20
"""A chunk ends with the row that reaches one of both."""
WINDOW_BATCHES = 3
LACKING = "the item is not in the catalog yet, and the row has no picture of it"

OnProgress = Callable[[int], None]
OnReject = Callable[[Reject], None]


@dataclass(slots=True)
class Run:
    """The parts of a run and how it should be done."""

    catalog: Catalog
    collection: Collection
    encoder: Encoder
    encoder_options: dict[str, Any]
    decoder: Decoder
    report: RunReport
    on_progress: OnProgress
    on_reject: OnReject
    batch_size: int
    max_bytes: int
    source: str
    covered: Covered
    replace: bool = False
    temporary: bool = False
    keep_pictures: bool = False
    dry_run: bool = False
    max_errors: int | None = None
    unsearchable: frozenset[int] = frozenset()
    unhashed: frozenset[int] = frozenset()
    pictures: set[int] = field(default_factory=set)


def run_pipeline(run: Run, source: Source) -> None:
    """Bring the collection to the state of the source.

    Raises:
        EyedexError: The run cannot go on; what was committed before stays.
    """
    if not run.dry_run:
        _bind_encoder(run)
    run.unsearchable = frozenset(run.catalog.unsearchable(run.collection))
    if not run.dry_run:
        run.unhashed = frozenset(run.catalog.keys_without_hash(run.collection).tolist())
    seen: dict[str, int] = {}
    with ThreadPoolExecutor(1, thread_name_prefix="encode") as encoding:
        conveyor = _Conveyor(run, encoding)
        rows = source.rows()
        while chunk := _read_chunk(run, rows, seen):
            for hashed in _plan_chunk(run, chunk):
                conveyor.take(hashed, chunk.pictures.pop(hashed.row.item_id))
        conveyor.finish()


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
    again = run.unsearchable | (_without_file(known) if run.keep_pictures else frozenset())
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
    for each in planned.lacking:
        _reject(run, Reject(each.row.line, each.row.item_id, "no_picture", LACKING))
    for each in planned.encode:
        if each.row.item_id in known:
            run.report.updated += 1
        else:
            run.report.added += 1
        if run.dry_run:
            run.on_progress(1)
        else:
            yield each


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
        _reject(run, row)
        return None
    fault_point("row_read")
    if row.image is None:  # in a dry run nothing is fetched
        return HashedRow(row, NO_PICTURE if row.url is None else row.url), b""
    try:
        with run.report.stage("read"):
            picture = read_file(row.image, run.max_bytes)
            return HashedRow(row, content_hash(picture)), picture
    except ImageError as error:
        _reject(run, Reject(row.line, row.item_id, error.code, error.what))
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
        _reject(run, Reject(row.line, row.item_id, "duplicate_id", reason))
    elif verdict == "repeat":
        run.report.unchanged += 1
        run.on_progress(1)
    return verdict == "new"


@dataclass(slots=True)
class _Encoded:
    """A batch with its embeddings, and colours and hashes of its pictures; `refused` have none.

    `below` are the embeddings by the encoder below, to learn from; None where there is none.
    """

    rows: list[HashedRow]
    vectors: Vectors
    below: Vectors | None
    colors: list[PictureColors | None]
    hashes: list[bytes]
    refused: list[HashedRow]


class _Conveyor:
    """Carries pictures from decoding to the catalog; at most two batches are being encoded."""

    def __init__(self, run: Run, encoding: Executor) -> None:
        self._run = run
        self._encoding = encoding
        self._decoding: DecodeWindow[HashedRow] = DecodeWindow(
            run.decoder,
            run.encoder.spec.preprocessing,
            run.batch_size,
            WINDOW_BATCHES,
            with_colors=True,
        )
        self._encoded: Future[_Encoded] | None = None

    def take(self, hashed: HashedRow, picture: bytes) -> None:
        """Start to decode a picture; moves a batch on when enough are waiting."""
        with self._run.report.waiting_for("decode"):
            self._decoding.put(hashed, picture)
        if self._decoding.is_full:
            self._move()

    def finish(self) -> None:
        """Move on all there is."""
        while self._decoding:
            self._move()
        self._commit()

    def _move(self) -> None:
        """Begin to encode the next batch, and commit the one before meanwhile."""
        rows, pictures = self._decoded()
        fault_point("decoded")
        following = None
        if rows:
            following = self._encoding.submit(_encode, self._run, rows, pictures)
        self._commit()
        self._encoded = following

    def _decoded(self) -> tuple[list[HashedRow], list[DecodedImage]]:
        """The rows of the next batch that can be decoded, and their pictures."""
        rows: list[HashedRow] = []
        pictures: list[DecodedImage] = []
        with self._run.report.waiting_for("decode"):
            batch = self._decoding.take()
        for hashed, outcome in batch:
            if isinstance(outcome, DecodedImage):
                rows.append(hashed)
                pictures.append(outcome)
                self._run.report.warn(outcome.warnings)
            else:
                _take_back(self._run, hashed, outcome)
        return rows, pictures

    def _commit(self) -> None:
        """Wait for the batch that is being encoded, if there is one, and make it durable."""
        if self._encoded is None:
            return
        with self._run.report.waiting_for("encode"):
            batch = self._encoded.result()
        for hashed in batch.refused:
            _take_back(self._run, hashed, NoEmbeddingError(NO_EMBEDDING))
        fault_point("embedded")
        with self._run.report.stage("commit"):
            count = _commit(self._run, batch)
        self._run.report.encoded += count
        self._run.on_progress(count)


def _encode(run: Run, rows: list[HashedRow], pictures: list[DecodedImage]) -> _Encoded:
    with run.report.stage("encode"):
        kept, vectors, below = encode_both(run.encoder, pictures)
    refused = sorted(set(range(len(rows))) - set(kept))
    return _Encoded(
        rows=[rows[n] for n in kept],
        vectors=vectors,
        below=below,
        colors=[pictures[n].colors for n in kept],
        hashes=[pictures[n].picture_hash for n in kept],
        refused=[rows[n] for n in refused],
    )


def _commit(run: Run, batch: _Encoded) -> int:
    """Make a batch durable; says how many of it."""
    rows = batch.rows
    kept = _kept(run, rows) if run.keep_pictures else [None] * len(rows)
    drafts = [
        ItemDraft(
            item_id=hashed.row.item_id,
            content_hash=hashed.content_hash,
            vector=vector,
            label=hashed.row.label,
            product_id=hashed.row.product_id,
            attributes=hashed.row.attributes,
            picture=None if run.keep_pictures else str(hashed.row.image),
            jpeg=jpeg,
            source=run.source,
            colors=colors,
            picture_hash=picture_hash,
        )
        for hashed, vector, colors, picture_hash, jpeg in zip(
            rows, batch.vectors, batch.colors, batch.hashes, kept, strict=True
        )
        if not isinstance(jpeg, Exception)
    ]
    with run.catalog.write() as writer:
        keys = writer.put(run.collection.id, run.encoder.spec.fingerprint, drafts)
        if (base := base_of(run.encoder)) is not None and batch.below is not None:
            usable = [not isinstance(jpeg, Exception) for jpeg in kept]
            writer.add_vectors(base.spec.fingerprint, keys, batch.below[usable])
        fault_point("before_commit")
    fault_point("after_commit")
    for hashed, jpeg in zip(rows, kept, strict=True):
        if isinstance(jpeg, Exception):
            _take_back(run, hashed, jpeg)
    return len(drafts)


def _kept(run: Run, rows: list[HashedRow]) -> list[bytes | ImageError | WorkerLostError]:
    """The pictures as the catalog keeps them.

    They are read again, as files of all batches that wait would be too much to hold.
    """
    files: list[bytes] = []
    gone: dict[int, ImageError] = {}
    for number, hashed in enumerate(rows):
        try:
            files.append(read_file(hashed.row.file, run.max_bytes))
        except ImageError as error:
            gone[number] = error
    rendered = iter(kept_pictures(run.decoder, files))
    return [gone[n] if n in gone else next(rendered) for n in range(len(rows))]


def remove_gone(run: Run) -> None:
    """Remove what the source gave and no longer lists; rejected rows keep what they had."""
    keys = [item.key for item in run.covered.gone.values()]
    if keys and not run.dry_run:
        with run.report.stage("commit"), run.catalog.write() as writer:
            writer.remove(keys)
    run.report.removed += len(keys)


def _bind_encoder(run: Run) -> None:
    spec = run.encoder.spec
    with run.catalog.write() as writer:
        writer.set_encoder(
            run.collection.id, spec.name, run.encoder_options, spec.fingerprint, spec.dimension
        )


def _take_back(run: Run, hashed: HashedRow, error: ImageError | WorkerLostError) -> None:
    """A row that was counted as added or updated cannot be encoded after all."""
    if run.catalog.get_many(run.collection, [hashed.row.item_id]):
        run.report.updated -= 1
    else:
        run.report.added -= 1
    row = hashed.row
    run.on_reject(Reject(row.line, row.item_id, error.code, error.what))
    run.on_progress(1)
    _count_reject(run, error.code)


def _reject(run: Run, reject: Reject) -> None:
    run.on_reject(reject)
    run.on_progress(1)
    _count_reject(run, reject.code)


def _count_reject(run: Run, code: str) -> None:
    """Count a refused row.

    Raises:
        SourceError: There are more of them than the owner lets pass.
    """
    run.report.reject(code)
    if run.max_errors is not None and run.report.rejected > run.max_errors:
        reasons = ", ".join(f"{count:,} {name}" for name, count in run.report.reasons.items())
        raise SourceError(
            f"stopped, as more than {run.max_errors:,} rows were rejected ({reasons}); "
            "what was committed before stays",
            where="--max-errors",
            fix="mend the source, or let more pass",
        )
